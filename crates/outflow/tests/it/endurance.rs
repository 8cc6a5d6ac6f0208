//! `outflow serve` with six syncs for a long time: among mixed faults, and under constant load.
//! Promises 1, 2 and 6 of `docs/GUARANTEES.md`.
//!
//! Whatever is done to them, every row arrives under one id, and a process does not grow. Faults
//! here never make a call bad: those are `bad_input`'s and `isolation`'s.

use std::time::{Duration, Instant};

use outflow_testkit::{
    ChaosProxy, Database, Fault, Judge, Postgres, Receiver, Reply, Report, Rng, Verdict, Vitals, seed,
    slice_or_whole,
};
use serde_json::Value;

use crate::serving::Serving;
use crate::support::{Project, Store, pipelines, state_url, sync, yaml};

/// The six types. Each has a table of its own, whose rows are known by their number. Track has a
/// time, page an id; of screen, which has neither, a run asks the database twice (decision 7).
const TYPES: [(&str, &str); 6] = [
    ("identify", r#"SELECT id % 50 AS "userId", id AS row"#),
    ("track", r#"SELECT id % 50 AS "userId", 'Bought' AS event, id AS row, at AS "timestamp""#),
    ("group", r#"SELECT 'g' || id % 50 AS "groupId", id % 50 AS "userId", id AS row"#),
    ("page", r#"SELECT id % 50 AS "userId", 'Home' AS name, id AS row, 'page ' || id AS "messageId""#),
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
    /// The server of the state, if it is on one, and the way there.
    state: Option<(Postgres, ChaosProxy)>,
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
    fn new(store: Store) -> Mixed {
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
        let file = file.replace(&format!("port: {}", server.port()), &format!("port: {}", source.port()));
        let state = store.server().map(|server| {
            let proxy = ChaosProxy::start(server.port());
            (server, proxy)
        });
        let url = state.as_ref().map(|(_, proxy)| state_url(proxy.port()));
        let project = Project::new(&file).with_state(url);
        let (rng, now) = (Rng::new(seed()), Instant::now());
        Mixed {
            server,
            database,
            source,
            state,
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
        let kinds = if self.state.is_some() { 15 } else { 13 };
        match (self.rng.below(kinds), &self.state) {
            (0, _) => self.source.reset_all(),
            (1, _) => self.source.set(Fault::CutAfter(500 + self.rng.below(20_000))),
            (2, _) => self.source.set(Fault::ResetAfter(500 + self.rng.below(20_000))),
            (3, _) => self.source.set(Fault::Refuse),
            (4, _) => self.source.set(Fault::Delay(Duration::from_millis(20))),
            (5, _) => self.server.restart(),
            (6, _) if may_end => {
                self.restarts += 1;
                self.serving.take().map(|serving| serving.kill_after(Duration::ZERO));
            }
            (7, _) if may_end => {
                self.restarts += 1;
                self.serving.take().map(Serving::stop);
            }
            (8, _) => self.serving().signal("HUP"),
            (13, Some((server, _))) => server.restart(),
            (14, Some((_, proxy))) => proxy.reset_all(),
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

    /// What the receiver got of all rows so far, each sync's rows of one person in order.
    fn verdict(&self) -> Verdict {
        let rows = self.rows;
        let expected = TYPES.iter().flat_map(|(kind, _)| (1..=rows).map(move |row| format!("{kind} {row}")));
        Judge::expecting(expected)
            .key(|call| row_of(call).map(|(kind, row)| format!("{kind} {row}")))
            .order(|call| {
                let (kind, row) = row_of(call)?;
                // An alias has two ordering keys and orders by both; a group by its own.
                (kind != "alias").then(|| (format!("{kind} {}", row % 50), row))
            })
            .judge(&self.receiver.arrivals())
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

/// A figure of a process that must not grow.
struct Figure {
    name: &'static str,
    of: fn(&Vitals) -> u64,
    /// By how much it may differ among faults, and in a slice; under constant load for long by a
    /// third of that.
    allowed: u64,
}

static FIGURES: [Figure; 3] = [
    Figure { name: "memory in KiB", of: |v| v.memory / 1024, allowed: 24 * 1024 },
    Figure { name: "open files", of: |v| v.files, allowed: 10 },
    Figure { name: "threads", of: |v| v.threads, allowed: 24 },
];

/// How a figure moved: its medians in the first and the last third of the samples by some order.
struct Moved {
    figure: &'static Figure,
    over: &'static str,
    first: u64,
    last: u64,
}

/// How the figures moved by this order, among processes that have found their size.
fn moved<K: Ord>(samples: &[Sample], over: &'static str, order: impl Fn(&Sample) -> K) -> Vec<Moved> {
    let mut settled: Vec<&Sample> = samples.iter().filter(|sample| sample.age.as_secs() >= 3).collect();
    settled.sort_by_key(|sample| order(sample));
    let third = settled.len() / 3;
    let median = |part: &[&Sample], figure: &Figure| {
        let mut figures: Vec<u64> = part.iter().map(|sample| (figure.of)(&sample.vitals)).collect();
        figures.sort_unstable();
        figures.get(figures.len() / 2).copied().unwrap_or_default()
    };
    let ends =
        |figure| (median(&settled[..third], figure), median(&settled[settled.len() - third..], figure));
    FIGURES
        .iter()
        .map(|figure| (figure, ends(figure)))
        .map(|(figure, (first, last))| Moved { figure, over, first, last })
        .collect()
}

/// Prints the report with how the figures moved, and demands that none grew by more than this part
/// of what it may.
fn print_unless_grown(mut report: Report, all: &[Moved], part: u64) {
    for Moved { figure, over, first, last } in all {
        report = report.with(figure.name, format!("{first} → {last} over {over}"));
    }
    report.print();
    for Moved { figure, over, first, last } in all {
        assert!(*last <= first + figure.allowed / part, "{}: {first} → {last} over {over}", figure.name);
    }
}

/// Nothing goes wrong, one process lives all the time, and the six syncs run as often as they can.
#[test]
fn a_process_under_constant_load_finds_its_size_and_keeps_it() {
    let time = Duration::from_secs(slice_or_whole(12, seconds("OUTFLOW_STEADY_SECONDS", 900)));
    let mut steady = Mixed::new(Store::Sqlite);
    steady.receiver.always(Reply::ok());
    let mut runs = 0;
    while steady.started.elapsed() < time {
        steady.write();
        let serving = steady.serving();
        for (kind, _) in TYPES {
            assert_eq!(serving.drain(kind).unwrap().1, "succeeded");
        }
        serving.forget();
        runs += TYPES.len() as u64;
        steady.look();
    }
    steady.mend();
    steady.serving.take().unwrap().stop();
    let verdict = steady.verdict();
    verdict.assert_exactly_once();
    let what = format!("{} s of constant load on one process, runs", time.as_secs());
    let report =
        Report::new("endurance::a_process_under_constant_load_finds_its_size_and_keeps_it", what, runs);
    // Caches are full after a third of the time, and then there is nothing left to grow.
    steady.samples.retain(|sample| sample.at > time / 3);
    let all = moved(&steady.samples, "the last two thirds", |sample| sample.at);
    // In a slice, on a busy machine, they may not be full after a third yet.
    print_unless_grown(report.judged(&verdict), &all, slice_or_whole(1, 3));
}

#[test]
fn six_syncs_lose_nothing_in_a_time_of_mixed_faults_and_restarts() {
    let test = "endurance::six_syncs_lose_nothing_in_a_time_of_mixed_faults_and_restarts";
    mixed_faults(test, "", Mixed::new(Store::Sqlite), 25);
}

/// The state is on a server that restarts, and to which connections break, too.
#[test]
fn six_syncs_on_postgres_lose_nothing_in_a_time_of_mixed_faults_and_restarts() {
    let test = "endurance::six_syncs_on_postgres_lose_nothing_in_a_time_of_mixed_faults_and_restarts";
    mixed_faults(test, " with its state on PostgreSQL", Mixed::new(Store::Postgres), 15);
}

fn mixed_faults(test: &'static str, how: &str, mut mixed: Mixed, slice: u64) {
    let time = Duration::from_secs(slice_or_whole(slice, seconds("OUTFLOW_MIXED_SECONDS", 3_600)));
    mixed.torment(time);
    let drained = mixed.mend();
    mixed.serving.take().unwrap().stop();
    let verdict = mixed.verdict();
    verdict.assert_at_least_once();
    mixed.project.assert_closed();
    let what = format!(
        "mixed faults in {} s of `serve`{how}, {} kills and stops among them; six syncs, {} runs, {} rows",
        time.as_secs(),
        mixed.restarts,
        mixed.project.runs().len(),
        mixed.rows * TYPES.len() as u64
    );
    let report = Report::new(test, what, mixed.faults).judged(&verdict);
    let mut all = moved(&mixed.samples, "the campaign", |sample| sample.at);
    all.extend(moved(&mixed.samples, "a process's life", |sample| sample.age));
    print_unless_grown(report.with("drained within", format!("{:.1} s", drained.as_secs_f64())), &all, 1);
}

/// How long a long form takes: the value of this variable, or else that many seconds.
fn seconds(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}
