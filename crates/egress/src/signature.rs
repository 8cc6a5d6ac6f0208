//! Signatures of webhooks by the Standard Webhooks specification, version 1.0.0
//! (standardwebhooks.com): HMAC-SHA256 over `id.timestamp.body`, in base64, behind `v1,`.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use outflow_core::{Code, Error, Result, Secret};
use sha2::Sha256;

/// The key that signs. It is given as `whsec_` and base64 of 24 to 64 bytes.
#[derive(Clone, Debug)]
pub struct SigningKey(Secret);

impl SigningKey {
    /// Reads a key. The prefix may be left out.
    ///
    /// # Errors
    /// C005 when it is not a key; the message does not repeat it.
    pub fn new(secret: &Secret) -> Result<Self> {
        let key = Self(secret.clone());
        match key.bytes() {
            Some(bytes) if (24..=64).contains(&bytes.len()) => Ok(key),
            _ => Err(Error::new(Code::InvalidValue, "the secret is no key of Standard Webhooks").help(
                "write whsec_ and 24 to 64 random bytes in base64: echo whsec_$(openssl rand -base64 32)",
            )),
        }
    }

    /// The value of the header `webhook-signature` for a message with this id and time (Unix
    /// seconds).
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let key = self.bytes().unwrap_or_default();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        let text = self.0.expose().trim();
        BASE64_STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with four other implementations, which agree.
    #[test]
    fn signatures_are_those_of_the_reference_implementations() {
        let text = include_str!("../tests/vectors/webhook_signatures.json");
        let vectors: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
        assert_eq!(vectors.len(), 24);
        for v in vectors {
            let text = |key: &str| v[key].as_str().unwrap();
            let key = SigningKey::new(&Secret::new(text("secret"))).unwrap();
            let time = text("webhook-timestamp").parse().unwrap();
            let signature = key.sign(text("webhook-id"), time, text("body").as_bytes());
            assert_eq!(signature, text("webhook-signature"), "{v}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_without_showing_it() {
        for secret in ["whsec_s3cret!", "whsec_c2hvcnQ=", "", &"A".repeat(100)] {
            let error = SigningKey::new(&Secret::new(secret)).unwrap_err();
            assert_eq!(error.code(), Code::InvalidValue);
            assert!(secret.is_empty() || !format!("{error:?} {:?}", error.help_text()).contains(secret));
        }
    }
}
