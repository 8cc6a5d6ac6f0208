//! Every way to log in that PostgreSQL offers, and every refusal.

use std::time::{Duration, Instant};

use outflow_core::ports::warehouse::Warehouse;
use outflow_core::{Clock, Code, SystemClock};
use outflow_egress::{AddressPolicy, Network};
use outflow_testkit::Postgres;
use outflow_warehouse::{Login, ServerSettings, TlsMode};

use crate::{server, settings, shared, values};

fn user(name: &str, password: &str) -> ServerSettings {
    ServerSettings { login: Login::password(name, password), ..settings(Postgres::shared()) }
}

async fn refused(settings: ServerSettings) -> outflow_core::Error {
    match server(settings).connect().await {
        Err(error) => error,
        Ok(_) => panic!("the server should not let us in"),
    }
}

#[tokio::test]
async fn every_way_of_authentication_lets_the_right_password_in() {
    for name in ["plain", "md5user", "scramuser", "trusted"] {
        let rows = values(&server(user(name, Postgres::USER_PASSWORD)), "SELECT current_user").await;
        assert_eq!(rows, [[name]]);
    }
}

#[tokio::test]
async fn every_way_of_authentication_refuses_a_wrong_password() {
    for name in ["plain", "md5user", "scramuser", "nobody-of-that-name"] {
        let error = refused(user(name, "wrong")).await;
        assert_eq!(error.code(), Code::SourceAuthFailed, "{name}: {error}");
        assert!(error.full_message().reveal().contains(name), "{error}");
        assert!(error.place().unwrap().starts_with("127.0.0.1:"));
    }
    assert_eq!(refused(user("scramuser", "")).await.code(), Code::SourceAuthFailed);
}

