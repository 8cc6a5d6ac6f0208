//! What may happen to a watched sync: one random step after another.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use outflow_core::ports::state::NewRun;
use outflow_core::run::{RunKind, RunOptions, RunSpec, RunTrigger};
use outflow_core::{Clock as _, Code, RunState, Timestamp};
use outflow_engine::Errors;
use outflow_testkit::Rng;

use super::world::Version;
use super::{Bag, Watched};
use crate::parts::codes;

impl Watched {
    /// A run whose result breaks off.
    async fn fail(&mut self, rng: &mut Rng) {
        self.world.lock().breaks_after = Some(rng.below(4) as usize);
        let errors = self.house.run(&self.spec, &self.world).await.unwrap_err();
        self.failed(&errors);
    }

    pub(super) fn failed(&mut self, errors: &Errors) {
        assert_eq!(codes(errors), [Code::ConnectionBroken]);
        self.tried();
        assert!(self.sent().iter().all(Vec::is_empty));
    }

    /// A process that dies while its run extracts; the run that follows takes it up again.
    async fn crash(&mut self) {
        let clock = self.world.lock().clock();
        let (source, query) = ("shop.main".into(), self.spec.query.clone());
        let new = NewRun {
            sync: "users".into(),
            call_type: self.spec.call_type,
            trigger: RunTrigger::Manual,
            spec: RunSpec {
                source,
                query,
                connections: self.spec.connections.clone(),
                options: RunOptions::default(),
                guards: self.spec.guards.clone(),
                ids: Default::default(),
                skipped: Vec::new(),
            },
            due_at: self.world.now(),
            started_at: self.world.now(),
        };
        let run = self.house.state().create_run(&new).await.unwrap().id;
        self.house.state().begin_extraction(run, clock, "1").await.unwrap();
        self.tried();
        self.live(3, 1_000_000);
        assert!(self.run().await.resumed);
    }

    /// A run of whose calls those that destinations lack are lost, and are read again.
    async fn lose(&mut self, rng: &mut Rng) {
        self.takes.store(0, Ordering::SeqCst);
        let document = self.house.run(&self.spec, &self.world).await.unwrap();
        self.tried();
        let (snapshot, result) = self.read();
        if document.state == RunState::Delivering {
            self.house.engine.spool.remove(document.run).await.unwrap();
            let errors = self.house.run(&self.spec, &self.world).await.unwrap_err();
            assert_eq!(codes(&errors), [Code::SegmentMissing]);
            self.takes.store(usize::MAX, Ordering::SeqCst);
            self.live(rng.below(6), 1_000_000);
            for (n, name) in ["a", "b"].into_iter().enumerate() {
                let gap = self.house.engine.reader().gap(&self.spec, name).await.unwrap().unwrap();
                let filled = self.house.run_beside(&self.spec, &self.world, gap.backfill(name)).await;
                let ends = [RunState::Succeeded, RunState::SucceededWithRejected];
                assert!(ends.contains(&filled.state), "{filled:?}");
                self.judge_fill(n, &result, &snapshot);
            }
            self.seen.extend(&result);
            self.ever.extend(snapshot.iter().map(|v| (v.number, v.clone())));
            self.filled = true;
            self.previous = Some(result);
            self.between.clear();
            self.switched = false;
        } else {
            self.takes.store(usize::MAX, Ordering::SeqCst);
            self.judge(&document, &snapshot, result);
        }
    }

