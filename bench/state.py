#!/usr/bin/env python3
"""How fast are the lists of the API when the state is large?

A run that rejects 1,000,000 rows, 100,000 runs, 1,000,000 dead letters of one run, 100,000 entries of the audit log and
1,000 drafts with five versions each, in SQLite and on PostgreSQL: how long `outflow serve` takes until it serves, and how
long each list takes with each filter, its first page and one far behind. One client asks one thing after the other.
CPU is that of our process and, with a plus, that of PostgreSQL. Standard library only.
"""

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from urllib.parse import quote

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "bench/out/state"
PORT = 18232
PASSWORD = "super-secret"
STORES = ["sqlite", "postgres"]
BUSY = "s07"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", type=pathlib.Path, default=ROOT / "target/release",
                        help="folder of outflow, outflow-testkit and examples/fill_state")
    parser.add_argument("--store", choices=STORES, help="this one alone")
    parser.add_argument("--rejected", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--dead-letters", type=int, default=1_000_000)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--drafts", type=int, default=1_000)
    parser.add_argument("--times", type=int, default=30, help="how often each list is asked for")
    parser.add_argument("--keep", action="store_true", help="use the states of the run before")
    return parser.parse_args()


def make_project(folder, options):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    sqlite3.connect(folder / "shop.db").execute("CREATE TABLE t (i)")
    query = (f"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {options.rejected + 10}) "
             f"SELECT CASE WHEN i > {options.rejected} THEN 'ada' || i END AS userId, 'a text of some length ' || i AS note FROM n")
    sync = "source: shop.main, type: identify, guards: {{ max_rejected_percent: 100 }}, query: \"{}\"".format
    syncs = "".join(f"  s{n:02}: {{ {sync(query if n == 0 else 'SELECT i AS userId FROM t')} }}\n" for n in range(50))
    (folder / "outflow.yaml").write_text(
        "version: 1\nsources:\n  shop: { type: sqlite, databases: { main: { path: shop.db } }, destinations: [files] }\n"
        "destinations:\n  files: { type: file, path: delivered }\n"
        f"spool: {{ keep: 365d }}\nstate: {{ keep: 365d }}\nsyncs:\n{syncs}")


@contextlib.contextmanager
def place(store, folder, binaries):
    """The options of `outflow` for the store, and its place for `fill_state`."""
    if store == "sqlite":
        yield [], folder / ".outflow"
        return
    command = [binaries / "outflow-testkit", "postgres", "--dir", folder.parent / "postgresql", "--set", "fsync=on"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        port = process.stdout.readline().rsplit(":", 1)[1].strip()
        url = f"postgres://postgres:{quote(PASSWORD)}@127.0.0.1:{port}/postgres"
        yield ["--state", f"{url}?schema=outflow"], f"{url}?schema=outflow"
    finally:
        process.stdin.close()
        process.wait()


def cpu_of(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Client:
    def __init__(self, token):
        self.connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        self.headers = {"Authorization": f"Bearer {token}"}

    def ask(self, path):
        started = time.perf_counter()
        self.connection.request("GET", f"/api/v1{path}", headers=self.headers)
        response = self.connection.getresponse()
        body = response.read()
        assert response.status == 200, (path, response.status, body[:500])
        return time.perf_counter() - started, json.loads(body)


def lists(options):
    """Every list with its filters. `{}`: the cursor of a page in the middle."""
    since, until = "2020-01-01T00:00:00Z", time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() - 85 * 86_400))
    middle, far = options.runs // 2, options.dead_letters // 2
    return [
        "/me", "/health", "/status", "/syncs", f"/syncs/{BUSY}", "/destinations", "/connections", "/alerts", "/gaps",
        f"/gaps?sync={BUSY}", "/usage", f"/usage?sync={BUSY}", "/usage?days=true",
        "/runs", "/runs?limit=500", f"/runs?cursor={middle}", f"/runs?sync={BUSY}", f"/runs?sync={BUSY}&cursor={middle}",
        "/runs?state=failed", "/runs?state=lost", "/runs?state=awaiting_approval", "/runs?state=succeeded,partial,failed",
        f"/runs?state=succeeded&sync={BUSY}", f"/runs?state=lost&sync={BUSY}", "/runs?kind=full", "/runs?kind=replay",
        "/runs?kind=incremental", f"/runs?kind=backfill&state=failed&sync={BUSY}", f"/runs?since={since}",
        f"/runs?until={until}", f"/runs?since={since}&until={until}", f"/runs?until={since}",
        f"/runs?state=failed&kind=full&since={since}&until={until}", f"/runs/{middle}", "/runs/1",
        "/runs/1/rejected", "/runs/1/rejected?limit=500", f"/runs/1/rejected?cursor={options.rejected // 2}",
        "/runs/1/rejected?code=R001", "/runs/1/rejected?code=R009",
        "/runs/2/dead-letters", "/runs/2/dead-letters?limit=500", f"/runs/2/dead-letters?cursor=0-{far}",
        "/runs/2/dead-letters?code=D002", f"/runs/2/dead-letters?code=R001&cursor=0-{far}",
        "/definitions", "/definitions?limit=500", "/definitions?kind=sync&cursor=sync/draft_500", "/definitions?kind=sync&status=enabled",
        "/audit", "/audit?limit=500", f"/audit?cursor={options.entries // 2}", "/audit?actor=grace", "/audit?action=none",
        f"/audit?subject=sync/{BUSY}", f"/audit?until={since}", "/users", "/tokens", "/secrets",
    ]


