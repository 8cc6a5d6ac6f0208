//! Requests and what becomes of them: one test for each way in which a receiver can answer or fail.

use std::time::Duration;

use outflow_core::ports::destination::Destination;
use outflow_core::{Answer, Code};
use outflow_testkit::{Receiver, Reply, free_port};
use serde_json::{Value, json};

use crate::support::{build, request};

fn calls(n: usize) -> Vec<Value> {
    (0..n).map(|i| json!({"messageId": format!("m{i}"), "type": "identify", "userId": i.to_string(), "traits": {"a": null}})).collect()
}

async fn deliver(destination: &dyn Destination) -> Answer {
    destination.deliver(&request(destination, 0, &calls(3))).await.answer
}

/// Name, code and status of an answer.
fn short(answer: &Answer) -> (&'static str, Option<Code>, Option<u16>) {
    match answer {
        Answer::Delivered => ("delivered", None, None),
        Answer::Partial(_) => ("partial", None, None),
        Answer::Refused(r) => ("refused", Some(r.code), r.status),
        Answer::TooLarge(r) => ("too large", Some(r.code), r.status),
        Answer::Retry { code, status, .. } => ("retry", Some(*code), *status),
        Answer::Stop { code, status, .. } => ("stop", Some(*code), *status),
    }
}

fn pipelines(address: &str) -> std::sync::Arc<dyn Destination> {
    build("customerio-pipelines", json!({"write_key": "s3cret-key", "base_url": address, "timeout": 1}))
}

