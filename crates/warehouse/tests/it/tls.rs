//! Each SSL mode against right, wrong and expired certificates, on a real server.

use std::path::PathBuf;

use outflow_core::Code;
use outflow_core::ports::warehouse::{Step, Warehouse};
use outflow_testkit::Postgres;
use outflow_warehouse::{Login, Server, ServerSettings, Tls, TlsMode};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::{select, server, settings, start, values};

pub struct Authority {
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

pub fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    Authority { pem, issuer: Issuer::new(params, key) }
}

/// A server with a certificate for `warehouse.test`, valid until the end of that year.
pub fn postgres(authority: &Authority, until: i32) -> Postgres {
    let mut params = CertificateParams::new(vec!["warehouse.test".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 12, 31);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority.issuer).unwrap();
    Postgres::options()
        .with_tls(&certificate.pem(), &key.serialize_pem())
        .with_hba(&["hostnossl all stranger 127.0.0.1/32 reject", "host all outcast 127.0.0.1/32 reject"])
        .start()
}

fn with(postgres: &Postgres, mode: TlsMode, ca: Option<&PathBuf>, name: Option<&str>) -> Server {
    let tls = Tls { mode, ca: ca.cloned(), server_name: name.map(str::to_owned) };
    server(ServerSettings { tls, ..settings(postgres) })
}

async fn encrypted(server: &Server) -> bool {
    values(server, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").await == [["t"]]
}

async fn refusal(server: &Server) -> outflow_core::Error {
    match server.connect().await {
        Err(error) => error,
        Ok(_) => panic!("this server should not be trusted"),
    }
}

#[tokio::test]
async fn each_mode_checks_what_it_says_and_no_less() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, authority: &Authority| {
        let path = folder.path().join(name);
        std::fs::write(&path, &authority.pem).unwrap();
        path
    };
    let (ours, other) = (authority(), authority());
    let (right, wrong) = (file("right.pem", &ours), file("wrong.pem", &other));
    let fresh = postgres(&ours, 2090);
    use TlsMode::{Disable, Prefer, Require, VerifyCa, VerifyFull};

    assert!(!encrypted(&with(&fresh, Disable, None, None)).await);
    for server in [
        with(&fresh, Prefer, None, None),
        with(&fresh, Require, None, None),
        with(&fresh, Require, Some(&right), None),
        with(&fresh, VerifyCa, Some(&right), None),
        with(&fresh, VerifyFull, Some(&right), Some("warehouse.test")),
    ] {
        assert!(encrypted(&server).await);
    }
    for (server, why) in [
        (with(&fresh, Require, Some(&wrong), None), "authority that is not trusted"),
        (with(&fresh, VerifyCa, Some(&wrong), None), "authority that is not trusted"),
        (with(&fresh, VerifyCa, None, None), "authority that is not trusted"),
        (with(&fresh, VerifyFull, Some(&wrong), Some("warehouse.test")), "authority that is not trusted"),
        (with(&fresh, VerifyFull, Some(&right), None), "another host name: warehouse.test"),
        (with(&fresh, VerifyFull, Some(&right), Some("other.test")), "another host name"),
    ] {
        let error = refusal(&server).await;
        assert_eq!(error.code(), Code::TlsHandshakeFailed, "{error}");
        assert!(error.full_message().reveal().contains(why), "{error}");
    }

    let stranger =
        ServerSettings { login: Login::password("stranger", fresh.password()), ..settings(&fresh) };
    let outcast = ServerSettings {
        login: Login::password("outcast", fresh.password()),
        tls: Tls { mode: Require, ca: None, server_name: None },
        ..settings(&fresh)
    };
    assert_eq!(refusal(&server(outcast)).await.code(), Code::NotOnAllowList);
    let plain = ServerSettings { tls: Tls { mode: TlsMode::Disable, ..Tls::default() }, ..stranger };
    let error = refusal(&server(plain)).await;
    assert_eq!(error.code(), Code::TlsRequired, "{error}");
    assert!(error.help_text().unwrap().contains("`ssl: verify-full`"), "{error:?}");
    cancels_over_tls(&fresh, &with(&fresh, VerifyCa, Some(&right), None)).await;
    streams_over_tls(&with(&fresh, VerifyCa, Some(&right), None)).await;

    cleartext_only_to_a_verified_server(&fresh, &right).await;

    let expired = postgres(&ours, 2024);
    assert!(encrypted(&with(&expired, Require, None, None)).await);
    for (mode, name) in [(VerifyCa, None), (VerifyFull, Some("warehouse.test"))] {
        let error = refusal(&with(&expired, mode, Some(&right), name)).await;
        assert_eq!(error.code(), Code::TlsHandshakeFailed, "{error}");
        assert!(error.message().ends_with("has expired, on 2024-12-31T00:00:00Z"), "{error}");
    }
}

