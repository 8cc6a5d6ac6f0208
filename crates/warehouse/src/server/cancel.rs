//! Stopping a statement from outside, by a CancelRequest on a connection of its own.
//!
//! The request may overtake the statement that it is meant for; then the server finds nothing to
//! cancel. So it is repeated until the first connection has ended, within a few seconds.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use outflow_core::{Code, Error, Result};
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::connector::Connector;
use super::wire::{Socket, Wire, broken};

/// Cancelling takes no longer than this.
const PATIENCE: Duration = Duration::from_secs(5);

/// The cancellation is repeated if the session has not ended after this time.
const PAUSE: Duration = Duration::from_millis(500);

/// What is needed to cancel: where the session is, and the key that it was given.
pub(crate) struct Canceller {
    pub connector: Connector,
    /// `None` behind a tunnel.
    pub address: Option<SocketAddr>,
    pub key: Option<(i32, i32)>,
}

impl Canceller {
    /// Stops whatever the session does and waits until the server has closed it.
    pub async fn stop(&self, wire: &mut Wire) {
        let _ = tokio::time::timeout(PATIENCE, async {
            // The server reads this once the statement is out of the way, and then closes.
            let mut goodbye = BytesMut::new();
            frontend::terminate(&mut goodbye);
            let _ = wire.socket.write_all(&goodbye).await;
            let _ = wire.socket.flush().await;
            loop {
                let _ = self.request().await;
                if tokio::time::timeout(PAUSE, drain(&mut wire.socket)).await.is_ok() {
                    return;
                }
            }
        })
        .await;
    }

    /// Sends one request and waits until the server has taken it in, which it shows by closing.
    async fn request(&self) -> Result<()> {
        let (process, secret) = self
            .key
            .ok_or_else(|| Error::new(Code::ProtocolViolation, "the server gave no key to cancel with"))?;
        let mut request = BytesMut::new();
        frontend::cancel_request(process, secret, &mut request);
        let mut socket = self.connector.open_again(self.address).await?;
        socket.write_all(&request).await.map_err(|e| broken(Some(e)))?;
        socket.flush().await.map_err(|e| broken(Some(e)))?;
        drain(&mut socket).await;
        Ok(())
    }
}

/// Reads and forgets until the other side closes.
async fn drain(socket: &mut Socket) {
    let mut sink = vec![0; 64 << 10];
    while socket.read(&mut sink).await.is_ok_and(|n| n > 0) {}
}
