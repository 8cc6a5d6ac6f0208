//! Signing in through an OpenID Connect provider: authorization code flow with PKCE.
//!
//! What always holds: a session begins only for a sign-in that this browser has begun, with an ID
//! token that passed every check, for a person to whom the provider's groups give a role. A user
//! whom the provider did not make is never taken over. What it does not do: keep tokens of the
//! provider; they are dropped once they are read.

mod flows;
mod form;
mod id_token;
mod identity;
mod keys;
mod provider;

use std::time::Duration;

use outflow_core::ports::state::{Role, UserChange, UserRecord};
use outflow_core::{Actor, ActorKind, BoxFuture, Clock as _, Code, Error, Secret, SystemClock};
use outflow_project::oidc::{CALLBACK, is_loopback};
use serde::Serialize;
use tracing::warn;

use super::changes::PeopleChange;
use super::credential;
use super::entries::UserEntry;
use super::sign_in::{SignInRequest, SignedIn};
use super::throttle::network;
use crate::App;
use flows::Flow;
pub(crate) use flows::Flows;
pub use flows::WITHIN;
use identity::Identity;
pub(crate) use provider::Provider;

/// The provider answers all that is asked for one sign-in within this time.
const PATIENCE: Duration = Duration::from_secs(20);

/// A browser that begins a sign-in.
#[derive(Clone, Debug)]
pub struct ProviderSignInRequest {
    /// By which name it reaches this server: `outflow.example:8443`.
    pub host: Option<String>,
    /// The server itself speaks TLS.
    pub over_tls: bool,
    /// From where.
    pub address: Option<String>,
}

/// A sign-in that has begun.
#[derive(Debug)]
pub struct ProviderSignIn {
    /// Where the browser goes.
    pub location: String,
    /// What the browser keeps until it comes back, for a cookie.
    pub browser: Secret,
}

/// A browser that comes back from the provider.
#[derive(Clone, Debug)]
pub struct ProviderAnswer {
    /// The code that the provider gave.
    pub code: Option<Secret>,
    /// Which sign-in it is.
    pub state: Option<String>,
    /// Who says so, if the provider says it (RFC 9207).
    pub issuer: Option<String>,
    /// Why the provider gave no code.
    pub error: Option<String>,
    /// What the browser has kept.
    pub begun: Option<Secret>,
    /// What an earlier sign-in gave this browser, if it has something.
    pub browser: Option<Secret>,
    /// From where.
    pub address: Option<String>,
    /// What the browser says that it is.
    pub agent: Option<String>,
}

/// The ways to sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SignInWays {
    /// With a name and a password.
    pub password: bool,
    /// With the OpenID Connect provider of this issuer.
    pub provider: Option<String>,
}

impl App {
    /// Which ways to sign in there are.
    pub fn sign_in_ways(&self) -> SignInWays {
        let provider = self.people.provider().map(|provider| provider.settings.issuer.clone());
        SignInWays { password: true, provider }
    }

