//! What goes to and comes from one client, under the condition in force.
//!
//! What always holds: everything to the client passes through [`Client::flush`], which is where a
//! slow cluster takes its time and a cut connection is cut.

use std::io;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;

use super::Shared;
use super::conditions::Condition;
use super::wire::{Inbox, Socket, broken, frame};

/// With this much to send, sending does not wait for more.
pub(super) const FULL: usize = 64 << 10;

pub(super) struct Client {
    pub socket: Socket,
    pub inbox: Inbox,
    pub shared: Arc<Shared>,
    /// Frames to be sent.
    pub out: Vec<u8>,
    sent: u64,
}

impl Client {
    pub fn new(socket: Socket, shared: Arc<Shared>) -> Client {
        Client { socket, inbox: Inbox::default(), shared, out: Vec::new(), sent: 0 }
    }

    /// Puts a frame among those to be sent.
    pub fn put(&mut self, tag: u8, body: &[u8]) {
        frame(&mut self.out, tag, body);
    }

    /// The next frame from the client, after everything that there is for it was sent. `None`: it
    /// has closed.
    pub async fn next(&mut self) -> io::Result<Option<(u8, &[u8])>> {
        if !self.inbox.is_ready() {
            self.flush().await?;
        }
        let Client { socket, inbox, .. } = self;
        inbox.next(socket).await
    }

    pub async fn flush(&mut self) -> io::Result<()> {
        let condition = self.shared.condition.borrow().0;
        if self.out.is_empty() {
            return Ok(());
        }
        match condition {
            Condition::Slow(pause) => {
                let mut rest = &self.out[..];
                while let Some(head) = rest.get(1..5) {
                    let length = 1 + u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
                    let (frame, after) = rest.split_at(length.min(rest.len()));
                    tokio::time::sleep(pause).await;
                    self.socket.write_all(frame).await?;
                    self.socket.flush().await?;
                    rest = after;
                }
            }
            Condition::CutAt(limit) if self.sent + self.out.len() as u64 >= limit => {
                let room = limit.saturating_sub(self.sent) as usize;
                self.socket.write_all(&self.out[..room]).await?;
                self.socket.shutdown().await?;
                return Err(broken("the connection was to be cut here"));
            }
            _ => {
                self.socket.write_all(&self.out).await?;
                self.socket.flush().await?;
            }
        }
        self.sent += self.out.len() as u64;
        self.out.clear();
        Ok(())
    }
}
