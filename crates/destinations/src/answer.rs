//! Reads answers: what a status, a body or a broken connection means for the records of a request.
//!
//! This module decides what happened; the engine decides what follows. Reasons are cut and contain
//! neither control characters nor secrets of the destination.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use outflow_core::{Answer, Code, Refusal, Reply, steers_terminal};
use outflow_egress::{BodyEnd, Response, SendError, SendErrorKind, TlsProblem, page};
use tracing::warn;

use crate::body::{self, Body};
use crate::hint::{self, After};
use crate::manifest::Expect;

/// A reason is cut to this many bytes.
const REASON_BYTES: usize = 1000;
/// A shorter secret could be part of any text and is not masked.
const SHORTEST_SECRET: usize = 8;

/// Reads the answers of one destination.
pub(crate) struct Reader {
    expect: Expect,
    /// Texts that are masked in reasons.
    secrets: Vec<String>,
    /// A wait that cannot be read has been reported.
    has_warned: AtomicBool,
}

impl Reader {
    /// A reader that masks these texts.
    pub fn new(expect: Expect, secrets: Vec<String>) -> Self {
        Self { expect, secrets, has_warned: AtomicBool::new(false) }
    }

    /// What `result` means for a request of `calls` calls. `now` is used if the answer has no
    /// `Date`.
    pub fn read(&self, result: Result<Response, SendError>, calls: usize, now: Timestamp) -> Reply {
        match result {
            Ok(response) => {
                let hint = hint::rate(&response.headers, now);
                Reply { answer: self.answered(&response, calls, now), hint }
            }
            Err(error) => self.unanswered(&error).into(),
        }
    }

    fn answered(&self, response: &Response, calls: usize, now: Timestamp) -> Answer {
        let status = response.status;
        let stop = |code, reason| Answer::Stop { code, status: Some(status), reason };
        let body = response.body.trim_ascii();
        if (400..500).contains(&status) && wants_tls(body) {
            return stop(Code::DestinationAddressWrong, WRITE_HTTPS.to_owned());
        }
        let refusal = |code| Refusal { code, status: Some(status), reason: self.reason(response) };
        match status {
            200..=299 => self.success(response, calls),
            // A gateway's page: the service itself speaks JSON.
            400 | 409 | 422 if self.expect == Expect::Json && page::is_markup(body) => {
                stop(Code::DestinationAnswerInvalid, self.in_place("a web page", response))
            }
            407 | 511 => {
                let what = "a demand to log in to the network or to a proxy";
                stop(Code::DestinationAnswerInvalid, self.in_place(what, response))
            }
            400 | 409 | 422 => Answer::Refused(refusal(Code::CallRefused)),
            413 => Answer::TooLarge(refusal(Code::CallTooLargeForDestination)),
            401 | 403 => stop(Code::DestinationAuthFailed, self.words(response)),
            300..=399 => stop(Code::DestinationAddressWrong, redirect(response)),
            408 | 425 | 429 | 500..=599 if !matches!(status, 501 | 505) => {
                let code = match status {
                    408 => Code::DestinationTimeout,
                    425 | 429 => Code::DestinationThrottled,
                    _ => Code::DestinationServerError,
                };
                let (after, asked) = self.after(response, now);
                let words = self.words(response);
                // Braces alone say nothing.
                let words = if words.chars().any(char::is_alphanumeric) { words } else { named(status) };
                let mut reason = if asked.is_empty() { words } else { format!("{words}; {asked}") };
                if code == Code::DestinationThrottled {
                    reason = format!("{status}: {reason}");
                }
                Answer::Retry { code, status: Some(status), reason, after }
            }
            _ => stop(Code::DestinationAddressWrong, self.words(response)),
        }
    }

    /// What it means that a request got no answer.
    pub fn unanswered(&self, error: &SendError) -> Answer {
        let code = match error.kind {
            SendErrorKind::Blocked => Code::AddressNotAllowed,
            SendErrorKind::WantsTls => Code::DestinationAddressWrong,
            SendErrorKind::Tls => Code::DestinationTlsFailed,
            SendErrorKind::ProxyRefused => Code::ProxyRefused,
            SendErrorKind::ConnectTimeout
            | SendErrorKind::HeadTimeout
            | SendErrorKind::BodyTimeout
            | SendErrorKind::TotalTimeout => Code::DestinationTimeout,
            SendErrorKind::Resolve
            | SendErrorKind::Refused
            | SendErrorKind::Connect
            | SendErrorKind::Reset
            | SendErrorKind::Protocol => Code::DestinationUnreachable,
        };
        if code == Code::DestinationAddressWrong {
            return Answer::Stop { code, status: None, reason: WRITE_HTTPS.to_owned() };
        }
        let mut reason = self.clean(&error.to_string());
        if let Some(cure) = error.tls.as_ref().and_then(cure) {
            reason += &format!("; {cure}");
        }
        match code {
            Code::AddressNotAllowed | Code::DestinationTlsFailed | Code::ProxyRefused => {
                Answer::Stop { code, status: None, reason }
            }
            _ => Answer::Retry { code, status: None, reason, after: None },
        }
    }

