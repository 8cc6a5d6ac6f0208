//! Signing in and out.
//!
//! What always holds: how long a refusal takes, and what it says, is the same for a user who is not
//! there, one who is disabled and a wrong password. A session's id is new at each sign-in.

use std::time::Duration;

use outflow_core::ports::state::{KnownBrowser, SecretHash, SessionRecord, SessionsToEnd};
use outflow_core::{Actor, ActorKind, BoxFuture, Clock as _, Code, Error, Secret, SystemClock, Timestamp};
use outflow_engine::FORMAT_VERSION;
use serde::Serialize;

use super::changes::{PeopleAnswer, PeopleChange};
use super::credential::{self, Kind};
use super::entries::{SessionEntry, UserEntry};
use super::sessions::LONGEST_S;
use super::throttle::Attempt;
use super::{How, Principal, names, password};
use crate::App;

/// What a browser says that it is, is kept up to this many characters.
const AGENT: usize = 200;

/// Somebody wants to sign in.
#[derive(Clone, Debug)]
pub struct SignInRequest {
    /// The user's name.
    pub name: String,
    /// The password.
    pub password: Secret,
    /// What an earlier sign-in gave this browser, if it has something.
    pub browser: Option<Secret>,
    /// From where.
    pub address: Option<String>,
    /// What the browser says that it is.
    pub agent: Option<String>,
}

/// Somebody who has signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// The session's secret, for its cookie.
    pub session: Secret,
    /// The browser's secret, for a cookie that outlives the session.
    pub browser: Secret,
    /// When the session ends at the latest.
    pub expires_at: Timestamp,
    /// Who it is.
    pub user: UserEntry,
}

/// Somebody who was not let in.
#[derive(Debug)]
pub struct NotLetIn {
    /// Why.
    pub error: Error,
    /// When another attempt counts.
    pub retry_after: Option<Duration>,
}

impl From<Error> for NotLetIn {
    fn from(error: Error) -> Self {
        Self { error, retry_after: None }
    }
}

/// Sessions, the latest first.
#[derive(Debug, Serialize)]
pub struct SessionList {
    format_version: u32,
    /// The sessions.
    pub sessions: Vec<SessionEntry>,
}

impl App {
    /// Begins a session.
    ///
    /// # Errors
    /// A005: there is no such user, or the password is another. A006: too many attempts.
    pub fn sign_in<'a>(&'a self, request: &'a SignInRequest) -> BoxFuture<'a, Result<SignedIn, NotLetIn>> {
        Box::pin(async move {
            let name = names::user_name(&request.name).unwrap_or_default();
            let known_browser = self.known_browser(&name, request.browser.as_ref()).await?;
            let address = request.address.as_deref();
            let attempt = Attempt { user: &name, address, known_browser };
            let now = self.people.now();
            let taken = self.people.throttle().take(&attempt, now).map_err(too_many)?;
            // Whoever is sent away has cost nothing but this.
            let state = self.reader().await?.state;
            let user = state.user(&name).await?;
            let kept = user.as_ref().and_then(|user| user.password.as_deref());
            let checked = password::is_right(&request.password, kept).await;
            // A password that was not looked at was no guess.
            let is_right = checked.inspect_err(|_| self.people.throttle().give_back(&taken))?;
            let actor = Actor { address: request.address.clone(), ..Actor::new(ActorKind::Person, "") };
            match user.filter(|user| is_right && user.disabled_at.is_none()) {
                Some(user) => {
                    self.people.throttle().give_back(&taken);
                    let by = self.by(Actor { name: user.name.clone(), ..actor });
                    let signed_in = by.begin_session(UserEntry::of(user), known_browser, request);
                    Ok(signed_in.await?)
                }
                None => {
                    let user = state.user(&name).await?.map(|user| user.name);
                    let change = PeopleChange::SignInRefused { user, code: Code::SignInRefused };
                    self.by(Actor { name: "nobody".to_owned(), ..actor }).change_people(change).await?;
                    Err(Error::new(Code::SignInRefused, "user name or password wrong").into())
                }
            }
        })
    }

