//! Users, their sessions, and API tokens: the administrators' part.

use std::time::Duration;

use axum::response::Response;
use http::StatusCode;
use outflow_app::people::{
    NewToken, NewTokenRequest, NewUser, NewUserRequest, Principal, RevokeTokenRequest, Role, SessionEntry,
    TokenEntry, UserChangeRequest, UserDocument, UserEntry,
};
use outflow_app::{App, Caller, Errors};
use outflow_core::{Code, Secret};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::{May, to};
use crate::extract::{Json, Options, Path};
use crate::hidden_body::Hidden;
use crate::problem::Refusal;
use crate::reply::{self, Answer, Document};

/// All of something.
#[derive(Serialize, ToSchema)]
pub(crate) struct Items<T> {
    /// The items.
    items: Vec<T>,
}

/// A user to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserToMake {
    /// The name that they sign in with.
    #[schema(max_length = 254)]
    name: String,
    /// What they may do.
    #[schema(value_type = String)]
    role: Role,
    /// Their password; without it Outflow makes one, which is in the answer.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<String>,
}

/// What is to be of a user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserToBe {
    /// Their role.
    #[schema(value_type = Option<String>)]
    role: Option<Role>,
    /// Whether they may not sign in.
    disabled: Option<bool>,
}

/// Another password.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordToBe {
    /// The password; without it Outflow makes one, which is in the answer.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<String>,
}

/// A token to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenToMake {
    /// What it is for.
    #[schema(max_length = 100)]
    name: String,
    /// It may do all that this role may.
    #[schema(value_type = Option<String>)]
    role: Option<Role>,
    /// Or what these permissions allow.
    #[serde(default)]
    permissions: Vec<String>,
    /// It ends after this many seconds; null: it has no end.
    #[schema(minimum = 1, maximum = 315360000)]
    expires_after: Option<u64>,
}

/// How many sessions have ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct Ended {
    /// The number.
    ended: u64,
}

/// Lists the users.
#[utoipa::path(get, path = "/api/v1/users", tag = "people", responses((status = 200, body = Items<UserEntry>)))]
pub(crate) async fn users(may: May<to::ManageUsers>) -> Answer<Document<Items<UserEntry>>> {
    Ok(Document(Items { items: may.app.users().await?.users }))
}

/// Makes a user.
#[utoipa::path(post, path = "/api/v1/users", tag = "people", request_body = UserToMake,
    responses((status = 201, body = UserDocument)))]
pub(crate) async fn create_user(
    may: May<to::ManageUsers>,
    Hidden(UserToMake { name, role, password }): Hidden<UserToMake>,
) -> Answer<Response> {
    let within = may.principal.permissions;
    let request = NewUserRequest { name, role, password: password.map(Secret::new), within, wait: true };
    let made = may.app.create_user(&request, &Caller::silent()).await?;
    Ok(reply::of(StatusCode::CREATED, &made))
}

/// Shows a user.
#[utoipa::path(get, path = "/api/v1/users/{user}", tag = "people",
    params(("user" = String, Path, description = "the name")), responses((status = 200, body = UserEntry)))]
pub(crate) async fn user(may: May<to::ManageUsers>, Path(user): Path<String>) -> Answer<Document<UserEntry>> {
    let users = may.app.users().await?.users;
    let found = users.into_iter().find(|entry| entry.name == user);
    let none = || Refusal::new(Code::NoSuchPerson, format!("there is no user {user:?}"));
    Ok(Document(found.ok_or_else(none)?))
}

/// Gives a user another role, disables or enables them. Their sessions end.
#[utoipa::path(patch, path = "/api/v1/users/{user}", tag = "people", request_body = UserToBe,
    params(("user" = String, Path, description = "the name")), responses((status = 200, body = UserDocument)))]
