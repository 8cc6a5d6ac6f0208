//! The stream of live events.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::served::Served;

/// Reads a stream until the text is in it.
async fn until(stream: &mut TcpStream, wanted: &str) -> String {
    let (mut text, mut buffer) = (String::new(), [0; 4_096]);
    let reading = async {
        while !text.contains(wanted) {
            let read = stream.read(&mut buffer).await.unwrap();
            assert!(read > 0, "the stream ended: {text}");
            text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reading).await.unwrap();
    text
}

async fn listen(served: &Served, last: Option<&str>) -> TcpStream {
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let last = last.map(|last| format!("last-event-id: {last}\r\n")).unwrap_or_default();
    let request =
        format!("GET /api/v1/events HTTP/1.1\r\nhost: a\r\nauthorization: Bearer status.read\r\n{last}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_live_and_a_stream_goes_on_behind_the_last_one() {
    let served = Served::start().await;
    let mut stream = listen(&served, None).await;
    until(&mut stream, "retry: 2000").await;
    served.post("all", "/api/v1/syncs/users/runs", None).await;
    let text = until(&mut stream, "event: run_ended").await;
    let started = text.split("event: run_started").next().unwrap();
    let id = started.rsplit("id: ").next().unwrap().trim().to_owned();
    assert!(
        !text.contains("example.com") && !text.contains("Atlantis"),
        "an event has a value of a row: {text}"
    );
    drop(stream);
    let mut stream = listen(&served, Some(&id)).await;
    let again = until(&mut stream, "event: run_ended").await;
    assert!(!again.contains("event: run_started"), "{again}");
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let other =
        "GET /api/v1/events HTTP/1.1\r\nhost: a\r\nauthorization: Bearer all\r\nlast-event-id: 1-5\r\n\r\n";
    stream.write_all(other.as_bytes()).await.unwrap();
    until(&mut stream, "event: gap").await;
    served.stop().await;
}
