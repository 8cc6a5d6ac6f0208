//! TLS settings for every client of Outflow: HTTP destinations and warehouses alike.
//!
//! What always holds: TLS 1.2 or 1.3, the ring provider (passed by hand, so that no process-wide
//! default matters), and signatures of the handshake checked in every mode. What it does not do:
//! fall back to plain text, or keep client certificates.

use std::sync::Arc;

use outflow_core::Result;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::{Trust, roots};

/// How much of the server's certificate is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// The chain and the name.
    Full,
    /// The chain alone: any certificate of a trusted authority is accepted, whatever its name.
    CaOnly,
    /// Nothing: the connection is encrypted, but the server's identity is not checked.
    Nothing,
}

/// Settings for a TLS client.
///
/// # Errors
/// C005 when a file that it trusts cannot be read, holds no certificate, or holds one that cannot
/// be a root.
pub fn client_config<'a>(verify: Verify, trust: impl Into<Trust<'a>>) -> Result<Arc<ClientConfig>> {
    Ok(config(verify, trust.into().store()?))
}

/// Settings for a client that trusts the usual authorities and checks everything.
pub(crate) fn usual_config() -> Arc<ClientConfig> {
    config(Verify::Full, roots::usual_store())
}

fn config(verify: Verify, roots: Arc<RootCertStore>) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .expect("the ring provider speaks TLS 1.2 and 1.3");
    let config = match verify {
        Verify::Full => builder.with_root_certificates(roots).with_no_client_auth(),
        Verify::CaOnly | Verify::Nothing => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Lenient {
                roots: (verify == Verify::CaOnly).then_some(roots),
                provider,
            }))
            .with_no_client_auth(),
    };
    Arc::new(config)
}

/// Checks less than rustls does by itself: the chain without the name, or (without roots) neither.
#[derive(Debug)]
struct Lenient {
    roots: Option<Arc<RootCertStore>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(roots) = &self.roots {
            verify_server_cert_signed_by_trust_anchor(
                &ParsedCertificate::try_from(end_entity)?,
                roots,
                intermediates,
                now,
                self.provider.signature_verification_algorithms.all,
            )?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
