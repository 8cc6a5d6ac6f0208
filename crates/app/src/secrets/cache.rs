//! The keys that a command printed, kept in memory for a moment: whoever reads the project often
//! does not run the command as often.
//!
//! What always holds: whatever sets, checks or encrypts secrets reads the keys again. What it does
//! not do: keep keys of files and of the environment, which are read in no time.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use outflow_secrets::{KeySource, Keyring};

/// For this long.
const KEPT: Duration = Duration::from_secs(60);

/// The place for it, shared by the clones of an `App`.
#[derive(Clone, Default)]
pub(crate) struct KeyCache(Arc<Mutex<Option<(Instant, KeySource, Keyring)>>>);

impl fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyCache")
    }
}

impl KeyCache {
    /// What this source gave a moment ago.
    pub(super) fn get(&self, source: &KeySource) -> Option<Keyring> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, of, keys) = kept.as_ref()?;
        (of == source && at.elapsed() < KEPT).then(|| keys.clone())
    }

    /// Keeps what a source gives now, if it is a command.
    pub(super) fn put(&self, source: &KeySource, keys: Option<&Keyring>) {
        let kept = match (source, keys) {
            (KeySource::Command(_), Some(keys)) => Some((Instant::now(), source.clone(), keys.clone())),
            _ => None,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = kept;
    }
}
