//! Why a request got no answer.

use std::fmt;
use std::io;

use crate::TlsProblem;

/// What went wrong, in the order of a request's steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendErrorKind {
    /// The host name does not resolve.
    Resolve,
    /// The host's addresses are not allowed by the policy. Nothing was sent.
    Blocked,
    /// Nothing listens there.
    Refused,
    /// No connection for another reason: no route, or the server closed it before TLS was
    /// established.
    Connect,
    /// The connection, TLS included, was not made in time.
    ConnectTimeout,
    /// The proxy does not open the way: it does not know us, or lets nothing through to this host.
    ProxyRefused,
    /// TLS is not possible with this server: its certificate, its versions, or it does not speak
    /// TLS. Trying again does not help.
    Tls,
    /// The server speaks TLS on this port, and the request went out in plain HTTP.
    WantsTls,
    /// The head of the answer did not come in time.
    HeadTimeout,
    /// The body of the answer paused for too long.
    BodyTimeout,
    /// The request as a whole took too long.
    TotalTimeout,
    /// The connection broke before the answer was complete.
    Reset,
    /// What came is not HTTP/1.1, or its head is too large.
    Protocol,
}

impl SendErrorKind {
    const fn sentence(self) -> &'static str {
        match self {
            Self::Resolve => "the host name does not resolve",
            Self::Blocked => "the host's address is not allowed",
            Self::Refused => "nothing listens at this address",
            Self::Connect => "no connection",
            Self::ConnectTimeout => "no connection in time",
            Self::ProxyRefused => "the proxy opens no way",
            Self::Tls => "no secure connection",
            Self::WantsTls => "the server speaks TLS on this port",
            Self::HeadTimeout => "no answer in time",
            Self::BodyTimeout => "the answer stopped halfway",
            Self::TotalTimeout => "the answer took too long",
            Self::Reset => "the connection broke before the answer was complete",
            Self::Protocol => "the answer is not HTTP",
        }
    }
}

impl fmt::Display for SendErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

/// A request that got no usable answer. It names the host, never the path, a header or the body.
#[derive(Clone, Debug)]
pub struct SendError {
    /// What went wrong.
    pub kind: SendErrorKind,
    /// The server may have taken the request: a part of it was written.
    pub ambiguous: bool,
    /// Why TLS is not possible with this server, if that is what went wrong.
    pub tls: Option<TlsProblem>,
    detail: String,
}

impl SendError {
    /// An error before anything of the request was written.
    pub(crate) fn unsent(kind: SendErrorKind, detail: impl fmt::Display) -> Self {
        Self { kind, ambiguous: false, tls: None, detail: detail.to_string() }
    }

    /// TLS is not possible with this server.
    pub(crate) fn insecure(problem: TlsProblem) -> Self {
        Self { tls: Some(problem.clone()), ..Self::unsent(SendErrorKind::Tls, problem) }
    }

    /// An error after something of the request may have been written.
    pub(crate) fn maybe_sent(kind: SendErrorKind, detail: impl fmt::Display) -> Self {
        Self { kind, ambiguous: true, tls: None, detail: detail.to_string() }
    }

    /// Whether no connection came about, so that what lies between is in question.
    pub fn is_of_the_network(&self) -> bool {
        use SendErrorKind::{Connect, ConnectTimeout, Refused, Resolve};
        matches!(self.kind, Resolve | Refused | Connect | ConnectTimeout)
    }

    /// The words of a library or of the server about it, which are not fit for a log.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// What hyper says about a request that it has begun to write.
    pub(crate) fn broken(error: &hyper::Error) -> Self {
        let kind = if error.is_parse() { SendErrorKind::Protocol } else { SendErrorKind::Reset };
        if has_no_close_notify(error) {
            return Self::maybe_sent(kind, "the server closed the TLS connection too early");
        }
        let mut detail = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            detail = format!("{detail}: {inner}");
            cause = inner.source();
        }
        Self::maybe_sent(kind, detail)
    }
}

/// Whether the server closed the connection without the message with which TLS ends.
pub(crate) fn has_no_close_notify(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::UnexpectedEof)
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.sentence())?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, " ({})", self.detail) }
    }
}

impl std::error::Error for SendError {}
