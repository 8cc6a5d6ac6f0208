//! Telling people of alerts: by signed webhook and by e-mail.
//!
//! What always holds: an alert that fires and its end are each told once to every receiver, or given up after some tries; what a crash left untold is told by the next process.
//! Nothing waits for a receiver. No row value and no secret is in a message.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use outflow_core::ports::state::State;
use outflow_core::ports::watch::AlertRecord;
use outflow_core::{Clock as _, Code, Error, Secret, SystemClock, Timestamp, hash};
use outflow_egress::smtp::{Mailer, Message};
use outflow_egress::{Client, ClientOptions, Deadlines, SigningKey, Target};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::log::Log;

/// A receiver that fails is tried again after these pauses, and then no more.
const PAUSES: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(120)];

/// Somebody who is told.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// How it is named in messages; no secret is in it.
    pub name: String,
    way: Arc<Way>,
}

/// How somebody is told.
pub enum Way {
    /// By a signed POST request (Standard Webhooks).
    Webhook {
        /// Where to. Such addresses often are secrets themselves.
        url: Secret,
        /// What signs.
        key: SigningKey,
    },
    /// By e-mail.
    Email {
        /// Which server takes it.
        mailer: Mailer,
        /// The sender.
        from: String,
        /// The recipients.
        to: Vec<String>,
    },
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Webhook { .. } => "Webhook",
            Self::Email { .. } => "Email",
        })
    }
}

/// A message for receivers.
#[derive(Clone, Debug)]
pub struct Note {
    /// `alert.fired`, `alert.recovered` or `alert.test`.
    kind: &'static str,
    alert: AlertRecord,
}

impl Note {
    /// What there is to tell of an alert.
    pub fn of(alert: AlertRecord) -> Self {
        Self { kind: if alert.recovered_at.is_some() { "alert.recovered" } else { "alert.fired" }, alert }
    }

    /// A message that only shows that messages arrive.
    pub fn test(now: Timestamp) -> Self {
        let alert = AlertRecord {
            kind: "test".into(),
            subject: "test".into(),
            code: None,
            message: "this is a test; nothing is wrong".into(),
            since: now,
            recovered_at: None,
            told: false,
        };
        Self { kind: "alert.test", alert }
    }

    /// The same for every try, so that receivers can tell a repeat.
    fn id(&self) -> String {
        let AlertRecord { kind, subject, since, recovered_at, .. } = &self.alert;
        let identity = format!("{} {kind} {subject} {since} {recovered_at:?}", self.kind);
        format!("msg_{:032x}", hash::content(identity.as_bytes()))
    }

    fn json(&self) -> Value {
        let AlertRecord { kind, subject, code, message, since, recovered_at, .. } = &self.alert;
        json!({
            "type": self.kind,
            "timestamp": recovered_at.unwrap_or(*since),
            "data": {
                "alert": kind, "subject": subject, "code": code, "message": message, "since": since,
                "recovered_at": recovered_at,
            },
        })
    }

    fn subject(&self) -> String {
        let AlertRecord { kind, subject, .. } = &self.alert;
        let what = kind.replace('_', " ");
        match self.kind {
            "alert.test" => "[outflow] test alert".to_owned(),
            "alert.recovered" => format!("[outflow] recovered: {what}: {subject}"),
            _ => format!("[outflow] {what}: {subject}"),
        }
    }

    fn text(&self) -> String {
        let AlertRecord { code, message, since, recovered_at, .. } = &self.alert;
        let mut text = match recovered_at {
            Some(at) => format!("Recovered at {at:.0}. It was:\n\n{message}\n\nsince {since:.0}.\n"),
            None => format!("{message}\n\nSince {since:.0}.\n"),
        };
        if let Some(code) = code {
            text += &format!("What {code} means and what to do: outflow explain {code}\n");
        }
        text + "What fires now: outflow alerts\n"
    }
}

impl Receiver {
    /// A receiver, named after its host or its people.
    pub fn new(way: Way) -> Self {
        let name = match &way {
            Way::Webhook { url, .. } => {
                let uri = url.expose().parse::<http::Uri>().ok();
                format!("webhook {}", uri.as_ref().and_then(|u| u.host()).unwrap_or_default())
            }
            Way::Email { to, .. } => format!("email {}", to.join(", ")),
        };
        Self { name, way: Arc::new(way) }
    }

