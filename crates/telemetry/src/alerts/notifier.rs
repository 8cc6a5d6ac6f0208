//! Which receivers get an alert, when, and how often.
//!
//! Each receiver has its own queue and worker: one that hangs delays no other, and no sync
//! waits for any of them.
//!
//! What always holds:
//! - An alert and its end reach every receiver that answers in time, in this order, at least once
//!   and under the same ids.
//! - An alert counts as reported when one receiver has it, or when all have been given up. The next
//!   process sends what does not count as reported, and nothing else.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use outflow_core::ports::state::State;
use outflow_core::ports::watch::AlertRecord;
use outflow_core::{Code, Error, Timestamp};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::error;

use super::{Note, Receiver, is_transient};
use crate::log::as_error;

/// The capacity of a receiver's queue.
const WAITING: usize = 1_000;

/// How sending to a receiver that fails is repeated.
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
    /// Alerts changed.
    Look,
    /// There are other receivers.
    Receivers,
    /// The alert counts as reported.
    Told(Arc<AlertRecord>),
}

/// The way to the dispatcher.
#[derive(Clone)]
pub struct Notifier {
    commands: mpsc::UnboundedSender<Command>,
    receivers: Arc<Mutex<Vec<Receiver>>>,
}

impl Notifier {
    /// Has the dispatcher look for alerts that began or ended.
    pub fn wake(&self) {
        // The dispatcher is gone when the process is about to end.
        let _ = self.commands.send(Command::Look);
    }

    /// Replaces the receivers from the next message on. Messages in queues go to their old
    /// receivers.
    pub fn set(&self, receivers: Vec<Receiver>) {
        *self.receivers.lock().unwrap_or_else(PoisonError::into_inner) = receivers;
        let _ = self.commands.send(Command::Receivers);
    }
}

/// What dispatches. It can be run again after it failed: it begins with what is not reported.
#[derive(Clone)]
pub struct Dispatch {
    notifier: Notifier,
    inbox: Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<Command>>>,
    state: Arc<dyn State>,
    pace: Pace,
}

/// A notifier, and what has to run for it.
pub fn start(receivers: Vec<Receiver>, state: Arc<dyn State>, pace: Pace) -> (Notifier, Dispatch) {
    let (commands, inbox) = mpsc::unbounded_channel();
    let notifier = Notifier { commands, receivers: Arc::new(Mutex::new(receivers)) };
    let inbox = Arc::new(tokio::sync::Mutex::new(inbox));
    (notifier.clone(), Dispatch { notifier, inbox, state, pace })
}

impl Dispatch {
    /// Dispatches, beginning with what an earlier process left untold.
    ///
    /// # Errors
    /// Those of the state; it ends with nothing else.
    pub async fn run(self) -> Result<(), Error> {
        let Self { notifier: Notifier { commands, receivers }, inbox, state, pace } = self;
        let mut inbox = inbox.lock().await;
        let mut dispatcher = Dispatcher::new(commands, receivers, state, pace);
        dispatcher.spawn_workers();
        dispatcher.look().await?;
        while let Some(command) = inbox.recv().await {
            dispatcher.obey(command).await?;
        }
        Ok(())
    }
}

/// A message on its way to one receiver.
struct Notification {
    alert: Arc<AlertRecord>,
    queued_at: Instant,
    /// How many receivers have neither taken it nor been given up.
    open: Arc<AtomicUsize>,
}

struct Dispatcher {
    queues: Vec<(String, mpsc::Sender<Notification>)>,
    workers: JoinSet<()>,
    /// Alerts in queues that do not count as reported yet.
    on_the_way: HashSet<(String, String, Timestamp, bool)>,
    commands: mpsc::UnboundedSender<Command>,
    receivers: Arc<Mutex<Vec<Receiver>>>,
    state: Arc<dyn State>,
    pace: Pace,
}

impl Dispatcher {
    fn new(
        commands: mpsc::UnboundedSender<Command>,
        receivers: Arc<Mutex<Vec<Receiver>>>,
        state: Arc<dyn State>,
        pace: Pace,
    ) -> Self {
        let (queues, workers, on_the_way) = (Vec::new(), JoinSet::new(), HashSet::new());
        Self { queues, workers, on_the_way, commands, receivers, state, pace }
    }

