//! TLS: which certificates are taken, and that nothing is sent before one was.

use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use outflow_core::Code;
use outflow_egress::{
    BodyEnd, Client, ClientOptions, SendErrorKind, Target, TlsProblem, Verify, client_config,
};
use rcgen::{CertificateParams, IsCa, KeyPair, date_time_ymd};
use rustls_pki_types::ServerName;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::authority::{Authority, serve, server_config};
use crate::server::{Server, answer, read_request, short};

const BODY: Bytes = Bytes::from_static(b"{}");

/// Posts to `https://localhost` of this server, trusting this authority.
async fn post(server: &Server, ca: Option<&Path>) -> Result<u16, SendErrorKind> {
    let client =
        Client::new(&ClientOptions { ca: ca.map(Path::to_owned), ..ClientOptions::default() }).unwrap();
    let target = Target::new(&format!("https://localhost:{}/", server.address.port()), []).unwrap();
    let mut last = Ok(0);
    for _ in 0..3 {
        last = client.post(&target, BODY, &short()).await.map(|r| r.status).map_err(|e| {
            assert!(!e.ambiguous, "{e}");
            e.kind
        });
    }
    last
}

#[tokio::test]
async fn a_good_certificate_is_taken_and_its_connection_kept() {
    let authority = Authority::new();
    let server = serve(authority.server("localhost", |_| {})).await;
    assert_eq!(post(&server, Some(&authority.file())).await, Ok(200));
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn bad_certificates_are_refused() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let ca = authority.file();
    let expired = authority.server("localhost", |p| p.not_after = date_time_ymd(2020, 1, 1));
    assert_eq!(post(&serve(expired).await, Some(&ca)).await, Err(SendErrorKind::Tls), "expired");
    let early = authority.server("localhost", |p| p.not_before = date_time_ymd(2900, 1, 1));
    assert_eq!(post(&serve(early).await, Some(&ca)).await, Err(SendErrorKind::Tls), "not valid yet");
    let wrong = authority.server("other.example", |_| {});
    assert_eq!(post(&serve(wrong).await, Some(&ca)).await, Err(SendErrorKind::Tls), "wrong name");
    let unknown = serve(stranger.server("localhost", |_| {})).await;
    assert_eq!(post(&unknown, Some(&ca)).await, Err(SendErrorKind::Tls), "unknown authority");
    assert_eq!(post(&unknown, None).await, Err(SendErrorKind::Tls), "no public authority");
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let own = serve(server_config(own.der().clone(), &key, rustls::ALL_VERSIONS)).await;
    assert_eq!(post(&own, Some(&ca)).await, Err(SendErrorKind::Tls), "self-signed");
}

#[tokio::test]
async fn an_authority_of_ones_own_counts_beside_the_usual_ones_and_for_one_client_alone() {
    let (authority, key) = (Authority::new(), KeyPair::generate().unwrap());
    let own = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let file = authority.folder.path().join("both.pem");
    std::fs::write(&file, authority.issuer.pem() + &own.pem()).unwrap();
    let signed = serve(authority.server("localhost", |_| {})).await;
    let self_signed = serve(server_config(own.der().clone(), &key, rustls::ALL_VERSIONS)).await;
    let usual = Client::new(&ClientOptions::default()).unwrap();
    let trusting = usual.trusting(&file).unwrap();
    for server in [&signed, &self_signed] {
        let target = Target::new(&format!("https://localhost:{}/", server.address.port()), []).unwrap();
        assert_eq!(trusting.post(&target, BODY, &short()).await.unwrap().status, 200);
        let error = usual.post(&target, BODY, &short()).await.unwrap_err();
        assert_eq!(error.tls, Some(TlsProblem::UnknownAuthority), "{error}");
    }
    assert!(usual.trusting(Path::new("/nowhere.pem")).is_err());
}

