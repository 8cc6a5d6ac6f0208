#!/usr/bin/env python3
"""What does an overlap cost? A first run sends every row; later runs read all of them again, unchanged.

Prints wall time, CPU, peak memory and the bytes that a run leaves on disk, for the first run and the later ones. With
--binaries and the options of run.py, whose PostgreSQL, data set and receiver it uses. Standard library only.
"""

import json
import os
import statistics
import sys

import run as bench

SETTINGS = {
    # Rows as they are; and events that no column tells apart, which are queried twice in one
    # snapshot.
    "identify": ("identify", f"{bench.QUERY} WHERE updated_at >= {{{{last_sync_time | timestamp}}}}"),
    "track": ("track", "SELECT user_id AS \"userId\", name AS event, total, products FROM events "
                       "WHERE happened_at >= {{last_sync_time | timestamp}}"),
}


def on_disk(state):
    """Bytes of all segments and hashes."""
    folders = [state / "spool", state / "baseline"]
    return sum(f.stat().st_size for folder in folders if folder.exists() for f in folder.rglob("*") if f.is_file())


def measure(options, warehouse, receiver, kind):
    call_type, query = SETTINGS[kind]
    project, state = bench.OUT / "overlap", bench.OUT / "overlap-state"
    project.mkdir(exist_ok=True)
    bench.shutil.rmtree(state, ignore_errors=True)
    # A lookback of years: the data set's times are those of 2026, and all of them are read again.
    text = bench.PROJECT.replace("type: identify", f"type: {call_type}\n    lookback: 3650d").format(
        port=warehouse.port, database=warehouse.database, url=receiver.url, concurrency=options.concurrency,
        query=json.dumps(query))
    (project / "outflow.yaml").write_text(text)
    environment = dict(os.environ, BENCH_PASSWORD="secret", BENCH_WRITE_KEY="bench")
    command = [options.binaries / "outflow", "--project", project, "--state", state, "--quiet", "--output", "json", "run", "users"]
    runs, before = [], 0
    for turn in range(options.runs + 1):
        receiver.reset()
        run = bench.measure(list(map(str, command)), environment, bench.OUT / "run.json")
        document = json.loads((bench.OUT / "run.json").read_text())
        rows = (document[0] if isinstance(document, list) else document)["rows"]
        kept, taken = on_disk(state), receiver.stats()["calls"]
        if rows["calls"] != (rows["read"] if turn == 0 else 0) or taken != rows["calls"]:
            sys.exit(f"{kind}, run {turn + 1}: {rows}, {taken:,} calls arrived")
        run.update(rows=rows["read"], bytes=max(0, kept - before))
        runs.append(run)
        before = kept
        print(f"{kind:9} run {turn + 1}: {rows['read']:,} rows, {rows['unchanged']:,} unchanged, wall {run['wall']:.2f} s, "
              f"CPU {run['cpu']:.2f} s, peak {run['peak_mb']:.0f} MB, {run['bytes']:,} bytes more on disk", flush=True)
    first, later = runs[0], runs[1:]
    median = lambda key: statistics.median(run[key] for run in later)
    millions = first["rows"] / 1e6
    print(f"{kind:9} a million unchanged rows: wall {median('wall') / millions:.2f} s, CPU {median('cpu') / millions:.2f} s, "
          f"{median('bytes') / first['rows']:.1f} bytes a row; sent for the first time: wall {first['wall'] / millions:.2f} s, "
          f"CPU {first['cpu'] / millions:.2f} s")
    return runs


def main():
    options = bench.arguments()
    testkit = str(options.binaries / "outflow-testkit")
    bench.OUT.mkdir(exist_ok=True)
    settings = [word for setting in bench.POSTGRES_SETTINGS for word in ("--set", setting)]
    with bench.server([testkit, "postgres", "--dir", str(options.data), *settings]) as port:
        warehouse = bench.Warehouse(port, f"bench_{options.rows}")
        warehouse.load(options.rows)
        with bench.server([testkit, "receiver", "--count-only"]) as receiver_port:
            receiver = bench.Receiver(receiver_port)
            results = {kind: measure(options, warehouse, receiver, kind) for kind in SETTINGS}
    (bench.OUT / "overlap.json").write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
