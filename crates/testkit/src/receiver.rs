//! A destination for tests: it speaks the batch API of Segment and Customer.io, remembers every
//! arrival, and answers as a test scripts it.
//!
//! Any path takes a POST. A body may be `{"batch":[…]}`, an array of calls, one call, or one call a
//! line, each plain or gzip. A reply says too whether the destination *took* the calls, since a
//! real one may take them and still answer 500, or refuse and answer 200. [`Receiver::calls`] holds
//! what was taken; [`Receiver::arrivals`] holds all.
//!
//! Every request is recorded before its answer begins. A receiver runs on a thread of its own and
//! ends when it is dropped.

mod reply;

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use reply::Reply;

use crate::http::{Connection, Head, gunzip};
use crate::net::Server;

/// A running receiver.
pub struct Receiver {
    server: Server,
    shared: Arc<Shared>,
}

/// One call as it arrived. The place in the list is the order of arrival.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Its `messageId`, empty where it has none.
    pub message_id: String,
    /// Its `type`, empty where it has none.
    pub call_type: String,
    /// A hash of the whole call.
    pub content: u64,
    /// The call itself.
    pub call: Value,
    /// Which request brought it: a place in [`Receiver::requests`].
    pub request: usize,
    /// Whether the destination took it.
    pub taken: bool,
    /// When it arrived, counted from the receiver's start.
    pub at: Duration,
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Request {
    /// Such as `POST`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// The body, without its gzip.
    pub body: Vec<u8>,
    /// How many bytes the body had on the wire.
    pub wire_bytes: usize,
    /// How many calls it held; `None` where the body was not JSON.
    pub calls: Option<usize>,
    /// The status it was answered with; `None` where the answer was not HTTP.
    pub status: Option<u16>,
    /// Which connection brought it, counted from 1.
    pub connection: usize,
    /// When it had arrived, counted from the receiver's start.
    pub at: Duration,
}

impl Request {
    /// The value of a header, its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

type Rule = Box<dyn Fn(&Request, &[Value]) -> Option<Reply> + Send>;

struct Shared {
    ledger: Mutex<Ledger>,
    changed: Condvar,
    taken: watch::Sender<usize>,
    started: Instant,
}

#[derive(Default)]
struct Ledger {
    arrivals: Vec<Arrival>,
    requests: Vec<Request>,
    taken: usize,
    script: VecDeque<Reply>,
    rules: Vec<Rule>,
    otherwise: Reply,
    connections: usize,
    in_flight: usize,
    most_in_flight: usize,
}

impl Receiver {
    /// Starts a receiver on a free port.
    pub async fn start() -> Receiver {
        Self::start_blocking()
    }

    /// Starts a receiver from a test without a runtime.
    pub fn start_blocking() -> Receiver {
        Self::start_on(0)
    }

    /// Starts a receiver on that port of 127.0.0.1.
    pub fn start_on(port: u16) -> Receiver {
        let shared = Arc::new(Shared {
            ledger: Mutex::default(),
            changed: Condvar::new(),
            taken: watch::Sender::new(0),
            started: Instant::now(),
        });
        let server = Server::start(port, {
            let shared = Arc::clone(&shared);
            move |listener| serve(listener, shared)
        });
        Receiver { server, shared }
    }

    /// Its address, `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// Answers the next requests with these, one each, before any rule is asked. Replaces what is
    /// left of an earlier script.
    pub fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        self.shared.lock().script = replies.into_iter().collect();
    }

    /// Answers what neither script nor rules answer; at first that is [`Reply::ok`].
    pub fn always(&self, reply: Reply) {
        self.shared.lock().otherwise = reply;
    }

    /// Adds a rule: it sees each request that the script leaves, with its calls, and may answer it.
    pub fn rule(&self, rule: impl Fn(&Request, &[Value]) -> Option<Reply> + Send + 'static) {
        self.shared.lock().rules.push(Box::new(rule));
    }

