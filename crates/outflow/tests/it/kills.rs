//! `outflow serve` and `outflow run` are killed with SIGKILL: at random instants, and as they begin
//! their n-th write, sync, rename, unlink or send. Promises 1 and 2 of `docs/GUARANTEES.md`;
//! `crash` has more kinds of run, [`operations`] the other commands.

mod operations;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use outflow_testkit::crash::{Program, assert_can_trace};
use outflow_testkit::{
    Database, Judge, Postgres, Receiver, Reply, Report, Rng, Verdict, seed, slice_or_whole,
};

use crate::serving::Serving;
use crate::support::{Project, Store, state_url, sync, yaml};

/// A table to which rows come while the process that reads it is killed, and a receiver that takes
/// its time and takes nothing of one request in seven: what is settled too early is then lost when
/// the process is killed before it asks again.
struct World {
    database: Database<'static>,
    receiver: Receiver,
    project: Project,
    people: u64,
    /// The server of the state, if it is on one.
    state: Option<Postgres>,
}

impl World {
    fn new(name: &str, store: Store) -> World {
        let (database, receiver) = (Postgres::shared().database(name), Receiver::start_blocking());
        database.sql("CREATE TABLE users (id int PRIMARY KEY, note text, updated_at timestamptz NOT NULL)");
        receiver.always(Reply::ok().after(Duration::from_millis(15)));
        let requests = AtomicUsize::new(0);
        receiver.rule(move |_, _| {
            (requests.fetch_add(1, Ordering::Relaxed) % 7 == 3).then(|| Reply::status(503))
        });
        let query = r#"SELECT id AS "userId", note FROM users WHERE updated_at >= {{last_sync_time | timestamp}} ORDER BY id"#;
        let hook = format!(r#"type: webhook, url: "{}", concurrency: 2, max_calls: 40"#, receiver.url());
        let state = store.server();
        let project =
            Project::new(&yaml(&database, &[("hook", &hook)], &[("users", &sync("identify", query))]))
                .with_state(state.as_ref().map(|server| state_url(server.port())));
        World { database, receiver, project, people: 0, state }
    }

    fn add(&mut self, people: u64) {
        let (from, to) = (self.people + 1, self.people + people);
        self.database.sql(&format!(
            "INSERT INTO users SELECT i, repeat('x', 100), clock_timestamp() FROM generate_series({from}, {to}) i"
        ));
        self.people = to;
    }

    /// What the receiver got, once everything has been delivered.
    fn verdict(&self) -> Verdict {
        let verdict =
            Judge::expecting((1..=self.people).map(|id| id.to_string())).judge(&self.receiver.arrivals());
        verdict.assert_at_least_once();
        verdict
    }

    /// Lets a process run undisturbed until nothing is left to do, and has every run recounted.
    fn finish(&self) -> Verdict {
        let mut serving = self.project.serve();
        assert!(serving.is_up());
        assert_eq!(serving.drain("users").unwrap().1, "succeeded");
        serving.stop();
        self.project.assert_closed();
        self.verdict()
    }
}

/// Starts `serve` and waits until everything has been delivered. `None`: it died before.
fn recover(project: &Project, server: &Program) -> Option<(Serving, Duration)> {
    let started = Instant::now();
    let mut serving = Serving::of(project, server);
    if !serving.is_up() {
        return None;
    }
    serving.drain("users")?;
    Some((serving, started.elapsed()))
}

#[test]
fn serve_loses_nothing_wherever_it_is_killed() {
    kill_at_random_instants(
        "kills::serve_loses_nothing_wherever_it_is_killed",
        "kill -9 of `serve` at a random instant",
        World::new("kill_serve", Store::Sqlite),
        slice_or_whole(15, 500),
    );
}

#[test]
fn serve_on_postgres_loses_nothing_wherever_it_is_killed() {
    kill_at_random_instants(
        "kills::serve_on_postgres_loses_nothing_wherever_it_is_killed",
        "kill -9 of `serve` with its state on PostgreSQL at a random instant; after half of them the \
         server of the state restarts under a run",
        World::new("kill_serve_postgres", Store::Postgres),
        slice_or_whole(8, 100),
    );
}

/// Kills `serve` this often. A state on a server sees that server restart once, under a run.
fn kill_at_random_instants(test: &'static str, what: &str, mut world: World, kills: usize) {
    let mut rng = Rng::new(seed());
    let server = world.project.server();
    world.add(200);
    let (serving, _) = recover(&world.project, &server).unwrap();
    serving.stop();
    world.add(200);
    // How long an undisturbed start with a run's work takes.
    let (serving, span) = recover(&world.project, &server).unwrap();
    serving.stop();

    let (mut killed, mut recoveries, mut restarted) = (0, Vec::new(), world.state.is_none());
    while killed < kills {
        if !restarted && killed >= kills / 2 {
            let (mut serving, _) = recover(&world.project, &server).expect("nobody kills it now");
            let before = world.receiver.requests().len();
            world.add(200);
            let run = serving.trigger("users").unwrap();
            world.receiver.wait_for_requests_blocking(before + 1, Duration::from_secs(60));
            world.state.as_ref().unwrap().restart();
            assert_eq!(serving.end_of(run).unwrap(), (run, "succeeded".to_owned()));
            serving.stop();
            restarted = true;
        }
        if rng.below(3) == 0 {
            // In the midst of starting, or of going on with what the last kill interrupted.
            killed +=
                usize::from(Serving::of(&world.project, &server).kill_after(rng.duration(span)).was_killed());
            continue;
        }
        let (serving, took) = recover(&world.project, &server).expect("nobody kills it now");
        recoveries.push(took);
        world.add(200);
        assert!(serving.trigger("users").is_some());
        killed += usize::from(serving.kill_after(rng.duration(span)).was_killed());
    }
    assert!(restarted);
    let verdict = world.finish();
    Report::new(test, what, killed as u64)
        .judged(&verdict)
        .durations("from restart to drained", &recoveries)
        .print();
}

/// System calls by what they do to the world, and whether neither `run` nor `serve` can do without
/// them.
const CALLS: [(&str, &str, bool); 5] = [
    ("write", "write,writev,pwrite64", true),
    ("sync", "fsync,fdatasync", true),
    ("rename", "rename,renameat,renameat2", true),
    ("unlink", "unlink,unlinkat,ftruncate", false),
    ("send", "sendto,sendmsg", true),
];

/// Kills at every `step`th call of each kind, one start each, until a start comes to its end
/// without being killed.
fn kill_at_each_call(
    test: &'static str,
    how: &str,
    step: usize,
    mut start: impl FnMut(&mut World, &str, usize) -> bool,
    recover: impl Fn(&World),
) {
    assert_can_trace();
    let mut world = World::new(test.rsplit("::").next().unwrap(), Store::Sqlite);
    let (mut points, mut recoveries) = (Vec::new(), Vec::new());
    for (name, calls, must_occur) in CALLS {
        let mut killed = 0;
        for n in (1..).step_by(step) {
            world.add(100);
            if !start(&mut world, calls, n) {
                break;
            }
            killed += 1;
            let started = Instant::now();
            recover(&world);
            recoveries.push(started.elapsed());
        }
        world.verdict();
        points.push(format!("{killed} {name}s"));
        assert!(killed > 0 || !must_occur, "no {name} to be killed at: {points:?}");
    }
    let verdict = world.finish();
    Report::new(
        test,
        format!("kill -9 of `{how}` as a thread begins its n-th call: {}", points.join(", ")),
        recoveries.len() as u64,
    )
    .judged(&verdict)
    .durations("recovery", &recoveries)
    .print();
}

#[test]
fn run_loses_nothing_at_whichever_call_it_is_killed() {
    kill_at_each_call(
        "kills::run_loses_nothing_at_whichever_call_it_is_killed",
        "run",
        slice_or_whole(8, 1),
        |world, calls, n| {
            let exit = world.project.program(&["run", "users"]).killed_at(calls, n).run();
            if !exit.was_killed() {
                exit.assert_code(0);
            }
            exit.was_killed()
        },
        // The first finishes what was interrupted, the second takes what is left.
        |world| (0..2).for_each(|_| world.project.run(&["run"]).assert_code(0)),
    );
}

#[test]
fn serve_loses_nothing_at_whichever_call_it_is_killed() {
    kill_at_each_call(
        "kills::serve_loses_nothing_at_whichever_call_it_is_killed",
        "serve",
        slice_or_whole(8, 1),
        |world, calls, n| {
            let mut serving = Serving::of(&world.project, &world.project.server().killed_at(calls, n));
            if serving.is_up() && serving.drain("users").is_some() {
                // Killed as it stops: that counts, too.
                serving.signal("TERM");
            }
            let exit = serving.wait();
            if !exit.was_killed() {
                exit.assert_code(0);
            }
            exit.was_killed()
        },
        |world| {
            let (serving, _) = recover(&world.project, &world.project.server()).expect("nobody kills it now");
            serving.stop();
        },
    );
}
