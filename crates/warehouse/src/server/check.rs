//! The connection test: the steps of [`session::open`](super::session::open) one by one, and then
//! what the server reports about itself and the account.
//!
//! What always holds: a step is reported as it ends; one that fails is reported with its fix and
//! the address that this machine connects from, and is the last. Each question to the catalogue is
//! a transaction of its own, so a question that this server cannot answer affects no other; its
//! line says so. What it does not do: change anything, or ask for rows of the user's tables.

mod account;
mod catalogue;
mod certificate;
mod encryption;
mod grants;

use std::future::Future;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use outflow_core::ports::warehouse::{Check, Session, Step};
use outflow_core::{Clock, Code, Error, Result, SystemClock, Timestamp};
use outflow_egress::deadline::after;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::cancel::Canceller;
use super::connector::Connector;
use super::kind::ServerKind;
use super::login::{self, AuthMethod};
use super::no_answer;
use super::session::{OpenSession, Texts, breaks_the_connection, too_early};
use super::wire::{Socket, Wire};
use crate::aws::{Iam, IamTarget};
use crate::credentials::Credentials;
use crate::settings::Tunnel;
use crate::{Aws, Login, ServerSettings};

/// A question that takes longer counts as unanswered. Large Redshift catalogues take seconds.
const QUESTION: &str = "SET statement_timeout TO 20000";

/// A step with all of its questions must be done within this time, so that a server that has gone
/// does not block the test.
const STEP: Duration = Duration::from_secs(180);

/// Clocks may differ by this much without a warning, in seconds.
const CLOCK_DIFFERENCE: f64 = 2.0;

/// A replica may be behind by this much without a warning, in seconds.
const LAG: f64 = 60.0;

/// Goes through all steps; `None` after one that failed.
pub(super) async fn run(
    settings: &ServerSettings,
    aws: &Aws,
    connector: &Connector,
    report: &mut (dyn FnMut(Check) + Send),
) -> Option<()> {
    let mut list = Checklist::new(settings, report);
    let session = connect(&mut list, settings, aws, connector).await?;
    about_server(&mut list, settings, session).await
}

/// From the credentials to a server that takes statements. All of it must be done within the time
/// to connect; AWS has a time of its own.
async fn connect(
    list: &mut Checklist<'_>,
    settings: &ServerSettings,
    aws: &Aws,
    connector: &Connector,
) -> Option<OpenSession> {
    let credentials = match &settings.login {
        Login::Password { user, password } => Credentials { user: user.clone(), password: password.clone() },
        Login::Iam(iam) => {
            let credentials =
                list.ask(Step::Credentials, Box::pin(fetch(aws, iam, &settings.database))).await?;
            list.restart(settings.connect_timeout);
            credentials
        }
    };
    let (socket, address) = match &settings.tunnel {
        Some(tunnel) => (pass(list, tunnel, settings, connector).await?, None),
        None => {
            let (socket, address) = reach(list, settings, connector).await?;
            (socket, Some(address))
        }
    };
    let mut wire = Wire::new(socket);
    wire.kind = Some(settings.kind);

    let log_in = async {
        let method = login::start_up(&mut wire, settings, &credentials).await.map_err(too_early)?;
        let found = StepResult::new(format!("{} as {}", method_title(method), credentials.user));
        Ok(((), found.with("user", json!(credentials.user)).with("method", json!(method_name(method)))))
    };
    list.step(Step::Authentication, log_in).await?;

    let enter = async {
        let key = login::ready(&mut wire).await.map_err(too_early)?;
        Ok((key, StepResult::new(&settings.database).with("database", json!(settings.database))))
    };
    let key = list.step(Step::Database, enter).await?;
    let canceller = Canceller { connector: connector.clone(), address, key };
    let time_zone = wire.parameter("TimeZone").map(str::to_owned);
    Some(OpenSession { wire, canceller, kind: settings.kind, time_zone })
}

