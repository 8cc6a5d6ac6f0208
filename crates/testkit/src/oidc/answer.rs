//! What the provider answers to requests.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::{CLIENT_ID, CLIENT_SECRET, Inner, Trouble, form, lock, merged, signer};
use crate::http::{Connection, Head, answer};

/// Longer than what is kept of an answer.
const ENDLESS: usize = 4 << 20;

/// Answers the requests of a connection.
pub(super) async fn serve(mut connection: Connection, inner: Arc<Mutex<Inner>>) {
    let mut body = Vec::new();
    while let Ok(Some(head)) = connection.head().await {
        if connection.body(&head, &mut body).await.is_err() {
            return;
        }
        let trouble = {
            let mut inner = lock(&inner);
            inner.requests.push(head.path.clone());
            inner.script.troubles.get(&head.path).copied()
        };
        let json = [("content-type".to_owned(), "application/json".to_owned())];
        let bytes = match trouble {
            Some(Trouble::Silence) => return connection.until_closed().await,
            Some(Trouble::Garbage) => answer(200, &json, b"<html>canary"),
            Some(Trouble::List) => answer(200, &json, b"[\"canary\"]"),
            Some(Trouble::Failure) => answer(500, &json, b"{\"error\": \"canary\"}"),
            Some(Trouble::Endless) => answer(200, &json, &vec![b' '; ENDLESS]),
            Some(Trouble::Redirect) => {
                answer(302, &[("location".to_owned(), "http://127.0.0.1:1/".to_owned())], b"")
            }
            None => {
                let (status, document) = reply(&mut lock(&inner), &head, &body);
                answer(status, &json, document.to_string().as_bytes())
            }
        };
        if connection.stream.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

fn reply(inner: &mut Inner, head: &Head, body: &[u8]) -> (u16, Value) {
    match (head.method.as_str(), head.path.as_str()) {
        ("GET", "/.well-known/openid-configuration") => {
            let issuer = &inner.issuer;
            let document = json!({
                "issuer": issuer,
                "authorization_endpoint": format!("{issuer}/authorize"),
                "token_endpoint": format!("{issuer}/token"),
                "userinfo_endpoint": format!("{issuer}/userinfo"),
                "jwks_uri": format!("{issuer}/jwks"),
                "code_challenge_methods_supported": ["S256"],
            });
            (200, merged(document, &inner.script.discovery))
        }
        ("GET", "/jwks") => (200, inner.signer.keys()),
        ("POST", "/token") => token(inner, head, body),
        ("GET", "/userinfo") => match head.header("authorization") {
            Some("Bearer access-canary") => (200, inner.script.userinfo.clone()),
            _ => (401, json!({ "error": "invalid_token" })),
        },
        _ => (404, json!({ "error": "not_found" })),
    }
}

/// Exchanges a code.
fn token(inner: &mut Inner, head: &Head, body: &[u8]) -> (u16, Value) {
    let fields = form::parse(&String::from_utf8_lossy(body));
    let of = |name: &str| fields.get(name).map_or("", String::as_str);
    let login = head.header("authorization").and_then(|login| login.strip_prefix("Basic "));
    let login =
        login.map(|login| String::from_utf8_lossy(&STANDARD.decode(login).unwrap_or_default()).into_owned());
    let is_ours = match login.as_deref().and_then(|login| login.split_once(':')) {
        Some((id, secret)) => form::unescape(id) == CLIENT_ID && form::unescape(secret) == CLIENT_SECRET,
        None => (of("client_id"), of("client_secret")) == (CLIENT_ID, CLIENT_SECRET),
    };
    if !is_ours {
        return (401, json!({ "error": "invalid_client" }));
    }
    let given = inner.codes.remove(of("code"));
    let is_right = |given: &super::Given| {
        given.challenge == signer::challenge(of("code_verifier"))
            && given.redirect_uri == of("redirect_uri")
            && of("grant_type") == "authorization_code"
    };
    let Some(given) = given.filter(is_right) else { return (400, json!({ "error": "invalid_grant" })) };
    #[allow(clippy::disallowed_methods, reason = "the product's clock is not the provider's")]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let claims = json!({
        "iss": inner.issuer, "aud": CLIENT_ID, "sub": "subject-1", "nonce": given.nonce,
        "iat": now, "exp": now + 300, "email": "ada@example.com",
    });
    let claims = merged(claims, &inner.script.claims);
    let id_token = inner.signer.sign(&inner.script, &claims);
    (200, json!({ "token_type": "Bearer", "access_token": "access-canary", "id_token": id_token }))
}
