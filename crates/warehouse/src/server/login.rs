//! Start-up and authentication.
//!
//! Start-up says the user, the database, `client_encoding=UTF8` (without it Redshift answers in an
//! encoding that it calls UNICODE) and a name, and nothing that Redshift refuses there.
//!
//! What always holds: a password goes out in clear text only inside TLS to a server that has proved
//! who it is, or where the user allows it explicitly; a SCRAM exchange counts only when the server
//! has proved that it knows the password too. What it does not do: Kerberos, IdP tokens, client
//! certificates.

use outflow_core::{Code, Error, Result};
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::frontend;
use sha2::{Digest, Sha256};

use super::failure;
use super::wire::{Socket, Wire, broken_protocol, unexpected};
use crate::credentials::Credentials;
use crate::settings::ServerSettings;
use crate::tls::TlsMode;

/// The process and the secret to cancel with.
pub(crate) type Key = (i32, i32);

/// How the server made sure of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthMethod {
    /// It asked for nothing.
    Trust,
    Cleartext,
    Md5,
    Scram,
    /// Redshift's code 13.
    Digest,
}

/// Starts the session up and logs in. On return the server waits for statements.
pub(crate) async fn log_in(
    wire: &mut Wire,
    settings: &ServerSettings,
    credentials: &Credentials,
) -> Result<Option<Key>> {
    start_up(wire, settings, credentials).await?;
    ready(wire).await
}

/// Starts the session up and authenticates.
pub(crate) async fn start_up(
    wire: &mut Wire,
    settings: &ServerSettings,
    credentials: &Credentials,
) -> Result<AuthMethod> {
    let parameters = [
        ("user", credentials.user.as_str()),
        ("database", settings.database.as_str()),
        ("client_encoding", "UTF8"),
        ("application_name", "outflow"),
    ];
    wire.send(|out| frontend::startup_message(parameters, out)).await?;
    let has_no_tls = settings.tls.mode == TlsMode::Prefer && matches!(wire.socket, Socket::Plain(_));
    let done = authenticate(wire, settings, credentials).await;
    done.map_err(|error| if has_no_tls { failure::of_server_without_tls(error) } else { error })
}

/// Waits until the server has opened the database and takes statements.
pub(crate) async fn ready(wire: &mut Wire) -> Result<Option<Key>> {
    let mut key = None;
    loop {
        let message = wire.receive().await?;
        match message.tag {
            b'K' => key = Some(key_of(wire.body(&message))?),
            b'Z' => return Ok(key),
            // The server speaks an older minor version than we asked for; 3.0 has none.
            b'v' => {}
            tag => return Err(unexpected(tag)),
        }
    }
}

fn key_of(body: &[u8]) -> Result<Key> {
    match *body {
        [a, b, c, d, e, f, g, h] => Ok((i32::from_be_bytes([a, b, c, d]), i32::from_be_bytes([e, f, g, h]))),
        _ => Err(broken_protocol("a key to cancel with of the wrong length")),
    }
}

/// How far a SCRAM exchange has come.
enum Scram {
    NotBegun,
    Begun(Box<ScramSha256>),
    Answered(Box<ScramSha256>),
    Proven,
}

async fn authenticate(
    wire: &mut Wire,
    settings: &ServerSettings,
    credentials: &Credentials,
) -> Result<AuthMethod> {
    let mut scram = Scram::NotBegun;
    let mut method = AuthMethod::Trust;
    loop {
        let message = wire.receive().await?;
        match message.tag {
            b'R' => {}
            b'v' => continue,
            tag => return Err(unexpected(tag)),
        }
        let Some((code, body)) = wire.body(&message).split_first_chunk::<4>() else {
            return Err(broken_protocol("a request for authentication without a code"));
        };
        let code = i32::from_be_bytes(*code);
        method = match code {
            3 => AuthMethod::Cleartext,
            5 => AuthMethod::Md5,
            10 => AuthMethod::Scram,
            13 => AuthMethod::Digest,
            _ => method,
        };
        scram = match (code, scram) {
            (0, Scram::NotBegun | Scram::Proven) => return Ok(method),
            (3, Scram::NotBegun) => {
                cleartext(wire, settings, credentials).await?;
                Scram::NotBegun
            }
            (5, Scram::NotBegun) => {
                let salt = body.try_into().map_err(|_| broken_protocol("an md5 salt of the wrong length"))?;
                let hash = md5_hash(credentials.user.as_bytes(), password(credentials)?.as_bytes(), salt);
                wire.send(|out| frontend::password_message(hash.as_bytes(), out)).await?;
                Scram::NotBegun
            }
            (10, Scram::NotBegun) => {
                if !body.split(|&byte| byte == 0).any(|name| name == SCRAM_SHA_256.as_bytes()) {
                    let names: String = String::from_utf8_lossy(body).chars().take(100).collect();
                    let names = names.replace('\0', " ");
                    return Err(unknown_way("SASL").quoting(names.trim()));
                }
                let exchange =
                    ScramSha256::new(password(credentials)?.as_bytes(), ChannelBinding::unsupported());
                wire.send(|out| frontend::sasl_initial_response(SCRAM_SHA_256, exchange.message(), out))
                    .await?;
                Scram::Begun(Box::new(exchange))
            }
            (11, Scram::Begun(mut exchange)) => {
                exchange.update(body).map_err(scram_failed)?;
                wire.send(|out| frontend::sasl_response(exchange.message(), out)).await?;
                Scram::Answered(exchange)
            }
            (12, Scram::Answered(mut exchange)) => {
                exchange.finish(body).map_err(scram_failed)?;
                Scram::Proven
            }
            (13, Scram::NotBegun) => {
                let reply = digest(body, password(credentials)?, &nonce()?)?;
                wire.send(|out| frontend::CopyData::new(&reply[..]).map(|data| data.write(out))).await?;
                Scram::NotBegun
            }
            (2, _) => return Err(unknown_way("Kerberos")),
            (7..=9, _) => return Err(unknown_way("GSSAPI or SSPI")),
            (14, _) => return Err(unknown_way("an identity provider's token")),
            (0 | 3 | 5 | 10..=13, _) => {
                return Err(broken_protocol("the steps of authentication out of order"));
            }
            (other, _) => return Err(unknown_way(&format!("code {other}"))),
        };
    }
}

