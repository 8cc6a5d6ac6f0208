//! Proxies: which connections go through one, and how a way through it is opened.
//!
//! A proxy is asked for a tunnel (`CONNECT`, RFC 9110, section 9.3.6), so that it sees the host and
//! the port and nothing else: TLS is spoken with the destination through it. What always holds: no
//! message repeats a proxy's user or password; names by which clouds hand out credentials are
//! refused here too, where the proxy looks names up. What it does not do: speak SOCKS, read a
//! configuration script, or try a connection without the proxy where one is set.

mod environment;
mod exceptions;
mod tunnel;

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Uri};
use outflow_core::{Code, Error, Result};
use rustls_pki_types::ServerName;

pub(crate) use self::tunnel::open;

use self::exceptions::Exceptions;
use crate::target::Origin;

/// The port of a proxy whose address names none, as `curl` has it.
const PORT: u16 = 1080;

/// An HTTP proxy. It has no `Debug`: it may hold a password.
#[derive(Clone)]
pub struct Proxy {
    pub(crate) origin: Origin,
    /// The value of `Proxy-Authorization`.
    authorization: Option<HeaderValue>,
}

impl Proxy {
    /// Reads `http://USER:PASSWORD@HOST:PORT`. The user is optional, without a scheme `http` is
    /// meant, and with `https` the connection to the proxy is encrypted, too.
    ///
    /// # Errors
    /// C005. The message never repeats the address.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let uri: Uri = match text.contains("://") {
            true => text.parse(),
            false => format!("http://{text}").parse(),
        }
        .map_err(|e| wrong("the proxy's address is not a URL").caused_by(e))?;
        let secure = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            _ => return Err(wrong("the proxy is none for HTTP: its address must begin with http://")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("the proxy's address names no host"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let port = port_of(authority)?;
        let tls = secure.then(|| ServerName::try_from(host.clone())).transpose();
        let tls = tls.map_err(|e| wrong("the proxy's host name is not valid").caused_by(e))?;
        if host.is_empty() {
            return Err(wrong("the proxy's address names no host"));
        }
        let authorization = match authority.as_str().rsplit_once('@') {
            Some((user, _)) => Some(basic(user)?),
            None => None,
        };
        Ok(Self { origin: Origin { host: host.into(), port, tls }, authorization })
    }

    /// `host:port`, for messages.
    pub(crate) fn address(&self) -> String {
        self.origin.authority()
    }
}

fn wrong(message: &str) -> Error {
    Error::new(Code::InvalidValue, message)
        .help("write it like http://proxy.example:3128, with http://USER:PASSWORD@ if it wants a user")
}

fn port_of(authority: &Authority) -> Result<u16> {
    let behind_user = authority.as_str().rsplit_once('@').map_or(authority.as_str(), |(_, rest)| rest);
    match (behind_user.strip_prefix(authority.host()), authority.port_u16()) {
        (Some(""), _) => Ok(PORT),
        (_, Some(port)) if port > 0 => Ok(port),
        _ => Err(wrong("the proxy's port is not a number from 1 to 65535")),
    }
}

/// The value of `Proxy-Authorization` (RFC 7617) for `USER:PASSWORD`, with `%XX` for what a URL
/// cannot hold.
fn basic(user: &str) -> Result<HeaderValue> {
    let bad = || wrong("the proxy's user or password is not written as a URL wants it: % begins %XX");
    let plain = unescaped(user).ok_or_else(bad)?;
    let plain = if plain.contains(&b':') { plain } else { [plain, b":".to_vec()].concat() };
    let mut value = HeaderValue::from_str(&format!("Basic {}", BASE64_STANDARD.encode(plain)))
        .map_err(|_| wrong("the proxy's user or password cannot be sent"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The bytes that `%XX` stands for; `None` if something else follows a `%`.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut plain = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    Some(plain)
}

/// Which connections go through a proxy.
#[derive(Clone, Default)]
pub enum Proxies {
    /// None.
    #[default]
    Direct,
    /// All of them.
    All(Proxy),
    /// As the variables `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    Environment(Arc<Environment>),
}

/// What the variables say.
pub struct Environment {
    https: Option<Proxy>,
    http: Option<Proxy>,
    direct: Exceptions,
}

impl Proxies {
    /// What these variables say, and a warning (D102) for each that cannot be used. Upper case
    /// counts before lower case. Connections to this machine never go through a proxy.
    pub fn of(variable: &dyn Fn(&str) -> Option<String>) -> (Self, Vec<Error>) {
        environment::read(variable)
    }

    /// The proxy through which this origin is reached.
    pub(crate) fn towards(&self, origin: &Origin) -> Option<&Proxy> {
        match self {
            Self::Direct => None,
            Self::All(proxy) => Some(proxy),
            Self::Environment(environment) => {
                let proxy = if origin.tls.is_some() { &environment.https } else { &environment.http };
                proxy.as_ref().filter(|_| !environment.direct.has(origin))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_proxies_are_read_as_they_are_written_elsewhere() {
        for (text, address, secure, user) in [
            ("http://proxy.example:3128", "proxy.example:3128", false, None),
            ("HTTP://Proxy.Example:3128/", "proxy.example:3128", false, None),
            ("proxy.example:8080", "proxy.example:8080", false, None),
            (" 10.0.0.1 ", "10.0.0.1:1080", false, None),
            ("https://[fd00::1]:443", "[fd00::1]:443", true, None),
            ("http://me:s3cret@proxy:3128", "proxy:3128", false, Some("me:s3cret")),
            ("http://me@proxy:3128", "proxy:3128", false, Some("me:")),
            ("http://DOM%5Cme:p%40ss%25@proxy:3128", "proxy:3128", false, Some("DOM\\me:p@ss%")),
        ] {
            let proxy = Proxy::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(proxy.address(), address, "{text}");
            assert_eq!(proxy.origin.tls.is_some(), secure, "{text}");
            let want = user.map(|user| format!("Basic {}", BASE64_STANDARD.encode(user)));
            assert_eq!(proxy.authorization.as_ref().map(|v| v.to_str().unwrap().to_owned()), want, "{text}");
        }
    }

    #[test]
    fn other_addresses_are_refused_and_never_repeated() {
        for text in [
            "",
            "socks5://s3cret@proxy:1080",
            "http://",
            "http://s3cret@:3128",
            "http://me:s3cret@proxy:99999",
            "http://me:s3cret%zz@proxy:3128",
            "http://me:s3cret%4@proxy:3128",
            "http://me:s3cret@pro xy:3128",
            "file:///s3cret",
        ] {
            let error = Proxy::parse(text).map(|_| ()).expect_err(text);
            assert_eq!(error.code(), Code::InvalidValue, "{text}");
            assert!(!format!("{error} {error:?} {:?}", error.help_text()).contains("s3cret"), "{text}");
        }
    }
}