    /// The browser, if this user has signed in there before.
    async fn known_browser(&self, user: &str, browser: Option<&Secret>) -> Result<Option<SecretHash>, Error> {
        let formed = browser.filter(|browser| credential::is_formed(Kind::Browser, browser.expose()));
        let Some(browser) = formed else { return Ok(None) };
        let hash = credential::kept(browser.expose());
        let known = self.reader().await?.state.browser(&hash).await?;
        Ok(known.filter(|known| known.user == user).map(|_| hash))
    }

    /// Begins a session of somebody who has proved who they are.
    pub(super) async fn begin_session(
        &self,
        user: UserEntry,
        known_browser: Option<SecretHash>,
        request: &SignInRequest,
    ) -> Result<SignedIn, Error> {
        let now = SystemClock.now();
        let (secret, hash) = credential::make(Kind::Session)?;
        let (browser, browser_hash) = match (known_browser, &request.browser) {
            (Some(hash), Some(browser)) => (browser.clone(), hash),
            _ => credential::make(Kind::Browser)?,
        };
        let expires_at = Timestamp::from_second(now.as_second().saturating_add(LONGEST_S)).unwrap_or(now);
        let agent = request.agent.as_ref().map(|agent| agent.chars().take(AGENT).collect());
        let session = SessionRecord {
            hash,
            user: user.name.clone(),
            created_at: now,
            used_at: now,
            expires_at,
            address: request.address.clone(),
            agent,
        };
        let browser_record = KnownBrowser { hash: browser_hash, user: user.name.clone(), used_at: now };
        let change = PeopleChange::BeginSession { session, browser: Some(browser_record) };
        self.change_people(change).await?;
        Ok(SignedIn { session: secret, browser, expires_at, user })
    }

    /// Ends the session of whoever asks.
    ///
    /// # Errors
    /// A004: whoever asks has no session.
    pub fn sign_out<'a>(&'a self, principal: &'a Principal) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let How::Session { hash, .. } = principal.how else {
                return Err(Error::new(Code::NotPermitted, "only a session can sign out"));
            };
            let (which, user) = (SessionsToEnd::One(hash), principal.actor.name.clone());
            self.change_people(PeopleChange::EndSessions { which, user }).await.map(drop)
        })
    }

    /// The sessions of a user, or of all, that have not ended.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn sessions<'a>(&'a self, user: Option<&'a str>) -> BoxFuture<'a, Result<SessionList, Error>> {
        Box::pin(async move {
            let now = SystemClock.now();
            let records = match self.is_new().await? {
                true => Vec::new(),
                false => self.reader().await?.state.sessions(user).await?,
            };
            let sessions = records.into_iter().filter_map(|session| SessionEntry::of(session, now)).collect();
            Ok(SessionList { format_version: FORMAT_VERSION, sessions })
        })
    }

    /// Ends one session of a user by its id, or all of them. Returns how many.
    ///
    /// # Errors
    /// A011: there is no such session.
    pub fn end_sessions<'a>(
        &'a self,
        user: &'a str,
        id: Option<&'a str>,
    ) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(async move {
            let which = match id {
                None => SessionsToEnd::Of(user.to_owned()),
                Some(id) => {
                    let sessions = self.reader().await?.state.sessions(Some(user)).await?;
                    let found = sessions.into_iter().find(|session| credential::shown(&session.hash) == id);
                    let none = || Error::new(Code::NoSuchPerson, format!("{user} has no session {id:?}"));
                    SessionsToEnd::One(found.ok_or_else(none)?.hash)
                }
            };
            match self.change_people(PeopleChange::EndSessions { which, user: user.to_owned() }).await? {
                PeopleAnswer::Ended(sessions) => Ok(sessions),
                PeopleAnswer::Done => Ok(0),
            }
        })
    }
}

/// A006, with how long to wait.
fn too_many(wait: Duration) -> NotLetIn {
    let seconds = wait.as_secs().saturating_add(1);
    let error = Error::new(Code::TooManyAttempts, "too many attempts to sign in")
        .help(format!("the next one counts in {seconds} seconds"));
    NotLetIn { error, retry_after: Some(Duration::from_secs(seconds)) }
}