/// Encryption alone does not say who asks for the password.
async fn cleartext_only_to_a_verified_server(postgres: &Postgres, ca: &PathBuf) {
    use TlsMode::{Prefer, Require, VerifyCa};
    let with = |mode, ca: Option<&PathBuf>, allow_cleartext_password| {
        let tls = Tls { mode, ca: ca.cloned(), server_name: None };
        let login = Login::password("plain", Postgres::USER_PASSWORD);
        server(ServerSettings { tls, login, allow_cleartext_password, ..settings(postgres) })
    };
    for mode in [Prefer, Require] {
        let error = refusal(&with(mode, None, false)).await;
        assert_eq!(error.code(), Code::ClearTextPassword, "{mode:?}: {error}");
        assert!(error.message().contains("identity is not checked"), "{error}");
        assert!(encrypted(&with(mode, None, true)).await);
    }
    for mode in [Require, VerifyCa] {
        assert!(encrypted(&with(mode, Some(ca), false)).await, "{mode:?}");
    }
}

#[tokio::test]
async fn a_connection_test_tells_the_certificate_and_what_is_wrong_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let ours = authority();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, &ours.pem).unwrap();
    let fresh = postgres(&ours, 2090);
    let line = async |postgres: &Postgres, mode, name| {
        let mut lines = Vec::new();
        let ca = if mode == TlsMode::Require { None } else { Some(&ca) };
        with(postgres, mode, ca, name).test(&mut |line| lines.push(line)).await;
        lines.into_iter().find(|line| line.step == Step::Tls).unwrap()
    };
    let good = line(&fresh, TlsMode::VerifyFull, Some("warehouse.test")).await;
    assert!(
        good.summary
            .starts_with("TLS 1.3, certificate for warehouse.test by rcgen self signed cert, expires in "),
        "{good:?}"
    );
    assert!(good.problems.is_empty(), "{good:?}");
    let expires = ("expires", serde_json::json!("2090-12-31T00:00:00Z"));
    assert!(good.details.contains(&expires) && good.details.contains(&("verified", true.into())), "{good:?}");

    let other_name = line(&fresh, TlsMode::VerifyFull, Some("other.test")).await;
    assert_eq!(other_name.problems[0].code(), Code::TlsHandshakeFailed);
    let help = other_name.problems[0].help_text().unwrap();
    assert!(!help.contains("this machine connects from"), "the server has answered: {help}");

    let expired = postgres(&ours, 2024);
    let unchecked = line(&expired, TlsMode::Require, None).await;
    assert!(
        unchecked.summary.ends_with("has expired, not checked") && unchecked.problems.is_empty(),
        "{unchecked:?}"
    );
    assert_eq!(line(&expired, TlsMode::VerifyCa, None).await.problems[0].code(), Code::TlsHandshakeFailed);
}

async fn cancels_over_tls(postgres: &Postgres, server: &Server) {
    let mut statement = select("SELECT pg_sleep(120)");
    statement.label = "over-tls".into();
    let stream = start(server, statement).await.unwrap();
    stream.cancel().await;
    assert_eq!(
        postgres.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'over-tls'"),
        "0"
    );
}

async fn streams_over_tls(server: &Server) {
    let rows = values(server, "SELECT g, repeat('x', 200) FROM generate_series(1, 20000) g").await;
    assert_eq!(rows.len(), 20_000);
    assert!(rows.iter().enumerate().all(|(i, row)| row[0] == (i + 1).to_string() && row[1].len() == 200));
}

#[test]
fn a_ca_file_or_a_server_name_that_cannot_be_used_is_refused_at_once() {
    let base = settings(Postgres::shared());
    let missing = Tls { mode: TlsMode::VerifyFull, ca: Some("/no/such/ca.pem".into()), server_name: None };
    let nameless = Tls { mode: TlsMode::VerifyFull, ca: None, server_name: Some("not a name".into()) };
    for tls in [missing, nameless] {
        assert_eq!(
            crate::open(ServerSettings { tls, ..base.clone() }).err().unwrap().code(),
            Code::InvalidValue
        );
    }
}