    /// Refuses a whole batch with `status` when one of its calls is bad.
    pub fn refuse_batches_with(&self, status: u16, bad: impl Fn(&Value) -> bool + Send + 'static) {
        self.rule(move |_, calls| calls.iter().any(&bad).then(|| Reply::status(status)));
    }

    /// Answers 413 to a body of more than `bytes`.
    pub fn limit_body(&self, bytes: usize) {
        self.rule(move |request, _| (request.body.len() > bytes).then(|| Reply::status(413)));
    }

    /// Allows that many requests a second, by a token bucket that begins full, and answers 429 to
    /// the others, with that `Retry-After` if one is given.
    pub fn limit_rate(&self, per_second: f64, retry_after: Option<&'static str>) {
        let bucket = Mutex::new((per_second, Instant::now()));
        self.rule(move |_, _| {
            let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
            let (tokens, filled) = *bucket;
            let tokens = (tokens + filled.elapsed().as_secs_f64() * per_second).min(per_second);
            let takes = tokens >= 1.0;
            *bucket = (if takes { tokens - 1.0 } else { tokens }, Instant::now());
            let refusal = Reply::status(429);
            (!takes).then(|| match retry_after {
                Some(seconds) => refusal.header("retry-after", seconds),
                None => refusal,
            })
        });
    }

    /// The calls that were taken, in the order of arrival, repeats included.
    pub fn calls(&self) -> Vec<Value> {
        let ledger = self.shared.lock();
        ledger.arrivals.iter().filter(|arrival| arrival.taken).map(|arrival| arrival.call.clone()).collect()
    }

    /// Every call that arrived, taken or not.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.shared.lock().arrivals.clone()
    }

    /// Every request that arrived whole.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    /// How many connections were opened.
    pub fn connections(&self) -> usize {
        self.shared.lock().connections
    }

    /// The largest number of requests that were in work at one time.
    pub fn most_in_flight(&self) -> usize {
        self.shared.lock().most_in_flight
    }

    /// Forgets arrivals, requests and counts. Script and rules stay.
    pub fn clear(&self) {
        let mut ledger = self.shared.lock();
        ledger.arrivals.clear();
        ledger.requests.clear();
        ledger.taken = 0;
        ledger.most_in_flight = ledger.in_flight;
        self.shared.taken.send_replace(0);
    }

    /// Waits until `n` calls were taken; panics when that takes longer than `limit`.
    pub async fn wait_for_calls(&self, n: usize, limit: Duration) {
        let mut taken = self.shared.taken.subscribe();
        let enough = tokio::time::timeout(limit, taken.wait_for(|&count| count >= n)).await.is_ok();
        assert!(enough, "{}", self.shared.lock().too_few(n, limit));
    }

    /// Waits until `n` requests have come, whatever they were answered; panics when that takes
    /// longer than `limit`.
    pub fn wait_for_requests_blocking(&self, n: usize, limit: Duration) {
        let ledger = self.shared.lock();
        let few = |ledger: &mut Ledger| ledger.requests.len() < n;
        let waited = self.shared.changed.wait_timeout_while(ledger, limit, few);
        let (ledger, outcome) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!outcome.timed_out(), "{} of {n} requests came within {limit:?}", ledger.requests.len());
    }

    /// As [`Receiver::wait_for_calls`], for tests without a runtime.
    pub fn wait_for_calls_blocking(&self, n: usize, limit: Duration) {
        let ledger = self.shared.lock();
        let waited = self.shared.changed.wait_timeout_while(ledger, limit, |ledger| ledger.taken < n);
        let (ledger, outcome) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!outcome.timed_out(), "{}", ledger.too_few(n, limit));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a request into the ledger and says how to answer it.
    fn record(&self, head: Head, wire_bytes: usize, body: Vec<u8>, connection: usize) -> Reply {
        let calls = read_calls(&body);
        let at = self.started.elapsed();
        let Head { method, path, headers } = head;
        let count = calls.as_ref().map(Vec::len);
        let mut request =
            Request { method, path, headers, body, wire_bytes, calls: count, status: None, connection, at };
        let calls = calls.unwrap_or_default();
        let mut ledger = self.lock();
        let reply = ledger.reply_to(&request, &calls);
        request.status = reply.answered_status();
        let taken = reply.takes();
        let number = ledger.requests.len();
        ledger.requests.push(request);
        ledger.taken += if taken { calls.len() } else { 0 };
        ledger.arrivals.extend(calls.into_iter().map(|call| Arrival::new(call, number, taken, at)));
        self.taken.send_replace(ledger.taken);
        drop(ledger);
        self.changed.notify_all();
        reply
    }
}

