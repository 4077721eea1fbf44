# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The verbs of the mount tests. A test begins with
#
#     . "$(dirname "$0")/lib.sh"
#
# and runs under `set -e` in a private directory, $work, which is gone afterwards with every mount
# and process that it started. The first thing that is not as expected ends it; exit 77 skips it.
# A test fails, too, when a daemon logged an error that it did not announce with `expect_errors`,
# when a sanitizer spoke up, and after four minutes in which nothing went on.
#
# CTest says what to test: DIGESTFS is the program, SOURCE_DIR the checkout.
set -euo pipefail
shopt -s inherit_errexit

SOURCE_DIR=${SOURCE_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
DIGESTFS=${DIGESTFS:-$SOURCE_DIR/build/dev/digestfs}

work=$(mktemp -d "${TMPDIR:-/tmp}/digestfs-$(basename "$0" .sh).XXXXXX")
mnt=$work/mnt      # where mount_source mounts
cache=$work/cache  # the daemons' --cache-dir
log=$work/log      # what they wrote to stderr
errors_are=unexpected
declare -A daemons=()  # mount point → process
mkdir "$mnt"
touch "$log" "$work/started"

# --- saying ---------------------------------------------------------------------------------------

fail() {
  echo "FAIL: $*" >&2
  exit 1
}

skip() {
  echo "SKIP: $*" >&2
  exit 77
}

# require PROGRAM…: skips where one is not installed.
require() {
  local program
  for program; do
    command -v "$program" >/dev/null || skip "needs $program"
  done
}

# From here on the daemons may log errors: the test is about them.
expect_errors() { errors_are=expected; }

# expect_eq ACTUAL EXPECTED [WHAT]
expect_eq() {
  [[ $1 == "$2" ]] && return
  diff --label actual --label expected <(printf '%s\n' "$1") <(printf '%s\n' "$2") >&2 || true
  fail "${3:-the two} differ (line ${BASH_LINENO[0]})"
}

# expect_status STATUS COMMAND…: it exits with that status.
expect_status() {
  local expected=$1 status=0
  shift
  "$@" || status=$?
  expect_eq "$status" "$expected" "exit status of: $*"
}

# eventually SECONDS COMMAND…: it succeeds before the time is over.
eventually() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

# await_names CACHE: what readers have already has its name in the cache, too. A diff that is unpacked
# while its layer arrives has no name before it is whole, and is not seen here.
has_names() { [[ -z $(find "$1/partial" -type f -size +0) ]]; }
await_names() { eventually 10 has_names "$1" || fail "something in $1 gets no name"; }

# --- processes and mounts -------------------------------------------------------------------------

# started PID: the test's own, so that the end of the test is its end.
started() { echo "$1" >>"$work/started"; }

is_running() { kill -0 "$1" 2>/dev/null; }
is_gone() { ! is_running "$1"; }

# is_mounted DIRECTORY: asks the kernel's list, since a stuck mount answers nothing.
is_mounted() { grep -qF " $1 " /proc/self/mountinfo; }

answers() { timeout 5 stat "$1/.digestfs" >/dev/null 2>&1; }

# mount_at DIRECTORY SOURCE [OPTION…]: returns when the mount answers; more than one may be up.
mount_at() {
  local directory=$1 source=$2 pid deadline=$((SECONDS + 60)) status=0
  shift 2
  { : <>/dev/fuse; } 2>/dev/null || skip "/dev/fuse cannot be used here"
  mkdir -p "$directory"
  "$DIGESTFS" -f --cache-dir "$cache" "$@" "$source" "$directory" >>"$log" 2>&1 &
  pid=$!
  started "$pid"
  daemons[$directory]=$pid
  until answers "$directory"; do
    if is_gone "$pid"; then
      wait "$pid" || status=$?
      fail "digestfs ended with status $status before $source was mounted"
    fi
    ((SECONDS < deadline)) || fail "$source is not mounted after a minute"
    sleep 0.05
  done
}

# mount_source SOURCE [OPTION…]: mounts it at $mnt.
mount_source() { mount_at "$mnt" "$@"; }

daemon_pid() { echo "${daemons[${1:-$mnt}]}"; }

# say_what_holds PID: in which call of the kernel each of its threads is.
say_what_holds() {
  local thread
  for thread in /proc/"$1"/task/*; do
    echo "$(<"$thread/comm"): $(sed -n 's/^State:\t//p' "$thread/status"), $(<"$thread/wchan"), call $(<"$thread/syscall")"
  done >&2 2>/dev/null || true
}

# is_mounted_elsewhere DIRECTORY: not in this mount namespace, but in another process's.
is_mounted_elsewhere() { ! is_mounted "$1" && grep -qsF " $1 " /proc/[0-9]*/mountinfo; }

# wait_for_end [DIRECTORY]: the daemon ends with status 0 within ten seconds and leaves no mount.
# The time begins again while another namespace has the mount: a program beside the test that began
# one with a copy of every mount keeps the daemon, and may.
wait_for_end() {
  local directory=${1:-$mnt} pid status=0
  pid=$(daemon_pid "$directory")
  until eventually 10 is_gone "$pid"; do
    is_mounted_elsewhere "$directory" && continue
    say_what_holds "$pid"
    fail "digestfs did not end"
  done
  wait "$pid" || status=$?
  unset "daemons[$directory]"
  expect_eq "$status" 0 "exit status of digestfs"
  ! is_mounted "$directory" || fail "digestfs ended, but $directory is still mounted"
}

# unmount [DIRECTORY]
unmount() {
  fusermount3 -u "${1:-$mnt}"
  wait_for_end "${1:-$mnt}"
}

# --- a registry -----------------------------------------------------------------------------------

registry=           # HOST:PORT of the one that runs, or ran last
registry_pid=
requests_before=0   # lines of the access log that `forget_requests` skips

registry_address() {
  sed -n 's/.*msg="listening on \([0-9.:]*\)".*/\1/p' "$work/registry.log" | tail -n 1
}

registry_listens() { is_gone "$registry_pid" || [[ -n $(registry_address) ]]; }

# Debian's docker-registry on a port of loopback that the kernel picks; after stop_registry, on the
# same port with what it had.
start_registry() {
  require docker-registry
  cat >"$work/registry.yml" <<YAML
version: 0.1
log: {level: info, accesslog: {disabled: false}}
storage:
  filesystem: {rootdirectory: $work/registry}
  delete: {enabled: true}
http: {addr: "${registry:-127.0.0.1:0}"}
YAML
  : >"$work/registry.log"
  docker-registry serve "$work/registry.yml" >>"$work/access.log" 2>"$work/registry.log" &
  registry_pid=$!
  started "$registry_pid"
  if ! eventually 30 registry_listens || is_gone "$registry_pid"; then
    cat "$work/registry.log" >&2
    fail "docker-registry does not start"
  fi
  registry=$(registry_address)
}

stop_registry() {
  kill -KILL "$registry_pid"
  wait "$registry_pid" 2>/dev/null || true
}

# A registry that accepts connections and says nothing, until resume_registry.
pause_registry() { kill -STOP "$registry_pid"; }
resume_registry() { kill -CONT "$registry_pid"; }

access_log_is_quiet() {
  local before
  before=$(wc -l <"$work/access.log")
  sleep 0.3
  [[ $(wc -l <"$work/access.log") == "$before" ]]
}

# requests PATTERN: how many requests began with that extended regular expression, such as
# 'GET /v2/[^ ]*/blobs/', since forget_requests. The registry logs a request after its reply.
requests() {
  eventually 30 access_log_is_quiet
  tail -n "+$((requests_before + 1))" "$work/access.log" | grep -cE -- "\"$1" || true
}

forget_requests() {
  eventually 30 access_log_is_quiet
  requests_before=$(wc -l <"$work/access.log")
}

# --- the end --------------------------------------------------------------------------------------

mounts_left() { awk -v top="$work/" 'index($5, top) == 1 { print $5 }' /proc/self/mountinfo; }

processes_left() {
  local pid
  while read -r pid; do
    if is_running "$pid"; then echo "$pid"; fi
  done <"$work/started"
}

no_processes_left() { [[ -z $(processes_left) ]]; }

# Ends what the test left behind; a daemon whose mount is gone ends by itself, and is given the
# time to say what it leaked.
end_all() {
  local path pid
  for path in $(mounts_left); do fusermount3 -uz "$path" || umount -l "$path"; done
  if [[ -n $registry_pid ]]; then stop_registry; fi
  eventually 3 no_processes_left && return
  for pid in $(processes_left); do kill -KILL "$pid"; done
}

finish() {
  local status=$?
  set +e
  trap - EXIT
  kill "$watchdog" 2>/dev/null
  end_all 2>/dev/null
  if ((status == 0)) && [[ $errors_are == unexpected ]] && grep -q '^error:' "$log"; then
    echo "FAIL: the daemon logged an error" >&2
    status=1
  fi
  if grep -qE 'Sanitizer|runtime error:' "$log"; then
    echo "FAIL: a sanitizer found something" >&2
    status=1
  fi
  if ((status != 0 && status != 77)) && [[ -s $log ]]; then
    echo "--- the daemon's log:" >&2
    tail -n 100 "$log" >&2
  fi
  # The storage of a rootless buildah belongs to the users of its namespace.
  rm -rf --one-file-system "$work" 2>/dev/null || buildah unshare rm -rf --one-file-system "$work"
  exit "$status"
}
trap finish EXIT
trap 'exit 143' TERM INT

# cpu_time: how many clock ticks the test has used, with all that it started and their children, but
# without the watchdog.
cpu_time() {
  cat /proc/[0-9]*/stat 2>/dev/null |
    awk -v tops="$test_pid $(tr '\n' ' ' <"$work/started")" -v without="$watcher" '
      { pid = $1; sub(/^.*\) /, ""); parent[pid] = $2; ticks[pid] = $12 + $13 + $14 + $15 }
      END {
        split(tops, list)
        for (i in list) is_top[list[i]] = 1
        for (pid in parent) {
          for (p = pid; p in parent && p != without && !(p in is_top);) p = parent[p]
          if (p != without && p in is_top) sum += ticks[pid]
        }
        print sum + 0
      }'
}

# stands_still SECONDS: waits so long, and succeeds if the test has used no second of CPU time. A
# loaded machine slows a test down, but the test goes on.
stands_still() {
  local before used
  before=$(cpu_time)
  read -r -t "$1" -u 3 || true # a builtin: nothing is left when this process is killed
  used=$(($(cpu_time) - before))
  ((${used#-} < $(getconf CLK_TCK)))
}

# A command that hangs in the mount cannot be killed, and CTest would leave the mount behind. When
# the test has stood still for four minutes, end the daemons, so that whatever waits for them fails.
test_pid=$$
mkfifo "$work/forever"
(
  trap - EXIT TERM INT
  watcher=$BASHPID
  exec 3<>"$work/forever"
  until stands_still "${STANDSTILL:-240}"; do :; done
  echo "FAIL: nothing has gone on for ${STANDSTILL:-240} seconds" >&2
  kill -TERM "$test_pid"
  set +e
  end_all
) &
watchdog=$!
