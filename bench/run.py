#!/usr/bin/env python3
"""How fast is a sync, against plain yardsticks, on this machine? See README.md beside this file.

Starts a PostgreSQL and a counting receiver of its own (both from `outflow-testkit`), loads the data set, and runs the
yardstick, `outflow run` and, if asked for, a rival by turns. Prints medians and writes them, with every run, to
out/results.json. Standard library only.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request

BENCH = pathlib.Path(__file__).resolve().parent
ROOT = BENCH.parent
OUT = BENCH / "out"
PASSWORD = "super-secret"
QUERY = (
    'SELECT id AS "userId", updated_at AS "timestamp", email, first_name, last_name, phone, plan, created_at, '
    "lifetime_value, is_active, country, signup_source, attributes FROM users"
)
PROJECT = """\
version: 1
sources:
  bench:
    type: postgres
    databases:
      main: {{ host: 127.0.0.1, port: {port}, database: {database}, user: scramuser, password: "${{env:BENCH_PASSWORD}}", ssl: disable }}
    destinations: [receiver]
destinations:
  receiver: {{ type: customerio-pipelines, base_url: "{url}/v1", write_key: "${{env:BENCH_WRITE_KEY}}", concurrency: {concurrency}, rate: 100000 }}
syncs:
  users:
    source: bench.main
    type: identify
    query: {query}
    schedule: manual
"""
PEER_PACKAGES = ["psycopg[binary]==3.3.9", "orjson==3.13.0", "aiohttp==3.14.5"]
# Every peer reads the same warm table; one process and one core for each query, as in a small
# warehouse.
POSTGRES_SETTINGS = ["shared_buffers=4GB", "jit=off", "max_parallel_workers_per_gather=0", "max_wal_size=8GB"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of users (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=5, help="runs of each, by turns (default: %(default)s)")
    parser.add_argument("--delay-ms", type=int, default=0, help="the receiver's answers take so long")
    parser.add_argument("--concurrency", type=int, default=8, help="requests in flight (default: %(default)s)")
    parser.add_argument("--state", choices=["sqlite", "postgres"], default="sqlite",
                        help="the store of the state; postgres: a database on the same server (default: %(default)s)")
    parser.add_argument("--peer", choices=["py_script"], help="run this rival too")
    parser.add_argument("--other", type=pathlib.Path, help="another build of outflow, run by turns with ours")
    parser.add_argument("--instructions", action="store_true",
                        help="count instructions with callgrind (valgrind), one run of each, in place of timing")
    parser.add_argument("--binaries", type=pathlib.Path, default=ROOT / "target/release", help="folder of the two binaries")
    parser.add_argument("--data", type=pathlib.Path, default=OUT / "postgres", help="PostgreSQL's files, kept between runs")
    return parser.parse_args()


@contextlib.contextmanager
def server(command):
    """A server of the testkit: it says where it listens, and ends when its input does."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        if not line:
            sys.exit(f"{command[1]} did not start")
        yield int(line.rsplit(":", 1)[1])
    finally:
        process.stdin.close()
        process.wait()


class Warehouse:
    def __init__(self, port, database):
        self.port, self.database = port, database
        self.environment = dict(os.environ, PGPASSWORD=PASSWORD)

    def psql(self, *args, database=None):
        return ["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port),
                "-U", "postgres", "-d", database or self.database, *args]

    def sql(self, text, database=None):
        command = self.psql("-c", text, database=database)
        return subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True).stdout.strip()

    def load(self, rows):
        """Loads the data set unless an earlier run has."""
        if not self.sql(f"SELECT 1 FROM pg_database WHERE datname = '{self.database}'", database="postgres"):
            self.sql(f"CREATE DATABASE {self.database}", database="postgres")
        loaded = self.sql("SELECT to_regclass('users') IS NOT NULL") == "t" and self.sql("SELECT count(*) FROM users")
        if loaded != str(rows):
            print(f"loading {rows:,} rows", flush=True)
            few = 0 if rows <= 1_000_000 else 1
            command = self.psql("-v", f"rows={rows}", "-v", f"users_only={few}", "-f", str(BENCH / "dataset.sql"))
            subprocess.run(command, env=self.environment, check=True)


class Receiver:
    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"

    def reset(self):
        urllib.request.urlopen(urllib.request.Request(self.url + "/reset", data=b"", method="POST")).read()

    def stats(self):
        return json.load(urllib.request.urlopen(self.url + "/stats"))