/// User and password from AWS.
async fn fetch(aws: &Aws, iam: &Iam, database: &str) -> Result<(Credentials, StepResult)> {
    let (credentials, _) = aws.credentials(iam, database, None).await?;
    let of = match &iam.target {
        IamTarget::Cluster { id, .. } => format!("cluster {id}"),
        IamTarget::Workgroup(name) => format!("workgroup {name}"),
    };
    let found = StepResult::new(format!("from AWS for {of} in {}", iam.region))
        .with("source", json!("iam"))
        .with("region", json!(iam.region))
        .with("user", json!(credentials.user));
    Ok((credentials, found))
}

/// The way through a tunnel. `ssh` does not say when it is open: the answer to the request for TLS
/// does, or, without TLS, that to the log-in.
async fn pass(
    list: &mut Checklist<'_>,
    tunnel: &Tunnel,
    settings: &ServerSettings,
    connector: &Connector,
) -> Option<Socket> {
    let place = tunnel.address();
    let open = async {
        let (socket, _) = connector.open().await?;
        let found = StepResult::new(format!("ssh to {place}, from there to {}", settings.address()));
        Ok((socket, found.with("server", json!(place))))
    };
    let socket = list.step(Step::Tunnel, open).await?;
    let encryption = async { Ok(((), encryption::result(&socket, &settings.tls, None, SystemClock.now()))) };
    list.step(Step::Tls, encryption).await?;
    Some(socket)
}

/// The way over the network.
async fn reach(
    list: &mut Checklist<'_>,
    settings: &ServerSettings,
    connector: &Connector,
) -> Option<(Socket, SocketAddr)> {
    let look_up = async {
        let addresses = connector.look_up().await?;
        let texts: Vec<String> = addresses.iter().map(|a| a.ip().to_string()).collect();
        let found = StepResult::new(texts.join(", ")).with("addresses", json!(texts));
        Ok((addresses, found))
    };
    let addresses = list.step(Step::Name, look_up).await?;
    list.ours = addresses.iter().find_map(route_to);

    let reach = async {
        let (stream, address) = connector.reach(&addresses).await?;
        let found = match stream.local_addr() {
            Ok(ours) => StepResult::new(format!("{address} from {}", ours.ip()))
                .with("local_address", json!(ours.ip().to_string())),
            Err(_) => StepResult::new(address.to_string()),
        };
        Ok(((stream, address), found.with("address", json!(address.to_string()))))
    };
    let (stream, address) = list.step(Step::Tcp, reach).await?;
    list.ours = stream.local_addr().ok().map(|ours| ours.ip());

    let encrypt = async {
        let socket = connector.enter_tcp(stream).await?;
        let found = encryption::result(&socket, &settings.tls, Some(address.ip()), SystemClock.now());
        Ok((socket, found))
    };
    Some((list.step(Step::Tls, encrypt).await?, address))
}

/// What the server reports about itself and the account.
async fn about_server(
    list: &mut Checklist<'_>,
    settings: &ServerSettings,
    mut session: OpenSession,
) -> Option<()> {
    let session = &mut session;
    let is_replica = list.ask(Step::Server, server(session, settings.kind)).await?;
    list.ask(Step::Clock, clock(session)).await?;
    if is_replica {
        list.ask(Step::Lag, lag(session)).await?;
    }
    list.ask(Step::Transactions, transactions(session, is_replica)).await?;
    list.ask(Step::Schemas, account::schemas(session)).await?;
    list.ask(Step::Privileges, account::privileges(session, SystemClock.now())).await
}

