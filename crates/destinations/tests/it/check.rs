//! The test of a destination: its steps, what it sends, and what it does not.

use std::fs;

use outflow_core::Code;
use outflow_core::ports::check::Check;
use outflow_core::ports::destination::Destination;
use outflow_testkit::{Receiver, Reply, free_port};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::support::build;

/// The steps of a test: each with its problems.
async fn checks(destination: &dyn Destination, sends_call: bool) -> Vec<Check> {
    let mut checks = Vec::new();
    destination.test(sends_call, &mut |check| checks.push(check)).await;
    checks
}

/// The steps by name, each with the codes of its problems.
fn short(checks: &[Check]) -> Vec<(&'static str, Vec<Code>)> {
    checks.iter().map(|c| (c.step.name(), c.problems.iter().map(|e| e.code()).collect())).collect()
}

/// Everything that is shown.
fn text(checks: &[Check]) -> String {
    let of = |c: &Check| format!("{} {:?} {:?}", c.summary, c.problems, c.details);
    checks.iter().map(of).collect()
}

const KEY: &str = "s3cret-key";

fn api(kind: &str, receiver: &Receiver) -> std::sync::Arc<dyn Destination> {
    let address = if kind == "rudderstack" { "data_plane_url" } else { "base_url" };
    build(kind, json!({"write_key": KEY, address: receiver.url(), "gzip": true}))
}

/// Whether a request has the key of the project.
fn has_key(request: &outflow_testkit::Request) -> bool {
    request.header("authorization") == Some("Basic czNjcmV0LWtleTo=")
}

#[tokio::test]
async fn a_key_is_proven_by_a_made_up_one_that_is_refused_and_no_call_is_sent() {
    for kind in ["customerio-pipelines", "rudderstack", "segment"] {
        for empty in [200, 400] {
            let receiver = Receiver::start().await;
            receiver.rule(move |request, _| Some(Reply::status(if has_key(request) { empty } else { 401 })));
            let found = checks(&*api(kind, &receiver), false).await;
            let expected = ["name", "tcp", "authentication"].map(|step| (step, Vec::new()));
            assert_eq!(short(&found), expected, "{kind} {empty}: {found:?}");
            assert_eq!(found[2].details, [("key", json!("taken"))]);
            let requests = receiver.requests();
            assert_eq!(requests.iter().map(has_key).collect::<Vec<_>>(), [true, false]);
            for request in &requests {
                assert_eq!((request.method.as_str(), &*request.body), ("POST", &br#"{"batch":[]}"#[..]));
                assert_eq!(request.path, "/v1/batch");
            }
            assert!(receiver.arrivals().is_empty());
        }
    }
}

#[tokio::test]
async fn in_strict_mode_a_made_up_key_may_be_a_bad_request() {
    let receiver = Receiver::start().await;
    receiver.rule(|request, _| Some(Reply::status(if has_key(request) { 200 } else { 400 })));
    let found = checks(&*api("customerio-pipelines", &receiver), false).await;
    assert_eq!(found[2].details, [("key", json!("taken"))], "{found:?}");
    assert_eq!(receiver.requests()[0].header("x-strict-mode"), Some("1"));
}

#[tokio::test]
async fn a_service_that_treats_every_key_alike_proves_nothing() {
    for status in [200, 400] {
        let receiver = Receiver::start().await;
        receiver.always(Reply::status(status).json(&json!({"message": "the batch is empty"})));
        let found = checks(&*api("segment", &receiver), false).await;
        assert_eq!(short(&found)[2], ("authentication", vec![Code::KeyNotProven]), "{found:?}");
        assert!(found[2].problems[0].code().is_warning());
        assert_eq!(found[2].details, [("key", json!("not_seen"))]);
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_service_or_the_key_is_a_code_without_the_key() {
    for (reply, code) in [
        (Reply::status(401).json(&json!({"message": format!("bad key {KEY}")})), Code::DestinationAuthFailed),
        (Reply::status(404), Code::DestinationAddressWrong),
        (Reply::redirect(302, "https://elsewhere.example/x"), Code::DestinationAddressWrong),
        (Reply::html(), Code::DestinationAnswerInvalid),
        (Reply::status(503), Code::DestinationServerError),
    ] {
        let receiver = Receiver::start().await;
        receiver.always(reply);
        let found = checks(&*api("customerio-pipelines", &receiver), false).await;
        assert_eq!(short(&found)[2], ("authentication", vec![code]), "{found:?}");
        assert_eq!(receiver.requests().len(), 1, "no second request");
        assert!(!text(&found).contains(KEY), "{found:?}");
    }
}

#[tokio::test]
async fn a_step_that_fails_is_the_last() {
    let at =
        |url: String| build("customerio-pipelines", json!({"write_key": KEY, "base_url": url, "timeout": 5}));
    let found = checks(&*at(format!("http://127.0.0.1:{}", free_port())), false).await;
    let unreachable = vec![Code::DestinationUnreachable];
    assert_eq!(short(&found), [("name", Vec::new()), ("tcp", unreachable.clone())], "{found:?}");
    let found = checks(&*at("http://no-such-host.invalid".to_owned()), false).await;
    assert_eq!(short(&found), [("name", unreachable)], "{found:?}");
    let found = checks(&*at("http://169.254.169.254".to_owned()), false).await;
    assert_eq!(short(&found), [("name", vec![Code::AddressNotAllowed])], "{found:?}");
    // A server that speaks plain HTTP.
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = plain.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut tcp, _) = plain.accept().await.unwrap();
        tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    let found = checks(&*at(format!("https://127.0.0.1:{port}")), false).await;
    assert_eq!(short(&found)[2], ("tls", vec![Code::DestinationTlsFailed]), "{found:?}");
}

#[tokio::test]
async fn a_webhook_gets_a_request_only_if_it_is_asked_for() {
    for body in ["batch", "array", "ndjson"] {
        let receiver = Receiver::start().await;
        let hook = build("webhook", json!({"url": format!("{}/hook", receiver.url()), "body": body}));
        let found = checks(&*hook, false).await;
        assert_eq!(short(&found), [("name", vec![]), ("tcp", vec![])]);
        assert!(receiver.requests().is_empty());
        let found = checks(&*hook, true).await;
        assert_eq!(short(&found)[2], ("call", vec![]), "{found:?}");
        let calls = receiver.calls();
        assert_eq!((calls.len(), &calls[0]["event"]), (1, &json!("Outflow Test")), "{body}");
        assert_eq!(calls[0]["userId"], Value::Null, "it is about no person");
        receiver.always(Reply::status(403));
        let found = checks(&*hook, true).await;
        assert_eq!(short(&found)[2], ("call", vec![Code::DestinationAuthFailed]), "{found:?}");
        receiver.always(Reply::status(422));
        let found = checks(&*hook, true).await;
        assert_eq!(short(&found)[2], ("call", vec![Code::CallRefused]), "{found:?}");
    }
}

#[tokio::test]
async fn a_folder_is_tried_and_left_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let file = |path: &str| build("file", json!({"path": dir.path().join(path)}));
    for path in ["", "not/yet/there"] {
        let found = checks(&*file(path), true).await;
        assert_eq!(short(&found), [("folder", vec![])], "{found:?}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left");
    }
    fs::write(dir.path().join("taken"), "a file").unwrap();
    for path in ["taken", "taken/below"] {
        let found = checks(&*file(path), false).await;
        assert_eq!(short(&found), [("folder", vec![Code::FileNotWritable])], "{path}: {found:?}");
    }
}
