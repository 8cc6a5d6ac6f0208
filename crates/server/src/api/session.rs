//! Signing in and out, one's own account, and the first administrator.
//!
//! What always holds: what needs no permission proves who asks by itself: a password, or the set-up
//! token. Such a request must not come from a page of another site, either: it would sign a person
//! in as somebody else.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use outflow_app::people::{
    How, LinkRequest, NotLetIn, Permissions, Principal, SessionEntry, SetUpRequest, SignInRequest, SignedIn,
};
use outflow_core::{Clock as _, Secret, SystemClock, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::{May, to};
use crate::client::Client;
use crate::context::Context;
use crate::extract::Path;
use crate::hidden_body::Hidden;
use crate::problem::Refusal;
use crate::reply::{self, Answer, Document};
use crate::{cookies, cross_site};

/// A name and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    /// The user's name.
    #[schema(max_length = 254)]
    name: String,
    /// The password.
    #[schema(value_type = String, format = Password)]
    password: String,
}

/// The first administrator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetUp {
    /// The set-up token, which `outflow serve` has printed.
    token: String,
    /// The name of the first administrator.
    #[schema(max_length = 254)]
    name: String,
    /// Their password.
    #[schema(value_type = String, format = Password)]
    password: String,
}

/// A link that signs somebody in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FollowLink {
    /// The link's code, which `outflow demo` has printed.
    #[schema(value_type = String, format = Password)]
    code: String,
}

/// One password for another.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPassword {
    /// The password that is.
    #[schema(value_type = String, format = Password)]
    old: String,
    /// The password that is to be.
    #[schema(value_type = String, format = Password)]
    new: String,
}

/// A session that has begun. Its secret is in a cookie.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionDocument {
    /// Who has signed in.
    user: String,
    /// What they may do.
    #[schema(value_type = Vec<String>)]
    permissions: Permissions,
    /// When the session ends at the latest.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Who asks.
#[derive(Serialize, ToSchema)]
pub(crate) struct Me {
    /// `person` or `token`.
    kind: &'static str,
    /// The user's name, or the token's id.
    name: String,
    /// What they may do.
    #[schema(value_type = Vec<String>)]
    permissions: Permissions,
    /// The id of the session, if it is one.
    session: Option<String>,
}

/// All sessions of somebody.
#[derive(Serialize, ToSchema)]
pub(crate) struct Sessions {
    /// The sessions, the latest first.
    items: Vec<SessionEntry>,
}

/// Signs in. The session is in a cookie of the answer.
#[utoipa::path(post, path = "/api/v1/session", tag = "people", request_body = SignIn,
    responses((status = 200, body = SessionDocument)))]
pub(crate) async fn sign_in(
    State(context): State<Context>,
    client: Client,
    Hidden(SignIn { name, password }): Hidden<SignIn>,
) -> Answer<Response> {
    cross_site::check(&client.method, &client.headers)?;
    let signed_in = context.app().sign_in(&request(&client, name, password)).await.map_err(not_let_in)?;
    begun(&signed_in)
}

/// Makes the first administrator and signs them in.
#[utoipa::path(post, path = "/api/v1/set-up", tag = "people", request_body = SetUp,
    responses((status = 200, body = SessionDocument)))]
pub(crate) async fn set_up(
    State(context): State<Context>,
    client: Client,
    Hidden(SetUp { token, name, password }): Hidden<SetUp>,
) -> Answer<Response> {
    cross_site::check(&client.method, &client.headers)?;
    let sign_in = request(&client, name, password);
    let signed_in = context.app().set_up(&SetUpRequest { token: Secret::new(token), sign_in }).await?;
    begun(&signed_in)
}

/// Signs in by a link, which counts once.
#[utoipa::path(post, path = "/api/v1/session/link", tag = "people", request_body = FollowLink,
    responses((status = 200, body = SessionDocument)))]