/// What a step has found.
struct StepResult {
    summary: String,
    problems: Vec<Error>,
    details: Vec<(&'static str, Value)>,
}

impl StepResult {
    fn new(summary: impl Into<String>) -> StepResult {
        StepResult { summary: summary.into(), problems: Vec::new(), details: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: Value) -> StepResult {
        self.details.push((name, value));
        self
    }

    fn warn(mut self, problem: Option<Error>) -> StepResult {
        self.problems.extend(problem);
        self
    }
}

/// Runs the steps and reports them.
struct Checklist<'a> {
    report: &'a mut (dyn FnMut(Check) + Send),
    /// `host:port`, where errors are.
    place: String,
    limit: Duration,
    deadline: Instant,
    /// The address that the server sees us under, unless something between changes it. Known once
    /// the server's is.
    ours: Option<IpAddr>,
}

impl<'a> Checklist<'a> {
    fn new(settings: &ServerSettings, report: &'a mut (dyn FnMut(Check) + Send)) -> Self {
        let limit = settings.connect_timeout;
        Self { report, place: settings.address(), limit, deadline: after(limit), ours: None }
    }

    /// The steps that follow have this time together.
    fn restart(&mut self, limit: Duration) {
        self.limit = limit;
        self.deadline = after(limit);
    }

    /// A step on a connection that stands, with a time of its own.
    async fn ask<T>(&mut self, step: Step, work: impl Future<Output = Result<(T, StepResult)>>) -> Option<T> {
        self.restart(STEP);
        self.step(step, work).await
    }

    /// Does a step, reports it, and gives what it has made; `None` if it failed.
    async fn step<T>(
        &mut self,
        step: Step,
        work: impl Future<Output = Result<(T, StepResult)>>,
    ) -> Option<T> {
        let begun = Instant::now();
        let done = tokio::time::timeout_at(self.deadline, work).await;
        let took = begun.elapsed();
        let (value, step, found) = match done.unwrap_or_else(|_| Err(no_answer(self.limit))) {
            Ok((value, found)) => (Some(value), step, found),
            Err(error) => {
                let mut failed = StepResult::new(error.code().title());
                if let Some(ours) = self.ours {
                    failed = failed.with("local_address", json!(ours.to_string()));
                }
                let step = at_fault(&error).unwrap_or(step);
                (None, step, failed.warn(Some(self.explain(step, error))))
            }
        };
        let problems = found.problems.into_iter();
        let problems =
            problems.map(|e| if e.place().is_some() { e } else { e.at(self.place.clone()) }).collect();
        (self.report)(Check { step, summary: found.summary, problems, details: found.details, took });
        value
    }

