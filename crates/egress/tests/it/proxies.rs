//! Requests through a proxy: the tunnel that it opens, and what it says instead.

use std::sync::Arc;

use bytes::Bytes;
use outflow_egress::{
    AddressPolicy, Client, ClientOptions, ProbeFound, ProbeStep, Proxies, Proxy, SendErrorKind, Target,
};
use outflow_testkit::{ForwardProxy, ForwardProxyOptions, free_port};

use crate::authority::{Authority, in_front_of, serve};
use crate::server::{Server, answer, short};

const BODY: Bytes = Bytes::from_static(b"{}");

fn options(proxy: &str) -> ClientOptions {
    ClientOptions { proxies: Proxies::All(Proxy::parse(proxy).unwrap()), ..ClientOptions::default() }
}

fn through(proxy: &ForwardProxy) -> Client {
    Client::new(&options(&format!("http://127.0.0.1:{}", proxy.port()))).unwrap()
}

/// Of a name that only the proxy can look up, a request arrives encrypted, and the connection is
/// kept.
#[tokio::test]
async fn the_proxy_looks_names_up_and_sees_nothing_of_the_request() {
    let authority = Authority::new();
    let server = serve(authority.server("cdp.example.invalid", |_| {})).await;
    let proxy = ForwardProxy::start(server.address.port(), ForwardProxyOptions::default());
    let mut options = options(&format!("http://127.0.0.1:{}", proxy.port()));
    options.ca = Some(authority.file());
    let client = Client::new(&options).unwrap();
    let target = Target::new("https://cdp.example.invalid/v1/batch", []).unwrap();
    for _ in 0..2 {
        assert_eq!(client.post(&target, BODY, &short()).await.unwrap().status, 200);
    }
    assert_eq!(proxy.asked(), ["cdp.example.invalid:443"]);
    assert_eq!(server.connections(), 1);
    let other = Target::new("https://other.example.invalid/", []).unwrap();
    let error = client.post(&other, BODY, &short()).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::Tls, "a proxy cannot stand for another server: {error}");
}

#[tokio::test]
async fn plain_http_goes_through_a_tunnel_too() {
    let server = Server::answering(answer(200, "", "{}")).await;
    let proxy = ForwardProxy::start(server.address.port(), ForwardProxyOptions::default());
    let target = Target::new("http://hook.example.invalid:8080/x", []).unwrap();
    assert_eq!(through(&proxy).post(&target, BODY, &short()).await.unwrap().status, 200);
    assert_eq!(proxy.asked(), ["hook.example.invalid:8080"]);
}

#[tokio::test]
async fn the_connection_to_the_proxy_may_be_encrypted_itself() {
    let authority = Authority::new();
    let server = serve(authority.server("cdp.example.invalid", |_| {})).await;
    let inner = ForwardProxy::start(server.address.port(), ForwardProxyOptions::default());
    let proxy = in_front_of(authority.server("localhost", |_| {}), inner.port()).await;
    let mut options = options(&format!("https://localhost:{}", proxy.address.port()));
    options.ca = Some(authority.file());
    let client = Client::new(&options).unwrap();
    let target = Target::new("https://cdp.example.invalid/", []).unwrap();
    assert_eq!(client.post(&target, BODY, &short()).await.unwrap().status, 200);
    assert_eq!(inner.asked(), ["cdp.example.invalid:443"]);
}

#[tokio::test]
async fn user_and_password_are_sent_and_never_shown() {
    let server = Server::answering(answer(200, "", "{}")).await;
    let credentials = Some("bWU6czNjcmV0QA==".to_owned());
    let proxy = ForwardProxy::start(
        server.address.port(),
        ForwardProxyOptions { credentials, ..ForwardProxyOptions::default() },
    );
    let target = Target::new("http://h.example.invalid/", []).unwrap();
    let port = proxy.port();
    let client = Client::new(&options(&format!("http://me:s3cret%40@127.0.0.1:{port}"))).unwrap();
    assert_eq!(client.post(&target, BODY, &short()).await.unwrap().status, 200);
    for (user, says) in [("", "wants a user and a password (407)"), ("me:wr0ng@", "does not take")] {
        let client = Client::new(&options(&format!("http://{user}127.0.0.1:{port}"))).unwrap();
        let error = client.post(&target, BODY, &short()).await.unwrap_err();
        assert_eq!(error.kind, SendErrorKind::ProxyRefused, "{error}");
        assert!(!error.ambiguous && error.to_string().contains(says), "{error}");
        assert!(!format!("{error:?}").contains("wr0ng"), "{error:?}");
    }
}

