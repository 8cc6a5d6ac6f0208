//! What a connection test says of TLS: whether the connection is encrypted and to whom, and the
//! certificate.

use std::net::IpAddr;

use outflow_core::{Code, Error, Timestamp};
use serde_json::json;

use super::StepResult;
use super::certificate::Certificate;
use crate::server::wire::Socket;
use crate::tls::{Tls, TlsMode};

/// A certificate that expires within this number of days is reported. Automatic renewal happens
/// earlier.
const SOON: i64 = 30;

/// What there is to say of a connection to that address; through a tunnel there is none.
pub(super) fn result(socket: &Socket, tls: &Tls, peer: Option<IpAddr>, now: Timestamp) -> StepResult {
    let Socket::Tls(stream) = socket else {
        let why = if tls.mode == TlsMode::Disable { "" } else { ": the server does not offer TLS" };
        return StepResult::new(format!("not encrypted{why}"))
            .with("encrypted", json!(false))
            .warn(unprotected(tls, false, peer));
    };
    let (_, connection) = stream.get_ref();
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS",
    };
    let cipher = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    let found = StepResult::new(version)
        .with("encrypted", json!(true))
        .with("version", json!(version))
        .with("cipher", json!(cipher))
        .with("verified", json!(tls.is_verified()))
        .warn(unprotected(tls, true, peer));
    let certificate = connection.peer_certificates().and_then(|chain| Certificate::read(chain.first()?));
    match certificate {
        Some(certificate) => with_certificate(found, &certificate, tls.is_verified(), now),
        None => found,
    }
}

fn with_certificate(
    found: StepResult,
    certificate: &Certificate,
    is_verified: bool,
    now: Timestamp,
) -> StepResult {
    let days = certificate.expires.duration_since(now).as_secs().div_euclid(86_400);
    let names = match certificate.names.as_slice() {
        [] => "no name".to_owned(),
        [name] => name.clone(),
        [name, rest @ ..] => format!("{name} and {} more", rest.len()),
    };
    let expiry = match days {
        ..=-1 => "has expired".to_owned(),
        1 => "expires in 1 day".to_owned(),
        days => format!("expires in {days} days"),
    };
    let not_checked = if is_verified { "" } else { ", not checked" };
    let summary = format!(
        "{}, certificate for {names} by {}, {expiry}{not_checked}",
        found.summary, certificate.issuer
    );
    // A certificate that is not verified may expire.
    let warning = (is_verified && days < SOON).then(|| {
        Error::new(
            Code::CertificateExpiring,
            format!("the server's certificate {expiry}, on {}", certificate.expires),
        )
        .help("have it renewed at the server; after that day connections fail")
    });
    StepResult { summary, ..found }
        .with("names", json!(certificate.names))
        .with("issuer", json!(certificate.issuer))
        .with("expires", json!(certificate.expires.to_string()))
        .warn(warning)
}

/// Within one machine no network can be read, and a tunnel encrypts the rest.
fn unprotected(tls: &Tls, is_encrypted: bool, peer: Option<IpAddr>) -> Option<Error> {
    if peer.is_none_or(|ip| ip.is_loopback()) || (is_encrypted && tls.is_verified()) {
        return None;
    }
    let (message, help) = if is_encrypted {
        (
            "the connection is encrypted, but the server's identity is not checked: an attacker on the network could pose as the server",
            "use `ssl: verify-full`; if an authority of your own signs the server's certificate, `ssl: { mode: verify-full, ca: FILE }`",
        )
    } else {
        (
            "the connection is not encrypted: an attacker on the network can read and change the rows",
            "use `ssl: verify-full`; turn TLS on at the server if it has none",
        )
    };
    Some(Error::new(Code::UnencryptedConnection, message).help(help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_machine_unprotected_is_a_warning() {
        let tls = |mode, ca: bool| Tls { mode, ca: ca.then(|| "ca.pem".into()), server_name: None };
        let far = Some([10, 0, 0, 5].into());
        let code = |tls: &Tls, encrypted| unprotected(tls, encrypted, far).map(|e| e.code());
        use TlsMode::{Disable, Prefer, Require, VerifyCa, VerifyFull};
        for (mode, ca, encrypted) in
            [(Disable, false, false), (Prefer, false, false), (Prefer, true, true), (Require, false, true)]
        {
            assert_eq!(code(&tls(mode, ca), encrypted), Some(Code::UnencryptedConnection), "{mode:?} {ca}");
        }
        for (mode, ca) in [(Require, true), (VerifyCa, false), (VerifyFull, false)] {
            assert_eq!(code(&tls(mode, ca), true), None, "{mode:?}");
        }
        assert!(unprotected(&tls(Disable, false), false, Some([127, 0, 0, 1].into())).is_none());
        assert!(unprotected(&tls(Disable, false), false, None).is_none());
    }

    #[test]
    fn a_certificate_is_due_for_renewal_30_days_before_its_end() {
        let certificate = Certificate {
            names: vec!["a.example".into(), "b.example".into()],
            issuer: "Root".into(),
            expires: "2026-12-31T00:00:00Z".parse().unwrap(),
        };
        let at = |now: &str, verified| {
            with_certificate(StepResult::new("TLS 1.3"), &certificate, verified, now.parse().unwrap())
        };
        let fresh = at("2026-12-01T00:00:00Z", true);
        assert_eq!(
            fresh.summary,
            "TLS 1.3, certificate for a.example and 1 more by Root, expires in 30 days"
        );
        assert!(fresh.problems.is_empty());
        let old = at("2026-12-01T00:00:01Z", true);
        assert_eq!(old.problems[0].code(), Code::CertificateExpiring);
        assert!(
            old.problems[0].message().contains("expires in 29 days, on 2026-12-31"),
            "{}",
            old.problems[0]
        );
        let expired = at("2027-01-01T00:00:00Z", false);
        assert!(expired.problems.is_empty() && expired.summary.ends_with("has expired, not checked"));
    }
}