    /// Adds what helps a person in front of a test.
    fn explain(&self, step: Step, mut error: Error) -> Error {
        if step == Step::Database && error.code() == Code::PermissionDenied {
            error = error.help("grant this user CONNECT on the database");
        }
        // Once the server has answered, no list of addresses is in the way, unless it says so.
        let fits = step == Step::Tcp || error.code() == Code::NotOnAllowList;
        let Some(ours) = self.ours.filter(|_| fits) else { return error };
        let ours = format!(
            "this machine connects from {ours}: allow it at the server (behind NAT or a proxy, the public address in its place)"
        );
        match error.help_text().map(str::to_owned) {
            Some(help) => error.help(format!("{help}\n{ours}")),
            None => error.help(ours),
        }
    }
}

/// The step that an error belongs to, wherever it comes up: some servers look for the database
/// before they ask for the password, and a tunnel that does not open shows when it is used.
fn at_fault(error: &Error) -> Option<Step> {
    match error.code() {
        Code::UnknownDatabase => Some(Step::Database),
        Code::AwsCredentialsMissing | Code::AwsCredentialsRefused => Some(Step::Credentials),
        Code::TunnelFailed | Code::TunnelHostKeyUnknown => Some(Step::Tunnel),
        _ => None,
    }
}

/// Our own address on the way to that one. Connecting a datagram socket chooses a route and sends
/// nothing.
fn route_to(address: &SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr = if address.is_ipv4() { ([0; 4], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(address).ok()?;
    socket.local_addr().ok().map(|ours| ours.ip())
}

fn method_title(method: AuthMethod) -> &'static str {
    match method {
        AuthMethod::Trust => "no password asked",
        AuthMethod::Cleartext => "cleartext password",
        AuthMethod::Md5 => "md5 password",
        AuthMethod::Scram => "SCRAM-SHA-256",
        AuthMethod::Digest => "SHA-256 digest",
    }
}

fn method_name(method: AuthMethod) -> &'static str {
    match method {
        AuthMethod::Trust => "trust",
        AuthMethod::Cleartext => "cleartext",
        AuthMethod::Md5 => "md5",
        AuthMethod::Scram => "scram-sha-256",
        AuthMethod::Digest => "sha-256",
    }
}

/// Which server it is, and whether it is a replica. Then the session is settled, which only the
/// right kind of server takes.
async fn server(session: &mut OpenSession, configured: ServerKind) -> Result<(bool, StepResult)> {
    let version = session.ask("SELECT version()").await.map_err(too_early)?;
    let version = one(&version).unwrap_or_default();
    let build = session.wire.parameter("padb_version").map(str::to_owned);
    let (kind, name) = identify(version, build.as_deref());
    if kind != configured {
        return Err(wrong_kind(configured, kind, &name));
    }
    session.settle().await.map_err(too_early)?;
    let _refused = answer(session, QUESTION).await?;
    let is_replica = kind.facts().has_replicas
        && matches!(answer(session, "SELECT pg_is_in_recovery()").await?, Ok(rows) if one(&rows) == Some("t"));
    let summary = if is_replica { format!("{name}, a read replica") } else { name.clone() };
    let found = StepResult::new(summary)
        .with("kind", json!(kind.facts().name))
        .with("version", json!(name))
        .with("replica", json!(is_replica));
    Ok((is_replica, found))
}

/// The kind of server, and its name and version in short, from `version()` and the parameter that
/// Redshift alone has.
fn identify(version: &str, build: Option<&str>) -> (ServerKind, String) {
    let reported =
        version.split_once("Redshift ").map(|(_, build)| build.split_whitespace().next().unwrap_or_default());
    match build.or(reported) {
        Some(build) => (ServerKind::Redshift, format!("Redshift {build}")),
        None => {
            let short = version.split(" on ").next().unwrap_or_default();
            (ServerKind::Postgres, short.chars().take(80).collect())
        }
    }
}

fn wrong_kind(configured: ServerKind, kind: ServerKind, name: &str) -> Error {
    let (configured, found) = (configured.facts().name, kind.facts().name);
    Error::new(Code::InvalidValue, format!("the source says `type: {configured}`, and the server is {name}"))
        .help(format!("write `type: {found}` in the source, or check host and port"))
}

/// How far apart the clocks are, as of the middle of the question's way.
async fn clock(session: &mut OpenSession) -> Result<((), StepResult)> {
    let (ours, begun) = (SystemClock.now(), Instant::now());
    let theirs = session.clock().await?;
    let half = begun.elapsed().as_secs_f64() / 2.0;
    // Of a time in whole seconds, half a second more is the best guess, and as much is unsure.
    let unsure = session.kind.facts().clock_error;
    let difference = seconds_between(ours, theirs) - half + unsure;
    Ok(((), clock_result(difference, half + unsure)))
}

fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

fn clock_result(difference: f64, unsure: f64) -> StepResult {
    let direction = if difference < 0.0 { "behind" } else { "ahead of" };
    let words = format!("{:.1} s {direction} this machine's", difference.abs());
    let warning = (difference.abs() - unsure > CLOCK_DIFFERENCE).then(|| {
        Error::new(Code::ClockSkew, format!("the server's clock is {words}")).help(
            "synchronize this machine's clock (NTP); the clock of a managed server is seldom the wrong one",
        )
    });
    StepResult::new(words)
        .with("difference_seconds", json!((difference * 1000.0).round() / 1000.0))
        .warn(warning)
}

/// A replica that has replayed all that it has received is not behind, however long ago that was,
/// as long as it is connected.
const HOW_FAR_BEHIND: &str = "SELECT CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() \
     AND EXISTS (SELECT 1 FROM pg_catalog.pg_stat_wal_receiver) THEN 0 \
     ELSE EXTRACT(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END";

async fn lag(session: &mut OpenSession) -> Result<((), StepResult)> {
    let behind = answer(session, HOW_FAR_BEHIND).await?;
    Ok(((), lag_result(behind.map(|rows| one(&rows).and_then(|text| text.parse().ok())))))
}

fn lag_result(answer: Result<Option<f64>>) -> StepResult {
    let behind = match answer {
        Ok(Some(behind)) => behind,
        Ok(None) => return StepResult::new("the replica does not report its lag"),
        Err(error) => return StepResult::new(format!("unknown: {}", error.full_message().reveal())),
    };
    let warning = (behind > LAG).then(|| {
        Error::new(Code::ReplicaLag, format!("what the replica has replayed last is {behind:.0} s old"))
            .help("runs begin as much earlier, so no row is missed for that; read the primary if rows have to arrive sooner")
    });
    StepResult::new(format!("{behind:.1} s behind the primary"))
        .with("lag_seconds", json!(behind))
        .warn(warning)
}

/// Whose open transactions the account sees: runs begin before those that may still write.
async fn transactions(session: &mut OpenSession, is_replica: bool) -> Result<((), StepResult)> {
    let sees_all = !is_replica && session.sees_all_transactions().await?;
    let summary = match (sees_all, is_replica) {
        (true, _) => "sees when the open transactions of others began",
        (false, true) => "those of the primary are not known here: the lookback alone covers late rows",
        (false, false) => "sees none of other accounts: the lookback alone covers late rows",
    };
    Ok(((), StepResult::new(summary).with("sees_all", json!(sees_all))))
}

/// The rows of a question, or why this server does not answer it. Only a connection that breaks is
/// an error.
async fn answer(session: &mut OpenSession, sql: &str) -> Result<Result<Texts>> {
    match session.ask(sql).await {
        Err(error) if breaks_the_connection(&error) => Err(error),
        answered => Ok(answered),
    }
}

/// The first field of the first row.
fn one(rows: &Texts) -> Option<&str> {
    rows.first()?.first()?.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_distinguished() {
        let redshift = "PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017 (Red Hat 3.4.2-6.fc3), Redshift 1.0.117891";
        let postgres = "PostgreSQL 15.6 (Debian 15.6-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc";
        assert_eq!(identify(redshift, None), (ServerKind::Redshift, "Redshift 1.0.117891".into()));
        assert_eq!(identify("", Some("1.0.9")), (ServerKind::Redshift, "Redshift 1.0.9".into()));
        assert_eq!(
            identify(postgres, None),
            (ServerKind::Postgres, "PostgreSQL 15.6 (Debian 15.6-0+deb12u1)".into())
        );
    }

    #[test]
    fn clocks_differ_from_2_seconds_on() {
        let codes = |found: StepResult| found.problems.iter().map(Error::code).collect::<Vec<_>>();
        assert_eq!(codes(clock_result(1.9, 0.0)), []);
        assert_eq!(codes(clock_result(-2.1, 0.0)), [Code::ClockSkew]);
        assert_eq!(codes(clock_result(2.4, 0.5)), [], "what is not sure is no warning");
        assert_eq!(clock_result(-3.21, 0.0).summary, "3.2 s behind this machine's");
    }

    #[test]
    fn a_replica_is_late_from_a_minute_on() {
        let codes = |answer| lag_result(answer).problems.iter().map(Error::code).collect::<Vec<_>>();
        assert_eq!(codes(Ok(Some(59.0))), []);
        assert_eq!(codes(Ok(Some(61.0))), [Code::ReplicaLag]);
        assert_eq!(codes(Ok(None)), []);
    }

    #[test]
    fn the_route_to_this_machine_begins_here() {
        assert_eq!(route_to(&([127, 0, 0, 1], 5439).into()), Some([127, 0, 0, 1].into()));
    }
}
