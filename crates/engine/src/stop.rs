//! How long work learns that the process is to stop.

use outflow_core::{Code, Error};
use tokio::sync::watch;

/// Resolves when the process is to stop.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|s| *s).await.is_err() {
        // The sender is gone: no stop can come any more.
        std::future::pending::<()>().await;
    }
}

pub(crate) fn interrupted() -> Error {
    Error::new(Code::Interrupted, "interrupted before the end of the extraction")
        .help("nothing was sent and last_sync_time did not move; run it again")
}
