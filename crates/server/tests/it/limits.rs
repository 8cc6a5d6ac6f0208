//! Connections that are slow, large or many.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::served::Served;

async fn answer(served: &Served, text: &[u8]) -> String {
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    // The server may cut the connection before it has read everything.
    let _ = stream.write_all(text).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(40), stream.read_to_end(&mut answer));
    let _ = read.await.expect("the connection is cut");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_or_no_http_is_refused_and_cut() {
    let served = Served::start().await;
    let large = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "a".repeat(20_000));
    assert!(answer(&served, large.as_bytes()).await.starts_with("HTTP/1.1 431"));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(100));
    assert!(answer(&served, many.as_bytes()).await.starts_with("HTTP/1.1 431"));
    assert!(answer(&served, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n").await.starts_with("HTTP/1.1 400"));
    assert_eq!(served.get("", "/healthz").await.status, 200);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_slow_with_its_head_is_cut_and_keeps_nobody_out() {
    let served = Served::start().await;
    let mut slow = Vec::new();
    for _ in 0..50 {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: ").await.unwrap();
        slow.push(stream);
    }
    assert_eq!(served.get("", "/healthz").await.status, 200);
    let mut rest = Vec::new();
    let cut = slow[0].read_to_end(&mut rest);
    tokio::time::timeout(Duration::from_secs(30), cut).await.expect("cut in time").unwrap();
    served.stop().await;
}
