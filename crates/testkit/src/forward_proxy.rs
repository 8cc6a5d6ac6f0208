//! A company's HTTP proxy: the only way out, which opens tunnels (`CONNECT`) to one port of this
//! machine whatever host it is asked for, and remembers what it was asked.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::net::Server;

/// How a proxy treats those who ask.
#[derive(Clone, Debug, Default)]
pub struct ForwardProxyOptions {
    /// The user and the password that it wants, as `USER:PASSWORD` in base64.
    pub credentials: Option<String>,
    /// It answers everybody with this status.
    pub status: Option<u16>,
}

/// A running proxy. It ends, with its connections, when it is dropped.
pub struct ForwardProxy {
    server: Server,
    asked: Arc<Mutex<Vec<String>>>,
}

impl ForwardProxy {
    /// Starts a proxy whose tunnels all lead to that port of 127.0.0.1.
    pub fn start(upstream: u16, options: ForwardProxyOptions) -> ForwardProxy {
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let server = Server::start(0, {
            let asked = asked.clone();
            move |listener| serve(listener, upstream, options, asked)
        });
        ForwardProxy { server, asked }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// What it was asked for, as `host:port`, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(
    listener: TcpListener,
    upstream: u16,
    options: ForwardProxyOptions,
    asked: Arc<Mutex<Vec<String>>>,
) {
    loop {
        let (client, _) = listener.accept().await.expect("a listener accepts");
        let (options, asked) = (options.clone(), asked.clone());
        tokio::spawn(async move {
            // The client may have gone.
            let _ = connection(client, upstream, &options, &asked).await;
        });
    }
}

async fn connection(
    mut client: TcpStream,
    upstream: u16,
    options: &ForwardProxyOptions,
    asked: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let way = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
    let given = head.lines().find_map(|line| line.strip_prefix("proxy-authorization: Basic "));
    let status = match (way, options.status) {
        (None, _) => 405,
        (_, Some(status)) => status,
        _ if options.credentials.as_deref() != given => 407,
        _ => 200,
    };
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(way.unwrap_or_default().to_owned());
    if status != 200 {
        let answer = format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        return client.write_all(answer.as_bytes()).await;
    }
    let mut server = TcpStream::connect(("127.0.0.1", upstream)).await?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n").await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