#[tokio::test]
async fn a_password_goes_out_in_clear_text_without_tls_only_if_the_user_says_so() {
    for mode in [TlsMode::Prefer, TlsMode::Disable] {
        let mut plain = user("plain", Postgres::USER_PASSWORD);
        plain.tls.mode = mode;
        plain.allow_cleartext_password = false;
        let error = refused(plain.clone()).await;
        assert_eq!(error.code(), Code::ClearTextPassword, "{mode:?}: {error}");
        assert!(error.help_text().unwrap().contains("allow_cleartext_password"), "{error:?}");
        assert!(!format!("{error:?}{plain:?}").contains(Postgres::USER_PASSWORD));
        plain.allow_cleartext_password = true;
        assert_eq!(values(&server(plain), "SELECT current_user").await, [["plain"]]);
    }
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_demanded() {
    for mode in [TlsMode::Require, TlsMode::VerifyCa, TlsMode::VerifyFull] {
        let mut settings = settings(Postgres::shared());
        settings.tls.mode = mode;
        assert_eq!(refused(settings).await.code(), Code::TlsNotOffered, "{mode:?}");
    }
    let mut settings = settings(Postgres::shared());
    settings.tls.mode = TlsMode::Prefer;
    assert_eq!(values(&server(settings), "SELECT 1").await, [["1"]]);
}

#[tokio::test]
async fn addresses_that_no_database_has_are_not_connected_to() {
    for host in
        ["169.254.169.254", "168.63.129.16", "fe80::1", "fd00:ec2::254", "0.0.0.0", "::ffff:169.254.169.254"]
    {
        let error = refused(ServerSettings { host: host.into(), ..settings(Postgres::shared()) }).await;
        assert_eq!(error.code(), Code::SourceAddressNotAllowed, "{host}: {error}");
        assert!(error.message().contains(host), "{error}");
    }
}

/// Where the project lets out to the internet alone, what it lists is let through, too.
#[tokio::test]
async fn private_networks_are_reached_only_if_they_are_listed() {
    let listed = |networks: &[&str]| {
        AddressPolicy::PublicAnd(networks.iter().map(|n| Network::parse(n).unwrap()).collect())
    };
    let within = |policy: &AddressPolicy| server(settings(Postgres::shared())).within(policy);
    for policy in [AddressPolicy::PublicOnly, listed(&["10.0.0.0/8"])] {
        let error = within(&policy).connect().await.err().unwrap();
        assert_eq!(error.code(), Code::SourceAddressNotAllowed, "{error}");
        assert!(error.help_text().unwrap().contains("network.allow"), "{error}");
    }
    assert_eq!(values(&within(&listed(&["127.0.0.0/8"])), "SELECT 1").await, [["1"]]);
}

#[tokio::test]
async fn what_cannot_be_reached_says_why() {
    let here = settings(Postgres::shared());
    let nowhere = ServerSettings { host: "nowhere.invalid".into(), ..here.clone() };
    assert_eq!(refused(nowhere).await.code(), Code::HostNotResolved);

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let silent = ServerSettings { port, connect_timeout: Duration::from_millis(300), ..here.clone() };
    let begun = Instant::now();
    assert_eq!(refused(silent).await.code(), Code::SourceTimeout);
    assert!(begun.elapsed() < Duration::from_secs(10));

    drop(listener);
    assert_eq!(refused(ServerSettings { port, ..here }).await.code(), Code::ConnectionRefused);
}

#[tokio::test]
async fn an_unknown_database_and_a_full_server_have_their_codes() {
    let postgres = Postgres::shared();
    let unknown = ServerSettings { database: "no such".into(), ..settings(postgres) };
    assert_eq!(refused(unknown).await.code(), Code::UnknownDatabase);

    postgres.sql("CREATE ROLE unwanted LOGIN PASSWORD 'secret' CONNECTION LIMIT 0");
    assert_eq!(refused(user("unwanted", "secret")).await.code(), Code::SourceUnavailable);
}

#[test]
fn settings_that_cannot_be_right_are_refused_before_anything_is_sent() {
    let good = settings(Postgres::shared());
    let wrong = [
        ServerSettings { host: String::new(), ..good.clone() },
        ServerSettings { login: Login::password("a\0b", "x"), ..good.clone() },
        ServerSettings { login: Login::password("x", "a\0b"), ..good },
    ];
    for settings in wrong {
        assert_eq!(crate::open(settings).err().unwrap().code(), Code::InvalidValue);
    }
}

#[tokio::test]
async fn the_clock_is_the_servers() {
    let mut session = shared().connect().await.unwrap();
    let before = SystemClock.now();
    let reported = session.clock().await.unwrap();
    let again = session.clock().await.unwrap();
    assert!(again > reported, "to the microsecond");
    // Same machine, same clock.
    assert!(reported >= before && again <= SystemClock.now(), "{before} {reported} {again}");
}

#[tokio::test]
async fn another_kind_of_server_is_told_by_what_it_says() {
    for (greeting, words) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "an HTTP server answers here"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "a server that speaks TLS from the first byte"),
        (b"220 mail.example ESMTP\r\n", "a mail or FTP server"),
        (b"-ERR unknown command\r\n", "a Redis or mail server"),
        (b"J\0\0\0\x0a8.0.36\0", "a MySQL server or another one"),
    ] {
        for mode in [TlsMode::Require, TlsMode::Disable] {
            if mode == TlsMode::Disable && !greeting[1..5].iter().all(|byte| (b' '..=b'~').contains(byte)) {
                continue;
            }
            let (listener, mut there) = crate::fake::listen().await;
            there.tls.mode = mode;
            let answering = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::io::AsyncReadExt::read_u8(&mut stream).await.unwrap();
                tokio::io::AsyncWriteExt::write_all(&mut stream, greeting).await.unwrap();
                stream
            });
            let error = refused(there).await;
            assert_eq!(error.code(), Code::ProtocolViolation, "{words}: {error}");
            assert!(error.message().contains(words), "{mode:?}: {error}");
            drop(answering.await);
        }
    }
}
