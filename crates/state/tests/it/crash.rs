//! Processes that are killed: acknowledged writes stay, and the next process takes over at once.
//!
//! The child is this test binary again, configured by its environment.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use outflow_core::ports::state::{RunFilter, State, StateStore as _};
use outflow_core::{Code, RunState};
use outflow_state::SqliteStore;

use crate::made::{at, delivering, progress};

async fn open(dir: &Path) -> outflow_core::Result<Arc<dyn State>> {
    SqliteStore::new(dir).claim(None).await
}

const ROLE: &str = "OUTFLOW_STATE_TEST_ROLE";
const DIR: &str = "OUTFLOW_STATE_TEST_DIR";
/// Marks what the child says, among the lines of the test harness.
const MARK: &str = "@@";

/// Not a test: what the child does. Without its environment it does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_child_process() {
    let (Ok(role), Ok(dir)) = (std::env::var(ROLE), std::env::var(DIR)) else { return };
    let state = open(Path::new(&dir)).await.unwrap();
    match role.as_str() {
        "hold" => {
            say("held");
            let _ = std::io::stdin().read(&mut [0]);
        }
        _ => work(&*state).await,
    }
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{MARK}{text}").unwrap();
    out.flush().unwrap();
}

/// Runs without end, telling each fact after it is durable.
async fn work(state: &dyn State) {
    loop {
        let run = delivering(state, "users", 100).await;
        say(&format!("{run} 0"));
        let mut records = state.deliveries(run).await.unwrap();
        for step in 1..=10 {
            for record in &mut records {
                state.settle(&[progress(run, record, 10)]).await.unwrap();
            }
            say(&format!("{run} {}", step * 10));
        }
        state.end_run(run, RunState::Partial, at(99), None, None).await.unwrap();
        say(&format!("{run} ended"));
    }
}

struct Other {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Other {
    fn start(role: &str, dir: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::the_child_process", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env(DIR, dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next thing that it says.
    fn hear(&mut self) -> String {
        loop {
            let line = self.lines.next().expect("the child ended").unwrap();
            if let Some(said) = line.strip_prefix(MARK) {
                return said.to_owned();
            }
        }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_owner_is_replaced_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut other = Other::start("hold", dir.path());
    assert_eq!(other.hear(), "held");
    assert_eq!(open(dir.path()).await.err().unwrap().code(), Code::StateHeld);
    SqliteStore::new(dir.path()).reader().await.unwrap();

    let store = SqliteStore::new(dir.path());
    let waiting = store.claim(Some(Box::pin(std::future::pending())));
    tokio::pin!(waiting);
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut waiting).await.is_err(), "it waits");
    other.kill();
    drop(waiting.await.unwrap());
    open(dir.path()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_to_be_done_is_done_after_a_kill_at_any_instant() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..12 {
        let mut other = Other::start("work", dir.path());
        let mut said = other.hear();
        for _ in 0..round * 3 {
            said = other.hear();
        }
        other.kill();
        let state = open(dir.path()).await.unwrap();
        everything_adds_up(&*state).await;
        let (run, fact) = said.split_once(' ').unwrap();
        let run = outflow_core::RunId(run.parse().unwrap());
        let record = state.run(run).await.unwrap().unwrap();
        match fact {
            "ended" => assert_eq!(record.state, RunState::Partial, "{said}"),
            settled => {
                let settled: u64 = settled.parse().unwrap();
                let deliveries = state.deliveries(run).await.unwrap();
                assert!(deliveries.iter().all(|d| d.settled.low >= settled), "{said}: {deliveries:?}");
            }
        }
        drop(state);
        let database = rusqlite::Connection::open(dir.path().join("state.db")).unwrap();
        let check: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
    }
}

async fn everything_adds_up(state: &dyn State) {
    let runs = state.runs(&RunFilter::default()).await.unwrap();
    let newest = runs.iter().find(|r| r.extracted_at.is_some()).map(|r| r.id);
    assert_eq!(
        state.sync("users").await.unwrap().baseline.map(|b| b.run),
        newest,
        "the sync moves with the commit"
    );
    for run in runs {
        assert!(run.rows.closed());
        let deliveries = state.deliveries(run.id).await.unwrap();
        assert_eq!(deliveries.len(), if run.extracted_at.is_some() { 2 } else { 0 });
        for delivery in deliveries {
            assert!(delivery.counts.closed());
            assert_eq!(delivery.counts.pending, 100 - delivery.settled.count());
            let dead = state.dead_letters(run.id, &delivery.destination, 0, 1000).await.unwrap();
            assert_eq!(dead.len() as u64, delivery.counts.dead_letters, "letters and cursor move together");
        }
    }
}
