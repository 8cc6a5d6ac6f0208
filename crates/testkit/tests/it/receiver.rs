//! The destination that tests deliver to.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use flate2::{Compression, write::GzEncoder};
use outflow_testkit::{Judge, Receiver, Reply};

use crate::client::{batch, post, post_batch, status};

const LIMIT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn calls_are_kept_with_every_digit_in_the_order_of_arrival() {
    let receiver = Receiver::start().await;
    let port = receiver.port();
    std::thread::spawn(move || [post_batch(port, &["a", "b"]), post_batch(port, &["c"])]).join().unwrap();
    receiver.wait_for_calls(3, LIMIT).await;
    let users: Vec<_> =
        receiver.calls().iter().map(|call| call["userId"].as_str().unwrap().to_owned()).collect();
    assert_eq!(users, ["a", "b", "c"]);
    assert_eq!(receiver.calls()[0]["traits"]["n"].to_string(), "1.50");
    let requests = receiver.requests();
    assert_eq!(
        requests.iter().map(|r| (r.calls, r.status)).collect::<Vec<_>>(),
        [(Some(2), Some(200)), (Some(1), Some(200))]
    );
    assert_eq!(requests[0].header("content-type"), Some("application/json"));
    Judge::expecting(["a", "b", "c"]).judge(&receiver.arrivals()).assert_exactly_once();
}

#[test]
fn one_connection_carries_many_requests_of_every_framing() {
    let receiver = Receiver::start_blocking();
    let mut stream = TcpStream::connect(("127.0.0.1", receiver.port())).unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&batch(&["zipped"])).unwrap();
    let zipped = gzip.finish().unwrap();
    let chunked = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n10\r\n[{\"userId\":\"1\"},\r\n10\r\n{\"userId\":\"22\"}]\r\n0\r\n\r\n";
    let head =
        format!("POST / HTTP/1.1\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", zipped.len());
    let mut answer = vec![0; 1000];
    for request in [[head.as_bytes(), &zipped].concat(), chunked.to_vec(), b"GET / HTTP/1.1\r\n\r\n".to_vec()]
    {
        stream.write_all(&request).unwrap();
        let size = stream.read(&mut answer).unwrap();
        assert_eq!(status(&answer[..size]), Some(200));
    }
    receiver.wait_for_calls_blocking(3, LIMIT);
    assert_eq!((receiver.connections(), receiver.requests().len()), (1, 3));
    assert_eq!(receiver.requests()[0].wire_bytes, zipped.len());
}

#[test]
fn a_script_comes_first_then_rules_then_the_standing_reply() {
    let receiver = Receiver::start_blocking();
    receiver.script([Reply::status(500), Reply::status(429).header("Retry-After", "7").body("slow down")]);
    receiver.refuse_batches_with(400, |call| call["userId"] == "bad");
    receiver.limit_body(1000);
    assert_eq!(post_batch(receiver.port(), &["a"]), 500);
    let (answer, _) = post(receiver.port(), "", &batch(&["a"]));
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.contains("Retry-After: 7\r\n") && answer.ends_with("slow down"), "{answer}");
    assert_eq!(post_batch(receiver.port(), &["a", "bad"]), 400);
    assert_eq!(post_batch(receiver.port(), &["a"; 30]), 413);
    assert_eq!(post_batch(receiver.port(), &["a"]), 200);
    receiver.always(Reply::status(503).taken());
    assert_eq!(post_batch(receiver.port(), &["b"]), 503);
    assert_eq!(receiver.calls().len(), 2, "one by the 200, one by the 503 that takes");
    let verdict = Judge::expecting(["a", "b", "c"]).judge(&receiver.arrivals());
    assert_eq!(verdict.missing, ["c"]);
}

#[test]
fn every_misbehaviour_looks_on_the_wire_as_its_name_says() {
    let receiver = Receiver::start_blocking();
    let answered = |reply: Reply| {
        receiver.script([reply]);
        let (answer, end) = post(receiver.port(), "", &batch(&["a"]));
        (answer, end.err().map(|error| error.kind()))
    };
    let reset = Some(ErrorKind::ConnectionReset);
    assert_eq!(answered(Reply::reset_before_body()), (vec![], reset));
    assert_eq!(answered(Reply::reset_after_request()), (vec![], reset));
    assert_eq!(answered(Reply::close()), (vec![], None));
    assert_eq!(answered(Reply::reset_in_answer()).1, reset);
    assert!(answered(Reply::short_body()).0.ends_with(b"content-length: 5000\r\n\r\n{}"));
    assert_eq!(status(&answered(Reply::garbage()).0), None);
    assert!(answered(Reply::html()).0.ends_with(b"</html>"));
    let (redirect, _) = answered(Reply::redirect(302, "http://elsewhere/"));
    assert!(redirect.starts_with(b"HTTP/1.1 302") && memchr::memmem::find(&redirect, b"elsewhere").is_some());
    for slow in [Reply::slow_head(Duration::from_micros(10)), Reply::slow_body(Duration::from_micros(10))] {
        assert!(answered(slow).0.ends_with(br#"{"success":true}"#));
    }
    let (huge, _) = answered(Reply::huge_body(300_000));
    assert!(huge.len() > 300_000 && huge.ends_with(b"0\r\n\r\n"));
    assert!(answered(Reply::status(204)).0.ends_with(b"\r\n\r\n"));
}

#[test]
fn a_silent_reply_keeps_the_connection_open() {
    let receiver = Receiver::start_blocking();
    receiver.script([Reply::silence()]);
    let mut stream = TcpStream::connect(("127.0.0.1", receiver.port())).unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n[]").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let error = stream.read(&mut [0; 1]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    assert_eq!(receiver.calls().len(), 0);
}

#[test]
fn requests_in_work_at_one_time_are_counted() {
    let receiver = Receiver::start_blocking();
    receiver.always(Reply::silence().taken());
    let open: Vec<_> = (0..3)
        .map(|_| {
            let mut stream = TcpStream::connect(("127.0.0.1", receiver.port())).unwrap();
            stream.write_all(b"POST / HTTP/1.1\r\ncontent-length: 4\r\n\r\n[{}]").unwrap();
            stream
        })
        .collect();
    receiver.wait_for_calls_blocking(3, LIMIT);
    receiver.always(Reply::ok());
    post_batch(receiver.port(), &["x"]);
    assert_eq!(receiver.most_in_flight(), 4);
    drop(open);
}
