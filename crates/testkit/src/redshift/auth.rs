//! The ways to log in: cleartext (3), md5 (5) and Redshift's own digest (13).
//!
//! PostgreSQL computes the hashes: the simulator asks it over its own connection. A wrong password,
//! an unknown user, and temporary credentials without TLS all get the same text.

use std::io;

use super::Auth;
use super::client::Client;
use super::failures::bad_password;
use super::report::Report;
use super::upstream::{Upstream, bytes_literal, literal};
use super::wire::{Fields, body, broken};
use crate::random::Rng;

pub(super) async fn authenticate(
    client: &mut Client,
    upstream: &mut Upstream,
    user: &str,
    tls: bool,
) -> io::Result<Result<(), Report>> {
    let known = client.shared.options.users.iter().find(|known| known.name == user).cloned();
    let account = format!(
        "FROM pg_authid WHERE rolname = {} AND rolcanlogin AND (rolvaliduntil IS NULL OR rolvaliduntil > now())",
        literal(user)
    );
    let question = match known.as_ref().map_or(Auth::Md5, |known| known.auth) {
        Auth::Cleartext => {
            let answer = literal(&password(ask(client, &3_i32.to_be_bytes(), b'p').await?)?);
            let name = literal(user);
            format!("SELECT rolpassword = 'md5' || md5({answer} || {name}) {account}")
        }
        Auth::Md5 => {
            let salt = (Rng::from_entropy().next_u64() as u32).to_be_bytes();
            let answer = ask(client, &[&5_i32.to_be_bytes()[..], &salt].concat(), b'p').await?;
            let (answer, salt) = (literal(&password(answer)?), bytes_literal(&salt));
            format!(
                "SELECT 'md5' || md5(convert_to(substr(rolpassword, 4), 'UTF8') || {salt}) = {answer} {account}"
            )
        }
        Auth::Sha256Digest => {
            let mut rng = Rng::from_entropy();
            let (salt, nonce) = (rng.next_u64().to_be_bytes(), rng.next_u64().to_be_bytes());
            let mut request = 13_i32.to_be_bytes().to_vec();
            // Algorithm 0 is SHA-256.
            request.extend_from_slice(&0_i32.to_be_bytes());
            for part in [salt, nonce] {
                request.extend_from_slice(&(part.len() as i32).to_be_bytes());
                request.extend_from_slice(&part);
            }
            let answer = ask(client, &request, b'd').await?;
            let mut fields = Fields(&answer);
            let missing = || broken("an answer to the digest that does not add up");
            let digest = fields.value()?.ok_or_else(missing)?;
            let theirs = fields.value()?.ok_or_else(missing)?;
            let password = known.as_ref().map_or("", |known| known.password.as_str());
            let [password, salt, nonce, theirs, digest] =
                [password.as_bytes(), &salt, &nonce, theirs, digest].map(bytes_literal);
            format!("SELECT sha256(sha256({password} || {salt}) || {nonce} || {theirs}) = {digest} {account}")
        }
    };
    let right = match upstream.query(&question).await? {
        Ok(rows) => {
            rows.first().and_then(|row| row.first()).is_some_and(|field| field.as_deref() == Some("t"))
        }
        Err(report) => return Ok(Err(report)),
    };
    if !right || (user.starts_with("IAM") && !tls) {
        return Ok(Err(bad_password(user)));
    }
    Ok(Ok(()))
}

/// Sends the request and waits for the answer, which must have that tag.
async fn ask(client: &mut Client, request: &[u8], tag: u8) -> io::Result<Vec<u8>> {
    client.put(b'R', request);
    match client.next().await? {
        Some((answered, frame)) if answered == tag => Ok(body(frame).to_vec()),
        Some(_) => Err(broken("an answer that was not asked for")),
        None => Err(broken("the client went away during authentication")),
    }
}

fn password(answer: Vec<u8>) -> io::Result<String> {
    Fields(&answer).text()
}
