//! Requests that are made from the description of the API, right and wrong ones: none is answered
//! with 5xx, and none with what the description does not have.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::served::Served;

/// Requests; ten times as many in a long campaign.
const REQUESTS: u64 = 2_000;

/// xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).unwrap()
    }

    fn is_one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// Texts that stand in paths, parameters and bodies: right ones first.
const TEXTS: &[&str] = &[
    "users",
    "archive",
    "warehouse",
    "warehouse.main",
    "webhook",
    "1",
    "2",
    "50",
    "true",
    "2026-11",
    "2026-11-01T00:00:00Z",
    "0",
    "-1",
    "1e3",
    "18446744073709551615",
    "9223372036854775808",
    "999999999999999999",
    "",
    " ",
    "..",
    "/",
    "%",
    "a\u{0}b",
    "\u{202e}",
    "ä",
    "𝕏",
    "'; DROP TABLE runs; --",
    "${env:HOME}",
    "{{x}}",
    "null",
    "NaN",
    "tag:",
    "destination:*",
    "*",
    "-9999-01-01",
    "+10000-01-01T00:00:00Z",
    "C011",
    "as_sent",
];

/// Bodies that are no JSON, or no object.
const BODIES: &[&[u8]] = &[
    b"{",
    b"[]",
    b"null",
    b"1",
    b"\"x\"",
    b"{\"limit\":1e400}",
    b"{\"limit\":-0}",
    b"{\"a\":1,\"a\":2}",
    b"\xff\xfe",
    b"{\"since\":\"\xc3\x28\"}",
    b"\xef\xbb\xbf{}",
    b"{} x",
    b"{\"limit\":99999999999999999999999}",
];

fn encoded(text: &str) -> String {
    let byte = |b: u8| match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(b).to_string(),
        b => format!("%{b:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// A value that mostly has the type of the schema.
fn value(random: &mut Random, schema: &Value, all: &Value) -> Value {
    if random.is_one_in(6) {
        return match random.below(6) {
            0 => Value::Null,
            1 => json!(-1),
            2 => json!([[[]]]),
            3 => json!({ "a": { "b": 1 } }),
            4 => json!(18_446_744_073_709_551_615_u64),
            _ => json!("x".repeat(random.below(5_000))),
        };
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
        return value(random, &all["components"]["schemas"][name], all);
    }
    if let Some(one) = schema["oneOf"].as_array() {
        let one = random.one(one).clone();
        return value(random, &one, all);
    }
    if let Some(words) = schema["enum"].as_array() {
        return random.one(words).clone();
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or("object");
    match kind {
        "boolean" => json!(random.is_one_in(2)),
        "integer" => json!(random.next() % 200),
        "string" => json!(*random.one(TEXTS)),
        "array" => json!([value(random, &schema["items"], all)]),
        _ => {
            let mut object = serde_json::Map::new();
            for (name, member) in schema["properties"].as_object().into_iter().flatten() {
                if random.is_one_in(2) {
                    object.insert(name.clone(), value(random, member, all));
                }
            }
            if random.is_one_in(10) {
                object.insert((*random.one(TEXTS)).to_owned(), json!(1));
            }
            Value::Object(object)
        }
    }
}

/// A request for an operation, and what it is in words.
fn request(
    random: &mut Random,
    path: &str,
    method: &Method,
    operation: &Value,
    all: &Value,
) -> Request<Full<Bytes>> {
    let (mut uri, mut query, mut headers) = (path.to_owned(), Vec::new(), Vec::new());
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let (name, text) = (parameter["name"].as_str().unwrap(), encoded(random.one::<&str>(TEXTS)));
        match parameter["in"].as_str().unwrap() {
            "path" => uri = uri.replace(&format!("{{{name}}}"), if text.is_empty() { "x" } else { &text }),
            "query" if random.is_one_in(2) => query.push(format!("{name}={text}")),
            "header" if random.is_one_in(2) => headers.push((name.to_owned(), text)),
            _ => {}
        }
    }
    if random.is_one_in(20) {
        query.push(format!("{}=%ff", encoded(random.one::<&str>(TEXTS))));
    }
    if !query.is_empty() {
        uri = format!("{uri}?{}", query.join("&"));
    }
    let body = match &operation["requestBody"] {
        Value::Null => Vec::new(),
        _ if random.is_one_in(4) => (*random.one(BODIES)).to_vec(),
        _ if random.is_one_in(50) => [vec![b'['; 100_000], vec![b']'; 100_000]].concat(),
        described => {
            let schema = &described["content"]["application/json"]["schema"];
            serde_json::to_vec(&value(random, schema, all)).unwrap()
        }
    };
    let token = if random.is_one_in(30) { "none" } else { "all" };
    let mut request = Request::builder().method(method.clone()).uri(uri).header("host", "a");
    request = request.header("authorization", format!("Bearer {token}"));
    let kind = if random.is_one_in(20) { "text/plain" } else { "application/json" };
    request = request.header("content-type", kind);
    for (name, text) in headers {
        request = request.header(name, text);
    }
    request.body(Full::from(body)).unwrap()
}

/// The status, the type, and the body, unless that goes on for ever.
async fn send(served: &Served, request: Request<Full<Bytes>>) -> (u16, String, Bytes) {
    let stream = TcpStream::connect(served.address).await.unwrap();
    let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let (head, body) = client.send_request(request).await.unwrap().into_parts();
    let kind = head.headers.get("content-type").map_or("", |kind| kind.to_str().unwrap()).to_owned();
    let is_stream = kind == "text/event-stream";
    let body = if is_stream { Bytes::new() } else { body.collect().await.unwrap().to_bytes() };
    connection.abort();
    (head.status.as_u16(), kind, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_answered_with_5xx_or_with_what_is_not_described() {
    let served = Served::start().await;
    let long = std::env::var_os("OUTFLOW_LONG").is_some();
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x5eed_u64);
    println!("SEED={seed}");
    let all = serde_json::to_value(outflow_server::document()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in all["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            operations.push((path.clone(), method, operation.clone()));
        }
    }
    let (mut random, mut answers) = (Random(seed), std::collections::BTreeMap::<u16, u64>::new());
    let requests = if long { REQUESTS * 10 } else { REQUESTS };
    for n in 0..requests {
        let (path, method, operation) = &operations[random.below(operations.len())];
        let request = request(&mut random, path, method, operation, &all);
        let asked = format!("request {n} of SEED={seed}: {method} {}", request.uri());
        let sent = tokio::time::timeout(Duration::from_secs(60), send(&served, request)).await;
        let (status, kind, body) = sent.unwrap_or_else(|_| panic!("no answer: {asked}"));
        *answers.entry(status).or_default() += 1;
        let text = String::from_utf8_lossy(&body);
        assert!(status < 500, "{asked}: {status} {text}");
        let described = &operation["responses"][status.to_string()];
        assert!(described.is_object(), "{asked}: {status} is not described: {text}");
        if status >= 400 {
            assert_eq!(kind, "application/problem+json", "{asked}");
            let problem: Value = serde_json::from_slice(&body).unwrap();
            let is_code = problem["code"].as_str().is_some_and(|code| code.len() == 4);
            assert!(is_code && !problem["errors"].as_array().unwrap().is_empty(), "{asked}: {problem}");
        }
    }
    println!("{requests} requests: {answers:?}");
    assert!(answers[&200] > requests / 20, "few requests are right: {answers:?}");
    served.stop().await;
}
