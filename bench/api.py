#!/usr/bin/env python3
"""How does the API do beside running syncs?

50 syncs of one SQLite file deliver into files. Without and with 100 clients that each ask for something every half
second: how long the 50 runs take, and how long the answers take. Then 1,000 listeners to live events: how many are
still there at the end of such a round, and what each costs in memory. Standard library only.

The clients are one Python process on the same cores, so that its own CPU time counts against the server; its share is
printed.
"""

import argparse
import asyncio
import json
import os
import pathlib
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "bench/out/api"
PORT = 18231
PATHS = ["/status", "/runs?limit=20", "/syncs", "/syncs/s07", "/health", "/destinations", "/usage"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/outflow")
    parser.add_argument("--syncs", type=int, default=50)
    parser.add_argument("--rows", type=int, default=100_000, help="rows of each sync (default: %(default)s)")
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--listeners", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3, help="rounds without and with clients, by turns")
    return parser.parse_args()


def make_project(options):
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    database = sqlite3.connect(OUT / "shop.db")
    database.execute("CREATE TABLE users (id INTEGER, email TEXT, plan TEXT, updated INTEGER)")
    rows = ((n, f"user{n}@example.com", "pro" if n % 3 else "free", 10 + n) for n in range(options.rows))
    database.executemany("INSERT INTO users VALUES (?, ?, ?, ?)", rows)
    database.commit()
    syncs = "".join(
        f"  s{n:02}: {{ source: shop.main, type: identify, "
        "query: 'SELECT id AS userId, email, plan FROM users WHERE updated >= {{last_sync_time}}' }\n"
        for n in range(options.syncs))
    (OUT / "outflow.yaml").write_text(
        "version: 1\nsources:\n  shop: { type: sqlite, databases: { main: { path: shop.db } }, destinations: [files] }\n"
        f"destinations:\n  files: {{ type: file, path: delivered }}\nsyncs:\n{syncs}")


class Connection:
    """One connection that is kept open, as a browser has it."""

    def __init__(self, token):
        self.head = f"Host: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"

    async def open(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", PORT)

    async def ask(self, path, body=None):
        method, body = ("GET", b"") if body is None else ("POST", json.dumps(body).encode())
        head = f"{method} /api/v1{path} HTTP/1.1\r\n{self.head}Content-Length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode() + body)
        answer = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(answer.split("content-length: ")[1].split("\r\n")[0])
        body = await self.reader.readexactly(length)
        status = int(answer.split()[1])
        assert status < 300, (path, status, body[:500])
        return json.loads(body)


async def all_at_once(connection, options):
    """Runs every sync from its beginning. Returns the seconds that it took."""
    started = time.monotonic()
    for n in range(options.syncs):
        await connection.ask(f"/syncs/s{n:02}/runs", {"full": True})
    newest = (await connection.ask("/runs?limit=1"))["items"][0]["run"]
    while True:
        await asyncio.sleep(0.2)
        runs = (await connection.ask(f"/runs?limit={options.syncs}"))["items"]
        if runs[0]["run"] >= newest and all(run["state"] == "succeeded" for run in runs):
            return time.monotonic() - started


async def client(token, seconds, stop):
    connection = Connection(token)
    await connection.open()
    await asyncio.sleep(random.random() / 2)
    while not stop.is_set():
        started = time.monotonic()
        await connection.ask(random.choice(PATHS))
        seconds.append(time.monotonic() - started)
        await asyncio.sleep(0.5)


async def listener(token, state, stop):
    head = f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    writer.write(head.encode())
    await reader.readuntil(b"\r\n\r\n")
    state["open"] += 1
    while not stop.is_set():
        piece = await reader.read(65536)
        if not piece:
            state["open"] -= 1
            return
        state["events"] += piece.count(b"\nid:")


def of_process(pid):
    """Bytes of memory, and seconds of CPU time."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    memory = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) * 1024
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return memory, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


async def with_clients(connection, token, options, latencies):
    stop, own = asyncio.Event(), time.process_time()
    clients = [asyncio.create_task(client(token, latencies, stop)) for _ in range(options.clients)]
    seconds = await all_at_once(connection, options)
    stop.set()
    await asyncio.gather(*clients)
    return seconds, time.process_time() - own


async def with_listeners(connection, token, options, pid):
    before, _ = of_process(pid)
    stop, state = asyncio.Event(), {"open": 0, "events": 0}
    listeners = [asyncio.create_task(listener(token, state, stop)) for _ in range(options.listeners)]
    while state["open"] < options.listeners:
        await asyncio.sleep(0.1)
    await asyncio.sleep(2)
    idle, _ = of_process(pid)
    seconds = await all_at_once(connection, options)
    after, _ = of_process(pid)
    stop.set()
    for task in listeners:
        task.cancel()
    print(f"listeners: {state['open']} of {options.listeners} are there after a round of {seconds:.1f} s, "
          f"{state['events']:,} events came; memory {before / 1e6:.1f} MB, with them {idle / 1e6:.1f} MB "
          f"({(idle - before) / options.listeners / 1e3:.1f} kB each), after the round {after / 1e6:.1f} MB")


async def measure(options, token, pid):
    connection = Connection(token)
    await connection.open()
    warm = await all_at_once(connection, options)
    print(f"first round: {warm:.1f} s for {options.syncs} syncs of {options.rows:,} rows")
    alone, beside, latencies = [], [], []
    for _ in range(options.rounds):
        _, cpu = of_process(pid)
        alone.append(await all_at_once(connection, options))
        between = of_process(pid)[1]
        seconds, own = await with_clients(connection, token, options, latencies)
        beside.append(seconds)
        print(f"alone {alone[-1]:.1f} s (CPU {between - cpu:.1f} s), with {options.clients} clients {seconds:.1f} s "
              f"(CPU {of_process(pid)[1] - between:.1f} s, and {own:.1f} s of the clients' own)")
    ratio = sorted(beside)[len(beside) // 2] / sorted(alone)[len(alone) // 2]
    print(f"{len(latencies):,} answers: p50 {percentile(latencies, .5) * 1e3:.1f} ms, p99 "
          f"{percentile(latencies, .99) * 1e3:.1f} ms, slowest {max(latencies) * 1e3:.1f} ms; rounds take "
          f"{(ratio - 1) * 100:+.1f} %")
    await with_listeners(connection, token, options, pid)


def main():
    options = arguments()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    make_project(options)
    command = [options.binary, "--project", OUT]
    log = (OUT / "serve.log").open("w")
    serving = subprocess.Popen([*command, "serve", "--listen", f"127.0.0.1:{PORT}"], stdout=log, stderr=log)
    try:
        while "serving" not in (OUT / "serve.log").read_text():
            if serving.poll() is not None:
                sys.exit((OUT / "serve.log").read_text())
            time.sleep(0.1)
        made = subprocess.run([*command, "tokens", "create", "bench", "--role", "admin", "--quiet"],
                              check=True, capture_output=True, text=True)
        asyncio.run(measure(options, made.stdout.strip(), serving.pid))
    finally:
        serving.terminate()
        serving.wait()


main()
