//! Keys that sign, and the set of keys that says so.

use ring::digest;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Script, Signature, encoded, merged};

/// A key of RSA, made for these tests. It protects nothing.
const RSA: &str = include_str!("rsa.txt");

pub(super) struct Signer {
    /// It is part of the keys' ids.
    pub(super) number: u32,
    p256: EcdsaKeyPair,
    another: EcdsaKeyPair,
    rsa: RsaKeyPair,
    random: SystemRandom,
}

impl Signer {
    pub(super) fn new(number: u32) -> Self {
        let random = SystemRandom::new();
        let make = || {
            let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random).expect("a key")
        };
        let (p256, another) = (make(), make());
        let text: String = RSA.split_whitespace().collect();
        let rsa = RsaKeyPair::from_der(&STANDARD.decode(text).expect("base64")).expect("a key");
        Self { number, p256, another, rsa, random }
    }

    /// The set of keys.
    pub(super) fn keys(&self) -> Value {
        let point = self.p256.public_key().as_ref();
        let rsa = PublicKeyComponents::<Vec<u8>>::from(self.rsa.public());
        let id = |kind: &str| format!("{kind}-{}", self.number);
        json!({ "keys": [
            { "kty": "oct", "kid": "other", "k": "AAAA" },
            { "kty": "RSA", "kid": id("rsa"), "use": "sig", "alg": "RS256",
              "n": encoded(&rsa.n), "e": encoded(&rsa.e) },
            { "kty": "EC", "kid": id("p256"), "use": "sig", "crv": "P-256",
              "x": encoded(&point[1..33]), "y": encoded(&point[33..65]) },
        ] })
    }

    /// A token with these claims.
    pub(super) fn sign(&self, script: &Script, claims: &Value) -> String {
        let (alg, kind) = match script.signature {
            Signature::Es256 | Signature::AnotherKey => ("ES256", "p256"),
            Signature::Rs256 => ("RS256", "rsa"),
            Signature::None => ("none", "p256"),
            Signature::Hs256 => ("HS256", "rsa"),
        };
        let head = json!({ "typ": "JWT", "alg": alg, "kid": format!("{kind}-{}", self.number) });
        let head = merged(head, &script.head);
        let signed = format!("{}.{}", encoded(head.to_string()), encoded(claims.to_string()));
        let signature = match script.signature {
            Signature::Es256 => {
                self.p256.sign(&self.random, signed.as_bytes()).expect("signed").as_ref().to_vec()
            }
            Signature::AnotherKey => {
                self.another.sign(&self.random, signed.as_bytes()).expect("signed").as_ref().to_vec()
            }
            Signature::Rs256 => {
                let mut signature = vec![0; self.rsa.public().modulus_len()];
                let done = self.rsa.sign(&RSA_PKCS1_SHA256, &self.random, signed.as_bytes(), &mut signature);
                done.expect("signed");
                signature
            }
            Signature::None => Vec::new(),
            Signature::Hs256 => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, self.rsa.public().as_ref());
                hmac::sign(&key, signed.as_bytes()).as_ref().to_vec()
            }
        };
        format!("{signed}.{}", encoded(signature))
    }
}

/// What PKCE makes of a verifier.
pub(super) fn challenge(verifier: &str) -> String {
    encoded(digest::digest(&digest::SHA256, verifier.as_bytes()))
}