impl Ledger {
    fn reply_to(&mut self, request: &Request, calls: &[Value]) -> Reply {
        let scripted = self.script.pop_front();
        scripted
            .or_else(|| self.rules.iter().find_map(|rule| rule(request, calls)))
            .unwrap_or_else(|| self.otherwise.clone())
    }

    fn too_few(&self, n: usize, limit: Duration) -> String {
        let last: Vec<_> = self.requests.iter().rev().take(5).map(|request| request.status).collect();
        let (requests, arrived, taken) = (self.requests.len(), self.arrivals.len(), self.taken);
        format!(
            "waited {limit:?} for {n} calls: {taken} of {arrived} taken in {requests} requests, the last answered {last:?}"
        )
    }
}

impl Arrival {
    fn new(call: Value, request: usize, taken: bool, at: Duration) -> Arrival {
        let text = |name| call.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (message_id, call_type) = (text("messageId"), text("type"));
        let content = xxhash_rust::xxh3::xxh3_64(call.to_string().as_bytes());
        Arrival { message_id, call_type, content, call, request, taken, at }
    }
}

/// The calls of a body; `None` where it is not JSON.
fn read_calls(body: &[u8]) -> Option<Vec<Value>> {
    let values: Vec<Value> =
        serde_json::Deserializer::from_slice(body).into_iter().collect::<Result<_, _>>().ok()?;
    let mut calls = Vec::with_capacity(values.len());
    for value in values {
        match value {
            Value::Array(items) => calls.extend(items),
            Value::Object(mut object) => match object.get_mut("batch") {
                Some(Value::Array(items)) => calls.append(items),
                _ => calls.push(Value::Object(object)),
            },
            other => calls.push(other),
        }
    }
    Some(calls)
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().await.expect("a listener accepts");
        let shared = Arc::clone(&shared);
        let number = {
            let mut ledger = shared.lock();
            ledger.connections += 1;
            ledger.connections
        };
        // A connection that breaks is not an error of the receiver.
        tokio::spawn(async move { converse(Connection::new(stream), number, &shared).await.ok() });
    }
}

async fn converse(mut connection: Connection, number: usize, shared: &Shared) -> std::io::Result<()> {
    while let Some(head) = connection.head().await? {
        let _work = InWork::begin(shared);
        if shared.lock().script.front().is_some_and(Reply::skips_body) {
            shared.lock().script.pop_front();
            connection.reset();
            return Ok(());
        }
        let mut body = Vec::new();
        connection.body(&head, &mut body).await?;
        let wire_bytes = body.len();
        if head.is_gzip() {
            body = gunzip(&body)?;
        }
        let last = head.closes();
        let reply = shared.record(head, wire_bytes, body, number);
        match reply.send(connection).await? {
            Some(open) if !last => connection = open,
            _ => return Ok(()),
        }
    }
    Ok(())
}

/// Counts a request as in work for as long as it lives.
struct InWork<'a>(&'a Shared);

impl InWork<'_> {
    fn begin(shared: &Shared) -> InWork<'_> {
        let mut ledger = shared.lock();
        ledger.in_flight += 1;
        ledger.most_in_flight = ledger.most_in_flight.max(ledger.in_flight);
        InWork(shared)
    }
}

impl Drop for InWork<'_> {
    fn drop(&mut self) {
        self.0.lock().in_flight -= 1;
    }
}
