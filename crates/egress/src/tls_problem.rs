//! Why a TLS handshake failed, in words for people.
//!
//! What always holds: [`TlsProblem::why`] is Outflow's own sentence and may be logged; what the
//! server's certificate says is in [`TlsProblem::names`] alone. What it does not do: say the cure,
//! which differs between a database and a destination.

use std::fmt;
use std::io;

use outflow_core::Timestamp;
use rustls::{AlertDescription, CertificateError, Error as Tls};

/// Why TLS is not possible with a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsProblem {
    /// The certificate's authority is not trusted.
    UnknownAuthority,
    /// The certificate is an authority's own, as those are that sign themselves.
    SelfSigned,
    /// The certificate is for other names: those of its `subjectAltName`, as far as they are known.
    OtherName(Option<Vec<String>>),
    /// The certificate has expired, at this time if it is known.
    Expired(Option<Timestamp>),
    /// The certificate is not valid yet.
    NotYetValid,
    /// The certificate is of a version of X.509 before 3, which has no place for names.
    OldVersion,
    /// The certificate cannot be used for another reason.
    Unusable,
    /// What answers does not speak TLS.
    NotTls,
    /// The two sides have no version or cipher in common.
    NothingInCommon,
    /// The server wants a certificate of the client.
    WantsCertificate,
    /// The server has no certificate for the name that was asked for.
    NameRefused,
    /// The server ended the handshake.
    BrokenOff,
}

impl TlsProblem {
    /// What an error of a handshake means.
    pub fn of(error: &io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Tls>());
        inner.map_or(Self::BrokenOff, Self::of_tls)
    }

    fn of_tls(error: &Tls) -> Self {
        match error {
            Tls::InvalidCertificate(problem) => Self::of_certificate(problem),
            Tls::InvalidMessage(_) | Tls::InappropriateMessage { .. } => Self::NotTls,
            Tls::PeerIncompatible(_) => Self::NothingInCommon,
            Tls::AlertReceived(alert) => match alert {
                AlertDescription::HandshakeFailure
                | AlertDescription::ProtocolVersion
                | AlertDescription::InsufficientSecurity => Self::NothingInCommon,
                AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate
                | AlertDescription::NoCertificate
                | AlertDescription::UnknownCA => Self::WantsCertificate,
                AlertDescription::UnrecognisedName => Self::NameRefused,
                _ => Self::BrokenOff,
            },
            _ => Self::BrokenOff,
        }
    }

    fn of_certificate(problem: &CertificateError) -> Self {
        use CertificateError as E;
        match problem {
            E::UnknownIssuer | E::BadSignature => Self::UnknownAuthority,
            E::NotValidForName => Self::OtherName(None),
            E::NotValidForNameContext { presented, .. } => {
                Self::OtherName(Some(presented.iter().filter_map(|name| readable(name)).take(5).collect()))
            }
            E::Expired => Self::Expired(None),
            E::ExpiredContext { not_after, .. } => {
                let end = i64::try_from(not_after.as_secs()).ok();
                Self::Expired(end.and_then(|seconds| Timestamp::from_second(seconds).ok()))
            }
            E::NotValidYet | E::NotValidYetContext { .. } => Self::NotYetValid,
            // webpki has no other form for it.
            E::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => Self::SelfSigned,
            E::Other(other) if format!("{other:?}").contains("UnsupportedCertVersion") => Self::OldVersion,
            _ => Self::Unusable,
        }
    }

    /// The sentence.
    pub fn why(&self) -> String {
        match self {
            Self::UnknownAuthority => {
                "the server's certificate comes from an authority that is not trusted here, or is self-signed".into()
            }
            Self::SelfSigned => {
                "the server's certificate is self-signed: it is an authority's own, which no server may show".into()
            }
            Self::OtherName(Some(names)) if names.is_empty() => {
                "the server's certificate has no name that counts: names count in subjectAltName only, not in the \
                 subject (CN)"
                    .into()
            }
            Self::OtherName(_) => "the server's certificate is for another host name".into(),
            Self::Expired(Some(end)) => format!("the server's certificate has expired, on {end}"),
            Self::Expired(None) => "the server's certificate has expired".into(),
            Self::NotYetValid => "the server's certificate is not valid yet".into(),
            Self::OldVersion => {
                "the server's certificate is of X.509 version 1 or 2, and TLS takes version 3 only".into()
            }
            Self::Unusable => "the server's certificate cannot be used".into(),
            Self::NotTls => "what answers there does not speak TLS".into(),
            Self::NothingInCommon => "the server speaks no TLS version or cipher that is safe today".into(),
            Self::WantsCertificate => "the server wants a certificate of the client, and Outflow has none".into(),
            Self::NameRefused => "the server has no certificate for this host name".into(),
            Self::BrokenOff => "the server broke it off".into(),
        }
    }

    /// The names in a certificate that is for none of those wanted.
    pub fn names(&self) -> String {
        match self {
            Self::OtherName(Some(names)) => names.join(", "),
            _ => String::new(),
        }
    }
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why())?;
        match self.names() {
            names if names.is_empty() => Ok(()),
            names => write!(f, ": {names}"),
        }
    }
}