    async fn obey(&mut self, command: Command) -> Result<(), Error> {
        match command {
            Command::Receivers => self.spawn_workers(),
            Command::Look => self.look().await?,
            Command::Told(alert) => {
                self.on_the_way.remove(&key(&alert));
                self.state.alert_reported(&alert).await?;
                // It may have ended meanwhile.
                self.look().await?;
            }
        }
        Ok(())
    }

    /// The workers of old queues end when those are empty.
    fn spawn_workers(&mut self) {
        let receivers = self.receivers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        while self.workers.try_join_next().is_some() {}
        self.queues.clear();
        for receiver in receivers {
            let (queue, inbox) = mpsc::channel(WAITING);
            self.queues.push((receiver.name.clone(), queue));
            self.workers.spawn(work(receiver, inbox, self.commands.clone(), self.pace));
        }
    }

    /// Queues what began or ended, and forgets what ended before a receiver got it.
    async fn look(&mut self) -> Result<(), Error> {
        for alert in self.state.alerts().await? {
            let begins = AlertRecord { recovered_at: None, ..alert.clone() };
            let is_reported_in = |alert| self.on_the_way.contains(&key(alert));
            if is_reported_in(&alert) || (!alert.is_news() && (alert.reported || is_reported_in(&begins))) {
                continue;
            }
            if alert.is_news() && !self.queues.is_empty() {
                self.on_the_way.insert(key(&alert));
                self.post(alert);
            } else {
                self.state.alert_reported(&alert).await?;
            }
        }
        Ok(())
    }

    /// Puts it into every queue.
    fn post(&self, alert: AlertRecord) {
        let (alert, open) = (Arc::new(alert), Arc::new(AtomicUsize::new(self.queues.len())));
        for (name, queue) in &self.queues {
            let notification =
                Notification { alert: alert.clone(), queued_at: Instant::now(), open: open.clone() };
            if let Err(full) = queue.try_send(notification) {
                let error =
                    Error::new(Code::DeliveryTimeout, format!("{WAITING} messages wait for this receiver"));
                given_up(&full.into_inner(), name, &error, &self.commands);
            }
        }
    }
}

fn key(alert: &AlertRecord) -> (String, String, Timestamp, bool) {
    (alert.kind.clone(), alert.subject.clone(), alert.since, alert.recovered_at.is_some())
}

/// Sends notifications to one receiver, one after the other.
async fn work(
    receiver: Receiver,
    mut inbox: mpsc::Receiver<Notification>,
    commands: mpsc::UnboundedSender<Command>,
    pace: Pace,
) {
    while let Some(notification) = inbox.recv().await {
        let note = Note::of(&notification.alert);
        let mut pause = pace.first;
        let outcome = loop {
            match send(&receiver, &note).await {
                Err(error) if is_transient(&error) && notification.queued_at.elapsed() < pace.patience => {
                    if pause == pace.first {
                        error!(
                            receiver = receiver.name,
                            alert = notification.alert.kind,
                            subject = notification.alert.subject,
                            error = as_error(&error),
                            "alert not reported yet"
                        );
                    }
                    tokio::time::sleep(pause).await;
                    pause = pause.saturating_mul(2).min(pace.longest);
                }
                outcome => break outcome,
            }
        };
        match outcome {
            Ok(()) => drop(commands.send(Command::Told(notification.alert))),
            Err(error) => given_up(&notification, &receiver.name, &error, &commands),
        }
    }
}

/// Sends in a task of its own: a panic gives up this message, and the next one is sent.
async fn send(receiver: &Receiver, note: &Note) -> Result<(), Error> {
    let (receiver, note) = (receiver.clone(), note.clone());
    let sent = tokio::spawn(async move { receiver.send(&note).await }).await;
    sent.unwrap_or_else(|_| Err(Error::new(Code::TaskFailed, "sending an alert ended unexpectedly")))
}

/// The receiver does not get the notification. If no other one may still get it, the alert counts
/// as reported.
fn given_up(
    notification: &Notification,
    receiver: &str,
    error: &Error,
    commands: &mpsc::UnboundedSender<Command>,
) {
    let AlertRecord { kind, subject, .. } = &*notification.alert;
    error!(receiver, alert = kind, subject, error = as_error(error), "alert not reported");
    if notification.open.fetch_sub(1, Ordering::SeqCst) == 1 {
        let _ = commands.send(Command::Told(notification.alert.clone()));
    }
}

#[cfg(test)]
mod tests;
