//! `outflow serve` on a project, for tests that start it, ask it, kill it and hear what it says.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use outflow_testkit::crash::{Exit, Program, Running};
use serde_json::{Value, json};

use crate::support::Project;

/// Whoever waits longer for something waits in vain.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A running `outflow serve`.
pub struct Serving {
    running: Running,
    socket: PathBuf,
    /// Output that no test has waited for yet.
    kept: Vec<Value>,
}

impl Project {
    /// `outflow serve` with its log in JSON.
    pub fn server(&self) -> Program {
        self.program(&["serve", "--output", "json"])
    }

    /// A running `outflow serve`.
    pub fn serve(&self) -> Serving {
        Serving::of(self, &self.server())
    }
}

impl Serving {
    /// This program, which must be `outflow serve` in some guise.
    pub fn of(project: &Project, program: &Program) -> Serving {
        let socket = project.path().join(".outflow/control.sock");
        Serving { running: program.spawn(), socket, kept: Vec::new() }
    }

    /// Its state's folder is reached in another place than usual.
    pub fn reached_at(&mut self, folder: &str) {
        self.socket = PathBuf::from(folder).join("control.sock");
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.running.id()
    }

    /// Asks it on its socket. `None`: it is not there, or dies before it answers.
    pub fn ask(&self, ask: &Value) -> Option<Value> {
        let mut stream = UnixStream::connect(&self.socket).ok()?;
        stream.write_all(format!("{ask}\n").as_bytes()).ok()?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).ok()?;
        serde_json::from_str(&line).ok()
    }

    /// Asks for a run. The run's number if it has begun; `None` if the sync is busy, or the process
    /// is gone.
    pub fn trigger(&self, sync: &str) -> Option<u64> {
        self.ask(&json!({ "ask": "run", "sync": sync, "options": {} }))?["ok"]["started"].as_u64()
    }

    /// Waits for the first thing said and not taken yet for which `pick` has something. `None`: the
    /// process has ended.
    pub fn next<T>(&mut self, what: &str, pick: impl Fn(&Value) -> Option<T>) -> Option<T> {
        if let Some((i, found)) = self.kept.iter().enumerate().find_map(|(i, said)| Some((i, pick(said)?))) {
            self.kept.remove(i);
            return Some(found);
        }
        let started = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(started.elapsed());
            let Some(line) = self.running.next_line(left) else {
                assert!(
                    started.elapsed() < PATIENCE,
                    "waited in vain for {what}: {:?}",
                    self.kept.iter().rev().take(20).collect::<Vec<_>>()
                );
                return None;
            };
            let Ok(said) = serde_json::from_str::<Value>(&line) else { continue };
            if let Some(found) = pick(&said) {
                return Some(found);
            }
            self.kept.push(said);
        }
    }

    /// Keeps what it says within this time for whoever waits for it later.
    pub fn hear(&mut self, time: Duration) {
        if let Some(said) = self.running.next_line(time).and_then(|line| serde_json::from_str(&line).ok()) {
            self.kept.push(said);
        }
    }

    /// Forgets what it has said so far.
    pub fn forget(&mut self) {
        while self.running.next_line(Duration::ZERO).is_some() {}
        self.kept.clear();
    }

    /// Waits until it has said `event`, about this sync if one is named.
    pub fn event(&mut self, event: &str, sync: Option<&str>) -> Option<Value> {
        self.next(event, |said| {
            let is_it = said["event"] == event && sync.is_none_or(|sync| said["sync"] == sync);
            is_it.then(|| said.clone())
        })
    }

    /// Waits until it can be asked. `false`: it has ended before.
    pub fn is_up(&mut self) -> bool {
        self.event("serving", None).is_some()
    }

    /// Runs a sync once more, behind all its running work, and waits for the end of that run: then
    /// nothing of the sync is left to do. Tells the run's number and state; `None`: the process has
    /// ended before.
    pub fn drain(&mut self, sync: &str) -> Option<(u64, String)> {
        let answer = self.ask(&json!({ "ask": "run", "sync": sync, "options": {} }))?;
        let run = match answer["ok"]["started"].as_u64() {
            Some(run) => run,
            None => {
                // Busy: the request is queued, and its run begins after the one in the way.
                let behind =
                    answer["ok"]["queued"]["behind"].as_u64().unwrap_or_else(|| panic!("{sync}: {answer}"));
                self.next("the run that was asked for", |said| {
                    let begins =
                        said["event"] == "run started" && said["sync"] == sync && said["resumed"] == false;
                    said["run"].as_u64().filter(|run| begins && *run > behind)
                })?
            }
        };
        self.end_of(run)
    }

    /// Waits for the end of a run, and tells its number and state.
    pub fn end_of(&mut self, run: u64) -> Option<(u64, String)> {
        let ended = self.next("the end of a run", |said| {
            let ends =
                ["run ended", "run failed", "run awaits approval"].iter().any(|end| said["event"] == *end);
            (ends && said["run"] == run).then(|| said.clone())
        })?;
        Some((run, ended["state"].as_str().unwrap_or("failed").to_owned()))
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        self.running.signal(name);
    }

    /// Kills it after `delay`, unless it ends before.
    pub fn kill_after(self, delay: Duration) -> Exit {
        self.running.kill_after(delay)
    }

    /// Waits for its end.
    pub fn wait(self) -> Exit {
        self.running.wait()
    }

    /// Asks it to stop, and demands that it does so in order.
    pub fn stop(self) -> Exit {
        self.running.signal("TERM");
        let exit = self.running.wait();
        exit.assert_code(0);
        exit
    }
}
