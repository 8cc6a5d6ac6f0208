//! The claim of an installation: a lock that a dead holder cannot keep, and a token that proves it.
//!
//! What always holds:
//! - The holder has a session-level advisory lock on a separate connection. The server frees it
//!   when that connection ends, so a killed holder is replaced at once and one whose machine died
//!   within about 20 seconds.
//! - Who claims writes a new token into the row of `claims`. Every write changes that row first, by
//!   key and token: it waits for a running write, and finds no row once another process has
//!   claimed.
//! - A holder whose connection broke takes the lock again, and continues only if the token is still
//!   its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use outflow_core::clock::later;
use outflow_core::ports::state::Lease;
use outflow_core::{BoxFuture, Code, Error, Result, hash};
use tokio::task::JoinHandle;

use super::address::Address;
use super::fault::{Fault, Remedy, held, shared_sessions, unreadable};
use super::schema;
use super::session::Session;

/// One claim covers a whole installation.
const KEY: &str = "installation";
/// How often who waits looks.
const PAUSE: Duration = Duration::from_millis(200);
/// The server needs a moment to end the session of a holder that has just gone.
const GRACE: Duration = Duration::from_secs(1);

/// A claim as long as it is kept.
pub(super) struct Claim {
    pub(super) lease: Lease,
    pub(super) installation: u128,
    keeper: JoinHandle<()>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        // The keeper's session ends with it, and frees the lock.
        self.keeper.abort();
    }
}

impl Claim {
    /// Claims the installation, and makes or migrates the tables. Gives also a first session for
    /// writes.
    pub(super) async fn take(
        address: &Address,
        wait_until: Option<BoxFuture<'static, ()>>,
    ) -> Result<(Self, Arc<Session>)> {
        let session = Session::connect(address).await.map_err(|e| e.into_unavailable(address))?;
        let session = wait_for_lock(address, session, wait_until).await?;
        let opened = open(address, &session).await.map_err(|e| e.into_unavailable(address));
        let (lease, installation, writer) = opened?;
        let keeper = tokio::spawn(keep(address.clone(), lease.clone(), session));
        Ok((Self { lease, installation, keeper }, writer))
    }
}

/// With the lock: the tables, the token, and the first session for writes.
async fn open(address: &Address, session: &Session) -> Result<(Lease, u128, Arc<Session>), Fault> {
    let writer = Session::connect(address).await?;
    if !(session.is_own().await? && writer.is_own().await?) {
        return Err(shared_sessions(address).into());
    }
    schema::migrate(session, address).await?;
    let lease = Lease { key: KEY.to_owned(), token: hash::random()? };
    let sql = "INSERT INTO claims (key, token, holder, claimed_at)
               VALUES ($1, $2, $3, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
               ON CONFLICT (key) DO UPDATE SET token = excluded.token, holder = excluded.holder,
               claimed_at = excluded.claimed_at, last_write = NULL";
    let token = lease.token.to_be_bytes();
    session.execute(sql, &[&lease.key, &token.as_slice(), &holder()]).await?;
    let row = session.one("SELECT id FROM installation", &[]).await?;
    let id: Vec<u8> = row.map(|row| row.try_get(0)).transpose()?.unwrap_or_default();
    let id = id.try_into().map_err(|_| unreadable("no id of the installation"))?;
    Ok((lease, u128::from_be_bytes(id), writer))
}

/// Takes the lock as soon as it is free, with another session if the connection breaks meanwhile.
async fn wait_for_lock(
    address: &Address,
    mut session: Arc<Session>,
    mut wait_until: Option<BoxFuture<'static, ()>>,
) -> Result<Arc<Session>> {
    let grace = later(Instant::now(), GRACE);
    loop {
        match lock(&session, address).await {
            Ok(true) => return Ok(session),
            Ok(false) if wait_until.is_none() && Instant::now() > grace => {
                return Err(held(address, holder_of(&session).await));
            }
            Ok(false) => {}
            Err(fault) if wait_until.is_some() && fault.remedy() == Remedy::Reconnect => {
                if let Ok(fresh) = Session::connect(address).await {
                    session = fresh;
                }
            }
            Err(fault) => return Err(fault.into_unavailable(address)),
        }
        match wait_until.as_mut() {
            None => tokio::time::sleep(PAUSE.checked_div(4).unwrap_or(PAUSE)).await,
            Some(stop) => tokio::select! {
                () = stop => {
                    return Err(Error::new(Code::Interrupted, "stopped while another process had the state"));
                }
                () = tokio::time::sleep(PAUSE) => {}
            },
        }
    }
}

/// Takes the lock if it is free. It belongs to the schema within the database.
async fn lock(session: &Session, address: &Address) -> Result<bool, Fault> {
    let key = hash::key(b'c', address.schema.as_bytes()).cast_signed();
    let row = session.one("SELECT pg_try_advisory_lock($1)", &[&key]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or_default())
}

/// Takes the lock again whenever its session ends. Gives up for good once the token is another's.
async fn keep(address: Address, lease: Lease, mut session: Arc<Session>) {
    loop {
        session.end().await;
        session = loop {
            tokio::time::sleep(PAUSE).await;
            let Ok(fresh) = Session::connect(&address).await else { continue };
            match is_own(&fresh, &lease).await {
                Ok(false) => return,
                Ok(true) if lock(&fresh, &address).await.is_ok_and(|locked| locked) => break fresh,
                Ok(true) | Err(_) => {}
            }
        };
        // Another process may have claimed between the two questions, and be gone again.
        if is_own(&session, &lease).await.is_ok_and(|own| !own) {
            return;
        }
    }
}

async fn is_own(session: &Session, lease: &Lease) -> Result<bool, Fault> {
    let token = lease.token.to_be_bytes();
    let sql = "SELECT 1 FROM claims WHERE key = $1 AND token = $2";
    Ok(session.one(sql, &[&lease.key, &token.as_slice()]).await?.is_some())
}

/// Who this process is, for people.
fn holder() -> String {
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let host = host.trim();
    let process = std::process::id();
    if host.is_empty() { format!("process {process}") } else { format!("process {process} on {host}") }
}

/// Who has the claim, if the tables say it.
async fn holder_of(session: &Session) -> Option<String> {
    let row = session.one("SELECT holder FROM claims WHERE key = $1", &[&KEY]).await.ok()??;
    row.try_get(0).ok()
}
