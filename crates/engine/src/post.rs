//! STUB until branch gate is merged.
use outflow_core::Code;
use outflow_core::ports::destination::Destination;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::Instant;
/// Health.
#[allow(missing_docs)]
pub enum Health {
    Healthy,
    Failing { since: Instant, code: Code, reason: String },
    Paused { since: Instant, code: Code, reason: String },
}
/// Posts.
#[derive(Default)]
pub struct Posts(watch::Sender<u64>);
#[allow(missing_docs)]
impl Posts {
    pub fn of(&self, _: &dyn Destination) -> Arc<Post> {
        Arc::new(Post(self.0.clone()))
    }
}
/// Post.
pub struct Post(watch::Sender<u64>);
#[allow(missing_docs)]
impl Post {
    pub fn health(&self) -> Health {
        Health::Healthy
    }
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
    pub fn resume(&self) {}
}
