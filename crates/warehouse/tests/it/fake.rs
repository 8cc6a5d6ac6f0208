//! A scripted server: messages by hand, for what a real server does not do on demand.

use std::time::Duration;

use outflow_warehouse::{Login, Server, ServerKind, ServerSettings, Tls, TlsMode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub const PASSWORD: &str = "Hunter2";

/// A message with its head.
pub fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    bytes.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

pub fn authentication(code: i32, rest: &[u8]) -> Vec<u8> {
    message(b'R', &[&code.to_be_bytes(), rest].concat())
}

pub fn ready() -> Vec<u8> {
    message(b'Z', b"T")
}

/// What follows on a login that went well, as Redshift sends it.
pub fn welcome() -> Vec<u8> {
    [
        message(b'S', b"client_encoding\0UTF8\0"),
        message(b'S', b"padb_version\x001.0.117891\0"),
        message(b'K', &[0, 0, 0, 7, 0, 0, 0, 9]),
        ready(),
    ]
    .concat()
}

/// The answer to a setting.
pub fn done() -> Vec<u8> {
    [message(b'C', b"SET\0"), ready()].concat()
}

/// A result of one text, as a simple query gives it.
pub fn one_text(text: &str) -> Vec<u8> {
    [columns(&[("x", 1114)]), row(&[Some(text)]), message(b'C', b"SELECT\0"), ready()].concat()
}

pub fn columns(columns: &[(&str, u32)]) -> Vec<u8> {
    let mut body = (columns.len() as u16).to_be_bytes().to_vec();
    for (name, oid) in columns {
        body.extend_from_slice(name.as_bytes());
        body.extend_from_slice(&[0; 7]);
        body.extend_from_slice(&oid.to_be_bytes());
        body.extend_from_slice(&[0; 8]);
    }
    message(b'T', &body)
}

pub fn row(fields: &[Option<&str>]) -> Vec<u8> {
    let mut body = (fields.len() as u16).to_be_bytes().to_vec();
    for field in fields {
        match field {
            Some(text) => {
                body.extend_from_slice(&(text.len() as u32).to_be_bytes());
                body.extend_from_slice(text.as_bytes());
            }
            None => body.extend_from_slice(&[0xff; 4]),
        }
    }
    message(b'D', &body)
}

/// ParseComplete, no parameters, the columns, ready.
pub fn described(described: &[(&str, u32)]) -> Vec<u8> {
    [message(b'1', b""), message(b't', &[0, 0]), columns(described), ready()].concat()
}

/// The server's side of a connection.
pub struct Peer {
    stream: TcpStream,
}

impl Peer {
    pub async fn send(&mut self, bytes: &[u8]) {
        // A client that has heard enough closes.
        let _ = self.stream.write_all(bytes).await;
    }

    /// The start-up packet's parameters, as text with NULs between.
    pub async fn start_up(&mut self) -> String {
        let length = self.stream.read_u32().await.unwrap() as usize;
        let mut body = vec![0; length - 4];
        self.stream.read_exact(&mut body).await.unwrap();
        assert_eq!(body[..4], [0, 3, 0, 0]);
        String::from_utf8(body[4..].to_vec()).unwrap()
    }

    /// The client's next message; `None` when it has closed.
    pub async fn receive(&mut self) -> Option<(u8, Vec<u8>)> {
        let tag = self.stream.read_u8().await.ok()?;
        let length = self.stream.read_u32().await.ok()? as usize;
        let mut body = vec![0; length - 4];
        self.stream.read_exact(&mut body).await.ok()?;
        Some((tag, body))
    }

    /// The next message must be a simple query; its text.
    pub async fn query(&mut self) -> String {
        let (tag, mut body) = self.receive().await.expect("a query");
        assert_eq!(tag, b'Q');
        body.pop();
        String::from_utf8(body).unwrap()
    }

    /// Ends our side in an orderly way, so that all that was sent arrives, and waits for the client
    /// to end its side.
    pub async fn finish(mut self) {
        let _ = self.stream.shutdown().await;
        let mut sink = vec![0; 4096];
        while self.stream.read(&mut sink).await.is_ok_and(|n| n > 0) {}
    }
}

/// A port, and the settings of a Redshift there, in plain text.
pub async fn listen() -> (TcpListener, ServerSettings) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = ServerSettings {
        kind: ServerKind::Redshift,
        host: "127.0.0.1".into(),
        port: listener.local_addr().unwrap().port(),
        database: "dev".into(),
        login: Login::password("reader", PASSWORD),
        tls: Tls { mode: TlsMode::Disable, ..Tls::default() },
        allow_cleartext_password: true,
        allow_functions: Vec::new(),
        tunnel: None,
        connect_timeout: Duration::from_secs(30),
    };
    (listener, settings)
}

pub async fn accept(listener: &TcpListener) -> Peer {
    let (stream, _) = listener.accept().await.unwrap();
    stream.set_nodelay(true).unwrap();
    Peer { stream }
}

/// A server that says these bytes to each client, whatever it hears.
pub async fn saying(bytes: Vec<u8>) -> Server {
    let (listener, settings) = listen().await;
    tokio::spawn(async move {
        loop {
            let mut peer = accept(&listener).await;
            peer.send(&bytes).await;
            peer.finish().await;
        }
    });
    crate::open(settings).unwrap()
}
