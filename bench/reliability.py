#!/usr/bin/env python3
"""Runs the campaigns and writes docs/RELIABILITY.md from the figures that they print.

    bench/reliability.py                  every campaign in its long form, some hours; needs cargo-nextest
    bench/reliability.py --short          the slices that ./test runs
    bench/reliability.py --from LOG...    no runs: figures of logs that there are already

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
CAMPAIGNS = "test(/kills::|crash::|endurance::|isolation::|room::|limits::|calendar::|misbehaviour::|model::|faults::|protocol/)"
HEAD = """\
# Reliability

What was done to Outflow on purpose, how often, and what was lost. `bench/reliability.py` writes this page from what the tests print; do not edit it by hand.

- *Lost*: rows that never arrived although everything was well again at the end. *Repeated*: calls that came again, under their own message id. *Split*: rows that came
  under two message ids, which no destination could tell to be one.
- A row is repeated with `./test --long NAME` (form long) or `./test NAME` (form short), NAME from its last column. Random tests print their seed; `OUTFLOW_SEED` sets it.
- Kills of `run` and `serve` in the long form are those of the release binary (`OUTFLOW_BINARY`).
- What stands in for the world: a real PostgreSQL behind a proxy that breaks connections, and receivers that misbehave. No real Redshift and no real service.
- "n-th call" counts the calls of one thread: that is how strace counts.

"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="the slices that ./test runs")
    parser.add_argument("--from", dest="logs", nargs="+", type=pathlib.Path, help="take the figures from these logs")
    return parser.parse_args()


def run(short):
    environment = dict(os.environ)
    command = ["cargo", "nextest", "run", "--locked", "--success-output", "immediate", "--no-fail-fast", "-E", CAMPAIGNS]
    for package in PACKAGES:
        command += ["-p", package]
    if not short:
        subprocess.run(["cargo", "build", "--release", "--locked", "-p", "outflow"], cwd=ROOT, check=True)
        environment |= {"OUTFLOW_LONG": "1", "NEXTEST_PROFILE": "long", "OUTFLOW_BINARY": str(ROOT / "target/release/outflow")}
        # Figures of one campaign are no figures of another.
        command += ["--test-threads", "1"]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        print(done.stdout)
        raise SystemExit("a campaign failed: the page stays as it is")
    return done.stdout


def rows(text):
    """The figures, the latest of a test, a long form before a short one."""
    found = {}
    for line in text.splitlines():
        start = line.find("RELIABILITY | ")
        if start < 0:
            continue
        test, form, *cells = [cell.strip() for cell in line[start:].split(" | ")[1:]]
        if len(cells) < 6:
            cells += [""] * (6 - len(cells))
        if form == "long" or found.get(test, ("short",))[0] == "short":
            found[test] = (form, *cells)
    return found


def page(found):
    text = HEAD + f"Written on {datetime.date.today()} on {platform.machine()} with {os.cpu_count()} cores.\n\n"
    text += "| what was done | how often | lost | repeated | split | figures | form, test |\n| --- | ---: | ---: | ---: | ---: | --- | --- |\n"
    for test, (form, injected, times, lost, repeated, split, more) in sorted(found.items()):
        text += f"| {injected} | {int(times):,} | {lost} | {int(repeated):,} | {split} | {more} | {form}, `{test}` |\n"
    return text


def main():
    options = arguments()
    text = "\n".join(log.read_text() for log in options.logs) if options.logs else run(options.short)
    found = rows(text)
    if not found:
        raise SystemExit("no figures")
    PAGE.write_text(page(found))
    print(f"{PAGE.relative_to(ROOT)}: {len(found)} campaigns")


main()
