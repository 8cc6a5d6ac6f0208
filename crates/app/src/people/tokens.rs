//! API tokens: making, listing and revoking them.
//!
//! What always holds: a token is shown once, when it is made. It may do no more than whoever
//! makes it.

use std::borrow::Cow;
use std::time::Duration;

use outflow_core::ports::state::{Role, TokenRecord, TokenScope};
use outflow_core::{BoxFuture, Clock as _, Code, Error, Secret, SystemClock, Timestamp};
use outflow_engine::{Errors, FORMAT_VERSION};
use outflow_project::suggestion;
use serde::{Deserialize, Serialize};

use super::changes::PeopleChange;
use super::credential::{self, Kind};
use super::names;
use super::permissions::{Permission, Permissions};
use crate::{App, Caller};

/// A token lasts no longer than this: 10 years. One without an end is another matter.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Which token to make.
#[derive(Clone, Debug)]
pub struct NewTokenRequest {
    /// What it is for: a text of up to 100 characters.
    pub name: String,
    /// It may do all that this role may.
    pub role: Option<Role>,
    /// Or what these permissions allow, by their names.
    pub permissions: Vec<String>,
    /// It ends after this time; `None`: it has no end.
    pub expires_after: Option<Duration>,
    /// What whoever asks may do: it may do no more.
    pub within: Permissions,
    /// Wait while another process holds the state.
    pub wait: bool,
}

/// Which token to revoke.
#[derive(Clone, Debug)]
pub struct RevokeTokenRequest {
    /// Its id, or the token itself.
    pub token: String,
    /// Wait while another process holds the state.
    pub wait: bool,
}

/// A token that was made: the only time that it is shown.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NewToken {
    format_version: u32,
    /// The token itself.
    #[serde(serialize_with = "shown_once", deserialize_with = "read_once")]
    #[schema(value_type = String)]
    pub secret: Secret,
    /// What is known of it.
    #[serde(flatten)]
    pub entry: TokenEntry,
}

/// A token without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TokenEntry {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// The role that it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The permissions that it has instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<String>>,
    /// Whether it is `active`, has `expired`, or was `revoked`.
    pub state: Cow<'static, str>,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; `null`: never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// Since when it is taken for nothing.
    pub revoked_at: Option<Timestamp>,
}

/// Every token, the latest first.
#[derive(Debug, Serialize, Deserialize)]
pub struct TokenList {
    format_version: u32,
    /// The tokens.
    pub tokens: Vec<TokenEntry>,
}

impl App {
    /// Makes a token. It is shown in the result and never again.
    ///
    /// # Errors
    /// C005 for each part of the request that cannot be; A004: it would have more rights than
    /// whoever asks. The state, if it cannot be taken.
    pub fn create_token<'a>(
        &'a self,
        request: &'a NewTokenRequest,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<NewToken, Errors>> {
        Box::pin(async move {
            let (now, scope) = (SystemClock.now(), scope(request)?);
            let (secret, hash) = credential::make(Kind::Token)?;
            let token = TokenRecord {
                id: credential::name("tok_")?,
                hash,
                name: request.name.trim().to_owned(),
                scope,
                created_by: self.actor.name.clone(),
                created_at: now,
                expires_at: request.expires_after.and_then(|after| now.checked_add(after).ok()),
                used_at: None,
                revoked_at: None,
            };
            let entry = TokenEntry::of(token.clone(), now);
            self.change_people_for(PeopleChange::CreateToken { token }, request.wait, caller).await?;
            Ok(NewToken { format_version: FORMAT_VERSION, secret, entry })
        })
    }

    /// Every token, revoked and expired ones included; none before the first run.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn tokens<'a>(&'a self) -> BoxFuture<'a, Result<TokenList, Errors>> {
        Box::pin(async move {
            let now = SystemClock.now();
            let records = match self.is_new().await? {
                true => Vec::new(),
                false => self.reader().await?.state.tokens().await?,
            };
            let tokens = records.into_iter().map(|token| TokenEntry::of(token, now)).collect();
            Ok(TokenList { format_version: FORMAT_VERSION, tokens })
        })
    }

    /// Revokes a token: it counts for nothing from then on.
    ///
    /// # Errors
    /// A011: there is no such token. The state, if it cannot be taken.
    pub fn revoke_token<'a>(
        &'a self,
        request: &'a RevokeTokenRequest,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<TokenEntry, Errors>> {
        Box::pin(async move {
            let named = request.token.trim();
            let id = match credential::is_formed(Kind::Token, named) {
                true => {
                    let found = self.reader().await?.state.token(&credential::kept(named)).await?;
                    let unknown =
                        || Error::new(Code::NoSuchPerson, "this token is not one of this installation");
                    found.ok_or_else(unknown)?.id
                }
                false => named.to_owned(),
            };
            self.change_people_for(PeopleChange::RevokeToken { id: id.clone() }, request.wait, caller)
                .await?;
            let list = self.tokens().await?.tokens;
            let gone = || Error::new(Code::NoSuchPerson, format!("there is no token {id:?} any more"));
            Ok(list.into_iter().find(|token| token.id == id).ok_or_else(gone)?)
        })
    }
}

