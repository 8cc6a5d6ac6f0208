//! A bare HTTP client: it shows what really comes over the wire.

use std::io::{Read, Write};
use std::net::TcpStream;

/// Posts a body on a connection of its own and reads until the server closes. The error is how that
/// ended.
pub fn post(port: u16, headers: &str, body: &[u8]) -> (Vec<u8>, std::io::Result<()>) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let head = format!(
        "POST /v1/batch HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    // In one piece, so that a server that resets early does so after the write.
    let written = stream.write_all(&[head.as_bytes(), body].concat());
    let mut answer = Vec::new();
    let end = written.and(stream.read_to_end(&mut answer).map(|_| ()));
    (answer, end)
}

/// Posts a batch and returns the answer's status.
pub fn post_batch(port: u16, users: &[&str]) -> u16 {
    let (answer, _) = post(port, "content-type: application/json\r\n", &batch(users));
    status(&answer).expect("an answer")
}

/// A batch of identify calls; a call's message id is made from its user.
pub fn batch(users: &[&str]) -> Vec<u8> {
    let call = |user: &&str| {
        format!(r#"{{"messageId":"id-{user}","type":"identify","userId":"{user}","traits":{{"n":1.50}}}}"#)
    };
    format!(r#"{{"batch":[{}]}}"#, users.iter().map(call).collect::<Vec<_>>().join(",")).into_bytes()
}

/// The status of an answer, if it is HTTP.
pub fn status(answer: &[u8]) -> Option<u16> {
    std::str::from_utf8(answer.strip_prefix(b"HTTP/1.1 ")?.get(..3)?).ok()?.parse().ok()
}