    /// What filled the gap of a lost run sent of that run what is still there, and nothing that an
    /// earlier run sent or the next one will send.
    fn judge_fill(&mut self, destination: usize, lost: &HashSet<usize>, before: &[Version]) {
        let (snapshot, found) = self.read();
        let snapshot = &snapshot[..];
        let none = HashSet::new();
        let kept = self.previous.as_ref().unwrap_or(&none).clone();
        let by_number: HashMap<usize, &Version> = snapshot.iter().map(|v| (v.number, v)).collect();
        let (people, beyond) = (self.shape.people, self.switched || !self.between.is_empty());
        let mut needed = Bag::new();
        // A person may have been touched since, and say the same.
        let is_there = |n: &usize| if people { true } else { found.contains(n) && by_number[n].good };
        let is_needed =
            |v: &&Version| lost.contains(&v.number) && !kept.contains(&v.number) && is_there(&v.number);
        for version in before.iter().filter(is_needed) {
            *needed.entry(version.content(&self.shape)).or_default() += 1;
        }
        let calls = self.sent();
        assert!(calls[1 - destination].is_empty(), "the others get nothing of it");
        let mut sent = Bag::new();
        for call in &calls[destination] {
            *sent.entry(self.content(call, snapshot)).or_default() += 1;
        }
        for (content, n) in &sent {
            let most = needed.get(content).unwrap_or(&0);
            assert!(n <= most || beyond, "a fill sent {content:?} {n} times, {most} are needed");
        }
        for (content, n) in needed.iter().filter(|_| !people) {
            let sent = sent.get(content).unwrap_or(&0);
            assert!(sent >= n, "a fill sent {content:?} {sent} times, {n} are needed");
        }
        for v in snapshot.iter().filter(|v| people && v.good && lost.contains(&v.number)) {
            let word = self.words[destination].get(&v.key).map(String::as_str);
            assert_eq!(word, Some(v.value), "a fill left {v:?} stale");
        }
    }

    /// A run with options sends what it reads, and moves nothing.
    async fn run_with(&mut self, options: RunOptions) {
        let before = self.house.state().sync("users").await.unwrap();
        let document = self.house.run_with(&self.spec, &self.world, options.clone()).await.unwrap();
        let (snapshot, result) = self.read();
        let good = snapshot.iter().filter(|v| v.good && result.contains(&v.number)).count();
        let sent = self.sent();
        assert_eq!(sent[1].len(), good, "{options:?}");
        assert_eq!(sent[0].len(), if options.destination.is_some() { 0 } else { good }, "{options:?}");
        assert_eq!(document.rows.unchanged, 0);
        let after = self.house.state().sync("users").await.unwrap();
        assert_eq!((&after.watermark, &after.cursor), (&before.watermark, &before.cursor), "{options:?}");
        self.between.push(result);
    }

    pub(super) async fn something(&mut self, rng: &mut Rng) {
        match rng.below(22) {
            20 | 21 => {
                // Raised or lowered, never below what writers rely on.
                let more = [0, 1, 30, 7_200][rng.below(4) as usize];
                self.spec.lookback = Duration::from_secs(self.shape.lookback.unsigned_abs() + more);
                self.run().await;
            }
            0 => self.fail(rng).await,
            1 => self.crash().await,
            2 => {
                self.takes.store(rng.below(3) as usize, Ordering::SeqCst);
                self.run().await;
                self.takes.store(usize::MAX, Ordering::SeqCst);
            }
            3 => self.lose(rng).await,
            4 => {
                self.spec.query += " -- edited";
                self.previous = None;
                self.run().await;
            }
            5 if !self.shape.cursor => {
                self.world.lock().switch_clock();
                self.switched = true;
                self.live(3, 1_000_000);
                self.run().await;
            }
            6 => {
                self.world.lock().breaks_again = true;
                self.run_or_fail().await;
                self.world.lock().breaks_again = false;
            }
            7 | 8 => {
                let full = rng.below(2) == 0;
                let destination = (rng.below(2) == 0).then(|| "b".to_owned());
                let limit = (rng.below(2) == 0).then(|| 1 + rng.below(4));
                let back = rng.below(60_000_000) as i64;
                let since = (!full && rng.below(2) == 0)
                    .then(|| Timestamp::from_microsecond(self.world.now().as_microsecond() - back).unwrap());
                let kind = match since {
                    _ if full => RunKind::Full,
                    Some(at) => RunKind::Since { at },
                    None => RunKind::Incremental,
                };
                let options = RunOptions { limit, destination, ..RunOptions::of(kind) };
                if !options.is_incremental() {
                    self.run_with(options).await;
                }
            }
            _ => {
                self.run().await;
            }
        }
    }
}
