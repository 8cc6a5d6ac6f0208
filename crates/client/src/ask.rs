//! A request to the API: its path, its parameters, its body.
//!
//! What always holds: what is put into a path or behind the `?` is encoded; the token goes into a
//! header, and into no message.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use outflow_app::Errors;
use outflow_egress::{Deadlines, Stream, Target};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Server;
use crate::answer;

/// What reads the state, or asks the supervisor, takes no longer on a server.
const USUAL: Duration = Duration::from_secs(60);
/// What waits for a warehouse or a destination takes no longer on a server.
const LONG: Duration = Duration::from_secs(330);
/// A connection is made within this time.
const CONNECT: Duration = Duration::from_secs(10);

/// A request that was not sent yet.
pub(crate) struct Ask<'a> {
    server: &'a Server,
    method: Method,
    path: String,
    body: Option<Value>,
    headers: Vec<(&'static str, String)>,
    within: Duration,
}

impl Server {
    /// Reads what is at this path, behind `/api/v1/`.
    pub(crate) fn get(&self, path: impl Into<String>) -> Ask<'_> {
        self.ask(Method::GET, path)
    }

    /// Asks for something to be done.
    pub(crate) fn post(&self, path: impl Into<String>) -> Ask<'_> {
        self.ask(Method::POST, path)
    }

    /// A request with this method.
    pub(crate) fn ask(&self, method: Method, path: impl Into<String>) -> Ask<'_> {
        let (path, headers) = (path.into(), Vec::new());
        Ask { server: self, method, path, body: None, headers, within: USUAL }
    }
}

impl Ask<'_> {
    /// With this parameter, if there is a value for it.
    pub(crate) fn with(mut self, name: &str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            let separator = if self.path.contains('?') { '&' } else { '?' };
            self.path += &format!("{separator}{name}={}", encoded(&value.to_string()));
        }
        self
    }

    /// With this body.
    pub(crate) fn body(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    /// With this header.
    pub(crate) fn header(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.headers.extend(value.map(|value| (name, value.to_owned())));
        self
    }

    /// It waits for a warehouse or a destination.
    pub(crate) fn long(self) -> Self {
        Self { within: LONG, ..self }
    }

    /// The document that is answered.
    ///
    /// # Errors
    /// C040, C041; the errors of the problem that is answered.
    pub(crate) async fn document<T: DeserializeOwned>(self) -> Result<T, Errors> {
        let server = self.server.clone();
        answer::document(&server, &self.bytes().await?)
    }

    /// The bytes that are answered.
    ///
    /// # Errors
    /// As for [`Ask::document`].
    pub(crate) async fn bytes(self) -> Result<Vec<u8>, Errors> {
        let (server, within) = (self.server.clone(), self.within);
        let mut stream = self.open().await?;
        answer::whole(&server, &mut stream, within).await
    }

    /// The tag of the answer, and its bytes.
    ///
    /// # Errors
    /// As for [`Ask::document`].
    pub(crate) async fn tagged(self) -> Result<(Option<String>, Vec<u8>), Errors> {
        let (server, within) = (self.server.clone(), self.within);
        let mut stream = self.open().await?;
        let tag = stream.headers.get("etag").and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        Ok((tag, answer::whole(&server, &mut stream, within).await?))
    }

    /// The answer as it comes, if it is no problem.
    ///
    /// # Errors
    /// As for [`Ask::document`].
    pub(crate) async fn open(self) -> Result<Stream, Errors> {
        let Self { server, method, path, body, headers, within } = self;
        let bearer = format!("Bearer {}", server.0.token.expose());
        let mut all = vec![("accept", "application/json"), ("authorization", bearer.as_str())];
        if body.is_some() {
            all.push(("content-type", "application/json"));
        }
        all.retain(|(name, _)| headers.iter().all(|(own, _)| own != name));
        all.extend(headers.iter().map(|(name, value)| (*name, value.as_str())));
        let target = Target::new(&format!("{}/api/v1/{path}", server.0.url), all)?;
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let total = CONNECT.saturating_add(within);
        let deadlines = Deadlines { connect: CONNECT, head: within, idle: within, total };
        let sent = server.0.client.open(method, &target, body, &deadlines).await;
        let mut stream = sent.map_err(|failure| answer::unreachable(server, &failure))?;
        if (200..300).contains(&stream.status) {
            return Ok(stream);
        }
        Err(answer::refused(server, &mut stream, within).await)
    }
}

/// A text as a part of a path or of a parameter.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            byte => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded() {
        assert_eq!(encoded("tag:a/b ü?&"), "tag%3Aa%2Fb%20%C3%BC%3F%26");
        assert_eq!(encoded("users_2-a.b~"), "users_2-a.b~");
    }
}
