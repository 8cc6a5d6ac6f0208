//! The demo's receiver: a server on loopback that takes batches as Customer.io's pipelines do, and
//! checks each call.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use outflow_core::{Code, Error};
use outflow_telemetry::http::{reply, serve};
use serde_json::Value;
use tokio::net::TcpListener;

use super::files::WRITE_KEY;

/// Connections at a time, and how long one may last.
const CONNECTIONS: usize = 256;
const LONGEST: Duration = Duration::from_secs(3600);
/// A request may have this many bytes, and a call that many: Customer.io's published limits.
const REQUEST_BYTES: usize = 500_000;
const CALL_BYTES: usize = 32_000;

/// What has arrived.
#[derive(Clone, Default)]
pub struct Seen {
    /// Requests.
    pub requests: u64,
    /// Calls.
    pub calls: u64,
    /// Different message ids.
    pub distinct: u64,
    /// What was wrong with calls, in sentences.
    pub wrong: Vec<String>,
    ids: HashSet<String>,
}

/// The server. It listens as long as the process lives.
pub struct Receiver {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    suppressed: Arc<OnceLock<&'static str>>,
}

impl Receiver {
    /// Listens on a free port.
    pub async fn start() -> Result<Self, Error> {
        let failed = |e| {
            Error::new(Code::DestinationUnreachable, "the demo's receiver cannot listen on 127.0.0.1")
                .caused_by(e)
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let suppressed = Arc::new(OnceLock::new());
        let shared = (seen.clone(), suppressed.clone());
        let answer = move |request| answer(request, shared.0.clone(), shared.1.clone());
        tokio::spawn(async move { serve(&listener, CONNECTIONS, LONGEST, answer).await });
        Ok(Self { address, seen, suppressed })
    }

    /// From now on no batch with a call about this person is taken.
    pub fn suppress(&self, email: &'static str) {
        let _ = self.suppressed.set(email);
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has arrived so far.
    pub fn seen(&self) -> Seen {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        Seen { distinct: seen.ids.len() as u64, ..seen.clone() }
    }
}

async fn answer(
    request: Request<Incoming>,
    seen: Arc<Mutex<Seen>>,
    suppressed: Arc<OnceLock<&'static str>>,
) -> Response<Full<Bytes>> {
    let credentials = format!("Basic {}", STANDARD.encode(format!("{WRITE_KEY}:")));
    let key = request.headers().get("authorization").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let (status, body) = if key != credentials {
        (StatusCode::UNAUTHORIZED, r#"{"error":"unknown write key"}"#)
    } else if request.uri().path() != "/v1/batch" {
        (StatusCode::NOT_FOUND, r#"{"error":"no such path"}"#)
    } else {
        match Limited::new(request.into_body(), REQUEST_BYTES).collect().await {
            Err(_) => (StatusCode::PAYLOAD_TOO_LARGE, r#"{"error":"over 500 KB"}"#),
            Ok(body) => take(&body.to_bytes(), &seen, suppressed.get().copied()),
        }
    };
    reply(status, "application/json", body)
}

fn take(body: &[u8], seen: &Mutex<Seen>, suppressed: Option<&str>) -> (StatusCode, &'static str) {
    let Ok(Value::Object(mut document)) = serde_json::from_slice::<Value>(body) else {
        return (StatusCode::BAD_REQUEST, r#"{"error":"not JSON"}"#);
    };
    let Some(Value::Array(calls)) = document.remove("batch") else {
        return (StatusCode::BAD_REQUEST, r#"{"error":"no batch"}"#);
    };
    if suppressed.is_some() && calls.iter().any(|call| call["traits"]["email"].as_str() == suppressed) {
        return (StatusCode::BAD_REQUEST, r#"{"error":"the person's address is on the suppression list"}"#);
    }
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    seen.requests += 1;
    for call in calls {
        seen.calls += 1;
        if let Some(fault) = fault(&call) {
            seen.wrong.push(fault);
        }
        let id = call["messageId"].as_str().unwrap_or_default().to_owned();
        if !seen.ids.insert(id) {
            seen.wrong.push("a message id came twice".to_owned());
        }
    }
    (StatusCode::OK, r#"{"success":true}"#)
}

/// What is wrong with a call, by the published rules of the six types.
fn fault(call: &Value) -> Option<String> {
    let text = |field: &str| call[field].as_str().is_some_and(|s| !s.trim().is_empty());
    let person = text("userId") || text("anonymousId");
    let kind = call["type"].as_str().unwrap_or_default();
    let right = match kind {
        "identify" => person || call["traits"]["email"].is_string(),
        "track" => text("event") && person,
        "group" => text("groupId") && text("objectTypeId") && person,
        "page" | "screen" => text("name") && person,
        "alias" => text("userId") && text("previousId"),
        _ => false,
    };
    if !right || !text("messageId") || !text("timestamp") {
        return Some(format!("{kind:?} call without a field that it needs"));
    }
    (call.to_string().len() > CALL_BYTES).then(|| format!("{kind} call over 32 KB"))
}
