//! `alerts` and `metrics`: when something counts as wrong, who gets the alerts, and where metrics
//! are served.

use std::fmt;
use std::net::SocketAddr;

use outflow_core::{Code, Error, Secret, Timestamp};
use outflow_egress::smtp::{Mailer, Message, Security};
use outflow_egress::{SigningKey, Target};
use outflow_engine::serve::alert::Rules;

use super::Problems;
use super::destinations::secret_parameter;
use super::document::{Node, Value};

/// A receiver of alerts, as the project describes it.
#[derive(Clone)]
pub enum ReceiverConfig {
    /// A signed POST request (Standard Webhooks).
    Webhook {
        /// The address. Such addresses often are secrets themselves.
        url: Secret,
        /// The key that signs.
        key: SigningKey,
    },
    /// An e-mail.
    Email {
        /// The server that takes the mail.
        mailer: Mailer,
        /// The sender.
        from: String,
        /// The recipients.
        to: Vec<String>,
    },
}

impl fmt::Debug for ReceiverConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Webhook { .. } => "Webhook",
            Self::Email { .. } => "Email",
        })
    }
}

pub(super) fn rules(node: Option<&Node>) -> Rules {
    let default = Rules::default();
    let get = |key: &str| node.and_then(|n| n.get(key));
    let whole = |key: &str, default| get(key).and_then(Node::whole).map_or(default, i64::cast_unsigned);
    Rules {
        failed_runs: whole("failed_runs", default.failed_runs),
        rejected_percent: whole("rejected_percent", default.rejected_percent),
        skipped_percent: whole("skipped_percent", default.skipped_percent),
        no_success_for: get("no_success_for").and_then(Node::duration).unwrap_or(default.no_success_for),
        disk_above_reserve: get("disk_above_reserve")
            .and_then(Node::size)
            .unwrap_or(default.disk_above_reserve),
    }
}

pub(super) fn receivers(node: Option<&Node>, problems: &mut Problems) -> Vec<ReceiverConfig> {
    let items = node.and_then(|n| n.get("to")).map_or(&[][..], Node::items);
    // Without its key no alert can be sent.
    let known = items.iter().filter(|item| !item.is_unresolved());
    known.filter_map(|item| receiver(item, problems)).collect()
}

fn receiver(node: &Node, problems: &mut Problems) -> Option<ReceiverConfig> {
    match (node.get("webhook"), node.get("email")) {
        (Some(webhook), None) => self::webhook(webhook, problems),
        (None, Some(email)) => self::email(email, problems),
        // A wrong value in their place was reported already.
        (None, None) if node.entries().next().is_some() => None,
        _ => {
            if matches!(node.value, Value::Table(_)) {
                let message = "a receiver of alerts is a webhook or an email";
                let help = "write - webhook: { url, secret } or - email: { server, from, to }";
                problems.add(&node.place, Code::MissingKey, message, help);
            }
            None
        }
    }
}

fn webhook(node: &Node, problems: &mut Problems) -> Option<ReceiverConfig> {
    let (url, secret) = (node.get("url")?, node.get("secret")?);
    if let Some(name) = url.text().filter(|_| !url.referenced).and_then(secret_parameter) {
        let message = format!("the secret in {name:?} of the address of a webhook is written into the file");
        let help = format!(
            "keep it in an environment variable, `…?{name}=${{env:NAME}}`; change the secret if others can read this file"
        );
        problems.add(&url.place, Code::SecretInFile, message, help);
    }
    let mut check = |at: &Node, error: Error| problems.add_error(&at.place, error.at(at.place.to_string()));
    let target = Target::new(url.text()?, []).map_err(|e| check(url, e));
    let key = SigningKey::new(&Secret::new(secret.text()?)).map_err(|e| check(secret, e));
    let (_, key) = (target.ok()?, key.ok()?);
    Some(ReceiverConfig::Webhook { url: Secret::new(url.text()?), key })
}

fn email(node: &Node, problems: &mut Problems) -> Option<ReceiverConfig> {
    let text = |key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
    let security = match text("tls").as_deref() {
        Some("implicit") => Security::Implicit,
        Some("none") => Security::Plain,
        _ => Security::StartTls,
    };
    let usual = match security {
        Security::Implicit => 465,
        Security::StartTls => 587,
        Security::Plain => 25,
    };
    let port = node.get("port").and_then(Node::whole).and_then(|p| u16::try_from(p).ok()).unwrap_or(usual);
    let login = match (node.get("user"), node.get("password")) {
        (Some(user), Some(password)) => user.text().zip(password.text()),
        (None, None) => None,
        _ => {
            let message = "user and password of a mail server go together";
            problems.add(&node.place, Code::MissingKey, message, "give both, or none");
            None
        }
    };
    let login = login.map(|(user, password)| (user.to_owned(), Secret::new(password)));
    let recipients = node.get("to")?;
    let (from, to) = (address(node.get("from")?, problems), recipients.items().iter());
    let to: Vec<_> = to.filter_map(|to| address(to, problems)).collect();
    if matches!(&recipients.value, Value::List(items) if items.is_empty()) {
        problems.add(&recipients.place, Code::MissingKey, "\"to\" names nobody", "name at least one address");
    }
    let ca = node.get("ca").and_then(Node::path);
    let mailer = Mailer { host: text("server")?, port, security, login, ca };
    if let Err(error) = mailer.check() {
        problems.add_error(&node.place, error.at(node.place.to_string()));
    }
    Some(ReceiverConfig::Email { mailer, from: from?, to })
}

/// A mail address. An invalid one is reported now, not when an alert fires.
fn address(node: &Node, problems: &mut Problems) -> Option<String> {
    let text = node.text()?;
    match Message::new(text, &[], Timestamp::UNIX_EPOCH, "", "", "") {
        Ok(_) => Some(text.to_owned()),
        Err(error) => {
            problems.add_error(&node.place, error.at(node.place.to_string()));
            None
        }
    }
}

pub(super) fn listen(node: Option<&Node>, example: &str, problems: &mut Problems) -> Option<SocketAddr> {
    let listen = node?.get("listen")?;
    let address = listen.text()?.parse().ok();
    if address.is_none() {
        let help = format!("write an address and a port, such as {example}");
        problems.add(&listen.place, Code::InvalidValue, "\"listen\" is no address with a port", &help);
    }
    address
}
