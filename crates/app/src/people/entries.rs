//! What is shown of users and sessions: all but their secrets.

use outflow_core::Timestamp;
use outflow_core::ports::state::{Role, SessionRecord, UserRecord};
use serde::{Deserialize, Serialize};

use super::credential;
use super::sessions::has_ended;

/// A user without what is secret of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UserEntry {
    /// The name that they sign in with.
    pub name: String,
    /// Their role.
    pub role: Role,
    /// They can sign in with a password.
    pub has_password: bool,
    /// The OpenID Connect provider that they sign in with.
    pub provider: Option<String>,
    /// When they were made a user.
    pub created_at: Timestamp,
    /// Since when they may not sign in any more.
    pub disabled_at: Option<Timestamp>,
}

impl UserEntry {
    pub(crate) fn of(user: UserRecord) -> Self {
        Self {
            name: user.name,
            role: user.role,
            has_password: user.password.is_some(),
            provider: user.external.map(|external| external.issuer),
            created_at: user.created_at,
            disabled_at: user.disabled_at,
        }
    }
}

/// A session without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SessionEntry {
    /// Its id, by which it can be ended.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// When they signed in.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// From where they signed in.
    pub address: Option<String>,
    /// What their browser says that it is.
    pub agent: Option<String>,
}

impl SessionEntry {
    /// `None`: the session has ended.
    pub(crate) fn of(session: SessionRecord, now: Timestamp) -> Option<Self> {
        (!has_ended(&session, now)).then(|| Self {
            id: credential::shown(&session.hash),
            user: session.user,
            created_at: session.created_at,
            last_used_at: session.used_at,
            expires_at: session.expires_at,
            address: session.address,
            agent: session.agent,
        })
    }
}
