//! Who may use the service: users, their sessions, the browsers that they signed in from, and API
//! tokens.
//!
//! What always holds: of a session, a token and a browser the state has a SHA-256 alone, of a
//! password a hash that is slow to compute. A write that could leave the service without an
//! administrator changes nothing ([`crate::rules::check_user_change`]). What the state does not do:
//! say what a role or a permission allows, or whether a session is too old; `outflow_app` does.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::AuditEntry;
use crate::Result;

/// The SHA-256 of a secret that Outflow made of 256 random bits.
pub type SecretHash = [u8; 32];

/// What a person may do, in steps: each role may do all that the ones before it may.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees how syncs and runs are doing, and no value of a row.
    Viewer,
    /// Reads and changes sources, destinations and syncs, and sees rows.
    Member,
    /// Does everything: people, tokens, secrets and the installation's settings, too.
    Admin,
}

impl Role {
    /// All of them, the one that may do least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Member, Self::Admin];

    /// Its name in documents, in the state and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Admin => "admin",
        }
    }

    /// The role of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// A person's identity at an OpenID Connect provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalIdentity {
    /// The provider (`iss`).
    pub issuer: String,
    /// The person there (`sub`), which never changes.
    pub subject: String,
}

/// A person who may sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRecord {
    /// The name that they sign in with. It never changes.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The hash of their password as a PHC string; `None`: they sign in with their provider alone.
    pub password: Option<String>,
    /// Who they are at an OpenID Connect provider.
    pub external: Option<ExternalIdentity>,
    /// When they were made a user.
    pub created_at: Timestamp,
    /// Since when they may not sign in any more.
    pub disabled_at: Option<Timestamp>,
}

impl UserRecord {
    /// Whether this user can sign in and change people.
    pub fn is_active_admin(&self) -> bool {
        self.role == Role::Admin && self.disabled_at.is_none()
    }
}

/// A change of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserChange {
    /// They have this role from now on.
    Role(Role),
    /// They may not sign in any more since this time; `None`: they may.
    Disabled(Option<Timestamp>),
    /// They have another password, with this hash, and no browser is known any more.
    Password(String),
}

/// Somebody who has signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// Of the session's secret.
    pub hash: SecretHash,
    /// Who it is.
    pub user: String,
    /// When they signed in.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub used_at: Timestamp,
    /// When it ends, however much it is used.
    pub expires_at: Timestamp,
    /// The address from which they signed in.
    pub address: Option<String>,
    /// What their browser says that it is.
    pub agent: Option<String>,
}

/// Which sessions end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionsToEnd {
    /// One.
    One(SecretHash),
    /// All of a user.
    Of(String),
}

/// What an API token may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenScope {
    /// All that a role may.
    Role(Role),
    /// What these permissions allow, by their names. One that this version does not know allows
    /// nothing.
    Permissions(Vec<String>),
}

/// An API token. It is the installation's, not its maker's: it stays if they leave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    /// Its id, by which people name it. Not secret.
    pub id: String,
    /// Of the token itself.
    pub hash: SecretHash,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub scope: TokenScope,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself; `None`: never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute; `None`: never.
    pub used_at: Option<Timestamp>,
    /// Since when it is taken for nothing.
    pub revoked_at: Option<Timestamp>,
}

/// A browser from which a user has signed in. Guesses from elsewhere do not slow it down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownBrowser {
    /// Of the secret that the browser has.
    pub hash: SecretHash,
    /// The user.
    pub user: String,
    /// When they last signed in there.
    pub used_at: Timestamp,
}

/// Something that was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Used {
    /// A session.
    Session(SecretHash),
    /// A token.
    Token(SecretHash),
}

/// Looking at who may use the service.
#[async_trait]
pub trait PeopleQueries: Send + Sync {
    /// Every user, by name.
    async fn users(&self) -> Result<Vec<UserRecord>>;

    /// The user of this name.
    async fn user(&self, name: &str) -> Result<Option<UserRecord>>;

    /// The user with this identity at a provider.
    async fn user_of(&self, external: &ExternalIdentity) -> Result<Option<UserRecord>>;

    /// A session with its user, however old it is.
    async fn session(&self, hash: &SecretHash) -> Result<Option<(SessionRecord, UserRecord)>>;

    /// The sessions of a user, or of all, the latest first.
    async fn sessions(&self, user: Option<&str>) -> Result<Vec<SessionRecord>>;

    /// A token, revoked and expired ones included.
    async fn token(&self, hash: &SecretHash) -> Result<Option<TokenRecord>>;

    /// Every token, the latest first, revoked and expired ones included.
    async fn tokens(&self) -> Result<Vec<TokenRecord>>;

    /// A browser from which somebody has signed in.
    async fn browser(&self, hash: &SecretHash) -> Result<Option<KnownBrowser>>;
}

/// Changing who may use the service. The entry of the audit log is written in the same transaction.
#[async_trait]
pub trait People: Send + Sync {
    /// Adds a user. Refused with [`Code::NameTaken`](crate::Code::NameTaken) if the name, or the
    /// identity at the provider, is another user's. Repeated: refused.
    async fn create_user(&self, user: &UserRecord, entry: &AuditEntry) -> Result<()>;

    /// Adds the first user. Refused with [`Code::SetupRefused`](crate::Code::SetupRefused) if there
    /// is one. Repeated: refused.
    async fn create_first_user(&self, user: &UserRecord, entry: &AuditEntry) -> Result<()>;

    /// Changes a user and ends their sessions: who has other rights signs in again. Refused with
    /// [`Code::LastAdmin`](crate::Code::LastAdmin) if it takes away the only administrator,
    /// and with [`Code::NoSuchPerson`](crate::Code::NoSuchPerson) if there is no such user.
    /// Repeated: the same.
    async fn change_user(&self, name: &str, change: &UserChange, entry: &AuditEntry) -> Result<()>;

    /// Begins a session, in this browser if there is one, and deletes the sessions that have ended
    /// by then. A user has the [`BROWSERS`] latest browsers and the [`SESSIONS`] latest sessions.
    /// Refused with [`Code::NoSuchPerson`](crate::Code::NoSuchPerson) if there is no such user, or
    /// a disabled one. Repeated: the same.
    async fn begin_session(
        &self,
        session: &SessionRecord,
        browser: Option<&KnownBrowser>,
        entry: &AuditEntry,
    ) -> Result<()>;

    /// Ends sessions. Returns how many. Repeated: none.
    async fn end_sessions(&self, which: &SessionsToEnd, entry: &AuditEntry) -> Result<u64>;

    /// Adds a token. Refused with [`Code::NameTaken`](crate::Code::NameTaken) if there is one of
    /// that id or secret. Repeated: refused.
    async fn create_token(&self, token: &TokenRecord, entry: &AuditEntry) -> Result<()>;

    /// The token counts for nothing from `at` on; one that is revoked keeps its time. Refused with
    /// [`Code::NoSuchPerson`](crate::Code::NoSuchPerson) if there is no such token. Repeated: the
    /// same.
    async fn revoke_token(&self, id: &str, at: Timestamp, entry: &AuditEntry) -> Result<()>;

    /// These were used at that time. What is not there any more, or was used later, stays as it is.
    /// Not in the audit log. Repeated: the same.
    async fn touch(&self, used: &[(Used, Timestamp)]) -> Result<()>;
}

/// How many browsers of one user are known.
pub const BROWSERS: i64 = 20;

/// How many sessions one user has at a time.
pub const SESSIONS: i64 = 100;
