//! An address to send requests to, parsed and checked once.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, HeaderValue, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::Full;
use outflow_core::{Code, Error, Result};
use rustls_pki_types::ServerName;

pub(crate) const OUTFLOW: &str = concat!("outflow/", env!("CARGO_PKG_VERSION"));

/// Headers that say how a message is framed, or request an encoding. Only the client sets them.
const OWN: [HeaderName; 9] =
    [HOST, ACCEPT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, EXPECT, TE, TRAILER, UPGRADE];

/// Where a connection leads: connections are shared between targets of the same origin.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    /// A name in lower case, or an IP address without brackets.
    pub host: Arc<str>,
    pub port: u16,
    /// The name that the certificate must bear; `None` for plain HTTP.
    pub tls: Option<ServerName<'static>>,
}

impl Origin {
    /// The host as an address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// `host:port`, as in a URL.
    pub fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

/// An address with the headers that every request to it carries. It has no `Debug`: URL and headers
/// may hold secrets.
#[derive(Clone)]
pub struct Target {
    pub(crate) origin: Origin,
    path: Uri,
    headers: HeaderMap,
}

impl Target {
    /// Prepares requests to `url` with these headers. `user-agent` is `outflow/VERSION` unless
    /// given.
    ///
    /// # Errors
    /// C005 when the URL is not a plain `http` or `https` one or holds credentials, or when a
    /// header is not allowed. The message never repeats a value.
    pub fn new<'a>(url: &str, headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let uri: Uri = url.parse().map_err(|e| wrong("the URL is not valid").caused_by(e))?;
        let secure = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(wrong("the URL must begin with https:// or http://")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("the URL names no host"))?;
        if authority.as_str().contains('@') {
            return Err(Error::new(Code::InvalidValue, "the URL holds a user name or password").help(
                "leave them out of the URL and give them as a header or as the settings made for them",
            ));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let port = match (authority.as_str().strip_prefix(authority.host()), authority.port_u16()) {
            (Some(""), _) => {
                if secure {
                    443
                } else {
                    80
                }
            }
            (_, Some(port)) if port > 0 => port,
            _ => return Err(wrong("the URL's port is not a number from 1 to 65535")),
        };
        let tls = secure.then(|| ServerName::try_from(host.clone())).transpose();
        let tls = tls.map_err(|e| wrong("the URL's host name is not valid").caused_by(e))?;
        if host.is_empty() {
            return Err(wrong("the URL names no host"));
        }

        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let (name, value) = header(name, value)?;
            map.append(name, value);
        }
        let host_header = HeaderValue::from_str(authority.as_str());
        map.insert(HOST, host_header.map_err(|e| wrong("the URL's host name is not valid").caused_by(e))?);
        // Without it, any coding would do.
        map.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        map.entry(USER_AGENT).or_insert(HeaderValue::from_static(OUTFLOW));
        let path = uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
        Ok(Self { origin: Origin { host: host.into(), port, tls }, path: path.into(), headers: map })
    }

    /// The address for people: without its query, which may hold a secret.
    pub fn shown(&self) -> String {
        let scheme = if self.origin.tls.is_some() { "https" } else { "http" };
        let host = self.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or(&self.origin.host);
        let query = if self.path.query().is_some() { "?…" } else { "" };
        format!("{scheme}://{host}{}{query}", self.path.path())
    }

    /// As [`Target::shown`], where the path may hold a secret, too.
    pub fn shown_origin(&self) -> String {
        let whole = self.shown();
        let path = whole.match_indices('/').nth(2).map_or(whole.len(), |(at, _)| at);
        let rest = if whole[path..].len() > 1 { "/…" } else { "/" };
        format!("{}{rest}", &whole[..path])
    }

    /// The headers that every request carries, in the order of their names. They may hold secrets.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut headers: Vec<_> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or("…"))).collect();
        headers.sort_unstable();
        headers.into_iter()
    }

    pub(crate) fn request(&self, method: Method, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.path.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

fn wrong(message: &str) -> Error {
    Error::new(Code::InvalidValue, message)
        .help("write it like https://host.example/path; a port and a query may be in it")
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let bad = |why: &str| {
        Error::new(Code::InvalidValue, format!("the header {name:?} {why}"))
            .help("a header is a name such as X-Api-Key with a text of one line")
    };
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad("is not a valid name"))?;
    if OWN.contains(&parsed) {
        return Err(bad("is set by Outflow itself").help("leave it out"));
    }
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| bad("has a value with characters that a header cannot hold"))?;
    value.set_sensitive(true);
    Ok((parsed, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart_once() {
        let t = Target::new("https://CDP.customer.io/v1/batch?x=1", [("X-Strict-Mode", "1")]).unwrap();
        assert_eq!((&*t.origin.host, t.origin.port, t.origin.tls.is_some()), ("cdp.customer.io", 443, true));
        let request = t.request(Method::POST, Bytes::from_static(b"{}"));
        assert_eq!(request.uri().to_string(), "/v1/batch?x=1");
        assert_eq!(request.headers()["host"], "CDP.customer.io");
        assert_eq!(request.headers()["x-strict-mode"], "1");
        assert!(t.headers().any(|header| header == ("x-strict-mode", "1")));
        assert_eq!(t.shown(), "https://CDP.customer.io/v1/batch?…");
        assert_eq!(t.shown_origin(), "https://CDP.customer.io/…");
        assert!(request.headers()["user-agent"].to_str().unwrap().starts_with("outflow/"));
        let t = Target::new("http://[::1]:8080", []).unwrap();
        assert_eq!((t.origin.ip(), t.origin.port), (Some("::1".parse().unwrap()), 8080));
        assert_eq!(t.request(Method::GET, Bytes::new()).uri().to_string(), "/");
        assert_eq!(
            (t.shown().as_str(), t.shown_origin().as_str()),
            ("http://[::1]:8080/", "http://[::1]:8080/")
        );
        assert_eq!(Target::new("http://a.example", []).unwrap().origin.port, 80);
    }

    #[test]
    fn what_is_not_a_plain_http_url_is_refused_without_showing_it() {
        for url in [
            "ftp://h.example/",
            "h.example/x",
            "https://",
            "//h.example",
            "https://user:s3cret@h.example/",
            "https://s3cret@h.example/",
            "https://h.example:0/",
            "https://h.example:99999/s3cret",
            "https://h.example:/",
            "file:///s3cret",
            "https://h example/",
            "",
            "javascript:x",
            "http://[::1",
            "https://-bad-.example../",
            "https:///s3cret",
            "http://:80/",
            "https://münchen.example/",
        ] {
            let error = Target::new(url, []).map(|_| ()).expect_err(url);
            assert_eq!(error.code(), Code::InvalidValue, "{url}");
            assert!(!format!("{error} {error:?} {:?}", error.help_text()).contains("s3cret"), "{url}");
        }
    }

    #[test]
    fn headers_that_frame_or_break_a_message_are_refused() {
        for (name, value) in [
            ("Host", "x"),
            ("content-length", "1"),
            ("Transfer-Encoding", "chunked"),
            ("bad name", "x"),
            ("", "x"),
            ("x", "s3cret\r\nHost: y"),
        ] {
            let error = Target::new("http://h.example/", [(name, value)]).map(|_| ()).expect_err(name);
            assert_eq!(error.code(), Code::InvalidValue);
            assert!(!format!("{error:?}").contains("s3cret"));
        }
    }
}
