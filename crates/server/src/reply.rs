//! What handlers answer: documents of the use cases, as JSON.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use outflow_core::{Code, hash};
use serde::Serialize;

use crate::problem::Refusal;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What a handler gives.
pub(crate) type Answer<T> = Result<T, Refusal>;

/// A document, with an `ETag` of its content.
pub(crate) struct Document<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Document<T> {
    fn into_response(self) -> Response {
        of(StatusCode::OK, &self.0)
    }
}

/// A document with this status.
pub(crate) fn of(status: StatusCode, document: &impl Serialize) -> Response {
    let Ok(body) = serde_json::to_vec(document) else {
        return Refusal::new(Code::TaskFailed, "the answer cannot be written as JSON").into_response();
    };
    bytes(status, body.into())
}

/// The tag of these bytes.
pub(crate) fn etag(body: &[u8]) -> HeaderValue {
    let tag = format!("\"{:032x}\"", hash::content(body));
    HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""))
}

/// A document that was written before.
pub(crate) fn bytes(status: StatusCode, body: bytes::Bytes) -> Response {
    let tag = etag(&body);
    let mut response = (status, body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response.headers_mut().insert(header::ETAG, tag);
    response
}
