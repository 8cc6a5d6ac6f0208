//! Long work: a large result into a slow destination, and a time of mixed faults under `outflow serve`. Promises 1, 2 and 6 of `docs/GUARANTEES.md`.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use outflow_testkit::{
    ChaosProxy, Database, Fault, Judge, Postgres, Receiver, Reply, Report, Rng, Vitals, seed, sink,
    slice_or_whole,
};
use serde_json::Value;

use crate::serving::Serving;
use crate::support::{Project, document, pipelines, sync, yaml};

const MIB: u64 = 1 << 20;

#[test]
fn a_destination_ten_times_slower_than_the_source_costs_disk_and_not_memory() {
    let rows: u64 = slice_or_whole(300_000, 10_000_000);
    let cap = slice_or_whole(256 * MIB, 4096 * MIB);
    let (told, port) = channel();
    let options = sink::Options { delay: Duration::from_millis(70), ..sink::Options::default() };
    // It ends with this process.
    std::thread::spawn(move || sink::serve(options, move |port| told.send(port).unwrap()));
    let port = port.recv().unwrap();
    let database = Postgres::shared().database("slow_destination");
    let hook = format!(r#"type: webhook, url: "http://127.0.0.1:{port}/", concurrency: 2, max_calls: 1000"#);
    let query = format!(
        r#"SELECT i AS "userId", md5(i::text) AS token, i % 7 AS plan FROM generate_series(1, {rows}) i"#
    );
    let users = format!("{}max_run_bytes: {cap}\n", sync("identify", &query));
    let project = Project::new(&yaml(&database, &[("hook", &hook)], &[("users", &users)]));
    let running = project.program(&["run", "--output", "json"]).spawn();
    let (pid, mut peak) = (running.id(), 0);
    // It tells of its progress; the end of that is the end of the process, whose memory is gone then.
    while let Some(vitals) = Vitals::of(pid).filter(|v| v.peak_memory > 0) {
        peak = peak.max(vitals.peak_memory);
        if running.next_line(Duration::from_millis(100)).is_none() && running.has_ended() {
            break;
        }
    }
    let exit = running.wait();
    exit.assert_code(0);
    let run = document(&exit);
    let seconds = |part: &str| run["seconds"][part].as_f64().unwrap();
    let ratio = seconds("deliver") / seconds("extract");
    let spool = run["spool_bytes"].as_u64().unwrap_or_else(|| spool_bytes(&project));
    let stats = stats(port);
    assert_eq!((stats["calls"].as_u64(), stats["distinct"].as_u64()), (Some(rows), Some(rows)), "{stats}");
    let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / MIB as f64);
    Report::new(
        "endurance::a_destination_ten_times_slower_than_the_source_costs_disk_and_not_memory",
        "rows into a slow destination",
        rows,
    )
    .with("times slower than the source", format!("{ratio:.1}"))
    .with("peak memory", mib(peak))
    .with("spool", format!("{} of {} allowed", mib(spool), mib(cap)))
    .print();
    assert!(peak <= 96 * MIB, "{}", mib(peak));
    assert!(spool <= cap, "{}", mib(spool));
}

fn spool_bytes(project: &Project) -> u64 {
    let mut bytes = 0;
    for run in std::fs::read_dir(project.path().join(".outflow/spool")).unwrap() {
        for file in std::fs::read_dir(run.unwrap().path()).unwrap() {
            bytes += file.unwrap().metadata().unwrap().len();
        }
    }
    bytes
}

/// What the sink has counted.
fn stats(port: u16) -> Value {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"GET /stats HTTP/1.1\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap()
}

