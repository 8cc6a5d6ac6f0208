//! Files that the settings of a connection name, read off the async threads: certificates, tokens,
//! passwords.
//!
//! What always holds: what [`outflow_core::files`] promises. What it does not do: say what a
//! failure means for a user; its callers do.

use std::path::Path;

use outflow_core::files::{self, ReadFailure};
use tokio::runtime::{Handle, RuntimeFlavor};

/// The largest file of this kind: a bundle of all public authorities has 250 KiB.
const LARGEST: u64 = 4 << 20;

/// The bytes of a file. Other tasks go on meanwhile.
///
/// # Errors
/// Why it was not read.
pub fn read(path: &Path) -> Result<Vec<u8>, ReadFailure> {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(|| files::read(path, LARGEST)),
        // No other task of this thread would wait, or there is none.
        _ => files::read(path, LARGEST),
    }
}

/// As [`read`], for text.
///
/// # Errors
/// Why it was not read.
pub fn read_text(path: &Path) -> Result<String, ReadFailure> {
    files::text(read(path)?)
}

#[cfg(test)]
mod tests {
    use crate::{Verify, client_config};

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_certificate_that_is_a_fifo_is_an_error_and_holds_up_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("ca.pem");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let read = tokio::spawn(async move { client_config(Verify::Full, Some(&fifo)) });
        let error = read.await.unwrap().unwrap_err();
        assert!(error.message().contains("is a FIFO"), "{error}");
    }
}
