//! The state against plain vectors: random steps, with the store reopened, its process killed, and
//! the room for its files used up. After each of these the store holds every acknowledged step, the
//! running one as a whole or not at all, and nothing else.
//!
//! Killed and cramped stores run in a child: this test binary, configured by its environment.

mod child;

use std::collections::BTreeMap;

use outflow_core::ports::state::{
    BaselineRun, DeadLetter, Pausable, PauseKind, RunFilter, Settlement, State, SyncState,
};
use outflow_core::{Code, DeliveryCounts, DeliveryState, RunId, RunState, Timestamp};
use outflow_testkit::{Report, Rng, seed, slice_or_whole};

use crate::made::{at, counter, dead_letter, extraction, new_run, open_gaps, started_at};
use crate::stores::claim;

use child::{DIR, DONE, SEED, child, place, say};

/// How a run ends: each has rejected rows.
const ENDED: RunState = RunState::SucceededWithRejected;

const SYNCS: [&str; 3] = ["users", "orders", "groups"];
const DESTINATIONS: [&str; 2] = ["journeys", "audit"];

/// A step with its values, so that model and store get the same.
#[derive(Clone, Debug)]
enum Step {
    Create(usize),
    Skip(usize, Option<RunId>),
    Fire(usize, i64),
    Begin(RunId, i64),
    Commit(RunId, u64, bool),
    Settle(RunId, usize, u64),
    Conclude(RunId),
    End(RunId, RunState, bool),
    Forget(RunId),
    Pause(Pausable),
    Resume(Pausable),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    sync: usize,
    state: RunState,
    skipped_by: Option<RunId>,
    clock: Option<Timestamp>,
    calls: u64,
    segments: usize,
    ended: Option<Timestamp>,
    /// By destination.
    deliveries: Vec<Delivery>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Delivery {
    settled: u64,
    dead: Vec<DeadLetter>,
    sequence: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Model {
    runs: Vec<Run>,
    syncs: BTreeMap<usize, SyncState>,
    fired: BTreeMap<usize, Timestamp>,
    /// Open gaps: the run and how many calls.
    gaps: Vec<(RunId, u64)>,
    paused: BTreeMap<Pausable, Timestamp>,
    steps: i64,
}

fn moved(run: RunId, step: i64) -> SyncState {
    let cursor = Some(counter(step));
    let baseline = Some(BaselineRun { run, fingerprint: None });
    SyncState { cursor, baseline, ..started_at(step) }
}

/// Something that can be paused: two of them share a name.
fn pausable(n: usize) -> Pausable {
    let kind = if n == 2 { PauseKind::Destination } else { PauseKind::Sync };
    Pausable { kind, name: SYNCS[n % 2].to_owned() }
}

impl Run {
    fn new(sync: usize, state: RunState) -> Run {
        let (skipped_by, clock, calls, segments, ended, deliveries) = Default::default();
        Run { sync, state, skipped_by, clock, calls, segments, ended, deliveries }
    }

    fn delivery_state(&self, delivery: &Delivery) -> DeliveryState {
        match (delivery.settled == self.calls, !delivery.dead.is_empty()) {
            (false, _) => DeliveryState::Delivering,
            (true, true) => DeliveryState::Partial,
            (true, false) => DeliveryState::Succeeded,
        }
    }
}

impl Model {
    fn choose(&self, rng: &mut Rng) -> Step {
        let sync = rng.below(3) as usize;
        let run = RunId(1 + rng.below(self.runs.len() as u64 + 1));
        // Mostly one of the latest runs, which still have something before them.
        let late = RunId((self.runs.len() as u64).saturating_sub(rng.below(4)).max(1));
        match rng.below(26) {
            0..4 => Step::Create(sync),
            4 => Step::Skip(sync, (!self.runs.is_empty()).then_some(late)),
            5 => Step::Fire(sync, rng.below(1_000_000) as i64),
            6..10 => Step::Begin(late, rng.below(1_000_000) as i64),
            10..14 => Step::Commit(late, rng.below(4) * 10, rng.below(3) > 0),
            14..19 => Step::Settle(late, rng.below(2) as usize, 1 + rng.below(10)),
            19..21 => Step::Conclude(late),
            21 => {
                let ends = [RunState::Failed, RunState::Lost, RunState::Cancelled];
                Step::End(run, ends[rng.below(3) as usize], rng.below(2) == 0)
            }
            22 => Step::Forget(run),
            23 => Step::Pause(pausable(sync)),
            24 => Step::Resume(pausable(sync)),
            _ => Step::Begin(run, 7),
        }
    }

    /// Makes a step. `false`: a run's life does not have it, and nothing is changed.
    fn make(&mut self, step: &Step) -> bool {
        self.steps += 1;
        let now = at(self.steps);
        let index = |run: &RunId| (run.0 as usize).wrapping_sub(1);
        match step {
            Step::Create(sync) => {
                self.runs.push(Run::new(*sync, RunState::Queued));
                self.fired.insert(*sync, at(0));
            }
            Step::Skip(sync, by) => {
                let ended = Some(at(1));
                self.runs.push(Run { skipped_by: *by, ended, ..Run::new(*sync, RunState::Skipped) });
                self.fired.insert(*sync, at(0));
            }
            Step::Fire(sync, slot) => drop(self.fired.insert(*sync, at(*slot))),
            Step::Begin(run, clock) => match self.runs.get_mut(index(run)) {
                Some(r) if matches!(r.state, RunState::Queued | RunState::Extracting) => {
                    (r.state, r.clock) = (RunState::Extracting, Some(at(*clock)));
                }
                _ => return false,
            },
            Step::Commit(run, calls, moves) => match self.runs.get_mut(index(run)) {
                Some(r) if r.state == RunState::Extracting => {
                    (r.state, r.ended) =
                        if *calls == 0 { (ENDED, Some(at(60))) } else { (RunState::Delivering, None) };
                    (r.calls, r.segments) = (*calls, 3);
                    r.deliveries = vec![Delivery::default(); DESTINATIONS.len()];
                    if *moves {
                        self.syncs.insert(r.sync, moved(*run, self.steps));
                    }
                }
                _ => return false,
            },
            Step::Settle(run, destination, calls) => match self.runs.get_mut(index(run)) {
                Some(r) if !r.deliveries.is_empty() => {
                    let all = r.calls;
                    let d = &mut r.deliveries[*destination];
                    let before = d.settled;
                    d.settled = (before + calls).min(all);
                    d.sequence += 1;
                    if d.settled > before && calls % 3 == 0 {
                        d.dead.push(dead_letter(before));
                    }
                }
                _ => return false,
            },
            Step::Conclude(run) => {
                if let Some(r) = self.runs.get_mut(index(run))
                    && r.state == RunState::Delivering
                    && r.deliveries.iter().all(|d| d.settled == r.calls)
                {
                    let partial = r.deliveries.iter().any(|d| !d.dead.is_empty());
                    (r.state, r.ended) = (if partial { RunState::Partial } else { ENDED }, Some(now));
                }
            }
            Step::End(run, state, rewinds) => match self.runs.get_mut(index(run)) {
                Some(r) if r.ended.is_none() => {
                    (r.state, r.ended) = (*state, state.is_final().then_some(now));
                    if *state == RunState::Lost {
                        let missing = r.deliveries.iter().filter(|d| d.settled < r.calls);
                        self.gaps.extend(missing.map(|d| (*run, r.calls - d.settled)));
                    } else if *rewinds {
                        self.syncs.insert(r.sync, SyncState::default());
                    }
                }
                _ => return false,
            },
            Step::Forget(run) => {
                if let Some(r) = self.runs.get_mut(index(run)) {
                    r.segments = 0;
                }
            }
            Step::Pause(of) => drop(self.paused.entry(of.clone()).or_insert(now)),
            Step::Resume(of) => drop(self.paused.remove(of)),
        }
        true
    }

    /// Has the store make a step that led from `before` to this model.
    async fn apply_to(&self, before: &Model, store: &dyn State, step: &Step) -> outflow_core::Result<()> {
        let now = at(self.steps);
        match step {
            Step::Create(sync) => store.create_run(&new_run(SYNCS[*sync])).await.map(drop),
            Step::Skip(sync, by) => store
                .skip_run(&new_run(SYNCS[*sync]), *by, &(Code::RunInProgress, "busy".into()))
                .await
                .map(drop),
            Step::Fire(sync, slot) => store.set_fired(SYNCS[*sync], at(*slot)).await,
            Step::Begin(run, clock) => store.begin_extraction(*run, at(*clock), "0").await.map(drop),
            Step::Commit(run, calls, moves) => {
                let extraction = extraction(*calls, moves.then(|| moved(*run, self.steps)));
                store.commit_extraction(*run, &extraction).await.map(drop)
            }
            Step::Settle(run, destination, calls) => {
                let settlement = self.settlement(before, *run, *destination);
                store.settle(std::slice::from_ref(&settlement)).await?;
                // The same once more changes nothing.
                if calls % 2 == 0 { store.settle(&[settlement]).await } else { Ok(()) }
            }
            Step::Conclude(run) => store.conclude(*run, now).await.map(drop),
            Step::End(run, state, rewinds) => {
                let none = SyncState::default();
                if *state == RunState::Lost {
                    return store.lose_run(*run, now, &(Code::RunLost, "lost".into())).await.map(drop);
                }
                store.end_run(*run, *state, now, None, rewinds.then_some(&none)).await
            }
            Step::Forget(run) => store.forget_segments(*run).await,
            Step::Pause(of) => store.pause(std::slice::from_ref(of), now, &[]).await,
            Step::Resume(of) => store.resume(std::slice::from_ref(of), &[]).await,
        }
    }

    /// What leads from one model to the next.
    fn settlement(&self, before: &Model, run: RunId, destination: usize) -> Settlement {
        let of = |model: &Model| -> Option<(Delivery, DeliveryState)> {
            let run = model.runs.get((run.0 as usize).wrapping_sub(1))?;
            let delivery = run.deliveries.get(destination)?;
            Some((delivery.clone(), run.delivery_state(delivery)))
        };
        let none = (Delivery { sequence: 1, ..Delivery::default() }, DeliveryState::Delivering);
        let was = of(before).map(|(delivery, _)| delivery).unwrap_or_default();
        let (is, state) = of(self).unwrap_or(none);
        let dead = is.dead[was.dead.len()..].to_vec();
        let dead_letters = dead.len() as u64;
        Settlement {
            run,
            destination: DESTINATIONS[destination].into(),
            sequence: is.sequence,
            settled: vec![(was.settled, is.settled)],
            added: DeliveryCounts {
                delivered: is.settled - was.settled - dead_letters,
                dead_letters,
                ..DeliveryCounts::default()
            },
            dead,
            state,
            reason: None,
            at: at(0),
        }
    }

    /// One step of both. The store must refuse what the model does not have, and nothing else.
    async fn both(&mut self, store: &dyn State, rng: &mut Rng) {
        let (before, step) = (self.clone(), self.choose(rng));
        let made = self.make(&step);
        let result = self.apply_to(&before, store, &step).await;
        assert_eq!(made, result.is_ok(), "{step:?}: {result:?}");
    }

    /// What the store holds, in the words of the model.
    async fn read(store: &dyn State, steps: i64) -> Model {
        let mut model = Model { steps, ..Model::default() };
        for (n, name) in SYNCS.iter().enumerate() {
            if let Some(fired) = store.fired(name).await.unwrap() {
                model.fired.insert(n, fired);
            }
            model.syncs.insert(n, store.sync(name).await.unwrap());
        }
        model.gaps = open_gaps(store).await;
        model.paused =
            store.pauses().await.unwrap().into_iter().map(|pause| (pause.of, pause.since)).collect();
        let mut records = store.runs(&RunFilter::default()).await.unwrap();
        records.reverse();
        for (number, record) in (1..).zip(records) {
            assert_eq!(record.id, RunId(number));
            assert!(record.rows.closed(), "{record:?}");
            let mut deliveries = Vec::new();
            for d in store.deliveries(record.id).await.unwrap() {
                assert!(d.counts.closed() && d.settled.count() + d.counts.pending == d.counts.calls, "{d:?}");
                let dead = store.dead_letters(record.id, &d.destination, 0, 1_000).await.unwrap();
                deliveries.push(Delivery { settled: d.settled.low, dead, sequence: d.sequence });
            }
            model.runs.push(Run {
                sync: SYNCS.iter().position(|s| *s == record.sync).unwrap(),
                state: record.state,
                skipped_by: record.skipped_by,
                clock: record.clock,
                calls: record.rows.calls,
                segments: store.segments(record.id).await.unwrap().len(),
                ended: record.ended_at,
                deliveries,
            });
        }
        model
    }

    /// The model with what a store cannot tell apart put alike.
    fn plain(&self) -> Model {
        let mut plain = self.clone();
        for n in 0..SYNCS.len() {
            plain.syncs.entry(n).or_default();
        }
        plain
    }

    async fn assert_is(&self, store: &dyn State, what: &str) {
        let (found, expected) = (Model::read(store, self.steps).await, self.plain());
        if found != expected {
            let differs = found.runs.iter().zip(&expected.runs).find(|(a, b)| a != b);
            panic!("{what}, after {} steps: {differs:?}, {:?} {:?}", self.steps, found.syncs, expected.syncs);
        }
    }

    /// The model after that many steps from this seed.
    fn after(seed: u64, steps: i64) -> (Model, Rng) {
        let (mut model, mut rng) = (Model::default(), Rng::new(seed));
        while model.steps < steps {
            let step = model.choose(&mut rng);
            model.make(&step);
        }
        (model, rng)
    }
}

/// Random histories on the stores of `place`, claimed again at times. Returns cases and steps.
pub async fn random_histories(place: impl Fn(u64) -> String) -> (u64, u64) {
    let (first, cases, mut steps) = (seed(), slice_or_whole(20, 400), 0);
    for case in 0..cases {
        let place = place(case);
        let (mut model, mut rng) = (Model::default(), Rng::new(first + case));
        let mut store = claim(&place).await.unwrap();
        for _ in 0..120 {
            model.both(&*store, &mut rng).await;
            if model.steps % 30 == 0 {
                drop(store);
                store = claim(&place).await.unwrap();
                model.assert_is(&*store, "opened anew").await;
            }
        }
        model.assert_is(&*store, "at the end").await;
        steps += model.steps as u64;
    }
    (cases, steps)
}

#[tokio::test(flavor = "multi_thread")]
async fn random_steps_and_reopenings_leave_what_the_model_has() {
    let dir = tempfile::tempdir().unwrap();
    let place = |case: u64| dir.path().join(case.to_string()).to_string_lossy().into_owned();
    let (cases, steps) = random_histories(place).await;
    Report::new(
        "model::random_steps_and_reopenings_leave_what_the_model_has",
        "random steps of the state, right and wrong ones, and reopenings",
        steps,
    )
    .with("cases", cases)
    .with("divergences", 0)
    .print();
}

/// Not a test: what the child does. Without its environment it does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_child_process() {
    let (Ok(dir), Ok(seed), Ok(done)) = (std::env::var(DIR), std::env::var(SEED), std::env::var(DONE)) else {
        return;
    };
    let (mut model, mut rng) = Model::after(seed.parse().unwrap(), done.parse().unwrap());
    let store = match claim(&dir).await {
        Ok(store) => store,
        Err(error) => return say(&format!("closed {}", error.code())),
    };
    loop {
        let before = model.clone();
        let step = model.choose(&mut rng);
        let made = model.make(&step);
        match model.apply_to(&before, &*store, &step).await {
            result if result.is_ok() == made => say(&format!("did {}", model.steps)),
            // A store without room for a write fails, and can still be read.
            Err(error) if made => {
                before.assert_is(&*store, "after a write that failed").await;
                return say(&format!("failed {}", error.code()));
            }
            result => panic!("{step:?}: {result:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_leaves_what_it_acknowledged_and_at_most_the_step_under_way() {
    let (first, kills) = (seed(), slice_or_whole(15, 500));
    let (mut dir, mut done, mut seed, mut rng) = (tempfile::tempdir().unwrap(), 0, first, Rng::new(first));
    let mut ahead = 0;
    for n in 0..kills {
        if n % 25 == 0 {
            (dir, done, seed) = (tempfile::tempdir().unwrap(), 0, first + n);
        }
        let (acknowledged, _) = child(&place(&dir), seed, done, Some(1 + rng.below(60)), None);
        let store = claim(&place(&dir)).await.unwrap();
        let mut is_there = false;
        for steps in [acknowledged, acknowledged + 1] {
            if !is_there && Model::after(seed, steps).0.plain() == Model::read(&*store, steps).await {
                (done, is_there) = (steps, true);
            }
        }
        assert!(is_there, "kill {n}: neither {acknowledged} steps from seed {seed} nor one more");
        ahead += u64::from(done > acknowledged);
    }
    Report::new(
        "model::a_process_that_is_killed_leaves_what_it_acknowledged_and_at_most_the_step_under_way",
        "kill -9 of a process that writes the state",
        kills,
    )
    .with("steps that were done and not yet acknowledged", ahead)
    .with("divergences", 0)
    .print();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_fails_the_step_changes_nothing_and_is_got_over() {
    let (first, cases) = (seed(), slice_or_whole(60, 400));
    let (mut rng, mut failures) = (Rng::new(first), 0);
    for case in 0..cases {
        let (dir, seed) = (tempfile::tempdir().unwrap(), first + case);
        // The lower limits make opening a new state fail, the higher ones a later step.
        let blocks = if case < 60 { 176 + case * 8 } else { rng.below(2_000) };
        let (done, last) = child(&place(&dir), seed, 0, None, Some(blocks));
        assert!(["failed T004", "closed T001", "closed T004"].contains(&last.as_str()), "{last}");
        failures += u64::from(last == "failed T004");
        let store = claim(&place(&dir)).await.unwrap();
        let (mut model, mut rng) = Model::after(seed, done);
        model.assert_is(&*store, "with room again").await;
        for _ in 0..30 {
            model.both(&*store, &mut rng).await;
        }
        model.assert_is(&*store, "going on").await;
        drop(store);
        let (_, last) = child(&place(&dir), seed, model.steps, None, Some(rng.below(8)));
        assert!(["closed T001", "closed T004"].contains(&last.as_str()), "{last}");
        model.assert_is(&*claim(&place(&dir)).await.unwrap(), "after an opening without room").await;
    }
    assert!(failures * 4 > cases, "only {failures} of {cases} came as far as a step that failed");
    Report::new(
        "model::a_full_disk_fails_the_step_changes_nothing_and_is_got_over",
        "no room for the state's files (RLIMIT_FSIZE)",
        cases,
    )
    .with("divergences", 0)
    .print();
}
