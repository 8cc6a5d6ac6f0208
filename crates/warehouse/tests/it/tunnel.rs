//! Through a real SSH server: what works as without one, and what each failure says.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use outflow_core::ports::warehouse::{Step, Warehouse};
use outflow_core::{Code, Error, RowPage};
use outflow_egress::{AddressPolicy, Network};
use outflow_testkit::{ChaosProxy, Postgres};
use outflow_warehouse::{ServerSettings, Tls, TlsMode, Tunnel};

use crate::sshd::Sshd;
use crate::{select, server, settings, start, values};

fn through(tunnel: Tunnel) -> ServerSettings {
    ServerSettings { tunnel: Some(tunnel), ..settings(Postgres::shared()) }
}

async fn refused(settings: ServerSettings) -> Error {
    let tunnel = settings.tunnel.clone().unwrap();
    match server(settings).connect().await {
        Ok(_) => panic!("there is no way through"),
        Err(error) => {
            assert_eq!(error.place(), Some(&*format!("{}:{}", tunnel.host, tunnel.port)), "{error}");
            error
        }
    }
}

fn reported(error: &Error) -> String {
    format!("{error} {}", error.help_text().unwrap())
}

/// Waits until no `ssh` runs for this server. Looking is the only signal there is.
async fn all_gone(sshd: &Sshd) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while sshd.clients() > 0 {
        assert!(Instant::now() < deadline, "ssh is still there");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_query_runs_through_a_tunnel_and_leaves_nothing_behind() {
    let sshd = Sshd::start("");
    let database = server(through(sshd.tunnel()));
    let large = "SELECT sum(length(t)) FROM (SELECT repeat('x', 100000) AS t FROM generate_series(1, 50)) s";
    assert_eq!(values(&database, large).await, [["5000000"]]);
    let session = database.connect().await.unwrap();
    assert_eq!(sshd.clients(), 1);
    drop(session);
    all_gone(&sshd).await;
}

/// The SSH server is met at the address that was checked, and known by its name.
#[tokio::test]
async fn the_address_of_the_ssh_server_is_checked_too() {
    let sshd = Sshd::start("");
    let listed = |network: &str| AddressPolicy::PublicAnd([Network::parse(network).unwrap()].into());
    let refused = server(through(sshd.tunnel())).within(&listed("10.0.0.0/8")).connect().await.err().unwrap();
    assert_eq!(refused.code(), Code::SourceAddressNotAllowed, "{refused}");
    let let_through = server(through(sshd.tunnel())).within(&listed("127.0.0.0/8"));
    assert_eq!(values(&let_through, "SELECT 1").await, [["1"]]);
    let alias = Tunnel { host: "bastion-alias".into(), ..sshd.tunnel() };
    let refused = server(through(alias)).within(&listed("127.0.0.0/8")).connect().await.err().unwrap();
    assert_eq!(refused.code(), Code::HostNotResolved, "{refused}");
    let metadata = ServerSettings { host: "169.254.169.254".into(), ..through(sshd.tunnel()) };
    let refused = server(metadata).connect().await.err().unwrap();
    assert_eq!(refused.code(), Code::SourceAddressNotAllowed, "{refused}");
}

#[tokio::test]
async fn a_connection_test_goes_through_the_tunnel() {
    let sshd = Sshd::start("");
    let lines = crate::check::test(&server(through(sshd.tunnel()))).await;
    let steps: Vec<Step> = lines.iter().take(4).map(|line| line.step).collect();
    assert_eq!(steps, [Step::Tunnel, Step::Tls, Step::Authentication, Step::Database], "{lines:?}");
    assert!(lines.last().is_some_and(|line| line.step == Step::Privileges), "{lines:?}");
    let other = Tunnel { key: Some(sshd.other_key()), ..sshd.tunnel() };
    let lines = crate::check::test(&server(through(other))).await;
    let last = lines.last().unwrap();
    assert_eq!(
        (last.step, crate::check::codes(&lines).last()),
        (Step::Tunnel, Some(&Code::TunnelFailed)),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_large_result_comes_through_whole() {
    let sshd = Sshd::start("");
    let sql = "SELECT g, repeat('x', 10000) FROM generate_series(1, 2000) g";
    let rows = values(&server(through(sshd.tunnel())), sql).await;
    assert!(rows.len() == 2000 && rows.iter().all(|row| row[1].len() == 10000));
}

#[tokio::test]
async fn tls_works_inside_and_checks_the_name_of_the_database() {
    let sshd = Sshd::start("");
    let folder = tempfile::tempdir().unwrap();
    let authority = crate::tls::authority();
    let postgres = crate::tls::postgres(&authority, 2049);
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, &authority.pem).unwrap();
    let with = |name: Option<&str>| {
        let tls =
            Tls { mode: TlsMode::VerifyFull, ca: Some(ca.clone()), server_name: name.map(str::to_owned) };
        server(ServerSettings { tls, tunnel: Some(sshd.tunnel()), ..settings(&postgres) })
    };
    let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(values(&with(Some("warehouse.test")), sql).await, [["t"]]);
    // The certificate is for no 127.0.0.1.
    assert_eq!(with(None).connect().await.err().unwrap().code(), Code::TlsHandshakeFailed);
}

#[tokio::test]
async fn a_server_that_is_not_known_is_not_trusted() {
    let sshd = Sshd::start("");
    fs::write(sshd.known_hosts(), "").unwrap();
    let error = refused(through(sshd.tunnel())).await;
    assert_eq!(error.code(), Code::TunnelHostKeyUnknown, "{error:?}");
    let reported = reported(&error);
    assert!(reported.contains(&format!("ssh-keyscan -p {} 127.0.0.1", sshd.port)), "{reported}");
    assert!(reported.contains(sshd.known_hosts().to_str().unwrap()), "{reported}");
}

#[tokio::test]
async fn a_server_whose_key_has_changed_is_not_trusted() {
    let (sshd, other) = (Sshd::start(""), Sshd::start(""));
    // The other server's key stands where this one's should.
    other.know(sshd.port);
    let tunnel = Tunnel { known_hosts: Some(other.known_hosts()), ..sshd.tunnel() };
    let error = refused(through(tunnel)).await;
    assert_eq!(error.code(), Code::TunnelHostKeyUnknown, "{error:?}");
    assert!(
        reported(&error).contains(&format!("ssh-keygen -R '[127.0.0.1]:{}'", sshd.port)),
        "{}",
        reported(&error)
    );
}

#[tokio::test]
async fn each_reason_why_there_is_no_tunnel_is_reported() {
    let (sshd, closed) = (Sshd::start(""), Sshd::start("AllowTcpForwarding no"));
    let free = outflow_testkit::free_port();
    let open = sshd.tunnel();
    let other = Tunnel { key: Some(sshd.other_key()), ..open.clone() };
    let missing = Tunnel { key: Some("/nowhere/key".into()), ..open.clone() };
    let stranger = Tunnel { user: Some("nobody-of-that-name".into()), ..open.clone() };
    let silent = Tunnel { port: free, ..open.clone() };
    let nameless = Tunnel { host: "nowhere.invalid".into(), ..open.clone() };
    let far = |host: &str, port| ServerSettings { host: host.into(), port, ..through(open.clone()) };
    for (settings, words) in [
        (through(other), "refused the key"),
        (through(stranger), "refused the key"),
        (through(missing), "key file cannot be read"),
        (through(silent), "cannot be reached: Connection refused"),
        (through(nameless), "does not resolve"),
        (through(closed.tunnel()), "does not let this user through"),
        (far("127.0.0.1", free), "cannot reach 127.0.0.1"),
        // A name is looked up at the far end.
        (far("nowhere.invalid", 5432), "cannot reach nowhere.invalid:5432"),
    ] {
        let error = refused(settings).await;
        assert_eq!(error.code(), Code::TunnelFailed, "{error:?}");
        assert!(error.full_message().reveal().contains(words), "{words}: {error}");
        assert!(error.help_text().is_some());
    }
    all_gone(&sshd).await;
}

/// Whatever is asked first, an answer to a request for TLS or to the start-up, a tunnel that ends
/// tells why.
#[tokio::test]
async fn the_reason_is_reported_with_tls_too() {
    let sshd = Sshd::start("AllowTcpForwarding no");
    for mode in [TlsMode::Prefer, TlsMode::VerifyFull] {
        let tls = Tls { mode, ..Tls::default() };
        let error = refused(ServerSettings { tls, ..through(sshd.tunnel()) }).await;
        assert_eq!(error.code(), Code::TunnelFailed, "{mode:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_tunnel_that_breaks_is_no_end_of_a_result() {
    let sshd = Sshd::start("");
    let proxy = ChaosProxy::start(sshd.port);
    sshd.know(proxy.port());
    let tunnel = Tunnel { port: proxy.port(), ..sshd.tunnel() };
    let sql = "SELECT g, repeat('x', 1000) FROM generate_series(1, 100000000) g";
    let mut stream = start(&server(through(tunnel)), select(sql)).await.unwrap();
    let mut page = RowPage::default();
    assert!(stream.next(&mut page).await.unwrap());
    proxy.reset_all();
    let error = loop {
        match stream.next(&mut page).await {
            Ok(true) => {}
            Ok(false) => panic!("this result has no end"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), Code::ConnectionBroken, "{error:?}");
    drop(stream);
    all_gone(&sshd).await;
}

#[tokio::test]
async fn a_statement_is_cancelled_through_a_tunnel_of_its_own() {
    let sshd = Sshd::start("");
    let statement = outflow_core::ports::warehouse::Statement {
        label: "cancel-tunnel".into(),
        ..select("SELECT pg_sleep(120)")
    };
    let mut stream = start(&server(through(sshd.tunnel())), statement).await.unwrap();
    let asleep = || while crate::cancel::sessions("cancel-tunnel", "wait_event = 'PgSleep'") == "0" {};
    let mut page = RowPage::default();
    tokio::select! {
        _ = stream.next(&mut page) => panic!("there is no row yet"),
        asleep = tokio::task::spawn_blocking(asleep) => asleep.unwrap(),
    }
    stream.cancel().await;
    assert_eq!(crate::cancel::sessions("cancel-tunnel", "true"), "0");
    all_gone(&sshd).await;
}

/// The variable that makes the test below the process to be killed: host, ports, user, key and
/// known hosts of its tunnel.
const CHILD: &str = "OUTFLOW_TEST_TUNNEL_CHILD";

#[tokio::test]
async fn ssh_ends_with_a_process_that_is_killed() {
    if let Ok(text) = std::env::var(CHILD) {
        let [database, port, user, key, known_hosts] = text.split('\n').collect::<Vec<_>>()[..] else {
            panic!()
        };
        let tunnel = Tunnel {
            host: "127.0.0.1".into(),
            port: port.parse().unwrap(),
            user: Some(user.into()),
            key: Some(key.into()),
            known_hosts: Some(known_hosts.into()),
        };
        let settings = ServerSettings {
            kind: outflow_warehouse::ServerKind::Postgres,
            host: "127.0.0.1".into(),
            port: database.parse().unwrap(),
            database: "postgres".into(),
            login: outflow_warehouse::Login::password(Postgres::USER, Postgres::PASSWORD),
            tls: Tls { mode: TlsMode::Disable, ..Tls::default() },
            allow_cleartext_password: false,
            allow_functions: Vec::new(),
            tunnel: Some(tunnel),
            connect_timeout: Duration::from_secs(60),
        };
        let mut stream =
            start(&crate::open(settings).unwrap(), select("SELECT pg_sleep(600)")).await.unwrap();
        let _ = stream.next(&mut RowPage::default()).await;
        return;
    }
    let sshd = Sshd::start("");
    let tunnel = sshd.tunnel();
    let path = |path: Option<std::path::PathBuf>| path.unwrap().display().to_string();
    let text = [
        Postgres::shared().port().to_string(),
        tunnel.port.to_string(),
        tunnel.user.unwrap(),
        path(tunnel.key),
        path(tunnel.known_hosts),
    ];
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tunnel::ssh_ends_with_a_process_that_is_killed"])
        .env(CHILD, text.join("\n"))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let sleeping =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%600%'";
    while Postgres::shared().sql(sleeping) == "0" {
        assert!(child.try_wait().unwrap().is_none(), "the child has ended");
    }
    assert_eq!(sshd.clients(), 1);
    child.kill().unwrap();
    child.wait().unwrap();
    all_gone(&sshd).await;
}

#[test]
fn a_tunnel_cannot_smuggle_settings_into_ssh() {
    let good = Tunnel { host: "bastion".into(), port: 22, user: None, key: None, known_hosts: None };
    for tunnel in [
        Tunnel { host: "-oProxyCommand=touch".into(), ..good.clone() },
        Tunnel { host: "a b".into(), ..good.clone() },
        Tunnel { host: String::new(), ..good.clone() },
        Tunnel { user: Some("-l".into()), ..good.clone() },
        Tunnel { user: Some("a\nb".into()), ..good.clone() },
    ] {
        assert_eq!(
            crate::open(through(tunnel.clone())).err().unwrap().code(),
            Code::InvalidValue,
            "{tunnel:?}"
        );
    }
    assert!(crate::open(through(good)).is_ok());
}
