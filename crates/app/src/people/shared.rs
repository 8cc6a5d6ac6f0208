//! What the process that serves keeps in memory about people: how many attempts to sign in there
//! were, the set-up token, the link to sign in, the sign-in provider, and the sign-ins that have
//! begun there.
//!
//! What always holds: all clones of an [`App`](crate::App) share it, and it ends with the process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use outflow_core::ports::state::SecretHash;
use outflow_core::{Timestamp, hash};

use super::link::Link;
use super::oidc::{Flows, Provider};
use super::throttle::Throttle;

/// In memory, shared by clones.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Inner>);

struct Inner {
    began: Instant,
    throttle: Mutex<Throttle>,
    set_up: Mutex<Option<(SecretHash, Timestamp)>>,
    link: Mutex<Option<Link>>,
    provider: Mutex<Option<Arc<Provider>>>,
    flows: Mutex<Flows>,
}

impl Default for Shared {
    fn default() -> Self {
        // Without random bytes nothing else works either; the key only mixes names.
        let throttle = Mutex::new(Throttle::new(hash::random().unwrap_or_default()));
        let (set_up, link, provider, flows) = Default::default();
        Self(Arc::new(Inner { began: Instant::now(), throttle, set_up, link, provider, flows }))
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

impl Shared {
    /// The attempts to sign in.
    pub(crate) fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.0.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The provider that people sign in with.
    pub(crate) fn provider(&self) -> Option<Arc<Provider>> {
        self.0.provider.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on it is this one.
    pub(crate) fn set_provider(&self, provider: Option<Provider>) {
        *self.0.provider.lock().unwrap_or_else(PoisonError::into_inner) = provider.map(Arc::new);
    }

    /// The sign-ins with a provider that are not finished.
    pub(crate) fn flows(&self) -> MutexGuard<'_, Flows> {
        self.0.flows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A clock that only goes forward.
    pub(crate) fn now(&self) -> Duration {
        self.0.began.elapsed()
    }

    /// The set-up token, with its end.
    pub(crate) fn set_up(&self) -> MutexGuard<'_, Option<(SecretHash, Timestamp)>> {
        self.0.set_up.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The link that signs somebody in.
    pub(crate) fn link(&self) -> MutexGuard<'_, Option<Link>> {
        self.0.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
