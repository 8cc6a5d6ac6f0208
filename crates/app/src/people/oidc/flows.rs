//! Sign-ins that have begun and are not finished.
//!
//! What always holds: each can be finished once, within [`WITHIN`], by the browser that began it.
//! What is kept is bounded: whoever begins many loses their own first. What it does not do: outlive
//! the process.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use outflow_core::ports::state::SecretHash;
use outflow_core::{Error, Secret};
use sha2::{Digest as _, Sha256};

use super::super::credential::{self, Kind};

/// A sign-in is finished within this time.
pub const WITHIN: Duration = Duration::from_secs(600);
/// This many are kept in all, …
const MOST: usize = 10_000;
/// … and this many of one network.
const MOST_OF_NETWORK: usize = 100;

/// What ends a sign-in.
#[derive(Debug)]
pub(crate) struct Flow {
    /// What its ID token has to say.
    pub(super) nonce: String,
    /// What proves to the provider who began it (PKCE).
    pub(super) verifier: Secret,
    /// Where the provider sends the browser.
    pub(super) redirect: String,
}

impl Flow {
    /// What the provider gets of the verifier (S256).
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.expose().as_bytes()))
    }
}

#[derive(Debug)]
struct Pending {
    browser: SecretHash,
    network: String,
    ends: Duration,
    flow: Flow,
}

/// All of them, by the hash of their state.
#[derive(Debug, Default)]
pub(crate) struct Flows(HashMap<SecretHash, Pending>);

impl Flows {
    /// Begins a sign-in with this state at `now`, on a clock that only goes forward. Returns what
    /// its browser keeps.
    pub(super) fn begin(
        &mut self,
        flow: Flow,
        state: &str,
        network: String,
        now: Duration,
    ) -> Result<Secret, Error> {
        let (browser, hash) = credential::make(Kind::SignIn)?;
        self.0.retain(|_, pending| pending.ends > now);
        self.make_room(MOST_OF_NETWORK, |pending| pending.network == network);
        self.make_room(MOST, |_| true);
        let pending = Pending { browser: hash, network, ends: now.saturating_add(WITHIN), flow };
        self.0.insert(credential::kept(state), pending);
        Ok(browser)
    }

    /// Takes out the sign-in of this state. `None`: there is none, it has ended, or another browser
    /// began it, or one that does not say.
    pub(super) fn end(&mut self, state: &str, browser: Option<&Secret>, now: Duration) -> Option<Flow> {
        let pending = self.0.remove(&credential::kept(state))?;
        let is_the_same = browser.is_some_and(|it| pending.browser == credential::kept(it.expose()));
        (is_the_same && pending.ends > now).then_some(pending.flow)
    }

    /// Drops the oldest of these until there are fewer than `most`.
    fn make_room(&mut self, most: usize, is_meant: impl Fn(&Pending) -> bool) {
        let meant =
            |(state, pending): (&SecretHash, &Pending)| is_meant(pending).then_some((pending.ends, *state));
        let mut all: Vec<_> = self.0.iter().filter_map(meant).collect();
        all.sort_unstable();
        let beyond = all.len().saturating_add(1).saturating_sub(most);
        for (_, state) in all.into_iter().take(beyond) {
            self.0.remove(&state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow() -> Flow {
        let verifier = Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        Flow { nonce: "n".to_owned(), verifier, redirect: String::new() }
    }

    /// A sign-in that has begun.
    struct Begun {
        state: String,
        browser: Secret,
    }

    fn begin(flows: &mut Flows, network: usize, at: u64) -> Begun {
        let (state, at) = (credential::random_text().unwrap(), Duration::from_secs(at));
        let browser = flows.begin(flow(), &state, network.to_string(), at).unwrap();
        Begun { state, browser }
    }

    #[test]
    fn the_challenge_is_that_of_the_standard() {
        assert_eq!(flow().challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "RFC 7636, B");
    }

    #[test]
    fn a_sign_in_ends_once_in_time_and_in_its_own_browser() {
        let mut flows = Flows::default();
        let at = Duration::from_secs;
        let (a, b) = (begin(&mut flows, 1, 0), begin(&mut flows, 1, 0));
        assert!(flows.end(&a.state, Some(&b.browser), at(1)).is_none(), "another browser");
        assert!(flows.end(&a.state, Some(&a.browser), at(1)).is_none(), "it was tried");
        assert!(flows.end("x", Some(&b.browser), at(1)).is_none());
        assert!(flows.end(&b.state, Some(&b.browser), at(599)).is_some());
        assert!(flows.end(&b.state, Some(&b.browser), at(599)).is_none(), "it was used");
        let late = begin(&mut flows, 1, 0);
        assert!(flows.end(&late.state, Some(&late.browser), at(600)).is_none());
    }

    #[test]
    fn whoever_begins_many_loses_their_own_first() {
        let mut flows = Flows::default();
        let ours = begin(&mut flows, 1, 0);
        let theirs = begin(&mut flows, 2, 0);
        for at in 1..=MOST_OF_NETWORK {
            begin(&mut flows, 2, at as u64);
        }
        assert_eq!(flows.0.len(), MOST_OF_NETWORK + 1);
        assert!(flows.end(&theirs.state, Some(&theirs.browser), Duration::from_secs(1)).is_none());
        for network in 10..13 {
            for _ in 0..=MOST_OF_NETWORK {
                begin(&mut flows, network, 1);
            }
        }
        assert!(flows.end(&ours.state, Some(&ours.browser), Duration::from_secs(1)).is_some());
    }
}