pub(crate) async fn change_user(
    may: May<to::ManageUsers>,
    Path(user): Path<String>,
    Json(UserToBe { role, disabled }): Json<UserToBe>,
) -> Answer<Document<UserDocument>> {
    let to = match (role, disabled) {
        (Some(role), None) => NewUser::Role(role),
        (None, Some(true)) => NewUser::Disabled,
        (None, Some(false)) => NewUser::Enabled,
        _ => {
            let refusal = Refusal::new(Code::InvalidValue, "one change at a time").at("role");
            return Err(refusal.help("send role or disabled"));
        }
    };
    Ok(Document(change(&may.app, &may.principal, user, to).await?))
}

/// Gives a user another password. Their sessions end.
#[utoipa::path(post, path = "/api/v1/users/{user}/password", tag = "people", request_body = PasswordToBe,
    params(("user" = String, Path, description = "the name")), responses((status = 200, body = UserDocument)))]
pub(crate) async fn reset_password(
    may: May<to::ManageUsers>,
    Path(user): Path<String>,
    Options { options: PasswordToBe { password }, .. }: Options<PasswordToBe>,
) -> Answer<Document<UserDocument>> {
    let to = NewUser::Password(password.map(Secret::new));
    Ok(Document(change(&may.app, &may.principal, user, to).await?))
}

/// Lists the sessions of a user.
#[utoipa::path(get, path = "/api/v1/users/{user}/sessions", tag = "people",
    params(("user" = String, Path, description = "the name")),
    responses((status = 200, body = Items<SessionEntry>)))]
pub(crate) async fn user_sessions(
    may: May<to::ManageUsers>,
    Path(user): Path<String>,
) -> Answer<Document<Items<SessionEntry>>> {
    Ok(Document(Items { items: may.app.sessions(Some(&user)).await?.sessions }))
}

/// Ends all sessions of a user.
#[utoipa::path(delete, path = "/api/v1/users/{user}/sessions", tag = "people",
    params(("user" = String, Path, description = "the name")), responses((status = 200, body = Ended)))]
pub(crate) async fn end_user_sessions(
    may: May<to::ManageUsers>,
    Path(user): Path<String>,
) -> Answer<Document<Ended>> {
    Ok(Document(Ended { ended: may.app.end_sessions(&user, None).await? }))
}

/// Lists the API tokens, without their secrets.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "people",
    responses((status = 200, body = Items<TokenEntry>)))]
pub(crate) async fn tokens(may: May<to::ManageTokens>) -> Answer<Document<Items<TokenEntry>>> {
    Ok(Document(Items { items: may.app.tokens().await?.tokens }))
}

/// Makes an API token. Its secret is in this answer alone.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "people", request_body = TokenToMake,
    responses((status = 201, body = NewToken)))]
pub(crate) async fn create_token(
    may: May<to::ManageTokens>,
    Json(TokenToMake { name, role, permissions, expires_after }): Json<TokenToMake>,
) -> Answer<Response> {
    let within = may.principal.permissions;
    let expires_after = expires_after.map(Duration::from_secs);
    let request = NewTokenRequest { name, role, permissions, expires_after, within, wait: true };
    Ok(reply::of(StatusCode::CREATED, &may.app.create_token(&request, &Caller::silent()).await?))
}

/// Revokes an API token: it counts for nothing from then on.
#[utoipa::path(delete, path = "/api/v1/tokens/{token}", tag = "people",
    params(("token" = String, Path, description = "its id")), responses((status = 200, body = TokenEntry)))]
pub(crate) async fn revoke_token(
    may: May<to::ManageTokens>,
    Path(token): Path<String>,
) -> Answer<Document<TokenEntry>> {
    let request = RevokeTokenRequest { token, wait: true };
    let revoked = may.app.revoke_token(&request, &Caller::silent()).await;
    Ok(Document(revoked?))
}

async fn change(app: &App, principal: &Principal, name: String, to: NewUser) -> Result<UserDocument, Errors> {
    let request = UserChangeRequest { name, to, within: principal.permissions, wait: true };
    app.change_user(&request, &Caller::silent()).await
}
