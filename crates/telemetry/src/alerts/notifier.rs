//! Whom to tell, when, and how often.
//!
//! Each receiver has a queue and a task of its own, so that one that hangs delays nobody else, and no sync waits for any of them. What always holds: an alert and its end reach
//! every receiver that answers in time, in this order, at least once and always under the same ids; an alert counts as told as soon as one receiver has it, or all have been given
//! up. What counts as told is not told again by the next process; what does not, is.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use outflow_core::ports::state::State;
use outflow_core::ports::watch::AlertRecord;
use outflow_core::{Code, Error, Timestamp};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Note, Receiver, passes};
use crate::log::Log;

/// So many messages wait for one receiver.
const WAITING: usize = 1_000;

/// How a receiver that fails is tried again.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The pause after the first failure. Each further one is twice as long.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// A message is given up at the first failure after this time.
    pub patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { first: seconds(5), longest: seconds(600), patience: seconds(2 * 3600) }
    }
}

enum Command {
    /// There is something to tell.
    News,
    /// These are the receivers from now on.
    Receivers(Vec<Receiver>),
    /// This counts as told.
    Told(Arc<AlertRecord>),
}

/// A way to whoever tells.
#[derive(Clone)]
pub struct Notifier(mpsc::UnboundedSender<Command>);

impl Notifier {
    /// There is something to tell.
    pub fn wake(&self) {
        // Nobody listens when the process is about to end.
        let _ = self.0.send(Command::News);
    }

    /// Replaces the receivers: from the next message on. What waits is sent as it was to be sent.
    pub fn set(&self, receivers: Vec<Receiver>) {
        let _ = self.0.send(Command::Receivers(receivers));
    }
}

/// Tells these receivers, beginning with what an earlier process left untold. The future ends with an error of the state alone.
pub fn start(
    receivers: Vec<Receiver>,
    state: Arc<dyn State>,
    pace: Pace,
    log: Log,
) -> (Notifier, impl Future<Output = Result<(), Error>>) {
    let (words, mut inbox) = mpsc::unbounded_channel();
    let mut office = Dispatcher::new(words.clone(), state, pace, log);
    let telling = async move {
        office.employ(receivers);
        office.look().await?;
        while let Some(word) = inbox.recv().await {
            office.hear(word).await?;
        }
        Ok(())
    };
    (Notifier(words), telling)
}

/// A message on its way to one receiver.
struct Notification {
    alert: Arc<AlertRecord>,
    written: Instant,
    /// Receivers that have yet to take it or to be given up.
    open: Arc<AtomicUsize>,
}

struct Dispatcher {
    queues: Vec<(String, mpsc::Sender<Notification>)>,
    carriers: JoinSet<()>,
    /// What was put into queues and does not count as told yet.
    on_the_way: HashSet<(String, String, Timestamp, bool)>,
    words: mpsc::UnboundedSender<Command>,
    state: Arc<dyn State>,
    pace: Pace,
    log: Log,
}

impl Dispatcher {
    fn new(words: mpsc::UnboundedSender<Command>, state: Arc<dyn State>, pace: Pace, log: Log) -> Self {
        let (queues, carriers, on_the_way) = (Vec::new(), JoinSet::new(), HashSet::new());
        Self { queues, carriers, on_the_way, words, state, pace, log }
    }

    async fn hear(&mut self, word: Command) -> Result<(), Error> {
        match word {
            Command::Receivers(receivers) => self.employ(receivers),
            Command::News => self.look().await?,
            Command::Told(alert) => {
                self.on_the_way.remove(&key(&alert));
                self.state(move |state| state.alert_told(&alert)).await?;
                // It may have ended meanwhile.
                self.look().await?;
            }
        }
        Ok(())
    }

    /// The carriers of old queues end when those are empty.
    fn employ(&mut self, receivers: Vec<Receiver>) {
        while self.carriers.try_join_next().is_some() {}
        self.queues.clear();
        for receiver in receivers {
            let (queue, letters) = mpsc::channel(WAITING);
            self.queues.push((receiver.name.clone(), queue));
            self.carriers.spawn(carry(receiver, letters, self.words.clone(), self.pace, self.log));
        }
    }

    /// Posts what is news, and forgets what ended before anybody was to be told.
    async fn look(&mut self) -> Result<(), Error> {
        for alert in self.state(|state| state.alerts()).await? {
            let begins = AlertRecord { recovered_at: None, ..alert.clone() };
            let is_told_of = |alert| self.on_the_way.contains(&key(alert));
            if is_told_of(&alert) || (!alert.is_news() && (alert.told || is_told_of(&begins))) {
                continue;
            }
            if alert.is_news() && !self.queues.is_empty() {
                self.on_the_way.insert(key(&alert));
                self.post(alert);
            } else {
                self.state(move |state| state.alert_told(&alert)).await?;
            }
        }
        Ok(())
    }

    /// Puts it into every queue.
    fn post(&self, alert: AlertRecord) {
        let (alert, open) = (Arc::new(alert), Arc::new(AtomicUsize::new(self.queues.len())));
        for (name, queue) in &self.queues {
            let letter = Notification { alert: alert.clone(), written: Instant::now(), open: open.clone() };
            if let Err(full) = queue.try_send(letter) {
                let error =
                    Error::new(Code::DeliveryTimeout, format!("{WAITING} messages wait for this receiver"));
                given_up(&full.into_inner(), name, &error, &self.words, self.log);
            }
        }
    }

    async fn state<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn State) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let state = self.state.clone();
        let done = tokio::task::spawn_blocking(move || work(&*state)).await;
        done.unwrap_or_else(|e| {
            Err(Error::new(Code::StateIo, "work on the state ended before its time").caused_by(e))
        })
    }
}

fn key(alert: &AlertRecord) -> (String, String, Timestamp, bool) {
    (alert.kind.clone(), alert.subject.clone(), alert.since, alert.recovered_at.is_some())
}

/// Takes letters to one receiver, one after the other.
async fn carry(
    receiver: Receiver,
    mut letters: mpsc::Receiver<Notification>,
    words: mpsc::UnboundedSender<Command>,
    pace: Pace,
    log: Log,
) {
    while let Some(letter) = letters.recv().await {
        let note = Note::of(&letter.alert);
        let mut pause = pace.first;
        let outcome = loop {
            match receiver.tell(&note).await {
                Err(error) if passes(&error) && letter.written.elapsed() < pace.patience => {
                    if pause == pace.first {
                        log.error("alert not told yet", &fields(&letter.alert, &receiver.name), &error);
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(pace.longest);
                }
                outcome => break outcome,
            }
        };
        match outcome {
            Ok(()) => drop(words.send(Command::Told(letter.alert))),
            Err(error) => given_up(&letter, &receiver.name, &error, &words, log),
        }
    }
}

/// This receiver will not be told. When it was the last one that might have been, the alert counts as told.
fn given_up(
    letter: &Notification,
    receiver: &str,
    error: &Error,
    words: &mpsc::UnboundedSender<Command>,
    log: Log,
) {
    log.error("alert not told", &fields(&letter.alert, receiver), error);
    if letter.open.fetch_sub(1, Ordering::SeqCst) == 1 {
        let _ = words.send(Command::Told(letter.alert.clone()));
    }
}

fn fields(alert: &AlertRecord, receiver: &str) -> [(&'static str, serde_json::Value); 3] {
    [("receiver", json!(receiver)), ("alert", json!(alert.kind)), ("subject", json!(alert.subject))]
}

#[cfg(test)]
mod tests;
