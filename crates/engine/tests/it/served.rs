//! A supervisor at work, with a clock that the tests set. They wait for notices and never for time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use outflow_core::ports::state::RunFilter;
use outflow_core::sync::Schedule;
use outflow_core::{Answer, Clock, Code, RunId, RunState, SyncSpec, Timestamp, Uptime};
use outflow_engine::operations::retention::RetentionPolicy;
use outflow_engine::serve::alert::Rules;
use outflow_engine::serve::{
    self, ConcurrencyLimits, Event, Handle, RestartPolicy, RuntimeConfig, SyncRuntime,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::parts::{House, Scripted, Table, stop, users_to};

/// A clock that stands still until it is set.
#[derive(Default)]
pub struct SetClock {
    /// What it says.
    wall: AtomicI64,
    /// How long the machine is up; 0: it does not tell.
    up: AtomicI64,
}

impl SetClock {
    /// It says this, in seconds, on a machine that is up for that long.
    pub fn new(wall: i64, up: i64) -> Arc<Self> {
        Arc::new(Self { wall: AtomicI64::new(wall), up: AtomicI64::new(up) })
    }

    pub fn set(&self, wall: i64, up: i64) {
        self.wall.store(wall, Ordering::SeqCst);
        self.up.store(up, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.wall.load(Ordering::SeqCst)).unwrap()
    }

    fn uptime(&self) -> Option<Uptime> {
        let up = self.up.load(Ordering::SeqCst);
        (up > 0).then(|| Uptime { boot: "a".into(), us: up * 1_000_000 })
    }
}

/// A supervisor at work in a house.
pub struct Served {
    pub house: House,
    pub clock: Arc<SetClock>,
    pub handle: Handle,
    pub notices: mpsc::UnboundedReceiver<Event>,
    /// Notices that no test has waited for yet.
    pub kept: Vec<Event>,
    /// What the test waits for, for whoever reads that it has not come.
    pub waits_for: String,
    pub ended: JoinHandle<outflow_core::Result<()>>,
}

/// A minute of the test's day.
pub const MINUTE: i64 = 60;

pub fn every_minute(destinations: &[&str]) -> SyncSpec {
    let schedule = Schedule::Every { every: Duration::from_secs(60), start: None };
    SyncSpec { schedule, ..users_to(destinations) }
}

impl Served {
    pub fn start(house: House, now: i64, spec: &SyncSpec, table: &Table) -> Self {
        Self::start_fleet(house, now, |house| config(house, spec, table))
    }

    pub fn start_fleet(house: House, now: i64, config: impl FnOnce(&House) -> RuntimeConfig) -> Self {
        Self::start_by(house, SetClock::new(now, 0), config)
    }

    /// The same by this clock.
    pub fn start_by(
        house: House,
        clock: Arc<SetClock>,
        config: impl FnOnce(&House) -> RuntimeConfig,
    ) -> Self {
        Self::start_observed(house, clock, config, |_| {})
    }

    /// `observe` sees each event first, in the task that reports it.
    pub fn start_observed(
        mut house: House,
        clock: Arc<SetClock>,
        config: impl FnOnce(&House) -> RuntimeConfig,
        observe: impl Fn(&Event) + Send + Sync + 'static,
    ) -> Self {
        house.engine.clock = clock.clone();
        let (told, notices) = mpsc::unbounded_channel();
        let config = config(&house);
        let observer = Arc::new(move |notice| {
            observe(&notice);
            drop(told.send(notice));
        });
        let (handle, supervising) = serve::start(config, observer);
        Self {
            house,
            clock,
            handle,
            notices,
            kept: Vec::new(),
            waits_for: String::new(),
            ended: tokio::spawn(supervising),
        }
    }

    pub fn at(&self, seconds: i64) {
        self.clock.set(seconds, 0);
        self.handle.wake();
    }

    /// The first notice not taken yet for which `pick` has something.
    pub async fn next<T>(&mut self, pick: impl Fn(&Event) -> Option<T>) -> T {
        let found = async {
            loop {
                if let Some((at, found)) = self.kept.iter().enumerate().find_map(|(i, n)| Some((i, pick(n)?)))
                {
                    self.kept.remove(at);
                    return found;
                }
                self.kept.push(self.notices.recv().await.expect("the supervisor lives"));
            }
        };
        match tokio::time::timeout(Duration::from_secs(30), found).await {
            Ok(found) => found,
            Err(_) => panic!("no such notice in time, only {:#?}; waits for {}", self.kept, self.waits_for),
        }
    }

    pub async fn started(&mut self) -> RunId {
        self.next(|n| if let Event::Started { run, .. } = n { Some(*run) } else { None }).await
    }

    pub async fn run_ended(&mut self) -> (RunId, RunState) {
        self.next(|n| if let Event::Ended { run, state, .. } = n { Some((*run, *state)) } else { None }).await
    }

    pub async fn skipped(&mut self) -> (RunId, Timestamp) {
        self.next(|n| if let Event::Skipped { run, slot, .. } = n { Some((*run, *slot)) } else { None }).await
    }

    pub async fn delivered(&mut self, destination: &str) -> RunId {
        self.next(|n| match n {
            Event::Delivered { destination: d, run, state, .. }
                if d == destination && *state == outflow_core::DeliveryState::Succeeded =>
            {
                Some(*run)
            }
            _ => None,
        })
        .await
    }

    /// Waits for the next notice that is no alert, and forgets those before.
    pub async fn something(&mut self) {
        self.kept.clear();
        self.next(|event| (!matches!(event, Event::Alert { .. })).then_some(())).await;
    }

    /// Waits until nothing is unfinished and nothing is missing.
    pub async fn settled(&mut self) {
        loop {
            let state = self.house.engine.state.clone();
            let runs = state.unfinished_runs().await.unwrap();
            let gaps = state.open_gaps().await.unwrap();
            if runs.is_empty() && gaps.is_empty() {
                return;
            }
            self.waits_for = format!("{runs:#?} and {gaps:#?}, with {:#?}", self.handle.queues());
            self.something().await;
        }
    }

    /// Stops. Returns the house, and how the supervisor ended.
    pub async fn result(self) -> (House, outflow_core::Result<()>) {
        self.house.stop.send_replace(true);
        let ended = tokio::time::timeout(Duration::from_secs(30), self.ended).await;
        (self.house, ended.expect("it stops").unwrap())
    }

    /// Stops.
    pub async fn end(self) -> House {
        let (house, ended) = self.result().await;
        ended.unwrap();
        house
    }

    /// The alert of this kind that begins next: its subject.
    pub async fn alert(&mut self, kind: &str) -> String {
        self.next(|event| match event {
            Event::Alert { alert } if alert.kind == kind && alert.recovered_at.is_none() => {
                Some(alert.subject.clone())
            }
            _ => None,
        })
        .await
    }

    /// Stops, and proves of every run that its numbers add up.
    pub async fn stop(self) -> House {
        let house = self.end().await;
        let runs = house.state().runs(&RunFilter::default()).await.unwrap();
        for run in runs.iter().filter(|r| r.state != RunState::Skipped) {
            let found = house.engine.reader().verify(run.id).await.unwrap();
            assert!(found.differences.is_empty(), "{found:?}");
        }
        house
    }
}

pub fn config(house: &House, spec: &SyncSpec, table: &Table) -> RuntimeConfig {
    RuntimeConfig {
        engine: house.engine.clone(),
        syncs: vec![SyncRuntime { spec: spec.clone(), warehouse: Arc::new(table.clone()) }],
        limits: ConcurrencyLimits {
            degraded_after: Duration::from_millis(20),
            // A running recount would hold the state when a test opens it again.
            audit_after: Duration::from_secs(1 << 30),
            restarts: RestartPolicy {
                first: Duration::from_millis(1),
                longest: Duration::from_millis(5),
                times: 3,
                ..RestartPolicy::default()
            },
            ..ConcurrencyLimits::default()
        },
        keep: RetentionPolicy::default(),
        rules: Rules::default(),
    }
}

pub fn open(name: &str) -> Arc<Scripted> {
    Scripted::new(name, |_, _| Answer::Delivered)
}

/// Takes calls while the gate says so; else its key is refused.
pub fn gated(name: &str) -> (Arc<Scripted>, Arc<AtomicBool>) {
    let is_open = Arc::new(AtomicBool::new(true));
    let gate = is_open.clone();
    let scripted = Scripted::new(name, move |_, _| match gate.load(Ordering::SeqCst) {
        true => Answer::Delivered,
        false => stop(Code::DestinationAuthFailed),
    });
    (scripted, is_open)
}