def cpu_of_server(folder):
    """Of all sessions of PostgreSQL that are open."""
    pid = (folder / "postmaster.pid").read_text().split()[0]
    tasks = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(cpu_of(task) for task in tasks)


def measure(client, pid, path, times, server):
    """Median and slowest in milliseconds, and the CPU time of each."""
    client.ask(path)
    before, beside = cpu_of(pid), cpu_of_server(server) if server else 0
    took = [client.ask(path)[0] * 1e3 for _ in range(times)]
    cpu = f"CPU {(cpu_of(pid) - before) / times * 1e3:.1f}"
    if server:
        cpu += f" + {(cpu_of_server(server) - beside) / times * 1e3:.1f}"
    return statistics.median(took), max(took), cpu


def serve(command, folder):
    """Starts to serve, and returns the process and the seconds until it does."""
    log = folder / "serve.log"
    started = time.perf_counter()
    process = subprocess.Popen([*command, "serve", "--listen", f"127.0.0.1:{PORT}"], stdout=log.open("w"), stderr=subprocess.STDOUT)
    while True:
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return process, time.perf_counter() - started
        if process.poll() is not None:
            sys.exit(log.read_text())
        time.sleep(0.005)


def settle(pid):
    """Waits until the process has nothing to do: it recounts the first run."""
    for _ in range(15):
        before = cpu_of(pid)
        time.sleep(2)
        if cpu_of(pid) - before < 0.1:
            return
    print("it is busy", flush=True)


def of_store(store, options):
    folder = OUT / store
    binary = options.binaries / "outflow"
    if not options.keep:
        make_project(folder, options)
    with place(store, folder, options.binaries) as (state, where):
        command = [binary, "--project", folder, *state]
        if not options.keep:
            done = subprocess.run([*command, "run", "s00", "--quiet"], capture_output=True, text=True)
            assert done.returncode in (0, 4), (done.returncode, done.stderr)
            began = time.monotonic()
            sizes = [str(n) for n in (options.runs, options.dead_letters, options.entries, options.drafts)]
            subprocess.run([options.binaries / "examples/fill_state", where, *sizes], check=True)
            print(f"{store}: filled in {time.monotonic() - began:.0f} s", flush=True)
        for n in range(3):
            serving, seconds = serve(command, folder)
            print(f"{store}: serves after {seconds * 1e3:.0f} ms, {cpu_of(serving.pid) * 1e3:.0f} ms of CPU", flush=True)
            if n < 2:
                serving.terminate()
                serving.wait()
        try:
            made = subprocess.run([*command, "tokens", "create", f"bench-{time.time_ns()}", "--role", "admin", "--quiet"],
                                  check=True, capture_output=True, text=True)
            client, slow = Client(made.stdout.strip()), 0
            server = folder.parent / "postgresql/data" if store == "postgres" else None
            settle(serving.pid)
            for path in lists(options):
                median, slowest, cpu = measure(client, serving.pid, path, options.times, server)
                slow += median >= 50
                print(f"{store} {path}: median {median:.1f} ms, slowest {slowest:.1f} ms, {cpu} ms", flush=True)
            print(f"{store}: {slow} of {len(lists(options))} lists take 50 ms or more", flush=True)
        finally:
            serving.terminate()
            serving.wait()


def main():
    options = arguments()
    if not options.keep:
        shutil.rmtree(OUT, ignore_errors=True)
    for store in [options.store] if options.store else STORES:
        of_store(store, options)


main()
