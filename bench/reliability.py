#!/usr/bin/env python3
"""Runs the campaigns and writes docs/RELIABILITY.md from the figures that they print.

    bench/reliability.py                  every campaign in its long form, some hours; needs cargo-nextest
    bench/reliability.py kills:: room::   those alone; the page keeps its other rows
    bench/reliability.py --short          the slices that ./test runs
    bench/reliability.py --from LOG...    no runs: figures of logs that there are already

How long the two longest take is set by OUTFLOW_MIXED_SECONDS (3600) and OUTFLOW_STEADY_SECONDS (900).

A figure is a line `RELIABILITY | test | form | injected | times | lost | repeated | split | more`. Standard library only.
"""

import argparse
import datetime
import os
import pathlib
import platform
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/RELIABILITY.md"
PACKAGES = ["outflow-spool", "outflow-state", "outflow-engine", "outflow"]
CAMPAIGNS = "test(/kills::|crash::|gaps::histories::|gaps::left_out::|gaps::a_backfill_that_is_killed|gaps::a_copy_that_is_killed|endurance::|slow::|isolation::|room::|limits::|fuzz::|calendar::|clocks::|incremental::nothing|hostile::|ids::histories|combined::|integrity::|misbehaviour::|refusals::|model::|postgres::random|faults::|histories::|protocol|values::values_of/)"
# The sections of the page, each with the prefixes of its tests' names.
SUBJECTS = [
    ("Processes that are killed", ("kills::", "crash::")),
    ("Lost runs, destinations that are left out, and backfills", ("gaps::",)),
    ("Message ids", ("ids::",)),
    ("All rules at once", ("combined::",)),
    ("A state that is damaged", ("integrity::",)),
    ("Disks that fail, fill up and lose power", ("faults::", "histories::", "model::", "postgres::random", "room::")),
    ("Broken destinations beside healthy ones", ("isolation::eight",)),
    ("Destinations that refuse for a while, and that break the protocol", ("fuzz::", "limits::", "misbehaviour::", "bad_input::")),
    ("Bad calls, and a wrong path", ("isolation::one_bad", "isolation::a_wrong", "refusals::")),
    ("A destination slower than the source", ("slow::",)),
    ("Calendars and clocks", ("calendar::", "clocks::", "incremental::")),
    ("Queries that do more than read", ("hostile::",)),
    ("Values of every type", ("values::",)),
    ("A long time", ("endurance::",)),
]
HEAD = """\
# Reliability

Faults that the campaigns inject into Outflow, how often, and what was lost. `bench/reliability.py`
writes this page from what the tests print; do not edit it by hand.

- *Lost*: rows that never arrived although every fault was over at the end. *Repeated*: calls that
  were delivered again, under their own message id. *Split*: rows that arrived under two message
  ids, so that a destination could not deduplicate them.
- `bench/reliability.py NAME` (form long) or `bench/reliability.py --short NAME` repeats a row and
  replaces it; NAME is in its last column. `./test --long NAME` and `./test NAME` do the same
  without the page. Random tests print their seed; `OUTFLOW_SEED` sets it.
- Kills of `run` and `serve` in the long form are those of the release binary (`OUTFLOW_BINARY`).
- The environment is a real PostgreSQL behind a proxy that breaks connections, and receivers that
  misbehave. No real Redshift and no real service takes part.
- "n-th call" counts the calls of one thread, because strace counts that way.
- Clocks are set between runs and under a running `serve`.

Not covered:

- Amazon Redshift itself, AWS and the services: simulators and receivers stand for them.
- A clock that is set twice between two runs, or that leaps before a sync's first run while
  transactions are open: no run sees it.
- Rows that were changed or deleted before a gap is filled. They are read as they are then.
- Events that nothing tells apart, at a destination that comes and goes: they can be sent again
  under other ids. The run says so (E120).
- Transactions that are open for longer than `lookback_max`, or than `lookback` where the account
  cannot see them, and events that nothing tells apart in a project without `id`: see promises 2
  and 3.
- A disk that reports a sync that it did not do. Loss of power is simulated at each write and sync.
- A disk or a virtual machine that is set back as a whole: nothing on it tells of a restore.
- Two states beside one spool at the same moment, and a damaged end of SQLite's log, which SQLite
  drops by itself.
- Memory and files over days: the longest run lasts an hour.

"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tests", nargs="*", metavar="TEST", help="only campaigns whose names contain this; the page keeps its other rows")
    parser.add_argument("--short", action="store_true", help="the slices that ./test runs")
    parser.add_argument("--from", dest="logs", nargs="+", default=[], type=pathlib.Path, help="take the figures from these logs")
    return parser.parse_args()


def run(short, tests):
    environment = dict(os.environ)
    chosen = CAMPAIGNS + (f" and ({' or '.join(f'test({test})' for test in tests)})" if tests else "")
    command = ["cargo", "nextest", "run", "--locked", "--success-output", "immediate", "--no-fail-fast", "-E", chosen]
    for package in PACKAGES:
        command += ["-p", package]
    if not short:
        subprocess.run(["cargo", "build", "--release", "--locked", "-p", "outflow"], cwd=ROOT, check=True)
        target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
        environment |= {"OUTFLOW_LONG": "1", "NEXTEST_PROFILE": "long", "OUTFLOW_BINARY": str(target / "release/outflow")}
        # Campaigns must not run beside each other: they measure time and memory.
        command += ["--test-threads", "1"]
    log = []
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        for line in running.stdout:
            log.append(line)
            print(line, end="", flush=True)
    if running.returncode != 0:
        raise SystemExit("a campaign failed: the page stays as it is")
    return "".join(log)


def figures(text):
    """By test: form and cells of the latest figures, of a long form before a short one."""
    found = {}
    for line in text.splitlines():
        start = line.find("RELIABILITY | ")
        if start >= 0:
            test, form, *cells = [cell.strip() for cell in line[start:].split(" | ")[1:]]
            add(found, test, form, cells + [""] * (6 - len(cells)))
    return found


def add(found, test, form, cells):
    if form == "long" or found.get(test, ("short",))[0] == "short":
        found[test] = (form, *cells)


def known():
    """The figures that the page has of tests that there still are, in the same form."""
    sources = "".join(path.read_text() for path in ROOT.glob("crates/*/**/*.rs"))
    found = {}
    for line in PAGE.read_text().splitlines() if PAGE.exists() else []:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 7 and "`" in cells[6]:
            form, test = cells[6].split(", ")
            if f"fn {test.strip('`').split('::')[-1]}(" not in sources:
                continue
            injected, times, lost, repeated, split, more = cells[:6]
            found[test.strip("`")] = (form, injected, times.replace(",", ""), lost, repeated.replace(",", ""), split, more)
    return found


def table(found, tests):
    """The table of some tests, whose names these are the beginnings of."""
    text = "| what was done | how often | lost | repeated | split | figures | form, test |\n| --- | ---: | ---: | ---: | ---: | --- | --- |\n"
    for test in sorted(test for test in found if test.startswith(tests)):
        form, injected, times, lost, repeated, split, more = found[test]
        text += f"| {injected} | {int(times):,} | {lost} | {int(repeated):,} | {split} | {more} | {form}, `{test}` |\n"
    return text


def page(found):
    text = HEAD + f"Last written on {datetime.date.today()} on {platform.machine()} with {os.cpu_count()} cores.\n"
    placed = sum((tests for _, tests in SUBJECTS), ())
    for title, tests in SUBJECTS:
        if any(test.startswith(tests) for test in found):
            text += f"\n## {title}\n\n" + table(found, tests)
    lost = [test for test in found if not test.startswith(placed)]
    if lost:
        raise SystemExit(f"no place on the page for {lost}")
    return text


def main():
    options = arguments()
    text = "\n".join(log.read_text() for log in options.logs) if options.logs else run(options.short, options.tests)
    new = figures(text)
    if not new:
        raise SystemExit("no figures")
    found = known() if options.tests or options.logs else {}
    for test, (form, *cells) in new.items():
        add(found, test, form, cells)
    PAGE.write_text(page(found))
    print(f"{PAGE.relative_to(ROOT)}: {len(new)} campaigns are new, {len(found)} in all")


main()