/// The six types. Each has a table of its own, whose rows are known by their number.
const TYPES: [(&str, &str); 6] = [
    ("identify", r#"SELECT id % 50 AS "userId", id AS row"#),
    ("track", r#"SELECT id % 50 AS "userId", 'Bought' AS event, id AS row"#),
    ("group", r#"SELECT 'g' || id % 50 AS "groupId", id % 50 AS "userId", id AS row"#),
    ("page", r#"SELECT id % 50 AS "userId", 'Home' AS name, id AS row"#),
    ("screen", r#"SELECT id % 50 AS "userId", 'Feed' AS name, id AS row"#),
    ("alias", r#"SELECT id % 50 AS "userId", 'a-' || id AS "previousId""#),
];

/// Which row a call is about.
fn row_of(call: &Value) -> Option<(&str, u64)> {
    let kind = call["type"].as_str()?;
    let row = match kind {
        "identify" | "group" => call["traits"]["row"].as_u64()?,
        "alias" => call["previousId"].as_str()?.strip_prefix("a-")?.parse().ok()?,
        _ => call["properties"]["row"].as_u64()?,
    };
    Some((kind, row))
}

/// What a process used, when, and how old it was.
struct Sample {
    at: Duration,
    age: Duration,
    vitals: Vitals,
}

/// Six syncs, their source behind a proxy, and a process that keeps them running.
struct Mixed {
    server: &'static Postgres,
    database: Database<'static>,
    source: ChaosProxy,
    receiver: Receiver,
    project: Project,
    serving: Option<Serving>,
    rows: u64,
    rng: Rng,
    faults: u64,
    restarts: u64,
    samples: Vec<Sample>,
    started: Instant,
    process_started: Instant,
}

impl Mixed {
    fn new() -> Mixed {
        // A server of its own: it is restarted.
        let server: &'static Postgres = Box::leak(Box::new(Postgres::start()));
        let database = server.database("mixed");
        let (source, receiver) = (ChaosProxy::start(server.port()), Receiver::start_blocking());
        receiver.always(Reply::ok().after(Duration::from_millis(5)));
        let mut syncs = Vec::new();
        for (kind, select) in TYPES {
            database.sql(&format!("CREATE TABLE {kind}s (id int PRIMARY KEY, at timestamptz NOT NULL)"));
            let query =
                format!("{select} FROM {kind}s WHERE at >= {{{{last_sync_time | timestamp}}}} ORDER BY id");
            syncs.push((kind, format!("{}schedule: {{ every: 1m }}\nlookback: 5s\n", sync(kind, &query))));
        }
        let syncs: Vec<(&str, &str)> = syncs.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let file = yaml(
            &database,
            &[("journeys", &format!("{}, concurrency: 4, timeout: 2s", pipelines(&receiver)))],
            &syncs,
        );
        let project = Project::new(
            &file.replace(&format!("port: {}", server.port()), &format!("port: {}", source.port())),
        );
        let (rng, now) = (Rng::new(seed()), Instant::now());
        Mixed {
            server,
            database,
            source,
            receiver,
            project,
            serving: None,
            rows: 0,
            rng,
            faults: 0,
            restarts: 0,
            samples: Vec::new(),
            started: now,
            process_started: now,
        }
    }

    fn serving(&mut self) -> &mut Serving {
        if self.serving.is_none() {
            self.process_started = Instant::now();
            let server = self.project.server().env("PG_PASSWORD", self.server.password());
            let mut serving = Serving::of(&self.project, &server);
            assert!(serving.is_up());
            self.serving = Some(serving);
        }
        self.serving.as_mut().unwrap()
    }

    /// A few more rows for every sync.
    fn write(&mut self) {
        let (from, to) = (self.rows + 1, self.rows + 1 + self.rng.below(100));
        let insert = |kind: &str| {
            format!("INSERT INTO {kind}s SELECT i, clock_timestamp() FROM generate_series({from}, {to}) i;")
        };
        self.database.sql(&TYPES.map(|(kind, _)| insert(kind)).concat());
        self.rows = to;
    }

    /// One thing goes wrong.
    fn break_something(&mut self) {
        self.faults += 1;
        // A process lives for a while, so that its growth would show.
        let may_end = self.process_started.elapsed() > Duration::from_secs(slice_or_whole(2, 180));
        match self.rng.below(13) {
            0 => self.source.reset_all(),
            1 => self.source.set(Fault::CutAfter(500 + self.rng.below(20_000))),
            2 => self.source.set(Fault::ResetAfter(500 + self.rng.below(20_000))),
            3 => self.source.set(Fault::Refuse),
            4 => self.source.set(Fault::Delay(Duration::from_millis(20))),
            5 => self.server.restart(),
            6 if may_end => {
                self.restarts += 1;
                self.serving.take().map(|serving| serving.kill_after(Duration::ZERO));
            }
            7 if may_end => {
                self.restarts += 1;
                self.serving.take().map(Serving::stop);
            }
            8 => self.serving().signal("HUP"),
            _ => {
                let some = 1 + self.rng.below(6);
                let replies: Vec<Reply> = (0..some).map(|_| self.bad_reply()).collect();
                self.receiver.script(replies);
            }
        }
        if self.rng.below(2) == 0 {
            self.source.set(Fault::None);
        }
    }

    /// An answer that a destination should not give. None of them says that a call is bad.
    fn bad_reply(&mut self) -> Reply {
        match self.rng.below(18) {
            0 => Reply::status(500),
            1 => Reply::status(503).taken(),
            2 => Reply::status(429),
            3 => Reply::status(429).header("retry-after", "1"),
            4 => Reply::html(),
            5 => Reply::redirect(302, "http://127.0.0.1:1/"),
            6 => Reply::garbage(),
            7 => Reply::reset_before_body(),
            8 => Reply::reset_after_request(),
            9 => Reply::reset_in_answer(),
            10 => Reply::close(),
            11 => Reply::short_body(),
            12 => Reply::bad_chunks(),
            13 => Reply::status(401),
            14 => Reply::informational_flood(1_000),
            15 => Reply::slow_body(Duration::from_millis(100)),
            16 => Reply::huge_body(4 << 20).refused(),
            _ => Reply::status(404),
        }
    }

    fn look(&mut self) {
        let (at, age) = (self.started.elapsed(), self.process_started.elapsed());
        if let Some(vitals) = self.serving.as_ref().and_then(|serving| Vitals::of(serving.id())) {
            self.samples.push(Sample { at, age, vitals });
        }
    }

    /// Faults, one after the other, until `time` is over.
    fn torment(&mut self, time: Duration) {
        while self.started.elapsed() < time {
            self.write();
            let sync = TYPES[self.rng.below(6) as usize].0;
            self.serving().trigger(sync);
            self.break_something();
            // The process works on, while we hear what it has to say.
            let pause = self.rng.duration(Duration::from_millis(800));
            let until = Instant::now() + pause;
            while Instant::now() < until {
                self.serving().hear(pause);
            }
            self.serving().forget();
            self.look();
        }
    }

    /// Everything is well again, and everything arrives.
    fn mend(&mut self) -> Duration {
        let mended = Instant::now();
        self.source.set(Fault::None);
        self.receiver.script([]);
        self.serving().signal("HUP");
        for (kind, _) in TYPES {
            let (run, state) = self.serving().drain(kind).unwrap();
            assert_eq!(state, "succeeded", "run {run} of {kind}");
        }
        mended.elapsed()
    }
}

/// The medians of a figure in the first and the last third of the samples by this order, among processes that have found their size.
fn growth<K: Ord>(
    samples: &[Sample],
    order: impl Fn(&Sample) -> K,
    figure: fn(&Vitals) -> u64,
) -> (u64, u64) {
    let mut settled: Vec<&Sample> = samples.iter().filter(|sample| sample.age.as_secs() >= 3).collect();
    settled.sort_by_key(|sample| order(sample));
    let median = |part: &[&Sample]| {
        let mut figures: Vec<u64> = part.iter().map(|sample| figure(&sample.vitals)).collect();
        figures.sort_unstable();
        figures.get(figures.len() / 2).copied().unwrap_or_default()
    };
    let third = settled.len() / 3;
    (median(&settled[..third]), median(&settled[settled.len() - third..]))
}

#[test]
fn six_syncs_lose_nothing_in_a_time_of_mixed_faults_and_restarts() {
    let time = Duration::from_secs(slice_or_whole(30, mixed_seconds()));
    let mut mixed = Mixed::new();
    mixed.torment(time);
    let drained = mixed.mend();
    mixed.serving.take().unwrap().stop();
    let rows = mixed.rows;
    let expected = TYPES.iter().flat_map(|(kind, _)| (1..=rows).map(move |row| format!("{kind} {row}")));
    let verdict = Judge::expecting(expected)
        .key(|call| row_of(call).map(|(kind, row)| format!("{kind} {row}")))
        .order(|call| {
            let (kind, row) = row_of(call)?;
            // An alias has two ordering keys and orders by both; a group by its own.
            (kind != "alias").then(|| (format!("{kind} {}", row % 50), row))
        })
        .judge(&mixed.receiver.arrivals());
    verdict.assert_at_least_once();
    let runs = mixed.project.runs().len();
    mixed.project.assert_closed();
    let (kib, samples) = (1024, &mixed.samples);
    let figures: [(&str, fn(&Vitals) -> u64, u64); 3] = [
        ("memory in KiB", |v| v.memory / 1024, 24 * kib),
        ("open files", |v| v.files, 10),
        ("threads", |v| v.threads, 8),
    ];
    let grown = figures.map(|(name, figure, allowed)| {
        let (by_time, by_age) = (growth(samples, |s| s.at, figure), growth(samples, |s| s.age, figure));
        (name, by_time, by_age, allowed)
    });
    let mut report = Report::new(
        "endurance::six_syncs_lose_nothing_in_a_time_of_mixed_faults_and_restarts",
        format!(
            "mixed faults in {} s of `serve`, {} kills and stops among them; six syncs, {runs} runs, {} rows",
            time.as_secs(),
            mixed.restarts,
            rows * 6
        ),
        mixed.faults,
    )
    .judged(&verdict)
    .with("drained within", format!("{:.1} s", drained.as_secs_f64()));
    for (name, by_time, by_age, _) in grown {
        report = report.with(
            name,
            format!(
                "{} → {} over the campaign, {} → {} over a process's life",
                by_time.0, by_time.1, by_age.0, by_age.1
            ),
        );
    }
    report.print();
    for (name, by_time, by_age, allowed) in grown {
        for (first, last) in [by_time, by_age] {
            assert!(last <= first + allowed, "{name} grew from {first} to {last}");
        }
    }
}

/// The long form's hour, or what `OUTFLOW_MIXED_SECONDS` says.
fn mixed_seconds() -> u64 {
    std::env::var("OUTFLOW_MIXED_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3_600)
}
