//! A connection from its first byte to the first ReadyForQuery: TLS, the start-up message,
//! authentication, what the server says about itself; and requests to cancel.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep_until;
use tokio_rustls::TlsAcceptor;

use super::client::Client;
use super::conditions::Condition;
use super::report::Report;
use super::session::{Begin, Session};
use super::types::OwnTypes;
use super::upstream::{Upstream, literal};
use super::wire::{Fields, Socket, broken, text};
use super::{Failure, Redshift, Shared, Startup, auth, lock, settings};
use crate::random::Rng;

const SSL_REQUEST: i32 = 80_877_103;
const GSS_REQUEST: i32 = 80_877_104;
const CANCEL_REQUEST: i32 = 80_877_102;
const PROTOCOL_3_0: i32 = 196_608;

/// The newest version of Redshift's own protocol that the simulator speaks.
const NEWEST: i32 = 3;

/// Reads certificate and key.
pub(super) fn acceptor(certificate_pem: &str, key_pem: &str) -> TlsAcceptor {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate_pem.as_bytes()).collect();
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).expect("the key is PEM");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(chain.expect("the certificate is PEM"), key)
        .expect("the key belongs to the certificate");
    TlsAcceptor::from(Arc::new(config))
}

pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().await.expect("a listener accepts");
        let shared = Arc::clone(&shared);
        let standing = *shared.condition.borrow();
        shared.connections.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            // The client or a condition ended the connection: there is no one to report to.
            let _ = connection(stream, shared, standing).await;
        });
    }
}

/// Serves a connection that was opened under that condition.
async fn connection(
    stream: TcpStream,
    shared: Arc<Shared>,
    (condition, since): (Condition, Instant),
) -> io::Result<()> {
    match condition {
        Condition::Paused => {
            let mut conditions = shared.condition.subscribe();
            let _ = conditions.wait_for(|(condition, _)| *condition != Condition::Paused).await;
            return Ok(());
        }
        Condition::Restarting => return Ok(()),
        Condition::WakingSlow(duration) => sleep_until((since + duration).into()).await,
        _ => {}
    }
    stream.set_nodelay(true)?;
    let mut socket = Socket::Plain(stream);
    let (mut code, mut rest) = packet(&mut socket).await?;
    while code == SSL_REQUEST || code == GSS_REQUEST {
        socket = match (socket, &shared.tls) {
            (Socket::Plain(mut stream), Some(acceptor)) if code == SSL_REQUEST => {
                stream.write_all(b"S").await?;
                Socket::Tls(Box::new(acceptor.accept(stream).await?))
            }
            (mut socket, _) => {
                socket.write_all(b"N").await?;
                socket
            }
        };
        (code, rest) = packet(&mut socket).await?;
    }
    if code == CANCEL_REQUEST {
        return cancel(&rest, &shared).await;
    }
    let mut client = Client::new(socket, shared);
    match hello(&mut client, code, &rest).await? {
        Ok(begin) => {
            let key = begin.key;
            let shared = Arc::clone(&client.shared);
            let ended = Session::new(client, begin).run().await;
            lock(&shared.keys).remove(&key);
            ended
        }
        Err(report) => {
            report.write(&mut client.out);
            client.flush().await?;
            client.socket.shutdown().await
        }
    }
}

/// The first messages of a client have no tag. Returns the code and what follows it.
async fn packet(socket: &mut Socket) -> io::Result<(i32, Vec<u8>)> {
    let length = socket.read_i32().await?;
    if !(8..=10_000).contains(&length) {
        return Err(broken("a first message of an impossible length"));
    }
    let code = socket.read_i32().await?;
    let mut rest = vec![0; length as usize - 8];
    socket.read_exact(&mut rest).await?;
    Ok((code, rest))
}

/// A request to cancel is answered by closing, whether the key was known or not.
async fn cancel(body: &[u8], shared: &Shared) -> io::Result<()> {
    let mut fields = Fields(body);
    let key = (fields.i32()?, fields.i32()?);
    let upstream = lock(&shared.keys).get(&key).copied();
    match upstream {
        Some(key) => Upstream::cancel(shared.upstream, key).await,
        None => Ok(()),
    }
}

