//! What surrounds every request: its id, a place among those in flight, and the headers of its
//! answer. A panic of a handler is a problem of that request alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use outflow_app::Network;
use outflow_core::Code;
use tokio::sync::Semaphore;
use tracing::{debug, info};

use crate::access::SeesRows;
use crate::peer::Peer;
use crate::problem::Refusal;
use crate::request_id::{self, RequestId};
use crate::{client, fields};

/// Handlers that run at a time.
const IN_FLIGHT: usize = 256;

/// The headers of every answer, unless the handler says otherwise. The API has no page, so nothing
/// of an answer may run or be framed.
fn usual_headers() -> [(HeaderName, HeaderValue); 5] {
    let text = HeaderValue::from_static;
    [
        (header::X_CONTENT_TYPE_OPTIONS, text("nosniff")),
        (header::REFERRER_POLICY, text("no-referrer")),
        (header::CONTENT_SECURITY_POLICY, text("default-src 'none'; frame-ancestors 'none'")),
        (HeaderName::from_static("cross-origin-resource-policy"), text("same-origin")),
        (header::CACHE_CONTROL, text("private, no-cache")),
    ]
}

/// A browser that was here over TLS never comes without.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// What all requests share.
#[derive(Clone)]
pub(crate) struct Envelope {
    places: Arc<Semaphore>,
    over_tls: bool,
    trusted: Arc<[Network]>,
}

impl Envelope {
    /// `over_tls`: clients reach the server over TLS. Word of the trusted proxies counts.
    pub(crate) fn new(over_tls: bool, trusted: Vec<Network>) -> Self {
        Self { places: Arc::new(Semaphore::new(IN_FLIGHT)), over_tls, trusted: trusted.into() }
    }
}

/// Surrounds a request.
pub(crate) async fn envelope(
    State(Envelope { places, over_tls, trusted }): State<Envelope>,
    mut request: Request,
    next: Next,
) -> Response {
    let (id, began) = (RequestId::of(request.headers()), Instant::now());
    request.extensions_mut().insert(id.clone());
    let sees_rows = SeesRows::default();
    request.extensions_mut().insert(sees_rows.clone());
    let peer = request.extensions().get().copied();
    let client = peer.map(|Peer(peer)| client::address(peer.ip(), request.headers(), &trusted).to_string());
    request.extensions_mut().insert(client::Address(client.clone()));
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let fields = fields::take(&mut request);
    let mut response = match (places.try_acquire(), fields) {
        (Ok(_place), Ok(None)) => answered(next.run(request)).await,
        (Ok(_place), Ok(Some(fields))) => fields.of(answered(next.run(request)).await).await,
        (Ok(_), Err(refusal)) => refusal.into_response(),
        (Err(_), _) => Refusal::new(Code::ServerBusy, format!("{IN_FLIGHT} requests are in flight already"))
            .retry_after(1)
            .into_response(),
    };
    if let Some(refusal) = response.extensions_mut().remove::<Arc<Refusal>>() {
        let headers = std::mem::take(response.headers_mut());
        response = refusal.answer(Some(&id), sees_rows.get());
        // Such as `Allow`.
        headers.into_iter().filter_map(|(name, value)| Some((name?, value))).for_each(|(name, value)| {
            response.headers_mut().entry(name).or_insert(value);
        });
    }
    if matches!(method, Method::GET | Method::HEAD) && is_known(known.as_ref(), &response) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    add_headers(response.headers_mut(), &id, over_tls);
    let route = route.as_ref().map_or("", MatchedPath::as_str);
    let (status, milliseconds) = (response.status().as_u16(), began.elapsed().as_millis() as u64);
    if method.is_safe() {
        debug!(request_id = id.as_str(), %method, route, status, milliseconds, "request");
    } else {
        info!(request_id = id.as_str(), %method, route, status, milliseconds, client, "request");
    }
    response
}

/// The handler's answer. The text of a panic can hold a row value, and is dropped.
async fn answered(handler: impl Future<Output = Response>) -> Response {
    let mut handler = pin!(handler);
    let answered = std::future::poll_fn(|context| {
        match catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(context))) {
            Ok(polled) => polled.map(Some),
            Err(_) => Poll::Ready(None),
        }
    });
    answered.await.unwrap_or_else(|| {
        Refusal::new(Code::TaskFailed, "the request ended unexpectedly")
            .help("look into the log")
            .into_response()
    })
}

/// Whether the client has this answer already.
fn is_known(known: Option<&HeaderValue>, response: &Response) -> bool {
    let Some(known) = known.and_then(|known| known.to_str().ok()) else { return false };
    let tag = response.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok());
    let names = |tag: &str| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag);
    response.status() == StatusCode::OK && tag.is_some_and(names)
}

fn add_headers(headers: &mut HeaderMap, id: &RequestId, over_tls: bool) {
    for (name, value) in usual_headers() {
        headers.entry(name).or_insert(value);
    }
    if over_tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    headers.insert(request_id::HEADER, id.header());
}
