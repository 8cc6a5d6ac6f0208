//! An answer that is taken piece by piece, as it comes: long documents, lines, events.
//!
//! What always holds: each wait for a piece has a deadline of its own, and nothing is kept of what
//! was taken. What it does not do: undo a compression; none is asked for.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::{Client, Deadlines, SETTLE};
use crate::connect::Link;
use crate::deadline::after;
use crate::target::Origin;
use crate::{SendError, SendErrorKind, Target};

/// An answer whose head has arrived. Dropping it before its end closes the connection.
pub struct Stream {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    body: Incoming,
    link: Option<Link>,
    origin: Origin,
    client: Client,
}

impl Client {
    /// Sends a request once. Of the deadlines, `connect` and `head` count; `total` is that of both.
    ///
    /// # Errors
    /// As for [`Client::post`].
    pub async fn open(
        &self,
        method: Method,
        target: &Target,
        body: Bytes,
        deadlines: &Deadlines,
    ) -> Result<Stream, SendError> {
        let (link, answer) = self.answer(method, target, body, deadlines, after(deadlines.total)).await?;
        let (head, body) = answer.into_parts();
        Ok(Stream {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
            link: Some(link),
            origin: target.origin.clone(),
            client: self.clone(),
        })
    }
}

impl Stream {
    /// The next piece; `None`: the answer is whole.
    ///
    /// # Errors
    /// It broke off, or nothing came for this long.
    pub async fn piece(&mut self, idle: Duration) -> Result<Option<Bytes>, SendError> {
        loop {
            match timeout(idle, self.body.frame()).await {
                Err(_) => return Err(SendError::maybe_sent(SendErrorKind::BodyTimeout, "")),
                Ok(Some(Err(error))) => return Err(SendError::broken(&error)),
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Ok(None) => {
                    self.give_back().await;
                    return Ok(None);
                }
            }
        }
    }

    /// The connection is free for the next request.
    async fn give_back(&mut self) {
        if let Some(mut link) = self.link.take()
            && matches!(timeout(SETTLE, link.sender.ready()).await, Ok(Ok(())))
        {
            self.client.0.put(&self.origin, link);
        }
    }
}