    /// Begins a sign-in with the provider.
    ///
    /// # Errors
    /// A020: there is no provider. A022: the host is none. A029: the provider does not say where to
    /// sign in.
    pub fn begin_provider_sign_in<'a>(
        &'a self,
        request: &'a ProviderSignInRequest,
    ) -> BoxFuture<'a, Result<ProviderSignIn, Error>> {
        Box::pin(async move {
            let provider = self.people.provider().ok_or_else(no_provider)?;
            let redirect = match &provider.settings.redirect_url {
                Some(url) => url.clone(),
                None => callback(request.host.as_deref().unwrap_or_default(), request.over_tls)?,
            };
            let (nonce, verifier) = (credential::random_text()?, Secret::new(credential::random_text()?));
            let flow = Flow { nonce, verifier, redirect };
            // A provider that is away costs no place.
            let state = credential::random_text()?;
            let location = within(provider.address(&flow, &state)).await?;
            let network = network(request.address.as_deref().unwrap_or_default());
            let browser = self.people.flows().begin(flow, &state, network, self.people.now())?;
            Ok(ProviderSignIn { location, browser })
        })
    }

    /// Ends a sign-in with the provider: begins the session of whoever it is. They are made a user
    /// at the first time, and have the role that the provider's groups give each time.
    ///
    /// # Errors
    /// A020: there is no provider. A029: it does not answer as it should. A030: it refuses. A031:
    /// this browser has begun no such sign-in. A032: its token is not valid. A033: the person may
    /// not sign in. A034: their name is another user's.
    pub fn end_provider_sign_in<'a>(
        &'a self,
        answer: &'a ProviderAnswer,
    ) -> BoxFuture<'a, Result<SignedIn, Error>> {
        Box::pin(async move {
            let provider = self.people.provider().ok_or_else(no_provider)?;
            let flow = self.flow_of(answer).ok_or_else(not_begun)?;
            let settings = &provider.settings;
            if answer.issuer.as_ref().is_some_and(|issuer| *issuer != settings.issuer) {
                return Err(Error::new(Code::IdTokenRefused, "another provider answered this sign-in"));
            }
            let Some(code) = answer.code.as_ref().filter(|_| answer.error.is_none()) else {
                return Err(refused_there(answer.error.as_deref().unwrap_or_default()));
            };
            let mut wanted = vec![settings.name_claim.as_str()];
            if !settings.roles.is_empty() {
                wanted.push(&settings.groups_claim);
            }
            let claims = match within(provider.claims(code, &flow, &wanted)).await {
                Ok(claims) => claims,
                Err(error) if error.code() == Code::IdTokenRefused => {
                    return Err(self.not_let_in(None, answer, error).await);
                }
                Err(error) => return Err(error),
            };
            self.let_in(Identity::of(&claims, settings), answer).await
        })
    }

    /// The sign-in that this browser has begun. It is gone after this.
    fn flow_of(&self, answer: &ProviderAnswer) -> Option<Flow> {
        let (state, begun) = (answer.state.as_deref()?, answer.begun.as_ref());
        self.people.flows().end(state, begun, self.people.now())
    }

    /// Begins the session of a person whom the provider knows.
    async fn let_in(&self, identity: Identity, answer: &ProviderAnswer) -> Result<SignedIn, Error> {
        let found = self.reader().await?.state.user_of(&identity.external).await?;
        let known = found.as_ref().map(|user| user.name.clone());
        let not_admitted = |why: &str, help: &str| Error::new(Code::NotAdmitted, why).help(help);
        if found.as_ref().is_some_and(|user| user.disabled_at.is_some()) {
            let error = not_admitted("this user is disabled", "an administrator can enable them");
            return Err(self.not_let_in(known, answer, error).await);
        }
        let Some(role) = identity.role else {
            let error = not_admitted(
                "no group of this person gives a role",
                "an administrator of the provider can add them to a group of server.oidc.roles",
            );
            return Err(self.not_let_in(known, answer, error).await);
        };
        let user = match found {
            Some(user) => self.with_role(user, role, answer).await?,
            None => self.made(identity, role, answer).await?,
        };
        let request = SignInRequest {
            name: user.name.clone(),
            password: Secret::default(),
            browser: answer.browser.clone(),
            address: answer.address.clone(),
            agent: answer.agent.clone(),
        };
        self.by(person(&user.name, answer)).begin_session(UserEntry::of(user), None, &request).await
    }

    /// The user with the role that their groups give now. The last administrator stays one.
    async fn with_role(
        &self,
        user: UserRecord,
        role: Role,
        answer: &ProviderAnswer,
    ) -> Result<UserRecord, Error> {
        if user.role == role {
            return Ok(user);
        }
        let change = PeopleChange::ChangeUser { name: user.name.clone(), to: UserChange::Role(role) };
        match self.by(person(&user.name, answer)).change_people(change).await {
            Ok(_) => Ok(UserRecord { role, ..user }),
            Err(error) if error.code() == Code::LastAdmin => {
                warn!(user = user.name, "the provider's groups take away the last administrator's role");
                Ok(user)
            }
            Err(error) => Err(error),
        }
    }

    /// Makes the person a user.
    async fn made(
        &self,
        identity: Identity,
        role: Role,
        answer: &ProviderAnswer,
    ) -> Result<UserRecord, Error> {
        let name = match identity.name {
            Ok(name) => name,
            Err(why) => {
                let error = Error::new(Code::NotAdmitted, why).help("see server.oidc.name_claim");
                return Err(self.not_let_in(None, answer, error).await);
            }
        };
        let (external, created_at) = (Some(identity.external.clone()), SystemClock.now());
        let user =
            UserRecord { name: name.clone(), role, password: None, external, created_at, disabled_at: None };
        let taken = self.reader().await?.state.user(&name).await?.is_some();
        if !taken {
            let change = PeopleChange::CreateUser { user: user.clone(), is_first: false };
            match self.by(person(&name, answer)).change_people(change).await {
                Ok(_) => return Ok(user),
                Err(error) if error.code() != Code::NameTaken => return Err(error),
                Err(_) => {}
            }
        }
        // Two of their browsers may have come at once.
        if let Some(user) = self.reader().await?.state.user_of(&identity.external).await? {
            return Ok(user);
        }
        let error = Error::new(Code::NameOfAnother, format!("the user {name:?} is not this person's"))
            .help("that user signs in as before; the provider has to give this person another name");
        Err(self.not_let_in(Some(name), answer, error).await)
    }

    /// Records that somebody was not let in, and returns why.
    async fn not_let_in(&self, user: Option<String>, answer: &ProviderAnswer, error: Error) -> Error {
        let change = PeopleChange::SignInRefused { user, code: error.code() };
        match self.by(person("nobody", answer)).change_people(change).await {
            Ok(_) => error,
            Err(unwritten) => unwritten,
        }
    }
}