#[tokio::test]
async fn a_batch_arrives_with_the_headers_of_the_service() {
    let receiver = Receiver::start().await;
    let destination = pipelines(&receiver.url());
    assert_eq!(deliver(&*destination).await, Answer::Delivered);
    assert_eq!(receiver.calls(), calls(3));
    let request = &receiver.requests()[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/batch"));
    assert_eq!(request.header("authorization"), Some("Basic czNjcmV0LWtleTo="));
    assert_eq!(request.header("x-strict-mode"), Some("1"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    assert_eq!(request.header("content-encoding"), None);
    assert!(request.body.starts_with(br#"{"batch":[{"messageId":"m0","#) && request.body.ends_with(b"]}"));
}

#[tokio::test]
async fn the_other_services_are_posted_to_in_their_way() {
    let receiver = Receiver::start().await;
    receiver.always(Reply::status(200).body("OK"));
    let rudder =
        build("rudderstack", json!({"write_key": "k", "data_plane_url": format!("{}/", receiver.url())}));
    assert_eq!(deliver(&*rudder).await, Answer::Delivered, "the gateway says OK in plain text");
    receiver.always(Reply::ok());
    let segment = build("segment", json!({"write_key": "k", "base_url": format!("{}/v1", receiver.url())}));
    assert_eq!(deliver(&*segment).await, Answer::Delivered);
    for request in receiver.requests() {
        assert_eq!(request.path, "/v1/batch");
        assert_eq!(request.header("authorization"), Some("Basic azo="));
        assert_eq!(request.header("x-strict-mode"), None);
    }
    assert_eq!(receiver.calls().len(), 6);
}

#[tokio::test]
async fn a_webhook_gets_its_body_and_headers_as_set() {
    let receiver = Receiver::start().await;
    let post = async |body: &str| {
        let url = format!("{}/hook?token=t", receiver.url());
        let headers = json!({"Authorization": "Bearer s3cret-token", "X-Tenant": "7"});
        let hook = build("webhook", json!({"url": url, "headers": headers, "body": body}));
        assert_eq!(deliver(&*hook).await, Answer::Delivered);
        let request = receiver.requests().pop().unwrap();
        assert_eq!(request.path, "/hook?token=t");
        assert_eq!(request.header("authorization"), Some("Bearer s3cret-token"));
        assert_eq!(request.header("x-tenant"), Some("7"));
        (request.header("content-type").unwrap().to_owned(), String::from_utf8(request.body).unwrap())
    };
    let texts: Vec<_> = calls(3).iter().map(Value::to_string).collect();
    let json = "application/json".to_owned();
    assert_eq!(post("batch").await, (json.clone(), format!("{{\"batch\":[{}]}}", texts.join(","))));
    assert_eq!(post("array").await, (json, format!("[{}]", texts.join(","))));
    assert_eq!(post("ndjson").await, ("application/x-ndjson".to_owned(), format!("{}\n", texts.join("\n"))));
}

#[tokio::test]
async fn gzip_is_said_and_done() {
    let receiver = Receiver::start().await;
    let settings = json!({"write_key": "k", "base_url": receiver.url(), "gzip": true});
    let destination = build("segment", settings);
    let answer = destination.deliver(&request(&*destination, 0, &calls(500))).await.answer;
    assert_eq!(answer, Answer::Delivered);
    let request = &receiver.requests()[0];
    assert_eq!(request.header("content-encoding"), Some("gzip"));
    assert!(request.wire_bytes * 4 < request.body.len(), "{} of {}", request.wire_bytes, request.body.len());
    assert_eq!(receiver.calls(), calls(500));
}

#[tokio::test]
async fn every_answer_and_every_fault_has_its_meaning() {
    let receiver = Receiver::start().await;
    let elsewhere = Receiver::start().await;
    let destination = pipelines(&receiver.url());
    let pause = Duration::from_millis(300);
    let said = |body: &str| Reply::status(200).body(body);
    let table = [
        (Reply::ok(), ("delivered", None, None)),
        (Reply::status(204).body(""), ("delivered", None, None)),
        (Reply::status(202), ("delivered", None, None)),
        (said(""), ("delivered", None, None)),
        (Reply::html(), ("stop", Some(Code::DestinationAnswerInvalid), Some(200))),
        (said("OK"), ("stop", Some(Code::DestinationAnswerInvalid), Some(200))),
        (said(r#"{"success":false}"#), ("refused", Some(Code::CallRefused), Some(200))),
        (said(r#"{"errors":[{"batch_index":0}]}"#), ("refused", Some(Code::CallRefused), Some(200))),
        (Reply::huge_body(30 << 20), ("stop", Some(Code::DestinationAnswerInvalid), Some(200))),
        (Reply::redirect(302, &elsewhere.url()), ("stop", Some(Code::DestinationAddressWrong), Some(302))),
        (Reply::redirect(308, &elsewhere.url()), ("stop", Some(Code::DestinationAddressWrong), Some(308))),
        (Reply::status(400), ("refused", Some(Code::CallRefused), Some(400))),
        (Reply::status(422), ("refused", Some(Code::CallRefused), Some(422))),
        (Reply::status(413), ("too large", Some(Code::CallTooLargeForDestination), Some(413))),
        (Reply::status(401), ("stop", Some(Code::DestinationAuthFailed), Some(401))),
        (Reply::status(403), ("stop", Some(Code::DestinationAuthFailed), Some(403))),
        (Reply::status(404), ("stop", Some(Code::DestinationAddressWrong), Some(404))),
        (Reply::status(405), ("stop", Some(Code::DestinationAddressWrong), Some(405))),
        (Reply::status(410), ("stop", Some(Code::DestinationAddressWrong), Some(410))),
        (Reply::status(501), ("stop", Some(Code::DestinationAddressWrong), Some(501))),
        (Reply::status(408), ("retry", Some(Code::DestinationTimeout), Some(408))),
        (Reply::status(429), ("retry", Some(Code::DestinationThrottled), Some(429))),
        (Reply::status(500), ("retry", Some(Code::DestinationServerError), Some(500))),
        (Reply::status(503), ("retry", Some(Code::DestinationServerError), Some(503))),
        (Reply::garbage(), ("retry", Some(Code::DestinationUnreachable), None)),
        (Reply::reset_before_body(), ("retry", Some(Code::DestinationUnreachable), None)),
        (Reply::reset_after_request(), ("retry", Some(Code::DestinationUnreachable), None)),
        (Reply::reset_in_answer(), ("retry", Some(Code::DestinationUnreachable), Some(200))),
        (Reply::close(), ("retry", Some(Code::DestinationUnreachable), None)),
        (Reply::short_body(), ("retry", Some(Code::DestinationUnreachable), Some(200))),
        (Reply::silence(), ("retry", Some(Code::DestinationTimeout), None)),
        (Reply::slow_head(pause), ("retry", Some(Code::DestinationTimeout), None)),
        (Reply::slow_body(pause), ("retry", Some(Code::DestinationTimeout), Some(200))),
    ];
    for (reply, want) in table {
        receiver.script([reply.clone()]);
        let answer = deliver(&*destination).await;
        assert_eq!(short(&answer), want, "{reply:?}: {answer:?}");
        assert!(!format!("{answer:?}").contains("s3cret"), "{answer:?}");
    }
    assert!(elsewhere.requests().is_empty() && elsewhere.connections() == 0, "no redirect is followed");
    assert_eq!(deliver(&*destination).await, Answer::Delivered, "a fault leaves nothing behind");
}

#[tokio::test]
async fn retry_after_and_the_words_of_the_destination_are_kept() {
    let receiver = Receiver::start().await;
    let destination = pipelines(&receiver.url());
    receiver.script([
        Reply::status(429).header("retry-after", "12").body("slow down, s3cret-key"),
        Reply::status(422).body(r#"{"reason":"no such event"}"#),
    ]);
    let reason = "429: slow down, ***; it asks to wait 12s (Retry-After)".to_owned();
    let after = Some(Duration::from_secs(12));
    assert_eq!(
        deliver(&*destination).await,
        Answer::Retry { code: Code::DestinationThrottled, status: Some(429), reason, after }
    );
    match deliver(&*destination).await {
        Answer::Refused(refusal) => assert_eq!(refusal.reason, r#"{"reason":"no such event"}"#),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn addresses_without_a_server_behind_them() {
    for (url, want) in [
        (format!("http://127.0.0.1:{}", free_port()), ("retry", Some(Code::DestinationUnreachable), None)),
        (format!("http://{}.example", "x".repeat(70)), ("retry", Some(Code::DestinationUnreachable), None)),
        ("http://169.254.169.254".to_owned(), ("stop", Some(Code::AddressNotAllowed), None)),
        ("http://[::ffff:169.254.169.254]".to_owned(), ("stop", Some(Code::AddressNotAllowed), None)),
    ] {
        let answer = deliver(&*pipelines(&url)).await;
        assert_eq!(short(&answer), want, "{url}: {answer:?}");
    }
}

#[tokio::test]
async fn request_after_request_goes_over_one_connection() {
    let receiver = Receiver::start().await;
    let destination = pipelines(&receiver.url());
    receiver.script([400, 413, 429, 500, 503, 404, 302].map(Reply::status));
    for _ in 0..100 {
        deliver(&*destination).await;
    }
    assert_eq!((receiver.requests().len(), receiver.connections()), (100, 1));
}

#[tokio::test]
async fn what_a_service_says_of_its_limit_comes_with_the_answer() {
    let receiver = Receiver::start().await;
    receiver.always(
        Reply::ok()
            .header("ratelimit-policy", "100;w=10")
            .header("ratelimit", "limit=100, remaining=0, reset=3"),
    );
    let destination = pipelines(&receiver.url());
    let reply = destination.deliver(&request(&*destination, 0, &calls(3))).await;
    assert_eq!(
        (reply.answer, reply.hint.limit, reply.hint.remaining),
        (Answer::Delivered, Some(10.0), Some(0))
    );
    assert_eq!(reply.hint.reset, Some(Duration::from_secs(3)));
    receiver.always(Reply::status(429));
    let reply = destination.deliver(&request(&*destination, 0, &calls(3))).await;
    assert_eq!(reply.hint, outflow_core::RateHint::default());
}
