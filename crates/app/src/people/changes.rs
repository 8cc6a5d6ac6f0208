//! Changes of who may use the service, made by the process that holds the state.
//!
//! What always holds: a change and its entry in the audit log are one transaction; one that is
//! refused has an entry that says why. Neither holds a secret or a hash of one.

use outflow_core::ports::state::{
    AuditEntry, AuditResult, KnownBrowser, SessionRecord, SessionsToEnd, State, TokenRecord, TokenScope,
    Used, UserChange, UserRecord,
};
use outflow_core::{Actor, Clock as _, Code, Error, SystemClock, Timestamp};
use outflow_telemetry::log::as_error;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::warn;

use super::credential;

/// A change of who may use the service. It has hashes of secrets alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum PeopleChange {
    /// Adds a user.
    CreateUser {
        /// The user.
        user: UserRecord,
        /// They are the first one, or it is refused.
        is_first: bool,
    },
    /// Changes a user.
    ChangeUser {
        /// Their name.
        name: String,
        /// What changes.
        to: UserChange,
    },
    /// Somebody signs in.
    BeginSession {
        /// Their session.
        session: SessionRecord,
        /// Their browser.
        browser: Option<KnownBrowser>,
    },
    /// Somebody was not let in. Only the audit log changes.
    SignInRefused {
        /// The user that they claimed to be, if there is one of that name. What else was typed may
        /// be a password.
        user: Option<String>,
        /// Why.
        code: Code,
    },
    /// Ends sessions.
    EndSessions {
        /// Which.
        which: SessionsToEnd,
        /// Whose they are.
        user: String,
    },
    /// Adds a token.
    CreateToken {
        /// The token.
        token: TokenRecord,
    },
    /// Ends a token.
    RevokeToken {
        /// Its id.
        id: String,
    },
    /// Tokens and sessions were used.
    Touch {
        /// Which, and when.
        used: Vec<(Used, Timestamp)>,
    },
}

/// What a change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeopleAnswer {
    /// It is done.
    Done,
    /// This many sessions have ended.
    Ended(u64),
}

/// Makes a change for this actor.
pub(crate) async fn make(
    state: &dyn State,
    actor: &Actor,
    change: PeopleChange,
) -> Result<PeopleAnswer, Error> {
    let entry = entry(state, actor, &change).await?;
    let done = write(state, &change, &entry).await;
    if let (Err(error), false) = (&done, matches!(change, PeopleChange::Touch { .. })) {
        let refused = AuditEntry { result: AuditResult::of(error), ..entry };
        if let Err(unwritten) = state.record(&[refused]).await {
            warn!(error = as_error(&unwritten), "a refused change of people is not in the audit log");
        }
    }
    done
}

async fn write(state: &dyn State, change: &PeopleChange, entry: &AuditEntry) -> Result<PeopleAnswer, Error> {
    match change {
        PeopleChange::CreateUser { user, is_first: true } => state.create_first_user(user, entry).await?,
        PeopleChange::CreateUser { user, is_first: false } => state.create_user(user, entry).await?,
        PeopleChange::ChangeUser { name, to } => state.change_user(name, to, entry).await?,
        PeopleChange::BeginSession { session, browser } => {
            state.begin_session(session, browser.as_ref(), entry).await?;
        }
        PeopleChange::SignInRefused { .. } => state.record(std::slice::from_ref(entry)).await?,
        PeopleChange::EndSessions { which, .. } => {
            return state.end_sessions(which, entry).await.map(PeopleAnswer::Ended);
        }
        PeopleChange::CreateToken { token } => state.create_token(token, entry).await?,
        PeopleChange::RevokeToken { id } => state.revoke_token(id, entry.at, entry).await?,
        PeopleChange::Touch { used } => state.touch(used).await?,
    }
    Ok(PeopleAnswer::Done)
}

/// What the audit log says of a change.
async fn entry(state: &dyn State, actor: &Actor, change: &PeopleChange) -> Result<AuditEntry, Error> {
    let user = |name: &str| format!("user/{name}");
    let (action, subject, before, after) = match change {
        PeopleChange::CreateUser { user: new, .. } => ("user.create", user(&new.name), None, Some(told(new))),
        PeopleChange::ChangeUser { name, to } => {
            let before = state.user(name).await?.as_ref().map(told);
            let (action, after) = match to {
                UserChange::Role(role) => ("user.set_role", json!({ "role": role })),
                UserChange::Disabled(Some(_)) => ("user.disable", json!({ "disabled": true })),
                UserChange::Disabled(None) => ("user.enable", json!({ "disabled": false })),
                UserChange::Password(_) => ("user.set_password", json!({})),
            };
            (action, user(name), before, Some(after))
        }
        PeopleChange::BeginSession { session, .. } => {
            let after = json!({ "session": credential::shown(&session.hash), "ends_at": session.expires_at });
            ("session.begin", user(&session.user), None, Some(after))
        }
        PeopleChange::SignInRefused { user: name, .. } => {
            ("session.begin", name.as_deref().map_or_else(|| "user".to_owned(), user), None, None)
        }
        PeopleChange::EndSessions { which, user: name } => {
            let after = match which {
                SessionsToEnd::One(hash) => json!({ "session": credential::shown(hash) }),
                SessionsToEnd::Of(_) => json!({ "sessions": "all" }),
            };
            ("session.end", user(name), None, Some(after))
        }
        PeopleChange::CreateToken { token } => {
            let after =
                json!({ "name": token.name, "scope": scope(&token.scope), "expires_at": token.expires_at });
            ("token.create", format!("token/{}", token.id), None, Some(after))
        }
        PeopleChange::RevokeToken { id } => ("token.revoke", format!("token/{id}"), None, None),
        PeopleChange::Touch { .. } => ("token.use", "token".to_owned(), None, None),
    };
    let result = match change {
        PeopleChange::SignInRefused { code, .. } => AuditResult::Refused(*code),
        _ => AuditResult::Done,
    };
    let text = |value: Option<Value>| value.map(|value| value.to_string());
    Ok(AuditEntry {
        at: SystemClock.now(),
        actor: actor.clone(),
        action: action.to_owned(),
        subject,
        before: text(before),
        after: text(after),
        result,
    })
}

/// What may be said of a user.
fn told(user: &UserRecord) -> Value {
    json!({
        "role": user.role,
        "disabled": user.disabled_at.is_some(),
        "provider": user.external.as_ref().map(|external| &external.issuer),
    })
}

/// A scope as documents have it.
pub(super) fn scope(scope: &TokenScope) -> Value {
    match scope {
        TokenScope::Role(role) => json!({ "role": role }),
        TokenScope::Permissions(names) => json!({ "permissions": names }),
    }
}