pub(crate) async fn follow_link(
    State(context): State<Context>,
    client: Client,
    Hidden(FollowLink { code }): Hidden<FollowLink>,
) -> Answer<Response> {
    cross_site::check(&client.method, &client.headers)?;
    let SignInRequest { browser, address, agent, .. } = request(&client, String::new(), String::new());
    let request = LinkRequest { code: Secret::new(code), browser, address, agent };
    begun(&context.app().follow_sign_in_link(&request).await?)
}

/// Signs out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "people", responses((status = 204)))]
pub(crate) async fn sign_out(may: May<to::OwnAccount>) -> Answer<Response> {
    may.app.sign_out(&may.principal).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().append(header::SET_COOKIE, cookies::forget()?);
    Ok(response)
}

/// Says who asks, and what they may do.
#[utoipa::path(get, path = "/api/v1/me", tag = "people", responses((status = 200, body = Me)))]
pub(crate) async fn me(may: May<to::ReadSelf>) -> Document<Me> {
    let Principal { actor, permissions, how } = may.principal;
    let session = match how {
        How::Session { id, .. } => Some(id),
        How::Token { .. } => None,
    };
    Document(Me { kind: actor.kind.name(), name: actor.name, permissions, session })
}

/// Changes one's own password. All sessions end, and a new one begins.
#[utoipa::path(post, path = "/api/v1/me/password", tag = "people", request_body = NewPassword,
    responses((status = 200, body = SessionDocument)))]
pub(crate) async fn password(
    may: May<to::OwnAccount>,
    client: Client,
    Hidden(NewPassword { old, new }): Hidden<NewPassword>,
) -> Answer<Response> {
    let request = request(&client, may.principal.actor.name, old);
    let changed = may.app.change_own_password(&request, &Secret::new(new)).await;
    begun(&changed.map_err(not_let_in)?)
}

/// Lists one's own sessions.
#[utoipa::path(get, path = "/api/v1/me/sessions", tag = "people",
    responses((status = 200, body = Sessions)))]
pub(crate) async fn sessions(may: May<to::OwnAccount>) -> Answer<Document<Sessions>> {
    let list = may.app.sessions(Some(&may.principal.actor.name)).await?;
    Ok(Document(Sessions { items: list.sessions }))
}

/// Ends one of one's own sessions.
#[utoipa::path(delete, path = "/api/v1/me/sessions/{session}", tag = "people",
    params(("session" = String, Path, description = "its id")), responses((status = 204)))]
pub(crate) async fn end_session(may: May<to::OwnAccount>, Path(session): Path<String>) -> Answer<StatusCode> {
    may.app.end_sessions(&may.principal.actor.name, Some(&session)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn request(client: &Client, name: String, password: String) -> SignInRequest {
    let agent = client.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    SignInRequest {
        name,
        password: Secret::new(password),
        browser: cookies::find(&client.headers, cookies::BROWSER),
        address: client.address.clone(),
        agent: agent.map(str::to_owned),
    }
}

/// The answer to a sign-in, with its cookies.
fn begun(signed_in: &SignedIn) -> Answer<Response> {
    let SignedIn { expires_at, user, .. } = signed_in;
    let document = SessionDocument {
        user: user.name.clone(),
        permissions: Permissions::of(user.role),
        expires_at: *expires_at,
    };
    let mut response = reply::of(StatusCode::OK, &document);
    for cookie in cookies_of(signed_in)? {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The cookies of somebody who has signed in.
pub(crate) fn cookies_of(signed_in: &SignedIn) -> Answer<[HeaderValue; 2]> {
    let SignedIn { session, browser, expires_at, .. } = signed_in;
    let seconds = expires_at.duration_since(SystemClock.now()).as_secs();
    Ok(cookies::keep(session, seconds, browser)?)
}

fn not_let_in(refused: NotLetIn) -> Refusal {
    let refusal = Refusal::from(refused.error);
    match refused.retry_after {
        Some(wait) => refusal.retry_after(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX)),
        None => refusal,
    }
}
