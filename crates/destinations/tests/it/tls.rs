//! Certificates: a bad one stops the destination, and nothing is sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use outflow_core::{Answer, Code};
use outflow_egress::{Client, ClientOptions};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::{object, request};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server that answers each request with success; the second value counts requests.
async fn serve(
    authority: &Authority,
    change: impl FnOnce(&mut CertificateParams),
) -> (u16, Arc<AtomicUsize>) {
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap().der().clone();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let requests = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(tcp).await else { continue };
            let mut bytes = [0; 4096];
            while stream.read(&mut bytes).await.is_ok_and(|n| n > 0 && !bytes[..n].ends_with(b"]}")) {}
            count.fetch_add(1, Ordering::SeqCst);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
            stream.flush().await.unwrap();
        }
    });
    (port, requests)
}

#[tokio::test]
async fn a_bad_certificate_stops_the_destination() {
    let (ours, foreign) = (authority(), authority());
    let folder = tempfile::TempDir::new().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, ours.pem()).unwrap();
    let client = Client::new(&ClientOptions { ca: Some(ca), ..ClientOptions::default() }).unwrap();
    let servers = [
        ("good", serve(&ours, |_| {}).await, true),
        ("expired", serve(&ours, |p| p.not_after = date_time_ymd(2020, 1, 1)).await, false),
        ("of another name", serve(&ours, |p| p.subject_alt_names.clear()).await, false),
        ("of an unknown authority", serve(&foreign, |_| {}).await, false),
    ];
    for (name, (port, requests), good) in servers {
        let settings = json!({"write_key": "k", "base_url": format!("https://localhost:{port}")});
        let destination = outflow_destinations::build("d", "segment", &object(settings), &client).unwrap();
        let answer = destination.deliver(&request(&*destination, 0, &[json!({"userId": "1"})])).await.answer;
        match answer {
            Answer::Delivered => assert!(good, "a certificate {name}"),
            Answer::Stop { code: Code::DestinationTlsFailed, status: None, .. } => {
                assert!(!good, "a certificate {name}")
            }
            other => panic!("a certificate {name}: {other:?}"),
        }
        assert_eq!(requests.load(Ordering::SeqCst), usize::from(good), "a certificate {name}");
    }
}

#[tokio::test]
async fn ca_names_an_authority_for_one_destination() {
    let ours = authority();
    let folder = tempfile::TempDir::new().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, ours.pem()).unwrap();
    let (port, requests) = serve(&ours, |_| {}).await;
    let client = Client::new(&ClientOptions::default()).unwrap();
    let answer = async |ca: Option<&str>| {
        let url = format!("https://localhost:{port}");
        for (kind, mut settings) in [
            ("webhook", json!({"url": url})),
            ("rudderstack", json!({"write_key": "k", "data_plane_url": url})),
        ] {
            settings["ca"] = ca.into();
            let destination = outflow_destinations::build("d", kind, &object(settings), &client).unwrap();
            let request = request(&*destination, 0, &[json!({"userId": "1"})]);
            match destination.deliver(&request).await.answer {
                Answer::Delivered => assert!(ca.is_some(), "{kind}"),
                Answer::Stop { code: Code::DestinationTlsFailed, reason, .. } => {
                    assert!(ca.is_none() && reason.contains("`ca: FILE`"), "{kind}: {reason}");
                }
                other => panic!("{kind}: {other:?}"),
            }
        }
    };
    answer(None).await;
    assert_eq!(requests.load(Ordering::SeqCst), 0);
    answer(ca.to_str()).await;
    assert_eq!(requests.load(Ordering::SeqCst), 2);
    for wrong in ["/nowhere.pem", file!()] {
        let settings = json!({"url": "https://h.example", "ca": wrong});
        let errors =
            outflow_destinations::build("d", "webhook", &object(settings), &client).map(drop).unwrap_err();
        assert_eq!((errors[0].code(), errors[0].place()), (Code::InvalidValue, Some("destinations.d.ca")));
    }
}
