//! The test of a destination over HTTP: the way to it, and whether it takes the key.
//!
//! What always holds: no call of a person is sent. An API gets an empty batch with the key of the
//! project, and one with a made-up key: only if it treats the two differently is the key proven. A
//! webhook gets no request, or one call that says that it is a test, if that is requested.

use std::time::{Duration, Instant};

use bytes::Bytes;
use outflow_core::ports::check::{Check, Step};
use outflow_core::ports::destination::Envelope;
use outflow_core::{Answer, BoxFuture, Code, Error, Reply};
use outflow_egress::{Client, Probe, ProbeFound, ProbeStep, Target};
use serde_json::json;

use crate::answer::Reader;

/// The key of the request that the answer to the project's key is compared with.
pub(crate) const MADE_UP_KEY: &str = "outflow-destination-test";

/// The one call that a webhook gets on request.
const TEST_CALL: &str = r#"{"messageId":"outflow-destination-test","type":"track","anonymousId":"outflow-destination-test","event":"Outflow Test","properties":{"test":true}}"#;

type Report<'a> = &'a mut (dyn FnMut(Check) + Send);
type Post<'a> = Box<dyn Fn(&'a Target, Bytes, usize) -> BoxFuture<'a, Reply> + Send + Sync + 'a>;

/// What is tested.
pub(crate) struct Subject<'a> {
    pub client: &'a Client,
    pub target: &'a Target,
    /// The same with [`MADE_UP_KEY`], where a key is what proves us.
    pub made_up: Option<&'a Target>,
    /// A connection may take this long.
    pub connect: Duration,
    pub envelope: &'a Envelope,
    pub reader: &'a Reader,
    /// Posts a body with this number of records once.
    pub post: Post<'a>,
}

/// Goes through all steps and reports each as it ends; one that fails is the last.
pub(crate) async fn run(subject: &Subject<'_>, sends_call: bool, report: Report<'_>) {
    let mut step = |probe| report(of_probe(subject, probe));
    if !subject.client.probe(subject.target, subject.connect, &mut step).await {
        return;
    }
    match subject.made_up {
        Some(made_up) => report(key(subject, made_up).await),
        None if sends_call => report(call(subject).await),
        None => {}
    }
}

/// A step on the way.
fn of_probe(subject: &Subject<'_>, Probe { step, found, took }: Probe) -> Check {
    let step = match step {
        ProbeStep::Name => Step::Name,
        ProbeStep::Tcp => Step::Tcp,
        ProbeStep::Proxy => Step::Proxy,
        ProbeStep::Tls => Step::Tls,
    };
    let (summary, problems, details) = match found {
        Ok(ProbeFound::Name(addresses)) => {
            let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            (texts.join(", "), Vec::new(), vec![("addresses", json!(texts))])
        }
        Ok(ProbeFound::Tcp { address, ours }) => {
            let from = ours.map(|ours| format!(" from {ours}")).unwrap_or_default();
            let ours = ours.map(|ours| ("local_address", json!(ours.to_string())));
            let details = [("address", json!(address.to_string()))].into_iter().chain(ours);
            (format!("{address}{from}"), Vec::new(), details.collect())
        }
        Ok(ProbeFound::Proxy { proxy }) => {
            (format!("{proxy} opens the way"), Vec::new(), vec![("proxy", json!(proxy))])
        }
        Ok(ProbeFound::Tls(version)) => {
            (format!("{version}, a good certificate"), Vec::new(), vec![("version", json!(version))])
        }
        Err(error) => {
            let problem = match Told::of(subject.reader.unanswered(&error)) {
                Told::Fault(problem) => problem,
                Told::Yes | Told::Refused(_) => Error::new(Code::DestinationUnreachable, error.to_string()),
            };
            ("failed".to_owned(), vec![problem], Vec::new())
        }
    };
    Check { step, summary, problems, details, took }
}

/// What a service says to a request without a call.
enum Told {
    /// A success.
    Yes,
    /// It refuses this body: in these words.
    Refused(String),
    /// It is not there, or refuses everything.
    Fault(Error),
}