#[tokio::test]
async fn what_a_proxy_says_instead_is_understood() {
    for (status, kind) in [
        (403, SendErrorKind::ProxyRefused),
        (405, SendErrorKind::ProxyRefused),
        (302, SendErrorKind::ProxyRefused),
        (429, SendErrorKind::Connect),
        (502, SendErrorKind::Connect),
        (504, SendErrorKind::Connect),
    ] {
        let proxy = ForwardProxy::start(
            1,
            ForwardProxyOptions { status: Some(status), ..ForwardProxyOptions::default() },
        );
        let target = Target::new("https://h.example.invalid/", []).unwrap();
        let error = through(&proxy).post(&target, BODY, &short()).await.unwrap_err();
        assert_eq!((error.kind, error.ambiguous), (kind, false), "{status}: {error}");
        assert!(error.to_string().contains(&format!("({status})")), "{error}");
        assert_eq!(error.is_of_the_network(), kind == SendErrorKind::Connect);
    }
    let nonsense = [&b"SSH-2.0-x\r\n\r\n"[..], b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nearly", b""];
    for answer in nonsense {
        let proxy = Server::start(move |mut stream| async move {
            let mut request = [0; 1024];
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut request).await;
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await;
        })
        .await;
        let client = Client::new(&options(&format!("http://{}", proxy.address))).unwrap();
        let target = Target::new("https://h.example.invalid/", []).unwrap();
        let error = client.post(&target, BODY, &short()).await.unwrap_err();
        assert_eq!((error.kind, error.ambiguous), (SendErrorKind::Protocol, false), "{error}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_down_or_silent_is_named() {
    let target = Target::new("https://h.example.invalid/", []).unwrap();
    let port = free_port();
    let client = Client::new(&options(&format!("http://127.0.0.1:{port}"))).unwrap();
    let error = client.post(&target, BODY, &short()).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::Refused);
    assert!(error.to_string().contains(&format!("the proxy 127.0.0.1:{port}")), "{error}");
    let silent = Server::start(|stream| async move {
        let _stream = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let client = Client::new(&options(&format!("http://{}", silent.address))).unwrap();
    let error = client.post(&target, BODY, &short()).await.unwrap_err();
    assert_eq!((error.kind, error.ambiguous), (SendErrorKind::ConnectTimeout, false), "{error}");
}

/// What may not be connected to is not asked for, either.
#[tokio::test]
async fn no_proxy_is_asked_for_what_the_policy_refuses() {
    let server = Server::answering(answer(200, "", "{}")).await;
    let proxy = ForwardProxy::start(server.address.port(), ForwardProxyOptions::default());
    let client = |policy| {
        let proxies = Proxies::All(Proxy::parse(&format!("127.0.0.1:{}", proxy.port())).unwrap());
        Client::new(&ClientOptions { policy, proxies, ca: None }).unwrap()
    };
    let metadata = "169.254.169.254 2852039166 0xa9fea9fe [::ffff:169.254.169.254] [fd00:ec2::254] \
                    metadata.google.internal METADATA.google.internal. metadata";
    let inner = "localhost app.localhost 127.0.0.1 10.0.0.1 [::1] db.corp.internal nas";
    let listed =
        AddressPolicy::PublicAnd(Arc::from([outflow_egress::Network::parse("10.1.0.0/16").unwrap()]));
    for (policy, hosts) in [
        (AddressPolicy::AllowAll, metadata.to_owned()),
        (AddressPolicy::PublicOnly, format!("{metadata} {inner}")),
        (listed.clone(), format!("{metadata} {inner}")),
    ] {
        for host in hosts.split_whitespace() {
            let target = Target::new(&format!("http://{host}/"), []).unwrap();
            let error = client(policy.clone()).post(&target, BODY, &short()).await.unwrap_err();
            assert_eq!(error.kind, SendErrorKind::Blocked, "{host} under {policy:?}");
        }
    }
    assert!(proxy.asked().is_empty(), "{:?}", proxy.asked());
    let target = Target::new("http://10.1.2.3/", []).unwrap();
    assert_eq!(client(listed).post(&target, BODY, &short()).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_probe_says_that_it_went_through_a_proxy() {
    let server = Server::answering(answer(200, "", "{}")).await;
    let proxy = ForwardProxy::start(server.address.port(), ForwardProxyOptions::default());
    let target = Target::new("http://h.example.invalid/", []).unwrap();
    let mut steps = Vec::new();
    let found = through(&proxy).probe(&target, short().connect, &mut |probe| steps.push(probe)).await;
    assert!(found, "{steps:?}");
    let names: Vec<_> = steps.iter().map(|probe| probe.step).collect();
    assert_eq!(names, [ProbeStep::Name, ProbeStep::Tcp, ProbeStep::Proxy]);
    let opened = ProbeFound::Proxy { proxy: format!("127.0.0.1:{}", proxy.port()) };
    assert_eq!(steps[2].found.as_ref().unwrap(), &opened);
}
