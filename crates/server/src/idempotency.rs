//! `Idempotency-Key`: a request that begins something and is repeated begins it once.
//!
//! What always holds: of one person, the same key with the same request gives the answer of the
//! first one; with another request it is refused (A028), and so it is while the first one is in
//! flight. Keys are forgotten after a day, at a restart, and beyond [`KEPT`] the oldest first. An
//! answer that says "later" (5xx) is not kept.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use outflow_core::{Code, hash};
use serde::Serialize;

use crate::problem::Refusal;
use crate::reply;

/// The header.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// A key is no longer than this.
const LONGEST: usize = 200;
/// Keys that are remembered.
const KEPT: usize = 10_000;
const FORGOTTEN_AFTER: Duration = Duration::from_secs(86_400);

/// The keys.
#[derive(Default)]
pub(crate) struct Keys(Mutex<Known>);

#[derive(Default)]
struct Known {
    entries: HashMap<(String, String), Entry>,
    order: VecDeque<(Instant, (String, String))>,
}

struct Entry {
    fingerprint: u128,
    /// None while the request is in flight.
    answer: Option<(StatusCode, Bytes)>,
}

/// Makes sure that a request that broke off can be repeated.
struct Reserved<'a> {
    keys: &'a Keys,
    key: (String, String),
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        let mut known = self.keys.known();
        if known.entries.get(&self.key).is_some_and(|entry| entry.answer.is_none()) {
            known.entries.remove(&self.key);
        }
    }
}

impl Keys {
    /// Does the work, unless the key says that it was done. `request` is what tells requests apart:
    /// the path and the body.
    ///
    /// # Errors
    /// A022: the key is no key. A028. Those of the work.
    pub(crate) async fn once<T: Serialize>(
        &self,
        headers: &HeaderMap,
        person: &str,
        request: &str,
        status: StatusCode,
        work: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<Response, Refusal> {
        let Some(key) = headers.get(KEY) else {
            return Ok(reply::of(status, &work.await?));
        };
        let key = (person.to_owned(), read(key)?);
        let fingerprint = hash::content(request.as_bytes());
        if let Some((status, body)) = self.reserve(&key, fingerprint)? {
            return Ok(reply::bytes(status, body));
        }
        let _reserved = Reserved { keys: self, key: key.clone() };
        let document = work.await?;
        let response = reply::of(status, &document);
        if let Ok(body) = serde_json::to_vec(&document) {
            let mut known = self.known();
            if let Some(entry) = known.entries.get_mut(&key) {
                entry.answer = Some((status, body.into()));
            }
        }
        Ok(response.into_response())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer that the key has already; `None`: it is this request's now.
    fn reserve(
        &self,
        key: &(String, String),
        fingerprint: u128,
    ) -> Result<Option<(StatusCode, Bytes)>, Refusal> {
        let (mut known, now) = (self.known(), Instant::now());
        while let Some((since, _)) = known.order.front()
            && (known.order.len() >= KEPT || now.duration_since(*since) > FORGOTTEN_AFTER)
        {
            if let Some((_, oldest)) = known.order.pop_front() {
                known.entries.remove(&oldest);
            }
        }
        match known.entries.get(key) {
            Some(entry) if entry.fingerprint != fingerprint => {
                Err(reused("the key was sent with another request"))
            }
            Some(Entry { answer: Some(answer), .. }) => Ok(Some(answer.clone())),
            Some(_) => Err(reused("the request with this key is in flight").retry_after(1)),
            None => {
                known.entries.insert(key.clone(), Entry { fingerprint, answer: None });
                known.order.push_back((now, key.clone()));
                Ok(None)
            }
        }
    }
}

fn reused(message: &str) -> Refusal {
    Refusal::new(Code::IdempotencyKeyReused, message).at("Idempotency-Key")
}

fn read(key: &HeaderValue) -> Result<String, Refusal> {
    match key.to_str() {
        Ok(key) if (1..=LONGEST).contains(&key.len()) => Ok(key.to_owned()),
        _ => {
            let message = format!("a key has from 1 to {LONGEST} characters of ASCII");
            Err(Refusal::new(Code::MalformedRequest, message).at("Idempotency-Key"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn headers(key: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(KEY, HeaderValue::from_static(key))])
    }

    #[tokio::test]
    async fn the_same_request_is_done_once_and_another_one_is_refused() {
        let (keys, done) = (Keys::default(), AtomicU64::new(0));
        let ask = async |key, person, request| {
            let work = async { Ok(done.fetch_add(1, Ordering::SeqCst)) };
            let answered = keys.once(&headers(key), person, request, StatusCode::ACCEPTED, work).await;
            answered.map(|response| response.status())
        };
        assert_eq!(ask("a", "ada", "x").await.unwrap(), StatusCode::ACCEPTED);
        assert_eq!(ask("a", "ada", "x").await.unwrap(), StatusCode::ACCEPTED);
        assert_eq!(done.load(Ordering::SeqCst), 1);
        assert!(ask("a", "ada", "y").await.is_err());
        assert!(ask("a", "bob", "y").await.is_ok(), "another person's key");
        assert_eq!(done.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn what_failed_or_broke_off_can_be_repeated() {
        let keys = Keys::default();
        let fails = async { Err::<u64, _>(Refusal::new(Code::ServerBusy, "later")) };
        assert!(keys.once(&headers("a"), "ada", "x", StatusCode::OK, fails).await.is_err());
        {
            let never = std::future::pending::<Result<u64, Refusal>>();
            let headers = headers("a");
            let mut broken_off = Box::pin(keys.once(&headers, "ada", "x", StatusCode::OK, never));
            assert!(futures_poll(&mut broken_off).await.is_none());
            let second = async { Ok(1_u64) };
            assert!(keys.once(&headers, "ada", "x", StatusCode::OK, second).await.is_err(), "in flight");
        }
        let works = async { Ok(1_u64) };
        assert!(keys.once(&headers("a"), "ada", "x", StatusCode::OK, works).await.is_ok());
    }

    async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        std::future::poll_fn(|context| match std::pin::Pin::new(&mut *future).poll(context) {
            std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        })
        .await
    }
}
