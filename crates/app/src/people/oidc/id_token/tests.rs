//! ID tokens, each with one thing wrong.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::json;

use super::*;

const NOW: i64 = 1_800_000_000;

/// A key of P-256, with the set that has it.
struct Signer(EcdsaKeyPair, SystemRandom);

impl Signer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random);
        Self(pair.unwrap(), random)
    }

    fn keys(&self) -> Value {
        let point = self.0.public_key().as_ref();
        let part = |range| URL_SAFE_NO_PAD.encode(&point[range]);
        json!({ "kty": "EC", "crv": "P-256", "kid": "a", "x": part(1..33), "y": part(33..65) })
    }

    fn sign(&self, head: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(head), part(claims));
        let signature = self.0.sign(&self.1, signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn right() -> Value {
    json!({ "iss": "https://id.example", "aud": "outflow", "sub": "1", "nonce": "n",
            "exp": NOW + 300, "iat": NOW })
}

fn look(token: &str, keys: &Value) -> Result<Claims, Failure> {
    let now = Timestamp::from_second(NOW).unwrap();
    let expected = Expected { issuer: "https://id.example", client_id: "outflow", nonce: "n", now };
    claims(token, &Keys::of(&json!({ "keys": [keys] })).unwrap(), &expected)
}

fn head() -> Value {
    json!({ "alg": "ES256", "kid": "a" })
}

#[test]
fn a_token_is_taken_with_every_claim_right_and_refused_with_one_wrong() {
    let signer = Signer::new();
    for (change, why) in [
        (json!({}), ""),
        (json!({ "aud": ["outflow"] }), ""),
        (json!({ "aud": ["outflow", "b"], "azp": "outflow" }), ""),
        (json!({ "exp": NOW - 59, "iat": NOW - 300 }), ""),
        (json!({ "exp": NOW as f64 + 0.5, "iat": NOW + 60 }), ""),
        (json!({ "iss": "https://id.example/" }), "another issuer"),
        (json!({ "iss": null }), "another issuer"),
        (json!({ "aud": "other" }), "another client"),
        (json!({ "aud": [] }), "another client"),
        (json!({ "aud": ["outflow", "b"] }), "another client"),
        (json!({ "azp": "b" }), "another client"),
        (json!({ "azp": 1 }), "another client"),
        (json!({ "exp": NOW - 60 }), "has ended"),
        (json!({ "exp": "1900000000" }), "when it ends"),
        (json!({ "exp": null }), "when it ends"),
        (json!({ "iat": NOW + 61 }), "in the future"),
        (json!({ "iat": null }), "when it was issued"),
        (json!({ "nbf": NOW + 61 }), "in the future"),
        (json!({ "nbf": "x" }), "when it begins"),
        (json!({ "nonce": "m" }), "another sign-in"),
        (json!({ "nonce": null }), "another sign-in"),
        (json!({ "sub": "" }), "whom it is about"),
        (json!({ "sub": 1 }), "whom it is about"),
    ] {
        let mut given = right();
        given.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        match look(&signer.sign(&head(), &given), &signer.keys()) {
            Ok(claims) => assert!(why.is_empty() && claims["sub"] == "1", "{change} was taken"),
            Err(Failure::Refused(error)) => {
                assert!(!why.is_empty() && error.message().contains(why), "{change}: {error}");
                assert_eq!(error.code(), Code::IdTokenRefused);
            }
            Err(Failure::UnknownKey) => panic!("{change}: unknown key"),
        }
    }
}

#[test]
fn a_head_that_lies_or_another_key_is_refused() {
    let (signer, other) = (Signer::new(), Signer::new());
    let refused = |token: &str| matches!(look(token, &signer.keys()), Err(Failure::Refused(_)));
    let unknown = |token: &str| matches!(look(token, &signer.keys()), Err(Failure::UnknownKey));
    for alg in [json!("none"), json!("None"), json!("HS256"), json!("ES384"), json!(""), json!(null)] {
        assert!(refused(&signer.sign(&json!({ "alg": alg, "kid": "a" }), &right())), "{alg}");
    }
    assert!(refused(&signer.sign(&json!({ "alg": "ES256", "kid": "a", "crit": ["x"] }), &right())));
    assert!(refused(&other.sign(&head(), &right())), "signed by another key of the same id");
    assert!(unknown(&signer.sign(&json!({ "alg": "ES256", "kid": "b" }), &right())));
    assert!(unknown(&signer.sign(&json!({ "alg": "RS256", "kid": "a" }), &right())), "a key of its type");
    assert!(look(&signer.sign(&json!({ "alg": "ES256" }), &right()), &signer.keys()).is_ok(), "the only key");
    for change in [json!({ "use": "enc" }), json!({ "alg": "RS256" }), json!({ "crv": "P-384" })] {
        let mut keys = signer.keys();
        keys.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        assert!(matches!(look(&signer.sign(&head(), &right()), &keys), Err(Failure::UnknownKey)), "{change}");
    }
}

#[test]
fn no_change_of_a_byte_and_no_garbage_is_taken() {
    let signer = Signer::new();
    let (token, keys) = (signer.sign(&head(), &right()), signer.keys());
    assert!(look(&token, &keys).is_ok());
    for place in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(look(&changed, &keys).is_err(), "place {place}");
        assert!(look(&token[..place], &keys).is_err(), "cut at {place}");
    }
    let body = token.split('.').nth(1).unwrap();
    for garbage in ["", ".", "..", "a.b.c", &format!("{token}."), &format!("{token}="), &format!(".{body}.")]
    {
        assert!(look(garbage, &keys).is_err(), "{garbage}");
    }
    assert!(look(&"a".repeat(LONGEST + 1), &keys).is_err());
}
