//! Alerts of a running supervisor: each is reported once when its problem begins, not by the next
//! process, and once when it ends. In every story the end is the next report after a restart:
//! nothing was repeated.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use outflow_core::run::RunTrigger;
use outflow_core::sync::Schedule;
use outflow_core::{Answer, Code, Guards, RunId, RunState, SyncSpec};
use outflow_engine::serve::alert::Rules;
use outflow_engine::serve::{Event, RuntimeConfig};
use tokio::sync::Semaphore;

use crate::parts::{House, Scripted, Table, retry};
use crate::served::{MINUTE, Served, config, every_minute, gated, open};

/// A sync of users to `a`, and the moment it is.
struct Story {
    table: Table,
    spec: SyncSpec,
    a: Arc<Scripted>,
    rules: Rules,
    now: i64,
}

impl Story {
    /// No rule with a number fires; stories change one.
    fn new(a: Arc<Scripted>) -> Self {
        let rules = Rules {
            failed_runs: 1_000,
            rejected_percent: 100,
            skipped_percent: 100,
            no_success_for: Duration::from_secs(1 << 30),
            disk_above_reserve: 0,
        };
        Self { table: Table::users(1..=30), spec: every_minute(&["a"]), a, rules, now: 1_000_000 }
    }

    fn begin(&self) -> Served {
        self.start(House::new(&[&self.a]))
    }

    fn start(&self, house: House) -> Served {
        Served::start_fleet(house, self.now, |house| self.config(house))
    }

    fn config(&self, house: &House) -> RuntimeConfig {
        RuntimeConfig { rules: self.rules.clone(), ..config(house, &self.spec, &self.table) }
    }

    fn reload(&self, served: &Served) {
        served.handle.reload(self.config(&served.house));
    }

    /// The process ends, and another one begins.
    async fn restart(&self, served: Served) -> Served {
        self.start(served.end().await.reopened(&[&self.a]))
    }

    fn pass(&mut self, served: &Served, seconds: i64) {
        self.now += seconds;
        // The database's clock agrees with ours.
        *self.table.clock.lock().unwrap() = self.now;
        served.at(self.now);
    }

    /// A minute or somewhat more passes: a slot, with rows that are new.
    fn next_slot(&mut self, served: &Served, after: i64) {
        self.table.set((1..=30).map(|n| (Some(format!("{}-{n}", self.now)), "pro")));
        self.pass(served, after);
    }
}

/// The next report: `+kind subject: message` when it begins, `-kind subject` when it ends. It
/// counts as delivered at once.
async fn told(served: &mut Served) -> String {
    let pick = |n: &Event| match n {
        Event::Alert { alert } => Some(alert.clone()),
        _ => None,
    };
    let alert = served.next(pick).await;
    // The notifier confirms afterwards that it was reported.
    served.house.state().alert_reported(&alert).await.unwrap();
    match alert.recovered_at {
        None => format!("+{} {}: {}", alert.kind, alert.subject, alert.message),
        Some(_) => format!("-{} {}", alert.kind, alert.subject),
    }
}

