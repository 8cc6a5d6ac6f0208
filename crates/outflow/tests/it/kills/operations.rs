//! What a person does to runs is killed, too: `replay`, `backfill`, `purge`, `approve` and `reject`
//! with SIGKILL at random instants and as they begin their n-th write, sync, rename, unlink and
//! send. The person then repeats the command. Promises 1 and 2 of `docs/GUARANTEES.md`.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use outflow_testkit::crash::{Program, assert_can_trace};
use outflow_testkit::{
    Database, Judge, Postgres, Receiver, Reply, Report, Rng, Verdict, seed, slice_or_whole,
};

use super::CALLS;
use crate::support::{Project, sync, yaml};

/// Rows that come before each kill.
const ROWS: u64 = 20;
/// This many kills share a world. What a command writes may grow with the runs before it, and the
/// kills would then never come to its end.
const KILLS: usize = 16;

/// A table of events to which rows come, a sync of it, and one destination or two.
struct World {
    database: Database<'static>,
    first: Receiver,
    second: Receiver,
    project: Project,
    rows: u64,
    purged: Vec<u64>,
    /// The first destination refuses every tenth row.
    refuses: Arc<AtomicBool>,
    guards: &'static str,
}

impl World {
    fn new(name: &str, guards: &'static str) -> World {
        let database = Postgres::shared().database(name);
        database.sql("CREATE TABLE events (id int PRIMARY KEY, at timestamptz NOT NULL)");
        let (first, second) = (Receiver::start_blocking(), Receiver::start_blocking());
        let refuses = Arc::new(AtomicBool::new(false));
        let flag = refuses.clone();
        first.refuse_batches_with(400, move |call| {
            flag.load(Ordering::SeqCst) && call["userId"].as_str().unwrap().ends_with('5')
        });
        let project = Project::new("");
        let world = World { database, first, second, project, rows: 0, purged: Vec::new(), refuses, guards };
        world.to_both(false);
        world
    }

