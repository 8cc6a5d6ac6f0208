//! Alerts to their receivers, by signed webhook and by e-mail.
//!
//! Here is what a message says and how it is sent to one receiver once; the [`Notifier`] decides
//! which receivers get it, when and how often. No row value and no secret is in a message.

mod notifier;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use outflow_core::ports::watch::AlertRecord;
use outflow_core::{Clock as _, Code, Error, Secret, SystemClock, Timestamp, hash};
use outflow_egress::smtp::{Mailer, Message};
use outflow_egress::{Client, Deadlines, SendErrorKind, SigningKey, Target, page};
use serde_json::{Value, json};

pub use notifier::{Dispatch, Notifier, Pace, start};

/// A webhook takes an alert within this time or not at all.
const DEADLINES: Deadlines = Deadlines {
    connect: Duration::from_secs(10),
    head: Duration::from_secs(15),
    idle: Duration::from_secs(5),
    total: Duration::from_secs(20),
};

/// Where alerts are sent.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// What messages and the log call it; no secret is in it.
    pub name: String,
    channel: Arc<Channel>,
}

/// How alerts are sent.
#[allow(missing_docs, reason = "the names of fields say it")]
pub enum Channel {
    /// A signed POST request (Standard Webhooks).
    Webhook {
        /// Its address, which often is a secret itself.
        url: Secret,
        key: SigningKey,
        /// What it is sent with.
        client: Client,
    },
    /// An e-mail.
    Email { mailer: Mailer, from: String, to: Vec<String> },
}

impl fmt::Debug for Channel {
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
    /// The message that an alert fires, or has recovered.
    pub fn of(alert: &AlertRecord) -> Self {
        let kind = if alert.recovered_at.is_some() { "alert.recovered" } else { "alert.fired" };
        Self { kind, alert: alert.clone() }
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
            reported: false,
        };
        Self { kind: "alert.test", alert }
    }

    /// The same in every attempt, so that receivers can drop repeats.
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
    /// A receiver, named after its host or its recipients.
    pub fn new(channel: Channel) -> Self {
        let name = match &channel {
            Channel::Webhook { url, .. } => {
                let uri = url.expose().parse::<http::Uri>().ok();
                format!("webhook {}", uri.as_ref().and_then(|u| u.host()).unwrap_or_default())
            }
            Channel::Email { to, .. } => format!("email {}", to.join(", ")),
        };
        Self { name, channel: Arc::new(channel) }
    }

    /// Sends a message, once.
    ///
    /// # Errors
    /// Why it did not arrive: codes of area D.
    pub async fn send(&self, note: &Note) -> Result<(), Error> {
        let now = SystemClock.now();
        match &*self.channel {
            Channel::Webhook { url, key, client } => post(client, url, key, note, now).await,
            Channel::Email { mailer, from, to } => {
                let message = Message::new(from, to, now, &note.id(), &note.subject(), &note.text())?;
                mailer.send(&message).await
            }
        }
    }
}

async fn post(
    client: &Client,
    url: &Secret,
    key: &SigningKey,
    note: &Note,
    now: Timestamp,
) -> Result<(), Error> {
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
    let answer = client.post(&target, body.into(), &DEADLINES).await.map_err(|e| {
        let code = match e.kind {
            SendErrorKind::Blocked => Code::AddressNotAllowed,
            SendErrorKind::Tls => Code::DestinationTlsFailed,
            SendErrorKind::ProxyRefused => Code::ProxyRefused,
            SendErrorKind::WantsTls => Code::DestinationAddressWrong,
            SendErrorKind::HeadTimeout | SendErrorKind::BodyTimeout | SendErrorKind::TotalTimeout => {
                Code::DestinationTimeout
            }
            SendErrorKind::Protocol => Code::DestinationAnswerInvalid,
            _ => Code::DestinationUnreachable,
        };
        Error::new(code, format!("the webhook for alerts gave no answer: {}", e.kind))
            .quoting(e.detail())
            .help(match e.kind {
                SendErrorKind::WantsTls => "write https:// in its url",
                _ => "see that its url names a host and a port that answer this machine",
            })
    })?;
    let code = match answer.status {
        200..300 if page::is_markup(answer.body.trim_ascii()) => {
            let message = "a web page answered in place of the webhook for alerts";
            return Err(Error::new(Code::DestinationAnswerInvalid, message)
                .help("check its url, and whether a page to log in is in between"));
        }
        200..300 => return Ok(()),
        429 => Code::DestinationThrottled,
        408 | 425 | 500.. => Code::DestinationServerError,
        401 | 403 => Code::DestinationAuthFailed,
        300..=399 | 404 | 410 => Code::DestinationAddressWrong,
        _ => Code::CallRefused,
    };
    let message = format!("the webhook for alerts answered {} where 2xx was expected", answer.status);
    Err(Error::new(code, message).help("check url and secret of the webhook"))
}

/// Whether the same message may be taken later: no connection, no answer in time or none that makes
/// sense, 408, 425, 429 and 5xx, and what a mail server refuses for now (4yz).
fn is_transient(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::DestinationUnreachable
            | Code::DestinationTimeout
            | Code::DestinationTlsFailed
            | Code::DestinationThrottled
            | Code::DestinationServerError
            | Code::DestinationAnswerInvalid
    )
}