async fn failed(served: &mut Served) {
    served.next(|n| matches!(n, Event::Failed { .. }).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_fails_so_many_times() {
    let mut story = Story::new(open("a"));
    story.rules.failed_runs = 3;
    *story.table.breaks_after.lock().unwrap() = Some(0);
    let mut served = story.begin();
    failed(&mut served).await;
    for _ in 0..2 {
        story.next_slot(&served, MINUTE);
        failed(&mut served).await;
    }
    assert_eq!(
        told(&mut served).await,
        "+sync_failing users: 3 runs of users in a row failed: the connection broke before the end of the result"
    );
    let mut served = story.restart(served).await;
    story.next_slot(&served, MINUTE);
    failed(&mut served).await;
    *story.table.breaks_after.lock().unwrap() = None;
    story.next_slot(&served, MINUTE);
    assert_eq!(told(&mut served).await, "-sync_failing users");
    assert_eq!(served.house.state().alerts().await.unwrap(), []);
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_rejected() {
    let mut story = Story::new(open("a"));
    story.rules.rejected_percent = 5;
    story.table.set((0..100).map(|n| ((n >= 6).then(|| n.to_string()), "pro")));
    let mut served = story.begin();
    assert_eq!(told(&mut served).await, "+rows_rejected users: run 1 of users rejected 6 of 100 rows");
    let mut served = story.restart(served).await;
    story.next_slot(&served, MINUTE);
    assert_eq!(told(&mut served).await, "-rows_rejected users");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_that_are_skipped() {
    let mut story = Story::new(open("a"));
    story.rules.skipped_percent = 20;
    let hold = Arc::new(Semaphore::new(0));
    story.table.hold = Some(hold.clone());
    let mut served = story.begin();
    served.started().await;
    for _ in 0..4 {
        story.next_slot(&served, MINUTE);
        served.skipped().await;
    }
    let message = "4 of the 5 slots of users in the last 24 hours were skipped";
    assert_eq!(told(&mut served).await, format!("+slots_skipped users: {message}"));
    let mut served = story.restart(served).await;
    hold.add_permits(100);
    assert_eq!(served.run_ended().await.1, RunState::Succeeded);
    story.pass(&served, 25 * 3600);
    assert_eq!(told(&mut served).await, "-slots_skipped users");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn time_without_success() {
    let mut story = Story::new(open("a"));
    story.rules.no_success_for = Duration::from_secs(600);
    let mut served = story.begin();
    served.run_ended().await;
    *story.table.breaks_after.lock().unwrap() = Some(0);
    story.pass(&served, 601);
    assert!(
        told(&mut served)
            .await
            .starts_with("+no_success users: no run of users has succeeded since 1970-01-12T")
    );
    let mut served = story.restart(served).await;
    *story.table.breaks_after.lock().unwrap() = None;
    story.next_slot(&served, MINUTE);
    assert_eq!(told(&mut served).await, "-no_success users");
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_refuses_the_key() {
    let (a, is_open) = gated("a");
    is_open.store(false, Ordering::SeqCst);
    let story = Story::new(a);
    let mut served = story.begin();
    let message = "destination a is paused: the destination refused the credentials";
    assert_eq!(told(&mut served).await, format!("+destination_paused a: {message}"));
    let mut served = story.restart(served).await;
    // It finds the key still refused.
    served.next(|n| matches!(n, Event::Delivered { .. }).then_some(())).await;
    is_open.store(true, Ordering::SeqCst);
    story.reload(&served);
    assert_eq!(served.run_ended().await, (RunId(1), RunState::Succeeded));
    assert_eq!(told(&mut served).await, "-destination_paused a");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_lags() {
    let is_up = Arc::new(AtomicBool::new(false));
    let up = is_up.clone();
    let a = Scripted::new("a", move |_, _| match up.load(Ordering::SeqCst) {
        true => Answer::Delivered,
        false => retry(Code::DestinationServerError),
    });
    let mut story = Story::new(a);
    // It is degraded when it has failed for longer than one interval.
    story.spec.schedule = Schedule::Every { every: Duration::from_secs(1), start: None };
    let mut served = story.begin();
    let message = "destination a is degraded: runs of users wait for it";
    assert_eq!(told(&mut served).await, format!("+destination_degraded users to a: {message}"));
    let mut served = story.restart(served).await;
    is_up.store(true, Ordering::SeqCst);
    assert_eq!(served.run_ended().await, (RunId(1), RunState::Succeeded));
    assert_eq!(told(&mut served).await, "-destination_degraded users to a");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full() {
    let mut story = Story::new(open("a"));
    story.rules.disk_above_reserve = u64::MAX;
    let mut served = story.begin();
    assert!(told(&mut served).await.starts_with("+disk_low disk: the spool's disk has "));
    let mut served = story.restart(served).await;
    served.next(|n| matches!(n, Event::Ended { .. }).then_some(())).await;
    story.rules.disk_above_reserve = 0;
    story.reload(&served);
    assert_eq!(told(&mut served).await, "-disk_low disk");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_a_guard_holds() {
    let mut story = Story::new(open("a"));
    story.spec.guards = Guards { max_rows: Some(29), ..Guards::default() };
    let mut served = story.begin();
    let alert = told(&mut served).await;
    let why = served.house.state().run(RunId(1)).await.unwrap().unwrap().reason.unwrap();
    assert_eq!(
        (why.0, alert),
        (
            Code::TooManyRows,
            format!("+run_awaiting_approval users: run 1 of users awaits approval: {}", why.1)
        )
    );
    let mut served = story.restart(served).await;
    served.handle.approve(RunId(1)).await.unwrap();
    served.run_ended().await;
    assert_eq!(told(&mut served).await, "-run_awaiting_approval users");
    // A rejected one does not wait either.
    story.next_slot(&served, MINUTE);
    assert!(told(&mut served).await.starts_with("+run_awaiting_approval users: run 2"));
    served.handle.reject(RunId(2), false).await.unwrap();
    assert_eq!(told(&mut served).await, "-run_awaiting_approval users");
    served.stop().await;
}

/// Deletes what the spool has of a run.
fn lose(house: &House, run: u64) {
    for entry in std::fs::read_dir(house.dir.path().join(format!("spool/{run}"))).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_lost() {
    let (a, is_open) = gated("a");
    is_open.store(false, Ordering::SeqCst);
    let mut story = Story::new(a);
    let mut served = story.begin();
    assert!(told(&mut served).await.starts_with("+destination_paused a"));
    lose(&served.house, 1);
    is_open.store(true, Ordering::SeqCst);
    let hold = Arc::new(Semaphore::new(0));
    story.table.hold = Some(hold.clone());
    let mut served = story.restart(served).await;
    assert_eq!(served.run_ended().await, (RunId(1), RunState::Lost));
    // Nothing waits for the destination any more. What is missing is read again at once, but the
    // alert fires until that is committed.
    let mut first = vec![told(&mut served).await];
    hold.add_permits(1);
    while first.len() < 3 {
        first.push(told(&mut served).await);
    }
    first.sort();
    let lost = "+run_lost users to a: 30 calls of run 1 of users did not reach a: the run is lost";
    assert_eq!(first, [lost, "-destination_paused a", "-run_lost users to a"]);
    assert_eq!(served.run_ended().await, (RunId(2), RunState::Succeeded));
    assert_eq!(served.house.state().run(RunId(2)).await.unwrap().unwrap().trigger, RunTrigger::Gap);
    assert_eq!(story.a.users().len(), 30);
    let mut served = story.restart(served).await;
    hold.add_permits(9);
    story.next_slot(&served, MINUTE);
    assert_eq!(served.run_ended().await, (RunId(3), RunState::Succeeded));
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_finished_run_is_recounted_and_one_that_does_not_add_up() {
    let mut story = Story::new(open("a"));
    let audited = |n: &Event| match n {
        Event::Audited { run, differences, .. } => Some((*run, differences.len())),
        _ => None,
    };
    let mut served = Served::start_fleet(House::new(&[&story.a]), story.now, |house| {
        let mut config = story.config(house);
        config.limits.audit_after = Duration::from_secs(60);
        config
    });
    served.run_ended().await;
    story.next_slot(&served, 61);
    assert_eq!(served.next(audited).await, (RunId(1), 0));
    assert_eq!(served.run_ended().await, (RunId(2), RunState::Succeeded));
    assert!(served.house.state().audit(RunId(1)).await.unwrap().unwrap().differences.is_empty());
    lose(&served.house, 2);
    story.next_slot(&served, 62);
    assert_eq!(served.next(audited).await, (RunId(2), 1));
    let message = "the numbers of run 2 of users do not add up";
    assert_eq!(told(&mut served).await, format!("+audit_failed users: {message}"));
    served.run_ended().await;
    story.pass(&served, 62);
    assert_eq!(served.next(audited).await, (RunId(3), 0));
    assert_eq!(told(&mut served).await, "-audit_failed users");
    served.end().await;
}