    /// Writes the project, with the second destination or without it.
    fn to_both(&self, both: bool) {
        let query = r#"SELECT id AS "userId", 'Seen' AS event, at AS "timestamp" FROM events WHERE at >= {{last_sync_time | timestamp}} ORDER BY id"#;
        let hook =
            |receiver: &Receiver| format!(r#"type: webhook, url: "{}", max_calls: 10"#, receiver.url());
        let (first, second) = (hook(&self.first), hook(&self.second));
        let all = [("first", first.as_str()), ("second", second.as_str())];
        let events = format!("{}{}", sync("track", query), self.guards);
        let hooks = if both { &all[..] } else { &all[..1] };
        self.project.write("outflow.yaml", &yaml(&self.database, hooks, &[("events", &events)]));
    }

    fn add(&mut self) {
        let (from, to) = (self.rows + 1, self.rows + ROWS);
        self.database.sql(&format!(
            "INSERT INTO events SELECT i, clock_timestamp() FROM generate_series({from}, {to}) i"
        ));
        self.rows = to;
    }

    fn command(&self, words: &[String]) -> Program {
        self.project.program(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn run(&self, code: i32) {
        self.project.run(&["run"]).assert_code(code);
    }

    /// The newest run's number, and its state.
    fn newest(&self) -> (String, String) {
        let run = self.project.json(&["runs", "--limit", "1"], 0)[0].clone();
        (run["run"].to_string(), run["state"].as_str().unwrap().to_owned())
    }

    fn verdict(&self, receiver: &Receiver) -> Verdict {
        let rows = (1..=self.rows).filter(|id| !self.purged.contains(id));
        let verdict = Judge::expecting(rows.map(|id| id.to_string())).judge(&receiver.arrivals());
        verdict.assert_at_least_once();
        verdict
    }
}

/// A command that is killed.
struct Operation {
    name: &'static str,
    guards: &'static str,
    /// Brings rows and a run to which the command is done; gives the command.
    prepare: fn(&mut World) -> Vec<String>,
    /// What a person does once the command has ended, killed or not.
    repeat: fn(&mut World, &[String]),
    /// After the last kill: delivers what is left and judges.
    finish: fn(&mut World) -> Verdict,
}

const HELD: &str = "guards: { max_rows: 5 }\n";

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

const REPLAY: Operation = Operation {
    name: "replay",
    guards: "",
    prepare: |world| {
        world.add();
        world.refuses.store(true, Ordering::SeqCst);
        world.run(4);
        world.refuses.store(false, Ordering::SeqCst);
        words(&["replay", &world.newest().0])
    },
    repeat: |world, command| {
        // A replay that was interrupted goes on with any run of its sync.
        world.run(0);
        world.command(command).run().assert_code(0);
    },
    finish: |world| world.verdict(&world.first),
};

const BACKFILL: Operation = Operation {
    name: "backfill",
    guards: "",
    prepare: |world| {
        world.to_both(false);
        world.add();
        world.run(0);
        world.to_both(true);
        words(&["backfill", "second"])
    },
    repeat: |world, command| world.command(command).run().assert_code(0),
    finish: |world| {
        world.verdict(&world.first);
        world.verdict(&world.second)
    },
};

const PURGE: Operation = Operation {
    name: "purge",
    guards: "",
    prepare: |world| {
        world.add();
        world.first.always(Reply::status(401));
        world.run(6);
        let person = world.rows - 7;
        world.database.sql(&format!("DELETE FROM events WHERE id = {person}"));
        world.purged.push(person);
        words(&["purge", "--key", &person.to_string()])
    },
    repeat: |world, command| {
        world.command(command).run().assert_code(0);
        let again = world.command(command).run();
        again.assert_code(0);
        assert!(again.stdout.contains("nothing is kept"), "{again:?}");
        world.first.always(Reply::ok());
        world.run(0);
    },
    finish: |world| world.verdict(&world.first),
};

const APPROVE: Operation = Operation {
    name: "approve",
    guards: HELD,
    prepare: |world| {
        world.add();
        world.run(1);
        words(&["approve", &world.newest().0])
    },
    repeat: |world, command| {
        let newest = world.newest();
        if newest.1 == "delivering" {
            // It delivers what was approved, and may hold the same rows, read again.
            let exit = world.project.run(&["run"]);
            assert!(matches!(exit.code, Some(0 | 1)), "{exit:?}");
        } else if newest.1 == "awaiting_approval" {
            assert_eq!(command[1], newest.0);
        }
        while world.newest().1 == "awaiting_approval" {
            world.project.run(&["approve", &world.newest().0]).assert_code(0);
        }
    },
    finish: |world| world.verdict(&world.first),
};

const REJECT: Operation = Operation {
    name: "reject",
    guards: HELD,
    prepare: |world| {
        world.add();
        world.run(1);
        words(&["reject", &world.newest().0])
    },
    repeat: |world, command| {
        if world.newest().1 == "awaiting_approval" {
            world.command(command).run().assert_code(0);
        }
        assert!(world.first.arrivals().is_empty(), "what was rejected is not sent");
    },
    finish: |world| {
        // Nothing was sent; what was rejected is read again.
        world.run(1);
        world.project.run(&["approve", &world.newest().0]).assert_code(0);
        world.verdict(&world.first)
    },
};

/// Kills the command at every `step`th call of each kind until it comes to its end, and `random`
/// times at random instants.
fn kill(test: &'static str, operation: &Operation, step: usize, random: usize) {
    assert_can_trace();
    let mut house = House { operation, worlds: 0, verdicts: Vec::new() };
    let mut world = house.world();
    let (mut points, mut kills) = (Vec::new(), 0);
    for (name, calls, _) in CALLS {
        let mut killed = 0;
        for n in (1..).step_by(step) {
            if killed % KILLS == KILLS - 1 {
                house.judge(world);
                world = house.world();
            }
            let command = (operation.prepare)(&mut world);
            let exit = world.command(&command).killed_at(calls, n).run();
            (operation.repeat)(&mut world, &command);
            if !exit.was_killed() {
                exit.assert_code(0);
                break;
            }
            killed += 1;
        }
        kills += killed;
        points.push(format!("{killed} {name}s"));
    }
    assert!(kills > 0, "{} was never killed", operation.name);
    kills += kill_at_random_instants(operation, &mut world, random);
    house.judge(world);
    let what = format!(
        "kill -9 of `{}` at random instants ({random}), and as a thread begins its n-th call: {}",
        operation.name,
        points.join(", ")
    );
    let report = Report::new(test, what, kills as u64);
    house.verdicts.iter().fold(report, Report::judged).print();
}

/// The worlds of one operation, and what was judged of them.
struct House<'a> {
    operation: &'a Operation,
    worlds: usize,
    verdicts: Vec<Verdict>,
}

impl House<'_> {
    fn world(&mut self) -> World {
        self.worlds += 1;
        World::new(&format!("kill_{}_{}", self.operation.name, self.worlds), self.operation.guards)
    }

    fn judge(&mut self, mut world: World) {
        self.verdicts.push((self.operation.finish)(&mut world));
        world.project.assert_closed();
        assert_nothing_left(&world.project.path().join(".outflow/spool"), &world.purged);
    }
}

fn kill_at_random_instants(operation: &Operation, world: &mut World, kills: usize) -> usize {
    let mut rng = Rng::new(seed());
    let command = (operation.prepare)(world);
    let undisturbed = world.command(&command).run();
    (operation.repeat)(world, &command);
    let (mut killed, mut starts) = (0, 0);
    while killed < kills {
        starts += 1;
        assert!(starts < 20 * kills + 20, "{killed} of {starts} starts were killed");
        let command = (operation.prepare)(world);
        let span = undisturbed.ran.max(Duration::from_millis(5));
        killed += usize::from(world.command(&command).spawn().kill_after(rng.duration(span)).was_killed());
        (operation.repeat)(world, &command);
    }
    killed
}

/// Demands that no file of the spool has a call of these people. Contents are compressed in blocks
/// of several calls; short ones are literal in them.
fn assert_nothing_left(spool: &Path, people: &[u64]) {
    for run in fs::read_dir(spool).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        for file in fs::read_dir(run).unwrap().map(|entry| entry.unwrap().path()) {
            let Ok(bytes) = fs::read(&file) else { continue };
            for person in people {
                let id = format!(r#""userId":"{person}""#);
                let found = bytes.windows(id.len()).any(|window| window == id.as_bytes());
                assert!(!found, "{id} in {}", file.display());
            }
        }
    }
}

#[test]
fn a_replay_loses_nothing_wherever_it_is_killed() {
    let test = "kills::operations::a_replay_loses_nothing_wherever_it_is_killed";
    kill(test, &REPLAY, slice_or_whole(23, 1), slice_or_whole(1, 40));
}

#[test]
fn a_backfill_loses_nothing_and_sends_nothing_twice_wherever_it_is_killed() {
    let test = "kills::operations::a_backfill_loses_nothing_and_sends_nothing_twice_wherever_it_is_killed";
    kill(test, &BACKFILL, slice_or_whole(23, 1), slice_or_whole(1, 40));
}

#[test]
fn a_purge_loses_nobody_else_wherever_it_is_killed() {
    let test = "kills::operations::a_purge_loses_nobody_else_wherever_it_is_killed";
    kill(test, &PURGE, slice_or_whole(23, 1), slice_or_whole(1, 40));
}

#[test]
fn an_approval_loses_nothing_wherever_it_is_killed() {
    let test = "kills::operations::an_approval_loses_nothing_wherever_it_is_killed";
    kill(test, &APPROVE, slice_or_whole(23, 1), slice_or_whole(1, 40));
}

#[test]
fn a_rejection_sends_nothing_wherever_it_is_killed() {
    let test = "kills::operations::a_rejection_sends_nothing_wherever_it_is_killed";
    kill(test, &REJECT, slice_or_whole(23, 1), slice_or_whole(1, 40));
}
