# SPDX-License-Identifier: Apache-2.0
"""Tables as Markdown, on paper and in the pages."""

import os
import re


def duration(seconds):
    if seconds < 0.0995:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else f"{seconds:.2f} s"


def amount(count):
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"


def wire(row, contender):
    counted = row.wires.get(contender.name)
    return f"{counted.requests}, {amount(counted.received)}" if counted else ""


def lines_of(row, with_wire):
    """A line for each way and peer: what, ours, the peer, ratios."""
    for variant in row.variants():
        yield from lines_of_variant(row, variant, with_wire)


def lines_of_variant(row, variant, with_wire):
    ours = row.ours(variant)
    what = f"{row.what}, {variant}" if variant else row.what
    first = [what] + [duration(row.medians[our.name]) for our in ours]
    our_wires = [wire(row, our) for our in ours]
    for peer in row.peers() or [None]:
        if peer:
            ratios = [f"{row.medians[our.name] / row.medians[peer.name]:.2f}" for our in ours]
            rest = [peer.name, duration(row.medians[peer.name])] + ratios
        else:
            rest = [row.missing or "there is no peer", ""] + [""] * len(ours)
        wires = our_wires + [wire(row, peer) if peer else ""] if with_wire else []
        yield first + rest + wires
        first = [""] * len(first)
        our_wires = [""] * len(ours)


def grid(heads, lines):
    out = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    out += ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join(out)


def compared(rows, with_wire=True):
    """The grid of rows that have contenders."""
    names = [our.name for our in rows[0].ours()]
    heads = ["what"] + names + ["compared with", "its time"]
    heads += ["ratio"] if len(names) == 1 else [f"ratio of {name}" for name in names]
    with_wire = with_wire and any(row.asks_registry for row in rows)
    if with_wire:
        heads += [f"requests, bytes: {name}" for name in names] + ["of the other"]
    return grid(heads, [line for row in rows for line in lines_of(row, with_wire)])


def commands(rows):
    out = []
    for row in rows:
        out.append(row.what)
        shown = set()
        for contender in row.contenders:
            command = (bool(contender.program), contender.before, contender.timed)
            if command in shown:
                continue  # another build runs the same
            shown.add(command)
            if contender.before:
                out.append(f"  before: {contender.before}")
            out.append(f"  {contender.name}: {contender.timed}")
    return "\n".join(out)


def table(measured):
    out = [f"### {measured.title}", ""]
    if measured.rows:
        out += [compared(measured.rows), ""]
    if measured.figures:
        out += [grid(["what", "value"], [[f.what, f.value] for f in measured.figures]), ""]
    if measured.note:
        out += [measured.note, ""]
    if measured.rows:
        out += ["<details><summary>The commands</summary>", ""]
        out += ["<!-- Not run by the tests: these were measured. -->", ""]
        out += ["```", commands(measured.rows), "```", "", "</details>", ""]
    return "\n".join(out)


def between(text, name, content):
    """`text` with `content` between the markers of `name`."""
    begin, end = f"<!-- bench {name} -->", f"<!-- end of bench {name} -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"no place for {name}: {begin} … {end}")
    return pattern.sub(lambda _: f"{begin}\n{content.strip()}\n{end}", text)


def write(root, described, tables):
    """Writes the tables to docs/performance.md, and the rows for users to README.md."""
    page = root / "docs/performance.md"
    text = between(page.read_text(encoding="utf-8"), "machine", described)
    for name, measured in tables.items():
        text = between(text, name, table(measured))
    page.write_text(text, encoding="utf-8")
    rows = [row for measured in tables.values() for row in measured.rows if row.in_readme]
    if rows:
        page = root / "README.md"
        told = f"The medians of one run. A ratio below 1 says that digestfs is faster. {described}\n\n"
        told += compared(rows, with_wire=False)
        text = between(page.read_text(encoding="utf-8"), "speed", told)
        page.write_text(text, encoding="utf-8")
    print(f"written to {os.path.relpath(root)}/README.md and docs/performance.md")