def measure(command, environment, output):
    """Runs a command to its end. CPU and memory are those of its process, from the kernel's own account.

    The peak cannot be lower than this script's own, some 15 MB: the kernel counts from the fork on.
    """
    with open(output, "wb") as out:
        started = time.monotonic()
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command[0]} ended with {process.returncode}")
    peak = usage.ru_maxrss * (1 if platform.system() == "Darwin" else 1024)
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "peak_mb": peak / 1e6}


class Bench:
    def __init__(self, options, warehouse):
        self.options, self.warehouse = options, warehouse
        self.outflow = options.binaries / "outflow"

    def psql(self, _receiver):
        command = self.warehouse.psql("-c", f"COPY ({QUERY}) TO STDOUT")
        return measure(command, self.warehouse.environment, os.devnull)

    def run_other(self, receiver):
        return self.run_outflow(receiver, self.options.other)

    def run_outflow(self, receiver, binary=None, under=()):
        project = OUT / "project"
        project.mkdir(exist_ok=True)
        state = self.fresh_state(project)
        (project / "outflow.yaml").write_text(PROJECT.format(
            port=self.warehouse.port, database=self.warehouse.database, url=receiver.url,
            concurrency=self.options.concurrency, query=json.dumps(QUERY)))
        receiver.reset()
        environment = dict(os.environ, BENCH_PASSWORD="secret", BENCH_WRITE_KEY="bench")
        command = [*under, binary or self.outflow, "--project", project, "--state", state, "--quiet", "--output", "json", "run", "users"]
        run = measure(list(map(str, command)), environment, OUT / "run.json")
        document = json.loads((OUT / "run.json").read_text())
        if isinstance(document, list):
            document = document[0]
        self.expect("read", document["rows"]["read"])
        run["seconds"] = document["seconds"]
        return self.received(run, receiver)

    def fresh_state(self, project):
        """Removes what the last run left. Says where the next one has its state."""
        if self.options.state == "sqlite":
            shutil.rmtree(OUT / "state", ignore_errors=True)
            return OUT / "state"
        shutil.rmtree(project / ".outflow", ignore_errors=True)
        self.warehouse.sql("DROP DATABASE IF EXISTS bench_state WITH (FORCE)", database="postgres")
        self.warehouse.sql("CREATE DATABASE bench_state", database="postgres")
        return f"postgres://postgres:{PASSWORD}@127.0.0.1:{self.warehouse.port}/bench_state"

    def run_peer(self, receiver):
        receiver.reset()
        dsn = f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self.warehouse.port}/{self.warehouse.database}"
        environment = dict(os.environ, BENCH_DSN=dsn, BENCH_QUERY=QUERY, BENCH_URL=receiver.url + "/v1/batch",
                           BENCH_CONCURRENCY=str(self.options.concurrency))
        script = BENCH / "peers" / f"{self.options.peer}.py"
        run = measure([str(OUT / "venv/bin/python"), str(script)], environment, os.devnull)
        return self.received(run, receiver)

    def received(self, run, receiver):
        run["receiver"] = receiver.stats()
        self.expect("received", run["receiver"]["calls"])
        return run

    def expect(self, what, count):
        if count != self.options.rows:
            sys.exit(f"{what} {count:,} rows, expected {self.options.rows:,}")

    def instructions(self, receiver):
        """Instructions of our process per row. The same twice, whatever else the machine does, but for the
        few that depend on how threads meet."""
        counted = {}
        for name, binary in {"outflow": self.outflow, "other": self.options.other}.items():
            if binary is None:
                continue
            log = OUT / "callgrind.log"
            under = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={OUT / 'callgrind.out'}", f"--log-file={log}"]
            self.run_outflow(receiver, binary, under)
            total = next(line for line in log.read_text().splitlines() if "Collected :" in line).rsplit(":", 1)[1]
            counted[name] = round(int(total) / self.options.rows)
            print(f"{name:10} {counted[name]:,} instructions per row", flush=True)
        return counted

    def check(self, receiver):
        """One run that is not timed: it warms everything up and proves that every id arrives once."""
        run = self.run_outflow(receiver)
        self.expect("distinct", run["receiver"]["distinct"])
        print(f"checked: {run['receiver']['distinct']:,} distinct calls in {run['receiver']['requests']:,} requests")

    def by_turns(self, receiver):
        contestants = {"psql COPY": self.psql, "outflow": self.run_outflow}
        if self.options.other:
            contestants["other"] = self.run_other
        if self.options.peer:
            contestants[self.options.peer] = self.run_peer
        runs = {name: [] for name in contestants}
        for turn in range(self.options.runs):
            for name, contestant in contestants.items():
                run = contestant(receiver)
                runs[name].append(run)
                print(f"{turn + 1}/{self.options.runs} {name:10} wall {run['wall']:.2f} s, CPU {run['cpu']:.2f} s, "
                      f"peak {run['peak_mb']:.0f} MB", flush=True)
        return runs


