# SPDX-License-Identifier: Apache-2.0
# Prints the blocks of a Markdown document, indented or fenced, each line after a word and a tab:
#
#     run      the block shows commands with what they print: its first line begins with "$ "
#     excused  the comment before the block says why no test runs it: <!-- Not run by the tests: … -->
#     plain    any other block
#
# A block ends with an empty line "end".
function begin() {
  in_block = 1
  kind = ""
}
function show(line) {
  if (kind == "") kind = excuse ? "excused" : line ~ /^\$ / ? "run" : "plain"
  print kind "\t" line
}
function finish() {
  if (in_block && kind != "") print "end\t"
  in_block = excuse = 0
}
BEGIN { was_blank = 1 }
/^```/ {
  if (in_block) finish(); else begin()
  is_fenced = in_block
  next
}
is_fenced { show($0); next }
/^    / && (in_block || was_blank) {
  if (!in_block) begin()
  show(substr($0, 5))
  next
}
/^$/ { was_blank = 1; if (in_block) finish(); next }
{
  if (in_block) finish()
  excuse = $0 ~ /^<!-- Not run by the tests: .+ -->$/
  was_blank = 0
}
END { finish() }