impl Told {
    fn of(answer: Answer) -> Self {
        match answer {
            Answer::Delivered | Answer::Partial(_) => Self::Yes,
            Answer::Refused(refusal) | Answer::TooLarge(refusal) => Self::Refused(refusal.reason),
            Answer::Stop { code, reason, .. } | Answer::Retry { code, reason, .. } => {
                let error = Error::new(code, format!("{}: {reason}", code.title()));
                Self::Fault(match help(code) {
                    Some(help) => error.help(help),
                    None => error,
                })
            }
        }
    }

    /// Whether it is about the key.
    fn is_about_key(&self) -> bool {
        matches!(self, Self::Fault(error) if error.code() == Code::DestinationAuthFailed)
    }

    fn words(&self) -> String {
        match self {
            Self::Yes => "success".to_owned(),
            Self::Refused(reason) => format!("a refusal of the empty batch ({reason})"),
            Self::Fault(error) => error.message().to_owned(),
        }
    }
}

const fn help(code: Code) -> Option<&'static str> {
    match code {
        Code::DestinationAuthFailed => Some(
            "check the key: whether it is the right one, of the right kind and for the right region, and may do this",
        ),
        Code::DestinationUnreachable | Code::DestinationTimeout => {
            Some("check the address, and whether this machine may connect to it")
        }
        Code::ProxyRefused => {
            Some("have the proxy let this host through, or name another one: `proxy`, HTTPS_PROXY, NO_PROXY")
        }
        Code::DestinationAddressWrong => Some("check the address; redirects are not followed"),
        _ => None,
    }
}

/// Whether the service takes the key.
async fn key<'a>(subject: &Subject<'a>, made_up: &'a Target) -> Check {
    let began = Instant::now();
    let envelope = subject.envelope;
    let empty: Bytes = [&envelope.prefix[..], &envelope.suffix[..]].concat().into();
    let ours = Told::of((subject.post)(subject.target, empty.clone(), 0).await.answer);
    let (summary, problems, key) = match ours {
        Told::Fault(problem) => {
            let key = if problem.code() == Code::DestinationAuthFailed { "refused" } else { "not_seen" };
            ("failed".to_owned(), vec![problem], key)
        }
        ours => match judge(&ours, &Told::of((subject.post)(made_up, empty, 0).await.answer)) {
            Ok(()) => ("takes the key, and refuses another one".to_owned(), Vec::new(), "taken"),
            Err(unproven) => {
                ("answers, but does not show whether it takes the key".to_owned(), vec![unproven], "not_seen")
            }
        },
    };
    let details = vec![("key", json!(key))];
    Check { step: Step::Authentication, summary, problems, details, took: began.elapsed() }
}

/// Whether two answers show that the service takes our key: it refuses a made-up one, or that one's
/// request where ours succeeds.
fn judge(ours: &Told, made_up: &Told) -> Result<(), Error> {
    let differ = matches!((ours, made_up), (Told::Yes, Told::Refused(_)));
    if made_up.is_about_key() || differ {
        return Ok(());
    }
    let message = format!(
        "the answer to an empty batch is {}, and with a made-up key it is {}",
        ours.words(),
        made_up.words()
    );
    let help = "compare the key and the region with what the service shows, and send one row first";
    Err(Error::new(Code::KeyNotProven, message).help(help))
}

/// Whether a webhook takes a call.
async fn call(subject: &Subject<'_>) -> Check {
    let began = Instant::now();
    let envelope = subject.envelope;
    let body = [&envelope.prefix[..], TEST_CALL.as_bytes(), &envelope.suffix[..]].concat();
    let (summary, problems) = match Told::of((subject.post)(subject.target, body.into(), 1).await.answer) {
        Told::Yes => ("takes the test call".to_owned(), Vec::new()),
        Told::Refused(reason) => {
            let code = Code::CallRefused;
            let error = Error::new(code, format!("{}: {reason}", code.title()));
            ("refuses the test call".to_owned(), vec![error])
        }
        Told::Fault(problem) => ("failed".to_owned(), vec![problem]),
    };
    Check { step: Step::Call, summary, problems, details: Vec::new(), took: began.elapsed() }
}
