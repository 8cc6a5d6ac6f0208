//! A body of JSON that holds a secret.
//!
//! What always holds: no problem quotes anything of the body, where the usual ones quote the value
//! that does not fit. What it does not do: wipe memory.

use axum::extract::{FromRequest, Request};
use http::StatusCode;
use outflow_core::Code;
use serde::de::DeserializeOwned;

use crate::extract::{read, require_json};
use crate::problem::Refusal;

/// A body of JSON that no problem quotes.
pub(crate) struct Hidden<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Hidden<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        require_json(request.headers())?;
        parse(&read(request.into_body()).await?).map(Self)
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let refusal = |status: StatusCode, message: String| {
        Refusal::new(Code::MalformedRequest, message).at("body").with_status(status)
    };
    let parsed = serde_json::from_slice(body).map_err(|e| {
        let (status, what) = if e.is_syntax() || e.is_eof() {
            (StatusCode::BAD_REQUEST, "is no JSON")
        } else {
            (StatusCode::UNPROCESSABLE_ENTITY, "does not have the members and types that it has to have")
        };
        refusal(status, format!("the body {what}: see its line {}, column {}", e.line(), e.column()))
    })?;
    // A list would be taken as the members in their order.
    match body.trim_ascii_start().first() {
        Some(b'{') => Ok(parsed),
        _ => Err(refusal(StatusCode::UNPROCESSABLE_ENTITY, "the body is no object".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_body_that_does_not_fit_is_not_quoted() {
        for (body, status) in [
            ("\"canary\"", 422),
            ("{\"canary\": 1}", 422),
            ("{\"value\": [\"canary\"]}", 422),
            ("{\"value\": \"canary\"} canary", 400),
            ("{\"value\": canary}", 400),
            ("canary", 400),
            ("", 400),
        ] {
            let refusal = parse::<BTreeMap<String, String>>(body.as_bytes()).unwrap_err();
            let problem = serde_json::to_value(refusal.problem(None, true)).unwrap();
            assert_eq!(problem["status"], status, "{body}: {problem}");
            assert!(!problem.to_string().contains("canary"), "{problem}");
        }
    }
}
