//! Signing in through the OpenID Connect provider of the installation, and which ways to sign in
//! there are.
//!
//! What always holds: a browser is sent to the provider that the operator has set, and from there
//! to `/`, and nowhere else: no parameter says where. No answer quotes what came with the browser.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use outflow_app::people::{
    PROVIDER_WITHIN, ProviderAnswer, ProviderSignIn, ProviderSignInRequest, SignInWays,
};
use outflow_core::{Code, Secret};
use serde::Deserialize;
use utoipa::IntoParams;

use super::session::cookies_of;
use crate::client::Client;
use crate::context::Context;
use crate::cookies;
use crate::extract::Query;
use crate::problem::Refusal;
use crate::reply::{Answer, Document};

/// What a browser comes back with. Providers add parameters of their own, which say nothing here.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Returned {
    /// The code that the provider gave.
    code: Option<String>,
    /// Which sign-in it is.
    state: Option<String>,
    /// The provider (RFC 9207).
    iss: Option<String>,
    /// Why there is no code.
    error: Option<String>,
}

/// Which ways to sign in there are.
///
/// It says nothing else, and needs no permission: a page asks before anybody has signed in.
#[utoipa::path(get, path = "/api/v1/session", tag = "people",
    operation_id = "sign_in_ways", responses((status = 200, body = SignInWays)))]
pub(crate) async fn ways(State(context): State<Context>) -> Document<SignInWays> {
    Document(context.app().sign_in_ways())
}

/// Begins a sign-in with the provider: sends the browser there.
///
/// The browser keeps a cookie for ten minutes, without which it cannot come back.
#[utoipa::path(get, path = "/api/v1/session/oidc", tag = "people", operation_id = "begin_provider_sign_in",
    responses((status = 302, description = "to the provider, by `Location`")))]
pub(crate) async fn begin(State(context): State<Context>, client: Client) -> Answer<Response> {
    let host = client.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let request = ProviderSignInRequest {
        host: host.map(str::to_owned),
        over_tls: context.over_tls(),
        address: client.address,
    };
    let ProviderSignIn { location, browser } = context.app().begin_provider_sign_in(&request).await?;
    let cookie = cookies::keep_sign_in(&browser, PROVIDER_WITHIN.as_secs())?;
    let mut response = to(StatusCode::FOUND, &location)?;
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// Ends a sign-in with the provider: the session is in a cookie, as of one with a password.
#[utoipa::path(get, path = "/api/v1/session/oidc/callback", tag = "people",
    operation_id = "end_provider_sign_in", params(Returned),
    responses((status = 303, description = "to `/`, signed in")))]
pub(crate) async fn end(
    State(context): State<Context>,
    client: Client,
    Query(returned): Query<Returned>,
) -> Answer<Response> {
    let agent = client.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let answer = ProviderAnswer {
        code: returned.code.map(Secret::new),
        state: returned.state,
        issuer: returned.iss,
        error: returned.error,
        begun: cookies::find(&client.headers, cookies::SIGN_IN),
        browser: cookies::find(&client.headers, cookies::BROWSER),
        agent: agent.map(str::to_owned),
        address: client.address,
    };
    let signed_in = context.app().end_provider_sign_in(&answer).await?;
    let mut response = to(StatusCode::SEE_OTHER, "/")?;
    for cookie in cookies_of(&signed_in)?.into_iter().chain([cookies::forget_sign_in()?]) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Sends the browser to this address. Nothing of it is kept on the way.
fn to(status: StatusCode, location: &str) -> Answer<Response> {
    let location = HeaderValue::from_str(location)
        .map_err(|_| Refusal::new(Code::ProviderUnavailable, "the sign-in provider's address is none"))?;
    let headers =
        [(header::LOCATION, location), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((status, headers).into_response())
}