    /// A 2xx means success only if the body says so.
    fn success(&self, response: &Response, calls: usize) -> Answer {
        let (status, stop) = (Some(response.status), |reason| Answer::Stop {
            code: Code::DestinationAnswerInvalid,
            status: Some(response.status),
            reason,
        });
        let whole = match &response.end {
            BodyEnd::Failed(error) => {
                let mut answer = self.unanswered(error);
                if let Answer::Retry { status, .. } = &mut answer {
                    *status = Some(response.status);
                }
                return answer;
            }
            BodyEnd::Unreadable(words) => return stop(format!("the answer cannot be read: it is {words}")),
            BodyEnd::Complete => true,
            BodyEnd::Cut => false,
        };
        let refusal = |reason| Refusal { code: Code::CallRefused, status, reason };
        match body::read(self.expect, response.status, &response.headers, &response.body, whole, calls) {
            Body::Yes => Answer::Delivered,
            Body::No => Answer::Refused(refusal(self.reason(response))),
            Body::Partly(calls) => Answer::Partial(
                calls.into_iter().map(|(at, words)| (at, refusal(self.clean(&words)))).collect(),
            ),
            // Too long to be read to its end, so what is kept of it is no answer as a whole.
            Body::Unclear(_) if !whole && !page::is_markup(response.body.trim_ascii()) => {
                let limit = outflow_egress::KEPT_BYTES / 1024;
                let what = format!("an answer of more than {limit} KiB, without compression,");
                stop(self.in_place(&what, response))
            }
            Body::Unclear(what) => stop(self.in_place(what, response)),
        }
    }

    /// What came in place of an answer of the service.
    fn in_place(&self, what: &str, response: &Response) -> String {
        self.clean(&format!(
            "{what} in place of the answer that the API gives: is the address right, and nothing in between? {}",
            shown(response.body.trim_ascii())
        ))
    }

    /// The wait that the service asks for, and what is to be said of it beside its words. One that
    /// cannot be read, or that is cut, is reported once.
    fn after(&self, response: &Response, now: Timestamp) -> (Option<Duration>, String) {
        let is_first = || !self.has_warned.swap(true, Ordering::Relaxed);
        let status = response.status;
        match hint::retry_after(&response.headers, now) {
            After::Now => (None, String::new()),
            After::Wait { wait, asked: None } => {
                (Some(wait), format!("it asks to wait {} (Retry-After)", in_words(wait)))
            }
            After::Wait { wait, asked: Some(asked) } => {
                let (asked, used) = (in_words(asked), in_words(wait));
                if is_first() {
                    warn!(
                        status,
                        asked, used, "the destination asks for a wait (Retry-After) that is too long"
                    );
                }
                (
                    Some(wait),
                    format!("it asks to wait {asked} (Retry-After), and {used} is the most that counts"),
                )
            }
            After::Unclear => {
                if is_first() {
                    warn!(status, "the destination states a wait (Retry-After) that cannot be read");
                }
                (None, "it asks for a wait (Retry-After) that cannot be read".to_owned())
            }
        }
    }

    /// What the service says, for people: of JSON, the words in it.
    fn words(&self, response: &Response) -> String {
        match body::words(&response.body) {
            Some(words) => self.clean(&words),
            None => self.reason(response),
        }
    }

    /// The answer's body as a reason; without one, the name of the status.
    fn reason(&self, response: &Response) -> String {
        if let BodyEnd::Unreadable(words) = &response.end {
            return format!("(an answer that is {words})");
        }
        let text = self.clean(shown(response.body.trim_ascii()).as_ref());
        if !text.is_empty() {
            return text;
        }
        named(response.status)
    }

    fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.secrets.iter().filter(|s| s.len() >= SHORTEST_SECRET) {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "***");
            }
        }
        text = text
            .chars()
            .map(|c| if c.is_whitespace() { ' ' } else { c })
            .filter(|c| !steers_terminal(*c))
            .collect();
        text.truncate(text.floor_char_boundary(REASON_BYTES));
        text.trim().to_owned()
    }
}

/// The name of a status.
fn named(status: u16) -> String {
    let words = http::StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason());
    words.unwrap_or("no reason given").to_owned()
}

/// A wait for people: `90s`, `2h`. What no clock reaches is not counted out.
fn in_words(wait: Duration) -> String {
    match wait.as_secs() {
        seconds if seconds > 366 * 86_400 => "more than a year".to_owned(),
        seconds if seconds >= 86_400 => format!("{}d", seconds.div_ceil(86_400)),
        seconds if seconds >= 7_200 => format!("{}h", seconds.div_ceil(3_600)),
        seconds => format!("{seconds}s"),
    }
}

/// A body as text. The markup of a web page is left out.
fn shown(body: &[u8]) -> std::borrow::Cow<'_, str> {
    if page::is_markup(body) {
        let title = page::title(body).map(|title| format!(" with the title {title:?}")).unwrap_or_default();
        return format!("(a web page{title})").into();
    }
    // More than is kept, since cleaning shortens it, and less than a whole body, which can be long.
    String::from_utf8_lossy(&body[..body.len().min(4 * REASON_BYTES)])
}

/// The target of a redirect without path and query, which can contain secrets.
fn redirect(response: &Response) -> String {
    let location = response.headers.get(http::header::LOCATION).and_then(|l| l.to_str().ok());
    let uri = location.and_then(|l| l.parse::<http::Uri>().ok());
    let target = uri.as_ref().and_then(|u| Some(format!("{}://{}", u.scheme_str()?, u.host()?)));
    let target = target.unwrap_or_else(|| "elsewhere".to_owned());
    match location.is_some_and(is_log_in) {
        true => format!(
            "it redirects to what looks like a log-in page ({target}): a gateway in between wants one"
        ),
        false if target == "elsewhere" => "it redirects elsewhere, and redirects are not followed".to_owned(),
        false => format!("it redirects to {target}, and redirects are not followed"),
    }
}

/// Whether the host or the path of an address is of a page to log in at.
fn is_log_in(location: &str) -> bool {
    const WORDS: [&str; 10] =
        ["login", "log-in", "log_in", "signin", "sign-in", "sign_in", "sso", "saml", "oauth", "auth"];
    let address = location.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let mut words = address.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
    words.any(|word| WORDS.contains(&word))
}

/// What some servers say on a port that speaks TLS.
fn wants_tls(body: &[u8]) -> bool {
    let body = &body[..body.len().min(4 * REASON_BYTES)];
    memchr::memmem::find(body, b"HTTP request was sent to HTTPS port").is_some()
        || memchr::memmem::find(body, b"HTTP request to an HTTPS server").is_some()
}

const WRITE_HTTPS: &str = "the server speaks TLS on this port: write https:// in its address";

/// What helps against a problem with TLS.
const fn cure(problem: &TlsProblem) -> Option<&'static str> {
    match problem {
        TlsProblem::UnknownAuthority => {
            Some("name the authority's certificate in `ca: FILE`, or add it to this machine's store")
        }
        TlsProblem::SelfSigned => Some(
            "have a certificate issued by an authority, and name that one in `ca: FILE`; or make it without CA:TRUE, and \
             name it there itself",
        ),
        TlsProblem::OtherName(_) => {
            Some("write the name of the certificate in the address, or have it issued anew")
        }
        TlsProblem::Expired(_) | TlsProblem::NotYetValid => {
            Some("have it renewed at the server, and check this machine's clock")
        }
        TlsProblem::NotTls => Some("if it is plain HTTP, write http://; or write the port that speaks TLS"),
        TlsProblem::WantsCertificate => Some("client certificates are not supported: use a key or a header"),
        TlsProblem::NameRefused => Some("check the host name in its address"),
        TlsProblem::NothingInCommon => Some("have TLS 1.2 or newer turned on at the server"),
        TlsProblem::OldVersion => Some(
            "have it issued as version 3, with the host name in subjectAltName (`openssl x509 -req` does so with -extfile)",
        ),
        TlsProblem::Unusable => Some("have it replaced at the server"),
        TlsProblem::BrokenOff => None,
    }
}

#[cfg(test)]
mod tests;