fn person(name: &str, answer: &ProviderAnswer) -> Actor {
    Actor { address: answer.address.clone(), ..Actor::new(ActorKind::Person, name) }
}

/// What the provider gives, if it does not take too long.
async fn within<T>(asked: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| {
        let message = format!("the sign-in provider did not answer within {PATIENCE:?}");
        Err(Error::new(Code::ProviderUnavailable, message).help("try again"))
    })
}

/// Where the provider sends the browser back to. A browser keeps our cookies over TLS alone, or on
/// its own machine.
fn callback(host: &str, over_tls: bool) -> Result<String, Error> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    if host.is_empty() || !host.chars().all(is_plain) {
        return Err(Error::new(Code::MalformedRequest, "the header Host names no host").at("host"));
    }
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    };
    let scheme = if is_loopback(name) && !over_tls { "http" } else { "https" };
    Ok(format!("{scheme}://{host}{CALLBACK}"))
}

fn no_provider() -> Error {
    Error::new(Code::NoSuchAddress, "there is no sign-in provider").help("set server.oidc in outflow.yaml")
}

fn not_begun() -> Error {
    Error::new(Code::SignInNotBegun, "this browser has begun no such sign-in, or it has ended")
        .help("begin the sign-in again, and finish it within 10 minutes in the same browser")
}

/// A030. Only a word that OAuth or OpenID Connect knows is repeated.
fn refused_there(word: &str) -> Error {
    const KNOWN: [&str; 11] = [
        "access_denied",
        "account_selection_required",
        "consent_required",
        "interaction_required",
        "invalid_request",
        "invalid_scope",
        "login_required",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_response_type",
    ];
    let why = KNOWN.iter().find(|known| **known == word).map_or("no reason that OAuth knows", |known| known);
    Error::new(Code::ProviderRefused, format!("the sign-in provider gave no code: {why}"))
        .help("begin the sign-in again; the provider's log says more")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callback_is_on_the_host_that_the_browser_uses() {
        for (host, over_tls, expected) in [
            ("o.example", false, "https://o.example"),
            ("o.example:8443", true, "https://o.example:8443"),
            ("localhost:8080", false, "http://localhost:8080"),
            ("127.0.0.1:8080", true, "https://127.0.0.1:8080"),
            ("[::1]:8080", false, "http://[::1]:8080"),
            ("[::1]", false, "http://[::1]"),
            ("localhost.evil.example", false, "https://localhost.evil.example"),
        ] {
            assert_eq!(callback(host, over_tls).unwrap(), format!("{expected}{CALLBACK}"));
        }
        for host in ["", "o.example/x", "a@b", "o.example?x", "o\r\nx", "o.example#", "é"] {
            assert_eq!(callback(host, true).unwrap_err().code(), Code::MalformedRequest, "{host}");
        }
    }

    #[test]
    fn what_the_provider_says_is_not_repeated_unless_it_is_a_known_word() {
        assert!(refused_there("access_denied").message().ends_with("access_denied"));
        assert!(!refused_there("<b>canary").message().contains("canary"));
    }
}
