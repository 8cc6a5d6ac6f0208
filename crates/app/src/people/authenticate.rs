//! Who asks: from a credential to a [`Principal`].

use outflow_core::ports::state::{SecretHash, SessionRecord, TokenRecord, TokenScope, Used, UserRecord};
use outflow_core::{Actor, ActorKind, BoxFuture, Clock as _, Code, Error, Secret, SystemClock, Timestamp};
use serde::Serialize;
use tracing::warn;

use super::changes::PeopleChange;
use super::credential::{self, Kind};
use super::permissions::{Permission, Permissions};
use super::sessions::has_ended;
use crate::App;

/// Uses within a minute of the last one that is recorded are not.
const USED_EVERY_S: i64 = 60;

/// What a request proves with who sent it.
#[derive(Clone, Debug)]
pub enum Credential {
    /// An API token, from `Authorization: Bearer`.
    Token(Secret),
    /// A session, from its cookie.
    Session(Secret),
}

/// How somebody proved who they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum How {
    /// By a session.
    Session {
        /// The session's id, by which it can be ended.
        id: String,
        /// Of its secret.
        #[serde(skip)]
        hash: SecretHash,
    },
    /// By an API token.
    Token {
        /// The token's id.
        id: String,
    },
}

/// Somebody who is known, and what they may do.
#[derive(Clone, Debug, Serialize)]
pub struct Principal {
    /// Who it is, for [`App::by`]. The front end adds the request's id.
    pub actor: Actor,
    /// What they may do.
    pub permissions: Permissions,
    /// How they proved who they are.
    pub how: How,
}

impl Principal {
    /// Whether they may do that.
    pub const fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(permission)
    }

    /// # Errors
    /// A004: they may not do that.
    pub fn require(&self, permission: Permission) -> Result<(), Error> {
        if self.may(permission) {
            return Ok(());
        }
        let message =
            format!("{} may not do this: it needs the permission {}", self.actor, permission.name());
        Err(Error::new(Code::NotPermitted, message)
            .help("an administrator can give a role, or make a token, that has it"))
    }
}

impl App {
    /// Who has this credential. `address`: from where they ask. That it was used is recorded, at
    /// most once a minute.
    ///
    /// # Errors
    /// A002: it is unknown, or revoked, or its user is disabled. A003: it has ended.
    pub fn authenticate<'a>(
        &'a self,
        credential: &'a Credential,
        address: Option<String>,
    ) -> BoxFuture<'a, Result<Principal, Error>> {
        Box::pin(async move {
            let (now, state) = (SystemClock.now(), self.reader().await?.state);
            let (principal, used, used_at) = match credential {
                Credential::Token(secret) => {
                    let hash = hash_of(Kind::Token, secret)?;
                    let token = state.token(&hash).await?.ok_or_else(refused)?;
                    (of_token(&token, now)?, Used::Token(hash), token.used_at)
                }
                Credential::Session(secret) => {
                    let hash = hash_of(Kind::Session, secret)?;
                    let (session, user) = state.session(&hash).await?.ok_or_else(refused)?;
                    let used_at = session.used_at;
                    (of_session(&session, &user, now)?, Used::Session(hash), Some(used_at))
                }
            };
            if used_at.is_none_or(|at| now.duration_since(at).as_secs() >= USED_EVERY_S) {
                self.note_use(used, now);
            }
            let actor = Actor { address, ..principal.actor };
            Ok(Principal { actor, ..principal })
        })
    }

    /// Records in the background that something was used. The request does not wait for it,
    /// and a failure is only logged.
    fn note_use(&self, used: Used, at: Timestamp) {
        let app = self.clone();
        tokio::spawn(async move {
            if let Err(error) = app.change_people(PeopleChange::Touch { used: vec![(used, at)] }).await {
                warn!(code = %error.code(), "the use of a token or a session was not recorded");
            }
        });
    }
}

/// What is kept of a secret that has the form of its kind.
fn hash_of(kind: Kind, secret: &Secret) -> Result<SecretHash, Error> {
    if credential::is_formed(kind, secret.expose()) {
        return Ok(credential::kept(secret.expose()));
    }
    let what = if kind == Kind::Token { "a token of Outflow" } else { "a session of Outflow" };
    Err(Error::new(Code::CredentialRefused, format!("this is not {what}: characters are missing or wrong"))
        .help("copy all of it: it begins with ofl_ and has 53 characters"))
}

fn refused() -> Error {
    Error::new(Code::CredentialRefused, "this token or session is not valid, or not any more")
}

fn of_token(token: &TokenRecord, now: Timestamp) -> Result<Principal, Error> {
    if token.revoked_at.is_some() {
        return Err(refused());
    }
    if let Some(at) = token.expires_at.filter(|at| *at <= now) {
        return Err(Error::new(Code::CredentialExpired, format!("the token {} ended at {at}", token.id)));
    }
    let permissions = match &token.scope {
        TokenScope::Role(role) => Permissions::of(*role),
        TokenScope::Permissions(names) => {
            names.iter().filter_map(|name| Permission::from_name(name)).collect()
        }
    };
    // A token has no account.
    let permissions = permissions.without(Permission::OwnAccount).with(Permission::ReadSelf);
    let (actor, how) = (Actor::new(ActorKind::Token, &token.id), How::Token { id: token.id.clone() });
    Ok(Principal { actor, permissions, how })
}

fn of_session(session: &SessionRecord, user: &UserRecord, now: Timestamp) -> Result<Principal, Error> {
    if user.disabled_at.is_some() {
        return Err(refused());
    }
    if has_ended(session, now) {
        return Err(Error::new(Code::CredentialExpired, "the session has ended").help("sign in again"));
    }
    let how = How::Session { id: credential::shown(&session.hash), hash: session.hash };
    let actor = Actor::new(ActorKind::Person, &user.name);
    Ok(Principal { actor, permissions: Permissions::of(user.role), how })
}