impl TokenEntry {
    fn of(token: TokenRecord, now: Timestamp) -> Self {
        let (role, permissions) = match token.scope {
            TokenScope::Role(role) => (Some(role), None),
            TokenScope::Permissions(names) => (None, Some(names)),
        };
        let state = match (token.revoked_at, token.expires_at) {
            (Some(_), _) => "revoked",
            (None, Some(at)) if at <= now => "expired",
            _ => "active",
        };
        Self {
            id: token.id,
            name: token.name,
            role,
            permissions,
            state: state.into(),
            created_by: token.created_by,
            created_at: token.created_at,
            expires_at: token.expires_at,
            last_used_at: token.used_at,
            revoked_at: token.revoked_at,
        }
    }
}

/// What the token may do, or everything that is wrong with the request.
fn scope(request: &NewTokenRequest) -> Result<TokenScope, Vec<Error>> {
    let mut errors = Vec::new();
    let wrong = |message: String, place: &str| Error::new(Code::InvalidValue, message).at(place);
    if let Err(message) = names::check_label(&request.name) {
        errors.push(wrong(message, "name"));
    }
    if request.expires_after.is_some_and(|after| after.is_zero() || after > LONGEST) {
        errors.push(wrong("a token lasts between a second and 10 years".to_owned(), "expires_after"));
    }
    let all: Vec<&str> = Permission::ALL.iter().map(|permission| permission.name()).collect();
    for name in request.permissions.iter().filter(|name| !all.contains(&name.as_str())) {
        let message = format!("there is no permission {name:?}");
        errors.push(wrong(message, "permissions").help(suggestion(name, "the permissions are", &all)));
    }
    let (scope, asked): (_, Permissions) = match (request.role, request.permissions.as_slice()) {
        (Some(role), []) => (TokenScope::Role(role), Permissions::of(role)),
        (None, [_, ..]) => {
            let known = request.permissions.iter().filter_map(|name| Permission::from_name(name));
            let asked: Permissions = known.collect();
            let names = asked.iter().map(|permission| permission.name().to_owned()).collect();
            (TokenScope::Permissions(names), asked)
        }
        _ => {
            let message = "a token has either a role or permissions".to_owned();
            errors.push(wrong(message, "role").help("give one of both"));
            return Err(errors);
        }
    };
    if let Some(missing) = asked.beyond(request.within) {
        errors.push(too_much(missing));
    }
    if errors.is_empty() { Ok(scope) } else { Err(errors) }
}

/// A004: whoever asks would give a permission that they do not have.
pub(super) fn too_much(missing: Permission) -> Error {
    let name = missing.name();
    Error::new(Code::NotPermitted, format!("a permission that one does not have cannot be given: {name}"))
}

fn read_once<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Secret, D::Error> {
    String::deserialize(d).map(Secret::new)
}

fn shown_once<S: serde::Serializer>(secret: &Secret, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(secret.expose())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> NewTokenRequest {
        NewTokenRequest {
            name: "deploy".to_owned(),
            role: None,
            permissions: vec!["runs.start".to_owned(), "runs.read".to_owned()],
            expires_after: None,
            within: Permissions::of(Role::Admin),
            wait: true,
        }
    }

    #[test]
    fn all_that_is_wrong_with_a_request_is_reported() {
        let wrong = NewTokenRequest {
            name: " ".to_owned(),
            permissions: vec!["runs.strat".to_owned()],
            expires_after: Some(Duration::ZERO),
            ..request()
        };
        let errors = scope(&wrong).unwrap_err();
        let places: Vec<_> = errors.iter().filter_map(|e| e.place()).collect();
        assert_eq!(places, ["name", "expires_after", "permissions"]);
        assert_eq!(errors[2].help_text(), Some("did you mean \"runs.start\"?"));
        for (role, permissions) in [(None, vec![]), (Some(Role::Viewer), request().permissions)] {
            let errors = scope(&NewTokenRequest { role, permissions, ..request() }).unwrap_err();
            assert_eq!(errors[0].message(), "a token has either a role or permissions");
        }
        let names = vec!["runs.read".to_owned(), "runs.start".to_owned()];
        assert_eq!(scope(&request()).unwrap(), TokenScope::Permissions(names));
    }

    #[test]
    fn a_token_may_do_no_more_than_its_maker() {
        for within in Role::ALL {
            for role in Role::ALL {
                let asked = NewTokenRequest {
                    role: Some(role),
                    permissions: vec![],
                    within: Permissions::of(within),
                    ..request()
                };
                assert_eq!(scope(&asked).is_ok(), role <= within, "{within:?} makes {role:?}");
            }
        }
        let maker = [Permission::ManageTokens, Permission::ReadRuns].into_iter().collect();
        let error = scope(&NewTokenRequest { within: maker, ..request() }).unwrap_err().remove(0);
        assert_eq!(error.code(), Code::NotPermitted);
        assert!(error.message().ends_with("runs.start"), "{error}");
    }
}
