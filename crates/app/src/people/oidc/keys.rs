//! The keys of a provider (RFC 7517), and signatures by them.
//!
//! What always holds: a key is used for the one algorithm of its type, RS256 or ES256, whatever a
//! token says. What it does not do: fetch keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::Value;

/// No more keys than this are looked at.
const MOST: usize = 100;

/// A way to sign that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// RSA (PKCS #1, version 1.5) with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

impl Algorithm {
    /// The algorithm of that name, if it is taken.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }
}

/// A public key.
#[derive(Clone, Debug)]
enum Public {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// The point, uncompressed.
    P256(Vec<u8>),
}

#[derive(Clone, Debug)]
struct Key {
    id: Option<String>,
    public: Public,
}

/// The keys of a provider.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys(Vec<Key>);

/// What a signature is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is by the key that it names.
    Valid,
    /// It is not.
    Wrong,
    /// There is no such key for this algorithm.
    UnknownKey,
}

impl Keys {
    /// The keys of this set that can sign ID tokens. `None`: it is no set of keys.
    pub(super) fn of(set: &Value) -> Option<Self> {
        Some(Self(set.get("keys")?.as_array()?.iter().take(MOST).filter_map(key).collect()))
    }

    /// Whether this is the signature of `message` by the key of this id. A token without an id is
    /// by the only key of its algorithm.
    pub(super) fn verify(
        &self,
        algorithm: Algorithm,
        id: Option<&str>,
        message: &[u8],
        signature: &[u8],
    ) -> Verdict {
        let fits = |key: &&Key| {
            let is_of_type = matches!(
                (&key.public, algorithm),
                (Public::Rsa { .. }, Algorithm::Rs256) | (Public::P256(_), Algorithm::Es256)
            );
            is_of_type && (id.is_none() || key.id.as_deref() == id)
        };
        let mut fitting = self.0.iter().filter(fits);
        let (Some(key), None) = (fitting.next(), fitting.next()) else { return Verdict::UnknownKey };
        let verified = match &key.public {
            Public::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            Public::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
        };
        if verified.is_ok() { Verdict::Valid } else { Verdict::Wrong }
    }
}

/// A key that can sign ID tokens. Others, and what is none, are left out.
fn key(jwk: &Value) -> Option<Key> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
    let (public, algorithm) = match (text("kty")?, text("crv")) {
        // A number may have a leading zero, which ring refuses.
        ("RSA", _) => {
            let number = |name: &str| Some(bytes(name)?.into_iter().skip_while(|byte| *byte == 0).collect());
            (Public::Rsa { n: number("n")?, e: number("e")? }, Algorithm::Rs256)
        }
        ("EC", Some("P-256")) => {
            let (x, y) = (bytes("x")?, bytes("y")?);
            let is_whole = x.len() == 32 && y.len() == 32;
            (Public::P256(is_whole.then(|| [&[4], &x[..], &y[..]].concat())?), Algorithm::Es256)
        }
        _ => return None,
    };
    let is_for_this = text("use").is_none_or(|found| found == "sig")
        && text("alg").is_none_or(|found| found == algorithm.name());
    is_for_this.then(|| Key { id: text("kid").map(str::to_owned), public })
}