/// Start-up and login. The inner error is what the client gets before the end.
async fn hello(client: &mut Client, code: i32, rest: &[u8]) -> io::Result<Result<Begin, Report>> {
    if code != PROTOCOL_3_0 {
        let (major, minor) = (code >> 16, code & 0xffff);
        let message = format!("unsupported frontend protocol {major}.{minor}: server supports 1.0 to 3.0");
        return Ok(Err(Report::fatal("0A000", message)));
    }
    let startup = startup_of(rest, matches!(client.socket, Socket::Tls(_)))?;
    lock(&client.shared.startups).push(startup.clone());
    let Some(user) = startup.get("user").map(str::to_owned) else {
        return Ok(Err(Report::fatal("28000", "no PostgreSQL user name specified in startup packet")));
    };
    let database = startup.get("database").unwrap_or(&user).to_owned();
    let shared = Arc::clone(&client.shared);
    if shared.options.require_ssl && !startup.tls {
        let message = format!(
            "no pg_hba.conf entry for host \"::ffff:127.0.0.1\", user \"{user}\", database \"{database}\", SSL off"
        );
        return Ok(Err(Report::fatal("28000", message)));
    }
    let (settings, asked) = match settings::at_startup(&startup, &shared.options) {
        Ok(settings) => settings,
        Err(report) => return Ok(Err(report)),
    };
    let settings: Vec<(&str, &str)> = settings.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let login = (Redshift::USER, Redshift::PASSWORD);
    let (mut upstream, unknown) =
        match Upstream::connect(shared.upstream, login, &database, &settings).await? {
            Ok(upstream) => (upstream, None),
            // A database that is not there shows only to who has logged in.
            Err(report) => match Upstream::connect(shared.upstream, login, "postgres", &[]).await? {
                Ok(upstream) => (upstream, Some(report)),
                Err(report) => return Ok(Err(report)),
            },
        };
    let failure = take_failure(&shared);
    if let Err(report) = auth::authenticate(client, &mut upstream, &user, startup.tls).await? {
        return Ok(Err(report));
    }
    if let Some(failure) = failure {
        return Ok(Err(failure.report(&user, 0)));
    }
    client.put(b'R', &0_i32.to_be_bytes());
    if let Some(report) = unknown {
        return Ok(Err(report));
    }
    // A transaction of Redshift sees one snapshot from its beginning to its end.
    let enter = format!(
        "SET default_transaction_isolation TO 'repeatable read'; SET SESSION AUTHORIZATION {}",
        literal(&user)
    );
    if let Err(report) = upstream.query(&enter).await? {
        return Ok(Err(report));
    }
    let about = "SELECT current_setting('is_superuser'), current_setting('TimeZone'), to_regtype('super')::oid, to_regtype('varbyte')::oid";
    let about = match upstream.query(about).await? {
        Ok(mut rows) => rows.pop().unwrap_or_default(),
        Err(report) => return Ok(Err(report)),
    };
    let about: Vec<String> = about.into_iter().map(Option::unwrap_or_default).collect();
    let protocol = asked.map(|version| version.clamp(0, NEWEST));
    let mut rng = Rng::from_entropy();
    let key = (rng.below(1 << 30) as i32, rng.next_u64() as i32);
    introduce(client, &startup, (&user, &about[0], &about[1]), protocol, key, rng.next_u64());
    lock(&shared.keys).insert(key, upstream.key);
    let oid = |at: usize| about[at].parse().unwrap_or(0);
    let own = OwnTypes { super_: oid(2), varbyte: oid(3) };
    let superuser = about[0] == "on";
    Ok(Ok(Begin { upstream, user, database, key, protocol: protocol.unwrap_or(0), own, superuser }))
}

fn startup_of(body: &[u8], tls: bool) -> io::Result<Startup> {
    let mut fields = Fields(body);
    let mut parameters = Vec::new();
    loop {
        let name = fields.text()?;
        if name.is_empty() {
            return Ok(Startup { parameters, tls });
        }
        parameters.push((name, fields.text()?));
    }
}

/// The failure that strikes this login, if one does.
fn take_failure(shared: &Shared) -> Option<Failure> {
    if let Condition::Fail(failure) = shared.condition.borrow().0 {
        return failure.at_login().then_some(failure);
    }
    let mut waiting = lock(&shared.failures);
    let next = waiting.front().map(|(failure, _)| *failure).filter(|failure| failure.at_login())?;
    waiting.pop_front();
    Some(next)
}

/// What a cluster says about itself, in the order of a log of 2024, the key to cancel with, and
/// that it is ready.
fn introduce(
    client: &mut Client,
    startup: &Startup,
    (user, superuser, zone): (&str, &str, &str),
    protocol: Option<i32>,
    (process, secret): (i32, i32),
    session: u64,
) {
    let options = &client.shared.options;
    let build = options.version.clone();
    let encoding = settings::encoding(startup);
    let session = format!(
        "{:08x}-{:04x}-4000-8000-{session:012x}",
        session >> 32,
        session & 0xffff,
        session = session & 0xffff_ffff_ffff
    );
    let version = protocol.map(|version| version.to_string());
    let statuses = [
        ("application_name", startup.get("application_name").unwrap_or("")),
        ("case_sensitive", "on"),
        ("client_encoding", encoding),
        ("datashare_enabled", "on"),
        ("DateStyle", "ISO, MDY"),
        ("external_database", "off"),
        ("integer_datetimes", "on"),
        ("is_superuser", superuser),
        ("max_numeric_precision", "38"),
        ("max_varchar_size", "65535"),
        ("padb_revision", "77467"),
        ("padb_version", &build),
        ("server_encoding", "UNICODE"),
        ("server_protocol_version", version.as_deref().unwrap_or("")),
        ("server_version", "8.0.2"),
        ("session_authorization", user),
        ("session_id", &session),
        ("TimeZone", zone),
        ("timezone_abbreviations", "Default"),
    ];
    for (name, value) in statuses {
        if name == "server_protocol_version" && version.is_none() {
            continue;
        }
        let mut body = Vec::new();
        text(&mut body, name);
        text(&mut body, value);
        client.put(b'S', &body);
    }
    client.put(b'K', &[process.to_be_bytes(), secret.to_be_bytes()].concat());
    client.put(b'Z', b"I");
}
