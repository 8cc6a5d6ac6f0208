//! A destination that sends a call to several endpoints, to one, or to none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use outflow_core::outcome::Verdict;
use outflow_core::ports::check::Check;
use outflow_core::ports::destination::{
    BatchLimits, Destination, Endpoint, Envelope, Records, Request, RequestLimits,
};
use outflow_core::{
    Answer, BoxFuture, CallMeta, Code, ColumnType, DeliveryCounts, Nulls, Refusal, Reply, RunState,
};
use serde_json::Value;

use crate::parts::{House, Table, refusal, retry, stop, users_to};

const PEOPLE: usize = 0;
const EVENTS: usize = 1;

/// A record as the destination gets it: the endpoint, the user and the plan.
type Sent = (usize, String, String);
type Script = dyn Fn(usize, &[Sent]) -> Answer + Send + Sync;

/// A destination with an endpoint for people, of small requests in JSON lines, and one for events.
///
/// The plan of a user decides: `nobody` is dropped, `broken` fails after its first record,
/// `silent` has a record for people alone, all others have one for each endpoint. Records hold no
/// `messageId`.
struct Routes {
    limits: RequestLimits,
    endpoints: [Endpoint; 2],
    script: Box<Script>,
    requests: AtomicUsize,
    accepted: Mutex<Vec<Sent>>,
}

impl Routes {
    fn new(script: impl Fn(usize, &[Sent]) -> Answer + Send + Sync + 'static) -> Arc<Self> {
        let lines = Envelope::from_static(b"", b"\n", b"\n");
        let array = Envelope::from_static(b"{\"events\":[", b",", b"]}");
        Arc::new(Self {
            limits: RequestLimits { concurrency: 4, rate: None, burst: None },
            endpoints: [
                Endpoint { envelope: lines, limits: BatchLimits { records: 7, bytes: 10_000 } },
                Endpoint { envelope: array, limits: BatchLimits { records: 100, bytes: 400 } },
            ],
            script: Box::new(script),
            requests: AtomicUsize::new(0),
            accepted: Mutex::default(),
        })
    }

    /// The accepted records of each endpoint, by user.
    fn users(&self, endpoint: usize) -> BTreeMap<u64, usize> {
        let mut users = BTreeMap::new();
        for (_, user, _) in self.accepted.lock().unwrap().iter().filter(|sent| sent.0 == endpoint) {
            *users.entry(user.parse().unwrap()).or_default() += 1;
        }
        users
    }
}

impl Destination for Routes {
    fn name(&self) -> &str {
        "a"
    }

    fn limits(&self) -> &RequestLimits {
        &self.limits
    }

    fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    fn prepare(&self, _: &CallMeta, json: &[u8], _: Nulls, records: &mut Records<'_>) -> Verdict {
        let call: Value = serde_json::from_slice(json).unwrap();
        let (user, plan) = (call["userId"].as_str().unwrap(), call["traits"]["plan"].as_str().unwrap());
        if plan == "nobody" {
            return Verdict::Filter;
        }
        records.push(PEOPLE, |out| out.extend(format!(r#"{{"person":"{user}","plan":"{plan}"}}"#).bytes()));
        if plan == "broken" {
            let reason = "no event can be made of it".to_owned();
            return Verdict::Refuse(Refusal { code: Code::CallRefused, status: None, reason });
        }
        if plan != "silent" {
            let record = format!(r#"{{"user":"{user}","plan":"{plan}"}}"#);
            records.push(EVENTS, |out| out.extend(record.bytes()));
        }
        Verdict::Send
    }

    fn test<'a>(&'a self, _: bool, _: &'a mut (dyn FnMut(Check) + Send)) -> BoxFuture<'a, ()> {
        // It has no steps.
        Box::pin(async {})
    }

    fn deliver<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let limits = self.endpoints[request.endpoint].limits;
            assert!(request.body.len() <= limits.bytes && request.records <= limits.records);
            let (records, key): (Vec<Value>, _) = match request.endpoint {
                PEOPLE => {
                    let body = request.body.strip_suffix(b"\n").unwrap();
                    let lines = body.split(|b| *b == b'\n');
                    (lines.map(|line| serde_json::from_slice(line).unwrap()).collect(), "person")
                }
                _ => {
                    let mut body: Value = serde_json::from_slice(&request.body).unwrap();
                    (serde_json::from_value(body["events"].take()).unwrap(), "user")
                }
            };
            assert_eq!(records.len(), request.records);
            let text = |record: &Value, key: &str| record[key].as_str().unwrap().to_owned();
            let sent = records.iter().map(|r| (request.endpoint, text(r, key), text(r, "plan")));
            let sent: Vec<Sent> = sent.collect();
            tokio::task::yield_now().await;
            let answer = (self.script)(self.requests.fetch_add(1, Ordering::SeqCst), &sent);
            let refused: Vec<usize> = match &answer {
                Answer::Delivered => vec![],
                Answer::Partial(refused) => refused.iter().map(|r| r.0).collect(),
                _ => (0..sent.len()).collect(),
            };
            let accepted = sent.into_iter().enumerate().filter(|(i, _)| !refused.contains(i));
            self.accepted.lock().unwrap().extend(accepted.map(|(_, sent)| sent));
            answer.into()
        })
    }

    fn backoff(&self, _: u32) -> Duration {
        Duration::from_millis(2)
    }
}

fn house(destination: &Arc<Routes>) -> House {
    House::of(tempfile::tempdir().unwrap(), [Arc::clone(destination) as Arc<dyn Destination>])
}

/// Refuses the records of these users at an endpoint, as an answer does that names them.
fn refuse(sent: &[Sent], endpoint: usize, users: &[&str]) -> Vec<(usize, Refusal)> {
    let bad = sent.iter().enumerate().filter(|(_, s)| s.0 == endpoint && users.contains(&&s.1[..]));
    bad.map(|(i, _)| {
        (i, Refusal { reason: format!("at {endpoint}"), ..refusal(Code::CallRefused, Some(207)) })
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_to_two_endpoints_to_one_to_none_or_fails() {
    let a = Routes::new(|_, _| Answer::Delivered);
    let (table, house) = (Table::users([]), house(&a));
    let plan = |i| match i {
        5 => "nobody",
        6 | 60 => "broken",
        7 => "silent",
        _ => "pro",
    };
    table.set((1..=100).map(|i| (Some(i.to_string()), plan(i))));
    let run = house.run(&users_to(&["a"]), &table).await.unwrap();
    let c = run.destinations[0].1.counts;
    assert_eq!(run.state, RunState::Partial);
    assert_eq!((c.calls, c.delivered, c.dead_letters, c.filtered, c.pending), (100, 97, 2, 1, 0));
    let but = |left_out: &[u64]| -> BTreeMap<u64, usize> {
        (1..=100).filter(|i| !left_out.contains(i)).map(|i| (i, 1)).collect()
    };
    assert_eq!(a.users(PEOPLE), but(&[5, 6, 60]), "nothing of a call that fails is sent");
    assert_eq!(a.users(EVENTS), but(&[5, 6, 7, 60]));
    let letters = house.state().dead_letters(run.run, "a", 0, 10).await.unwrap();
    let record = house.state().run(run.run).await.unwrap().unwrap();
    for (letter, ordinal) in letters.iter().zip([5, 59]) {
        assert_eq!((letter.ordinal, letter.code), (ordinal, Code::CallRefused));
        assert_eq!(letter.message_id.as_bytes(), record.key.message_id(ordinal));
        assert_eq!(letter.reason, "no event can be made of it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_one_dead_letter_however_many_of_its_records_are_refused() {
    let a = Routes::new(|_, sent| {
        let mut refused = refuse(sent, PEOPLE, &["10", "20"]);
        refused.extend(refuse(sent, EVENTS, &["20", "30"]));
        Answer::Partial(refused)
    });
    let house = house(&a);
    let table = Table {
        columns: vec![
            ("userid", ColumnType::Int),
            ("plan", ColumnType::Text),
            ("messageid", ColumnType::Text),
        ],
        ..Table::users([])
    };
    let row = |i: u64| vec![Some(i.to_string()), Some("pro".to_owned()), Some(format!("own-\"{i}\""))];
    *table.rows.lock().unwrap() = (1..=40).map(row).collect();
    let mut spec = users_to(&["a"]);
    spec.query = "SELECT id AS userId, plan, id AS messageId FROM users".into();
    let run = house.run(&spec, &table).await.unwrap();
    let c = run.destinations[0].1.counts;
    assert_eq!((c.delivered, c.dead_letters, c.pending), (37, 3, 0));
    let mut letters = house.state().dead_letters(run.run, "a", 0, 10).await.unwrap();
    letters.sort_by_key(|letter| letter.position);
    let letters: Vec<_> =
        letters.iter().map(|l| (l.ordinal, l.message_id.as_str(), l.reason.as_str())).collect();
    assert_eq!(letters, [(9, "own-\"10\"", "at 0"), (19, "own-\"20\"", "at 0"), (29, "own-\"30\"", "at 1")]);
    assert!(a.users(EVENTS).contains_key(&10), "the other record of a refused call is sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_one_key_never_overtake_each_other_whatever_fails() {
    let a = Routes::new(|n, sent| match (n * 2_654_435_761) >> 7 & 3 {
        0 => retry(Code::DestinationUnreachable),
        1 if sent.len() > 1 => Answer::TooLarge(refusal(Code::CallTooLargeForDestination, Some(413))),
        _ => Answer::Delivered,
    });
    let (table, house) = (Table::users([]), house(&a));
    let plans: Vec<&'static str> =
        (0..900).map(|i| &*Box::leak(format!("{i:04}").into_boxed_str())).collect();
    table.set((0..900).map(|i| (Some((i * i % 41).to_string()), plans[i])));
    let run = house.run(&users_to(&["a"]), &table).await.unwrap();
    assert_eq!(run.destinations[0].1.counts.delivered, 900);
    let accepted = a.accepted.lock().unwrap();
    assert_eq!(accepted.len(), 1_800);
    let mut last: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for (endpoint, user, plan) in accepted.iter() {
        let now = (plan.as_str(), *endpoint);
        let before = last.insert(user, now);
        assert!(before.is_none_or(|before| before < now), "{before:?} then {now:?} of {user}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_with_a_record_that_was_not_sent_is_pending_and_sent_again() {
    let fixed: &'static AtomicBool = Box::leak(Box::default());
    let a = Routes::new(|_, sent| match sent[0].0 == PEOPLE || fixed.load(Ordering::SeqCst) {
        true => Answer::Delivered,
        false => stop(Code::DestinationAuthFailed),
    });
    let (table, spec, first) = (Table::users(1..=50), users_to(&["a"]), house(&a));
    let run = first.run(&spec, &table).await.unwrap();
    let DeliveryCounts { delivered, dead_letters, pending, .. } = run.destinations[0].1.counts;
    assert_eq!((run.state, delivered, dead_letters, pending), (RunState::Delivering, 0, 0, 50));
    let begun: BTreeSet<u64> = a.users(PEOPLE).into_keys().collect();
    assert!(!begun.is_empty());
    fixed.store(true, Ordering::SeqCst);
    let House { dir, engine, .. } = first;
    drop(engine);
    let second = House::of(dir, [Arc::clone(&a) as Arc<dyn Destination>]);
    let again = second.run(&spec, &table).await.unwrap();
    assert_eq!((again.run, again.state), (run.run, RunState::Succeeded));
    assert_eq!(a.users(EVENTS), (1..=50).map(|i| (i, 1)).collect());
    let twice: BTreeSet<u64> = a.users(PEOPLE).into_iter().filter(|(_, n)| *n == 2).map(|(i, _)| i).collect();
    assert_eq!(twice, begun, "at least once, and no more than that");
}