#[tokio::test]
async fn each_problem_with_tls_is_known_for_what_it_is() {
    let authority = Authority::new();
    let file = authority.file();
    let problem = async |server: &Server| {
        let client = Client::new(&ClientOptions::default()).unwrap().trusting(&file).unwrap();
        let target = Target::new(&format!("https://localhost:{}/", server.address.port()), []).unwrap();
        client.post(&target, BODY, &short()).await.unwrap_err().tls.unwrap()
    };
    let nameless = serve(authority.server("localhost", |p| p.subject_alt_names.clear())).await;
    assert_eq!(problem(&nameless).await, TlsProblem::OtherName(Some(Vec::new())));
    let other = serve(authority.server("other.example", |_| {})).await;
    assert_eq!(problem(&other).await, TlsProblem::OtherName(Some(vec!["other.example".to_owned()])));
    let expired = serve(authority.server("localhost", |p| p.not_after = date_time_ymd(2020, 1, 1))).await;
    assert!(matches!(problem(&expired).await, TlsProblem::Expired(Some(_))));
    let (key, mut params) =
        (KeyPair::generate().unwrap(), CertificateParams::new(["localhost".to_owned()]).unwrap());
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let own = params.self_signed(&key).unwrap();
    let own = serve(server_config(own.der().clone(), &key, rustls::ALL_VERSIONS)).await;
    assert_eq!(problem(&own).await, TlsProblem::SelfSigned);
    let plain = Server::start(|mut tcp| async move {
        assert!(tcp.read(&mut [0; 64]).await.is_ok_and(|n| n > 0));
        tcp.write_all(&answer(400, "", "speak plainly")).await.ok();
        tcp.read_to_end(&mut Vec::new()).await.ok();
    })
    .await;
    assert_eq!(problem(&plain).await, TlsProblem::NotTls);
}

#[tokio::test]
async fn a_request_in_plain_http_to_a_port_that_speaks_tls_is_known_for_it() {
    let authority = Authority::new();
    let server = serve(authority.server("localhost", |_| {})).await;
    let client = Client::new(&ClientOptions::default()).unwrap();
    for _ in 0..2 {
        let error = client.post(&server.target("/"), BODY, &short()).await.unwrap_err();
        assert_eq!((error.kind, error.ambiguous), (SendErrorKind::WantsTls, false), "{error}");
    }
    assert_eq!(server.connections(), 3, "it is asked once");
    let broken = Server::start(|mut tcp| async move {
        read_request(&mut tcp).await;
    })
    .await;
    let error = client.post(&broken.target("/"), BODY, &short()).await.unwrap_err();
    assert_eq!((error.kind, error.ambiguous), (SendErrorKind::Reset, true), "{error}");
}

/// Answers over TLS and closes the connection without `close_notify`.
async fn serve_without_notify(authority: &Authority, said: &'static str) -> Server {
    let acceptor = TlsAcceptor::from(Arc::new(authority.server("localhost", |_| {})));
    Server::start(move |tcp| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(tcp).await else { return };
            read_request(&mut stream).await;
            stream.write_all(said.as_bytes()).await.ok();
            stream.flush().await.ok();
            let (mut tcp, _) = stream.into_inner();
            tcp.shutdown().await.ok();
        }
    })
    .await
}

#[tokio::test]
async fn an_answer_without_a_length_ends_with_the_connection_however_that_is_closed() {
    let authority = Authority::new();
    let client = Client::new(&ClientOptions { ca: Some(authority.file()), ..ClientOptions::default() });
    let client = client.unwrap();
    let answered = async |said| {
        let server = serve_without_notify(&authority, said).await;
        let target = Target::new(&format!("https://localhost:{}/", server.address.port()), []).unwrap();
        client.post(&target, BODY, &short()).await.unwrap()
    };
    for (said, body) in [
        ("HTTP/1.0 200 OK\r\n\r\n{\"success\":true}", "{\"success\":true}"),
        ("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", ""),
    ] {
        let response = answered(said).await;
        assert!(matches!(response.end, BodyEnd::Complete), "{said}: {:?}", response.end);
        assert_eq!((response.status, response.body.as_slice()), (200, body.as_bytes()));
    }
    // What states its length is whole or not.
    for said in [
        "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"success\":",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"suc\r\n",
    ] {
        match answered(said).await.end {
            BodyEnd::Failed(error) => {
                assert!(
                    error.ambiguous && error.detail().contains("closed") && !error.detail().contains("://")
                );
            }
            end => panic!("{said}: {end:?}"),
        }
    }
}

