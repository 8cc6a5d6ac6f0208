//! An ID token (OpenID Connect Core 1.0, 3.1.3.7): what it says, once all of it is checked.
//!
//! What always holds: claims come out of here only after the signature, the issuer, the audience,
//! the times and the nonce were found right. No error quotes anything of the token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use outflow_core::{Code, Error, Timestamp};
use serde_json::{Map, Value};

use super::keys::{Algorithm, Keys, Verdict};

/// A token is no longer than this.
const LONGEST: usize = 48 * 1024;
/// How far clocks may differ, in seconds.
const LEEWAY_S: i64 = 60;
/// The longest subject, in bytes: what OpenID Connect allows.
const SUBJECT: usize = 255;

/// The claims of a token, or of the answer of `userinfo`.
pub(super) type Claims = Map<String, Value>;

/// What a token has to be.
pub(super) struct Expected<'a> {
    /// Who issued it.
    pub(super) issuer: &'a str,
    /// For whom.
    pub(super) client_id: &'a str,
    /// For which sign-in.
    pub(super) nonce: &'a str,
    /// The time.
    pub(super) now: Timestamp,
}

/// Why a token does not count.
#[derive(Debug)]
pub(super) enum Failure {
    /// It is signed by a key that is not among these.
    UnknownKey,
    /// A check failed.
    Refused(Error),
}

/// A032.
pub(super) fn refused(why: &str) -> Error {
    Error::new(Code::IdTokenRefused, format!("the ID token of the sign-in provider {why}"))
        .help("begin the sign-in again; if it fails again, compare the settings of both sides")
}

/// The claims of a token.
pub(super) fn claims(token: &str, keys: &Keys, expected: &Expected<'_>) -> Result<Claims, Failure> {
    let no = |why: &str| Failure::Refused(refused(why));
    if token.len() > LONGEST {
        return Err(no("is too long"));
    }
    let (signed, signature) = token.rsplit_once('.').ok_or_else(|| no("is no signed token"))?;
    let (head, body) = signed.split_once('.').ok_or_else(|| no("is no signed token"))?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| no("is no signed token"))?;
    let head = object(head).ok_or_else(|| no("is no signed token"))?;
    let text = |name: &str| head.get(name).and_then(Value::as_str);
    if head.contains_key("crit") {
        return Err(no("demands extensions that Outflow does not know"));
    }
    let algorithm = text("alg").and_then(Algorithm::from_name);
    let algorithm = algorithm.ok_or_else(|| no("is signed with neither RS256 nor ES256"))?;
    match keys.verify(algorithm, text("kid"), signed.as_bytes(), &signature) {
        Verdict::Valid => {}
        Verdict::Wrong => return Err(no("has a wrong signature")),
        Verdict::UnknownKey => return Err(Failure::UnknownKey),
    }
    let claims = object(body).ok_or_else(|| no("has no claims"))?;
    check(&claims, expected).map_err(no)?;
    Ok(claims)
}

/// A part of a token.
fn object(part: &str) -> Option<Claims> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// What is wrong with the claims of a token whose signature is right.
fn check(claims: &Claims, expected: &Expected<'_>) -> Result<(), &'static str> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.issuer) {
        return Err("is of another issuer");
    }
    let audience: Vec<Option<&str>> = match claims.get("aud") {
        Some(Value::String(one)) => vec![Some(one)],
        Some(Value::Array(several)) => several.iter().map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let party = claims.get("azp").map(Value::as_str);
    let is_for_us = audience.contains(&Some(expected.client_id))
        && party.map_or(audience.len() == 1, |party| party == Some(expected.client_id));
    if !is_for_us {
        return Err("is for another client");
    }
    let now = expected.now.as_second();
    let time = |name: &str| claims.get(name).map(|value| value.as_f64().map(|at| at.floor() as i64));
    let Some(Some(ends)) = time("exp") else { return Err("does not say when it ends") };
    if now >= ends.saturating_add(LEEWAY_S) {
        return Err("has ended");
    }
    let Some(Some(issued)) = time("iat") else { return Err("does not say when it was issued") };
    let begins = time("nbf").unwrap_or(Some(issued)).ok_or("does not say when it begins")?;
    if issued.max(begins) > now.saturating_add(LEEWAY_S) {
        return Err("was issued in the future");
    }
    if text("nonce") != Some(expected.nonce) {
        return Err("is for another sign-in");
    }
    match text("sub") {
        Some(subject) if !subject.is_empty() && subject.len() <= SUBJECT => Ok(()),
        _ => Err("does not say whom it is about"),
    }
}

#[cfg(test)]
mod tests;
