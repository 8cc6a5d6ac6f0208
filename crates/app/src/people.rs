//! People and programs that use the service: who they are, what they may do, and how they prove it.
//!
//! What always holds:
//! - Who asks is looked up for each request, in the state: what was revoked counts for nothing
//!   from then on.
//! - What a role may do is one table ([`Role`] × [`Permission`], in `permissions`), from which the
//!   docs are made and by which every front end asks.
//! - A secret (token, session, password) is made or hashed in the process that has it. Only hashes
//!   go to the process that holds the state.
//!
//! What it does not do: look at requests of a protocol. A front end takes the credential out of
//! one.

mod authenticate;
mod change;
mod changes;
mod credential;
mod entries;
mod link;
mod names;
mod oidc;
mod password;
mod permissions;
mod sessions;
mod shared;
mod sign_in;
mod throttle;
mod tokens;
mod users;

pub use authenticate::{Credential, How, Principal};
pub(crate) use changes::make;
pub use changes::{PeopleAnswer, PeopleChange};
pub use entries::{SessionEntry, UserEntry};
pub use link::LinkRequest;
pub(crate) use oidc::Provider;
pub use oidc::{
    ProviderAnswer, ProviderSignIn, ProviderSignInRequest, SignInWays, WITHIN as PROVIDER_WITHIN,
};
pub use outflow_core::ports::state::{Role, TokenScope};
pub use permissions::{Permission, Permissions, permissions_page};
pub(crate) use shared::Shared;
pub use sign_in::{NotLetIn, SessionList, SignInRequest, SignedIn};
pub use tokens::{NewToken, NewTokenRequest, RevokeTokenRequest, TokenEntry, TokenList};
pub use users::{NewUser, NewUserRequest, SetUpRequest, UserChangeRequest, UserDocument, UserList};