#[tokio::test]
async fn a_server_without_tls_gets_no_byte_of_the_request() {
    let got = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&got);
    let server = Server::start(move |mut tcp| {
        let keep = Arc::clone(&keep);
        async move {
            let mut bytes = vec![0; 4096];
            let n = tcp.read(&mut bytes).await.unwrap();
            keep.lock().unwrap().extend_from_slice(&bytes[..n]);
            tcp.write_all(&answer(400, "", "speak plainly")).await.ok();
            tcp.read_to_end(&mut bytes).await.ok();
            keep.lock().unwrap().extend_from_slice(&bytes[4096..]);
        }
    })
    .await;
    assert_eq!(post(&server, None).await, Err(SendErrorKind::Tls));
    let got = got.lock().unwrap();
    assert_eq!(got[0], 0x16, "the first record is a TLS handshake");
    assert!(!got.windows(4).any(|w| w == b"POST"));
}

#[tokio::test]
async fn a_handshake_that_stops_is_no_verdict_on_the_server() {
    let silent = Server::start(|tcp| async move {
        let _open = tcp;
        std::future::pending().await
    })
    .await;
    assert_eq!(post(&silent, None).await, Err(SendErrorKind::ConnectTimeout));
    let closing = Server::start(|mut tcp| async move {
        tcp.read_exact(&mut [0; 64]).await.ok();
        tcp.set_zero_linger().unwrap();
    })
    .await;
    assert_eq!(post(&closing, None).await, Err(SendErrorKind::Connect));
}

/// Whether a handshake with these settings, under this name, succeeds.
async fn handshake(server: &Server, verify: Verify, ca: Option<&Path>, name: &str) -> bool {
    let connector = TlsConnector::from(client_config(verify, ca).unwrap());
    let tcp = TcpStream::connect(server.address).await.unwrap();
    connector.connect(ServerName::try_from(name.to_owned()).unwrap(), tcp).await.is_ok()
}

#[tokio::test]
async fn each_mode_checks_what_it_says() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let ca = authority.file();
    let good = serve(authority.server("db.example", |_| {})).await;
    let expired = serve(authority.server("db.example", |p| p.not_after = date_time_ymd(2020, 1, 1))).await;
    let foreign = serve(stranger.server("db.example", |_| {})).await;
    let table = [
        // server, verify, name, taken
        (&good, Verify::Full, "db.example", true),
        (&good, Verify::Full, "other.example", false),
        (&good, Verify::Full, "127.0.0.1", false),
        (&good, Verify::CaOnly, "other.example", true),
        (&good, Verify::CaOnly, "127.0.0.1", true),
        (&good, Verify::Nothing, "other.example", true),
        (&expired, Verify::Full, "db.example", false),
        (&expired, Verify::CaOnly, "db.example", false),
        (&expired, Verify::Nothing, "db.example", true),
        (&foreign, Verify::Full, "db.example", false),
        (&foreign, Verify::CaOnly, "db.example", false),
        (&foreign, Verify::Nothing, "db.example", true),
    ];
    for (i, (server, verify, name, taken)) in table.into_iter().enumerate() {
        assert_eq!(handshake(server, verify, Some(&ca), name).await, taken, "row {i}");
    }
    assert!(
        !handshake(&good, Verify::Full, None, "db.example").await,
        "public roots do not know our authority"
    );
}

#[tokio::test]
async fn both_versions_of_tls_are_spoken() {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["x.example".to_owned()]).unwrap().self_signed(&key).unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let server = serve(server_config(certificate.der().clone(), &key, &[version])).await;
        assert!(handshake(&server, Verify::Nothing, None, "x.example").await, "{version:?}");
    }
}

#[test]
fn a_ca_file_that_cannot_be_used_is_a_coded_error() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ca.pem");
    let read = |text: Option<&str>| {
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        client_config(Verify::Full, Some(&file)).map(|_| ()).unwrap_err()
    };
    let missing = read(None);
    assert!(missing.message().ends_with("does not exist"), "{missing:?}");
    let key = KeyPair::generate().unwrap().serialize_pem();
    let torn = "-----BEGIN CERTIFICATE-----\nMIIB";
    let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for error in
        [missing, read(Some("")), read(Some("no pem")), read(Some(&key)), read(Some(torn)), read(Some(junk))]
    {
        assert_eq!(error.code(), Code::InvalidValue);
        assert!(error.help_text().is_some() && error.place().is_some(), "{error:?}");
    }
}