/// rustls gives names as `DnsName("x")` and `IpAddress(x)`.
fn readable(name: &str) -> Option<String> {
    let dns = name.strip_prefix("DnsName(\"").and_then(|rest| rest.strip_suffix("\")"));
    let ip = name.strip_prefix("IpAddress(").and_then(|rest| rest.strip_suffix(')'));
    dns.or(ip).map(|name| name.escape_debug().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate of version 1, as `openssl x509 -req` makes one without extensions.
    const OLD: &[u8] = b"\
-----BEGIN CERTIFICATE-----
MIIBFjCBvQIUBzY6IFBjs4o3dJTvylE8IvHs3bwwCgYIKoZIzj0EAwIwDTELMAkG
A1UEAwwCdjEwIBcNMjYxMTI3MjA0MDQ0WhgPMjEyNjExMDMyMDQwNDRaMA0xCzAJ
BgNVBAMMAnYxMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEDBIarMtlPQHgAoh7
wR3hVrQfwXao9RG+tW4+gXVUww0DuYsMhB6FglxsJHpobSA+kwQYcr+3mq+2gxrs
1IEEmjAKBggqhkjOPQQDAgNIADBFAiEAj4KPNvUydkw3E38604eIYL76aHOi2Pow
H6Jw4CUw/wQCIFDO+4Oe/rf6/DWqVOaW+Ki5JkY92Pu/X/9xGSplSyiC
-----END CERTIFICATE-----
";

    #[test]
    fn a_certificate_of_an_old_version_is_called_so() {
        use rustls_pki_types::{CertificateDer, pem::PemObject as _};
        let certificate = CertificateDer::from_pem_slice(OLD).unwrap();
        let error = rustls::server::ParsedCertificate::try_from(&certificate).map(drop).unwrap_err();
        let problem = TlsProblem::of(&io::Error::other(error));
        assert_eq!(problem, TlsProblem::OldVersion);
        assert!(problem.why().contains("version 1"), "{problem}");
    }

    #[test]
    fn each_problem_is_a_sentence_and_no_name_of_a_type() {
        use TlsProblem as P;
        for (error, want) in [
            (Tls::InvalidCertificate(CertificateError::UnknownIssuer), P::UnknownAuthority),
            (Tls::InvalidCertificate(CertificateError::Expired), P::Expired(None)),
            (Tls::InvalidCertificate(CertificateError::NotValidYet), P::NotYetValid),
            (Tls::InvalidCertificate(CertificateError::BadEncoding), P::Unusable),
            (Tls::InvalidMessage(rustls::InvalidMessage::InvalidContentType), P::NotTls),
            (Tls::AlertReceived(AlertDescription::ProtocolVersion), P::NothingInCommon),
            (Tls::AlertReceived(AlertDescription::CertificateRequired), P::WantsCertificate),
            (Tls::AlertReceived(AlertDescription::UnrecognisedName), P::NameRefused),
            (Tls::General("x".into()), P::BrokenOff),
        ] {
            let problem = P::of(&io::Error::other(error));
            assert_eq!(problem, want);
            assert!(
                problem.why().contains(' ') && !problem.why().contains(['(', '{'].as_slice())
                    || matches!(problem, P::OtherName(_)),
                "{problem}"
            );
        }
        assert_eq!(P::of(&io::Error::from(io::ErrorKind::UnexpectedEof)), P::BrokenOff);
        assert_eq!(readable("DnsName(\"a.example\")").as_deref(), Some("a.example"));
        assert!(P::OtherName(Some(Vec::new())).why().contains("subjectAltName"));
    }
}
