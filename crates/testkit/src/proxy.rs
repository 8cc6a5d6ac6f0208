//! A TCP proxy that breaks connections on purpose, in front of a database or a destination.
//!
//! One fault is in force at a time and applies to open connections too. It strikes what flows
//! *downstream*, from the server to the client; [`Fault::Silence`] stops both ways. It never
//! changes a byte.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::net::Server;

/// What the proxy does to connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Passes everything on.
    #[default]
    None,
    /// Delays each piece from the server by that much.
    Delay(Duration),
    /// Closes a connection in an orderly way once this many bytes came from the server.
    CutAfter(u64),
    /// Resets a connection once this many bytes came from the server.
    ResetAfter(u64),
    /// Takes connections and passes nothing on, in either direction.
    Silence,
    /// Resets new connections at once.
    Refuse,
}

/// A running proxy. It ends, with its connections, when it is dropped.
pub struct ChaosProxy {
    server: Server,
    orders: watch::Sender<Orders>,
    counts: Arc<Counts>,
}

#[derive(Clone, Copy, Default)]
struct Orders {
    fault: Fault,
    /// Connections of an earlier generation are to be reset.
    generation: u64,
}

#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    downstream: AtomicU64,
}

impl ChaosProxy {
    /// Starts a proxy in front of that port of 127.0.0.1.
    pub fn start(upstream: u16) -> ChaosProxy {
        let orders = watch::Sender::new(Orders::default());
        let counts = Arc::new(Counts::default());
        let server = Server::start(0, {
            let (orders, counts) = (orders.subscribe(), Arc::clone(&counts));
            move |listener| serve(listener, upstream, orders, counts)
        });
        ChaosProxy { server, orders, counts }
    }

    /// The proxy's own port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// Puts a fault in force, in place of the one before.
    pub fn set(&self, fault: Fault) {
        self.orders.send_modify(|orders| orders.fault = fault);
    }

    /// Resets every open connection now.
    pub fn reset_all(&self) {
        self.orders.send_modify(|orders| orders.generation += 1);
    }

    /// How many connections were opened.
    pub fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::Relaxed)
    }

    /// How many bytes were passed on from the server, over all connections.
    pub fn downstream_bytes(&self) -> u64 {
        self.counts.downstream.load(Ordering::Relaxed)
    }
}

/// How a connection ends.
enum End {
    Close,
    Reset,
}

async fn serve(listener: TcpListener, upstream: u16, orders: watch::Receiver<Orders>, counts: Arc<Counts>) {
    loop {
        let (client, _) = listener.accept().await.expect("a listener accepts");
        counts.connections.fetch_add(1, Ordering::Relaxed);
        let (orders, counts) = (orders.clone(), Arc::clone(&counts));
        tokio::spawn(async move {
            // Errors are broken connections; passing those on as a reset is what a proxy is for.
            let _ = connection(client, upstream, orders, &counts).await;
        });
    }
}

async fn connection(
    client: TcpStream,
    upstream: u16,
    mut orders: watch::Receiver<Orders>,
    counts: &Counts,
) -> io::Result<()> {
    let Orders { fault, generation } = *orders.borrow();
    if fault == Fault::Refuse {
        return client.set_zero_linger();
    }
    let server = TcpStream::connect(("127.0.0.1", upstream)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (mut up, mut down) = (orders.clone(), orders.clone());
    let both = async {
        let upward = async {
            upward(&mut from_client, &mut to_server, &mut up).await?;
            // The client has finished; the server may still answer.
            std::future::pending().await
        };
        tokio::select! {
            end = upward => end,
            end = downward(&mut from_server, &mut to_client, &mut down, counts) => end,
        }
    };
    let end = tokio::select! {
        end = both => end.unwrap_or(End::Reset),
        _ = orders.wait_for(|orders| orders.generation != generation) => End::Reset,
    };
    match end {
        End::Close => to_client.shutdown().await,
        End::Reset => {
            to_client.as_ref().set_zero_linger()?;
            // A mere drop would close this half in an orderly way first.
            to_client.forget();
            Ok(())
        }
    }
}

async fn upward(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    orders: &mut watch::Receiver<Orders>,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let size = from.read(&mut buffer).await?;
        current_fault(orders).await;
        if size == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..size]).await?;
    }
}

async fn downward(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    orders: &mut watch::Receiver<Orders>,
    counts: &Counts,
) -> io::Result<End> {
    let mut buffer = vec![0; 64 * 1024];
    let mut passed = 0;
    loop {
        let size = from.read(&mut buffer).await?;
        let fault = current_fault(orders).await;
        if size == 0 {
            return Ok(End::Close);
        }
        let mut end = None;
        let mut room = size as u64;
        match fault {
            Fault::Delay(delay) => tokio::time::sleep(delay).await,
            Fault::CutAfter(limit) if passed + room >= limit => {
                room = limit.saturating_sub(passed);
                end = Some(End::Close);
            }
            Fault::ResetAfter(limit) if passed + room >= limit => {
                room = limit.saturating_sub(passed);
                end = Some(End::Reset);
            }
            _ => {}
        }
        to.write_all(&buffer[..room as usize]).await?;
        passed += room;
        counts.downstream.fetch_add(room, Ordering::Relaxed);
        if let Some(end) = end {
            return Ok(end);
        }
    }
}

/// The fault in force, once it lets bytes through.
async fn current_fault(orders: &mut watch::Receiver<Orders>) -> Fault {
    let fault = orders.wait_for(|orders| orders.fault != Fault::Silence).await.map(|orders| orders.fault);
    match fault {
        Ok(fault) => fault,
        // The proxy is being dropped, and this connection with it.
        Err(_) => std::future::pending().await,
    }
}