def summarise(options, runs):
    """Medians, and what the goals are about."""
    median = lambda name, key: statistics.median(run[key] for run in runs[name])
    millions = options.rows / 1e6
    medians = {
        name: {
            "wall": round(median(name, "wall"), 3),
            "cpu_per_million": round(median(name, "cpu") / millions, 3),
            "peak_mb": round(median(name, "peak_mb"), 1),
            "rows_per_second": round(options.rows / median(name, "wall")),
        }
        for name in runs
    }
    ours = runs["outflow"]
    deliver = statistics.median(run["seconds"]["deliver"] for run in ours)
    largest = max(run["receiver"]["largest"] for run in ours)
    allowed_mb = 64 + 1.2 * max(0, options.concurrency - 8) * largest / 1e6
    pairs = [run["wall"] / yardstick["wall"] for run, yardstick in zip(ours, runs["psql COPY"])]
    return {
        "medians": medians,
        "wall_ratio": round(medians["outflow"]["wall"] / medians["psql COPY"]["wall"], 2),
        "wall_ratio_of_pairs": round(statistics.median(pairs), 2),
        "delivery_rows_per_second": round(options.rows / deliver),
        "allowed_peak_mb": round(allowed_mb),
    }


def report(summary, delay_ms):
    print(f"\n{'':12}{'wall s':>9}{'CPU s/M':>9}{'peak MB':>9}{'rows/s':>11}")
    for name, row in summary["medians"].items():
        print(f"{name:12}{row['wall']:>9.2f}{row['cpu_per_million']:>9.2f}{row['peak_mb']:>9.0f}{row['rows_per_second']:>11,}")
    ours, delivery = summary["medians"]["outflow"], summary["delivery_rows_per_second"]
    print(f"\nCPU of outflow per million rows: {ours['cpu_per_million']} s; goal 2.0")
    print(f"peak of outflow: {ours['peak_mb']} MB; goal {summary['allowed_peak_mb']}")
    if delay_ms:
        print(f"delivery alone, each answer after {delay_ms} ms: {delivery:,} rows/s; goal 400,000 at 100 ms and 64 in flight")
    else:
        print(f"wall, outflow to psql COPY: {summary['wall_ratio']} (median of pairs {summary['wall_ratio_of_pairs']}); goal 1.5")
        print(f"delivery alone: {delivery:,} rows/s")


def install_peer():
    venv = OUT / "venv"
    if not (venv / "bin/python").exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    subprocess.run([venv / "bin/pip", "install", "--quiet", "--disable-pip-version-check", *PEER_PACKAGES], check=True)


def machine():
    model = "unknown"
    with contextlib.suppress(OSError):
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version()}


def main():
    options = arguments()
    testkit = str(options.binaries / "outflow-testkit")
    for binary in (options.binaries / "outflow", testkit):
        if not os.access(binary, os.X_OK):
            sys.exit(f"{binary} is missing: cargo build --release -p outflow -p outflow-testkit")
    OUT.mkdir(exist_ok=True)
    if options.peer:
        install_peer()
    # A state whose commits reach no disk would be too fast.
    synced = ["fsync=on"] if options.state == "postgres" else []
    settings = [word for setting in POSTGRES_SETTINGS + synced for word in ("--set", setting)]
    with server([testkit, "postgres", "--dir", str(options.data), *settings]) as port:
        warehouse = Warehouse(port, f"bench_{options.rows}")
        warehouse.load(options.rows)
        bench = Bench(options, warehouse)
        with server([testkit, "receiver"]) as receiver_port:
            bench.check(Receiver(receiver_port))
        with server([testkit, "receiver", "--count-only", "--delay-ms", str(options.delay_ms)]) as receiver_port:
            if options.instructions:
                bench.instructions(Receiver(receiver_port))
                return
            runs = bench.by_turns(Receiver(receiver_port))
    summary = summarise(options, runs)
    report(summary, options.delay_ms)
    parameters = {key: value for key, value in vars(options).items() if key not in ("binaries", "data", "other")}
    results = {"parameters": parameters, "machine": machine(), **summary, "runs": runs}
    (OUT / "results.json").write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