    /// Tells it once.
    ///
    /// # Errors
    /// Why it does not know: codes of area D.
    pub async fn tell(&self, note: &Note) -> Result<(), Error> {
        let now = SystemClock.now();
        match &*self.way {
            Way::Webhook { url, key } => post(url, key, note, now).await,
            Way::Email { mailer, from, to } => {
                let message = Message::new(from, to, now, &note.id(), &note.subject(), &note.text())?;
                mailer.send(&message).await
            }
        }
    }

    async fn tell_patiently(&self, note: &Note) -> Result<(), Error> {
        for pause in PAUSES {
            match self.tell(note).await {
                Ok(()) => return Ok(()),
                Err(_) => tokio::time::sleep(pause).await,
            }
        }
        self.tell(note).await
    }
}

async fn post(url: &Secret, key: &SigningKey, note: &Note, now: Timestamp) -> Result<(), Error> {
    let (id, body) = (note.id(), note.json().to_string());
    let time = now.as_second();
    let signature = key.sign(&id, time, body.as_bytes());
    let time = time.to_string();
    let headers = [
        ("content-type", "application/json"),
        ("webhook-id", &id),
        ("webhook-timestamp", &time),
        ("webhook-signature", &signature),
    ];
    let target = Target::new(url.expose(), headers)?;
    // Alerts are rare: a connection of their own each.
    let client = Client::new(&ClientOptions::default())?;
    let answer = client.post(&target, body.into(), &Deadlines::default()).await;
    let answer =
        answer.map_err(|e| Error::new(Code::D010, "the webhook for alerts did not answer").caused_by(e))?;
    if (200..300).contains(&answer.status) {
        return Ok(());
    }
    let message = format!("the webhook for alerts answered {} where 2xx was expected", answer.status);
    Err(Error::new(Code::D003, message).help("check url and secret of the webhook"))
}

/// Tells every receiver of what is news.
#[derive(Clone)]
pub struct Teller {
    receivers: Arc<Mutex<Vec<Receiver>>>,
    news: Arc<Notify>,
    log: Log,
}

impl Teller {
    /// A teller for these receivers.
    pub fn new(receivers: Vec<Receiver>, log: Log) -> Self {
        Self { receivers: Arc::new(Mutex::new(receivers)), news: Arc::default(), log }
    }

    /// Replaces the receivers: from the next message on.
    pub fn set(&self, receivers: Vec<Receiver>) {
        *self.receivers.lock().unwrap_or_else(PoisonError::into_inner) = receivers;
    }

    /// There is something to tell.
    pub fn wake(&self) {
        self.news.notify_one();
    }

    /// Tells for ever, beginning with what an earlier process left untold. Ends with an error of the state alone.
    pub async fn go(self, state: Arc<dyn State>) -> Result<(), Error> {
        loop {
            let alerts = blocking(&state, |state| state.alerts()).await?;
            for alert in alerts.into_iter().filter(AlertRecord::is_news) {
                self.tell_all(&Note::of(alert.clone())).await;
                blocking(&state, move |state| state.alert_told(&alert)).await?;
            }
            self.news.notified().await;
        }
    }

    async fn tell_all(&self, note: &Note) {
        let receivers = self.receivers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut tasks = JoinSet::new();
        for receiver in receivers {
            let (note, log) = (note.clone(), self.log);
            tasks.spawn(async move {
                if let Err(error) = receiver.tell_patiently(&note).await {
                    log.error("alert not told", &[("receiver", json!(receiver.name))], &error);
                }
            });
        }
        while tasks.join_next().await.is_some() {}
    }
}

async fn blocking<T: Send + 'static>(
    state: &Arc<dyn State>,
    work: impl FnOnce(&dyn State) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let state = state.clone();
    let done = tokio::task::spawn_blocking(move || work(&*state)).await;
    done.unwrap_or_else(|e| {
        Err(Error::new(Code::T004, "reading the state ended before its time").caused_by(e))
    })
}
