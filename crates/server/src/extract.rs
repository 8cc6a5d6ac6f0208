//! What handlers take from a request. What cannot be read is a problem that says where.

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use outflow_core::Code;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::problem::Refusal;

/// A body is no longer than this.
pub(crate) const BODY: usize = 1 << 20;

/// The parameters of a path.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Refusal;

    async fn from_request_parts(head: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match axum::extract::Path::from_request_parts(head, state).await {
            Ok(axum::extract::Path(found)) => Ok(Self(found)),
            Err(rejection) => Err(of_path(&rejection)),
        }
    }
}

/// A path whose parameter is no number, where one is wanted, is the address of nothing.
fn of_path(rejection: &PathRejection) -> Refusal {
    let text = rejection.body_text();
    match rejection {
        PathRejection::FailedToDeserializePathParams(failed)
            if failed.status() == StatusCode::BAD_REQUEST =>
        {
            Refusal::new(Code::MalformedRequest, one_line(&text)).at("path")
        }
        _ => Refusal::new(Code::TaskFailed, "the path's parameters were not found"),
    }
}

/// The parameters behind the `?`.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(head: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match axum::extract::Query::from_request_parts(head, state).await {
            Ok(axum::extract::Query(found)) => Ok(Self(found)),
            Err(rejection) => Err(of_query(&rejection)),
        }
    }
}

fn of_query(rejection: &QueryRejection) -> Refusal {
    Refusal::new(Code::MalformedRequest, one_line(&rejection.body_text())).at("query")
}

/// A body of JSON, no longer than [`BODY`].
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        require_json(request.headers())?;
        parse(&read(request.into_body()).await?).map(Self)
    }
}

/// A JSON merge patch (RFC 7396), no longer than [`BODY`].
pub(crate) struct Patch(pub(crate) Value);

impl<S: Send + Sync> FromRequest<S> for Patch {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        if !is_type(request.headers(), "application/merge-patch+json") {
            require_json(request.headers())?;
        }
        parse(&read(request.into_body()).await?).map(Self)
    }
}

/// A body of JSON that may be left out, no longer than [`BODY`], and its text.
pub(crate) struct Options<T> {
    pub(crate) options: T,
    pub(crate) text: String,
}

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for Options<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let is_said = require_json(request.headers());
        let body = read(request.into_body()).await?;
        if body.is_empty() {
            return Ok(Self { options: T::default(), text: String::new() });
        }
        is_said?;
        let options = parse(&body)?;
        Ok(Self { options, text: String::from_utf8_lossy(&body).into_owned() })
    }
}

/// A form of another site's page cannot say that it is JSON.
pub(crate) fn require_json(headers: &HeaderMap) -> Result<(), Refusal> {
    if is_type(headers, "application/json") {
        return Ok(());
    }
    let refusal = Refusal::new(Code::UnsupportedMediaType, "the body is not said to be JSON");
    Err(refusal.help("send the header Content-Type: application/json"))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let parsed: Result<T, _> = serde_path_to_error::deserialize(&mut json);
    let malformed = |e: &serde_json::Error, place: &str| {
        let refusal = Refusal::new(Code::MalformedRequest, one_line(&e.to_string())).at(place);
        let is_syntax = e.is_syntax() || e.is_eof();
        refusal.with_status(if is_syntax {
            StatusCode::BAD_REQUEST
        } else {
            StatusCode::UNPROCESSABLE_ENTITY
        })
    };
    let value = parsed.map_err(|e| {
        let path = e.path().to_string();
        malformed(e.inner(), if path == "." { "body" } else { &path })
    })?;
    json.end().map_err(|e| malformed(&e, "body"))?;
    Ok(value)
}

/// The body as bytes.
pub(crate) async fn read(body: Body) -> Result<bytes::Bytes, Refusal> {
    match Limited::new(body, BODY).collect().await {
        Ok(read) => Ok(read.to_bytes()),
        Err(e) if e.downcast_ref::<LengthLimitError>().is_some() => {
            let message = format!("the body is longer than {BODY} bytes");
            Err(Refusal::new(Code::RequestTooLarge, message).help("send less at a time"))
        }
        Err(_) => Err(Refusal::new(Code::MalformedRequest, "the body ended before its end").at("body")),
    }
}

fn is_type(headers: &HeaderMap, wanted: &str) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case(wanted)
}

/// Text of a parser, which may quote the request, on one line of bounded length.
fn one_line(text: &str) -> String {
    let shown = text.chars().take(300);
    shown.map(|c| if c.is_control() { ' ' } else { c }).collect()
}