async fn cleartext(wire: &mut Wire, settings: &ServerSettings, credentials: &Credentials) -> Result<()> {
    let is_encrypted = matches!(wire.socket, Socket::Tls(_));
    let is_safe = is_encrypted && settings.tls.is_verified();
    if !is_safe && !settings.allow_cleartext_password {
        let message = if is_encrypted {
            "the server asks for the password in clear text, and its identity is not checked: anyone on the way could be asking"
        } else {
            "the server asks for the password in clear text on a connection without TLS"
        };
        return Err(Error::new(Code::ClearTextPassword, message).help(
            "use `ssl: verify-full` (behind a tunnel or an alias with `server_name`); on a network that you trust, \
             `allow_cleartext_password: true` gives it all the same",
        ));
    }
    let password = password(credentials)?;
    wire.send(|out| frontend::password_message(password.as_bytes(), out)).await
}

fn password(credentials: &Credentials) -> Result<&str> {
    match credentials.password.expose() {
        "" => {
            Err(Error::new(Code::SourceAuthFailed, "the server asks for a password and none is configured")
                .help("set `password` of the database, for example to ${env:REDSHIFT_PASSWORD}"))
        }
        password => Ok(password),
    }
}

fn unknown_way(name: &str) -> Error {
    Error::new(Code::UnknownAuthMethod, format!("the server asks for authentication by {name}, which Outflow does not speak"))
        .help("log in as a user with a password: cleartext over TLS, md5, SCRAM-SHA-256 and Redshift's SHA-256 digest are spoken")
}

fn scram_failed(cause: std::io::Error) -> Error {
    Error::new(Code::ProtocolViolation, "the server could not prove that it knows the password; it may not be the server that it claims to be")
        .help("check host and port, and use `ssl: verify-full`")
        .caused_by(cause)
}

/// Something fresh for each login. Drivers send digits, so hexadecimal text is safe.
fn nonce() -> Result<[u8; 32]> {
    let mut text = [0; 32];
    text.copy_from_slice(format!("{:032x}", outflow_core::hash::random()?).as_bytes());
    Ok(text)
}

/// The answer to Redshift's code 13, as its Python and JDBC drivers compute it:
/// SHA256(SHA256(password, salt), server's nonce, client's nonce). The body has an algorithm (0 is
/// SHA-256), a salt and the server's nonce, both with their lengths in front.
fn digest(body: &[u8], password: &str, client: &[u8]) -> Result<Vec<u8>> {
    let broken = || broken_protocol("a request for a digest that does not add up");
    let (algorithm, rest) = body.split_first_chunk::<4>().ok_or_else(broken)?;
    match i32::from_be_bytes(*algorithm) {
        0 => {}
        other => return Err(unknown_way(&format!("digest algorithm {other}"))),
    }
    let (salt, rest) = counted(rest).ok_or_else(broken)?;
    let (server, _) = counted(rest).ok_or_else(broken)?;
    let inner = Sha256::new().chain_update(password).chain_update(salt).finalize();
    let outer = Sha256::new().chain_update(inner).chain_update(server).chain_update(client).finalize();
    let mut reply = Vec::new();
    for part in [&outer[..], client] {
        reply.extend_from_slice(&(part.len() as i32).to_be_bytes());
        reply.extend_from_slice(part);
    }
    Ok(reply)
}

/// Bytes with a 32-bit length in front, and what follows them.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(i32::from_be_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(algorithm: i32, salt: &[u8], nonce: &[u8]) -> Vec<u8> {
        let mut body = algorithm.to_be_bytes().to_vec();
        for part in [salt, nonce] {
            body.extend_from_slice(&(part.len() as i32).to_be_bytes());
            body.extend_from_slice(part);
        }
        body
    }

    /// The expected digest was computed with Python's hashlib from the drivers' formula.
    #[test]
    fn the_digest_is_that_of_the_drivers() {
        let reply = digest(&request(0, b"saltsalt", b"servernonce"), "Secret123", b"1700000000000").unwrap();
        assert_eq!(reply[..4], [0, 0, 0, 32]);
        let hex: String = reply[4..36].iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "9ecb1462e7140ffa41ea9ff71f898d2c11d4297e290f79c4a746fceee573ba6d");
        assert_eq!(&reply[36..], b"\0\0\0\x0d1700000000000");
    }

    #[test]
    fn a_digest_request_that_does_not_add_up_is_refused() {
        let whole = request(0, b"salt", b"nonce");
        for end in 0..whole.len() {
            assert_eq!(
                digest(&whole[..end], "x", b"1").unwrap_err().code(),
                Code::ProtocolViolation,
                "{end}"
            );
        }
        assert_eq!(digest(&request(2, b"", b""), "x", b"1").unwrap_err().code(), Code::UnknownAuthMethod);
    }
}
