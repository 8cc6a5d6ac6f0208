//! Problems: what the API answers when it does not do what was asked (RFC 9457).

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use outflow_app::Errors;
use outflow_core::codes::Area;
use outflow_core::{Code, Error, NextStep};
use serde::Serialize;
use utoipa::ToSchema;

use crate::request_id::RequestId;

/// The type of a problem's body.
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");
/// A problem lists no more errors than this.
const MOST: usize = 100;

/// Why a request was not done.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// `urn:outflow:error:C011`: the code's page is `docs/errors/C011.md`.
    #[serde(rename = "type")]
    #[schema(example = "urn:outflow:error:C011")]
    kind: String,
    /// What the code means.
    title: &'static str,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What happened.
    detail: String,
    /// The code.
    code: Code,
    /// Everything that is wrong, the first of which is the problem itself.
    errors: Vec<ProblemEntry>,
    /// The request's id, which the log and the audit log have, too.
    request_id: Option<String>,
}

/// One thing that is wrong.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemEntry {
    /// The code.
    code: Code,
    /// Where: a field of the body, a parameter, or a place in the project.
    field: Option<String>,
    /// What happened.
    message: String,
    /// How to fix it.
    hint: Option<String>,
    /// What can be done about it with Outflow.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    next: Vec<NextStep>,
}

/// A problem before it is answered: the status and the errors, at least one.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    errors: Vec<Error>,
    retry_after: Option<u32>,
}

impl Refusal {
    /// One error with the status that its code has.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Error::new(code, message).into()
    }

    /// With a status of its own.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Says how to fix it.
    pub(crate) fn help(mut self, help: &str) -> Self {
        self.errors = self.errors.into_iter().map(|error| error.help(help)).collect();
        self
    }

    /// Says where.
    pub(crate) fn at(mut self, place: &str) -> Self {
        self.errors = self.errors.into_iter().map(|error| error.at(place)).collect();
        self
    }

    /// Says after how many seconds it can be asked again.
    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The code of the problem.
    pub(crate) fn code(&self) -> Code {
        self.errors.first().map_or(Code::TaskFailed, Error::code)
    }

    /// The same errors, each as this makes it.
    pub(crate) fn each(mut self, make: impl Fn(Error) -> Error) -> Self {
        self.errors = self.errors.into_iter().map(make).collect();
        self
    }

    /// The problem for this request. What a database or a destination said can hold values of rows:
    /// it is in there only for who may see them.
    pub(crate) fn problem(&self, id: Option<&RequestId>, sees_rows: bool) -> Problem {
        let entry = |error| ProblemEntry::of(error, sees_rows);
        let errors: Vec<ProblemEntry> = self.errors.iter().take(MOST).map(entry).collect();
        let code = self.code();
        Problem {
            kind: format!("urn:outflow:error:{code}"),
            title: code.title(),
            status: self.status.as_u16(),
            detail: errors.first().map(|first| first.message.clone()).unwrap_or_default(),
            code,
            errors,
            request_id: id.map(|id| id.as_str().to_owned()),
        }
    }

    /// The answer to this request, to somebody who may see values of rows or not.
    pub(crate) fn answer(&self, id: Option<&RequestId>, sees_rows: bool) -> Response {
        let body = serde_json::to_vec(&self.problem(id, sees_rows)).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, CONTENT_TYPE);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl ProblemEntry {
    fn of(error: &Error, sees_rows: bool) -> Self {
        let whole = || error.full_message().reveal().to_owned();
        Self {
            code: error.code(),
            field: error.place().map(str::to_owned),
            message: if sees_rows { whole() } else { error.message().to_owned() },
            hint: error.help_text().map(str::to_owned),
            next: error.next_steps().to_vec(),
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { status: status_of(error.code()), errors: vec![error], retry_after: None }
    }
}

impl From<Errors> for Refusal {
    fn from(errors: Errors) -> Self {
        let first = errors.0.first().map_or(Code::TaskFailed, Error::code);
        Self { status: status_of(first), errors: errors.0, retry_after: None }
    }
}

/// A refusal travels to the envelope, which knows the request's id.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(std::sync::Arc::new(self));
        response
    }
}

/// The status of an answer with this code. What a warehouse or a destination refuses is 424: a
/// proxy may replace the body of a 502 by its own.
pub(crate) fn status_of(code: Code) -> StatusCode {
    match code {
        Code::NotSignedIn | Code::CredentialRefused | Code::CredentialExpired | Code::SignInRefused => {
            StatusCode::UNAUTHORIZED
        }
        Code::ProviderRefused | Code::IdTokenRefused => StatusCode::UNAUTHORIZED,
        Code::NotPermitted | Code::SetupRefused | Code::CrossSite => StatusCode::FORBIDDEN,
        Code::NotAdmitted | Code::NameOfAnother | Code::LinkRefused => StatusCode::FORBIDDEN,
        Code::SignInNotBegun => StatusCode::BAD_REQUEST,
        Code::ProviderUnavailable => StatusCode::FAILED_DEPENDENCY,
        Code::NoSuchAddress | Code::NoSuchSyncOrRun | Code::NoSuchPerson | Code::NoSuchDefinition => {
            StatusCode::NOT_FOUND
        }
        Code::TooManyAttempts => StatusCode::TOO_MANY_REQUESTS,
        Code::LastAdmin | Code::NameTaken => StatusCode::CONFLICT,
        Code::DefinitionChanged | Code::OwnedByFiles | Code::SyncNotRenamed => StatusCode::CONFLICT,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::MalformedRequest => StatusCode::BAD_REQUEST,
        Code::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::ServerBusy => StatusCode::SERVICE_UNAVAILABLE,
        Code::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        Code::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Code::NoSuchSecret => StatusCode::NOT_FOUND,
        Code::SecretInUse | Code::SecretKeyUnavailable | Code::SecretKeyWrong | Code::SecretDamaged => {
            StatusCode::CONFLICT
        }
        Code::IdempotencyKeyReused | Code::ConflictingOptions | Code::RunInProgress => StatusCode::CONFLICT,
        Code::Interrupted | Code::StateHeld | Code::StateUnavailable | Code::StateIo => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Code::TaskFailed | Code::CountsDiffer => StatusCode::INTERNAL_SERVER_ERROR,
        _ => match code.area() {
            Area::Configuration | Area::Query | Area::Row | Area::Access => StatusCode::UNPROCESSABLE_ENTITY,
            Area::Source | Area::Destination => StatusCode::FAILED_DEPENDENCY,
            Area::Engine | Area::Guard => StatusCode::CONFLICT,
            Area::Spool | Area::State => StatusCode::INTERNAL_SERVER_ERROR,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_every_error_and_the_id_of_its_request() {
        let errors = Errors(vec![
            Error::new(Code::NoSuchSyncOrRun, "there is no sync \"user\"").help("did you mean \"users\"?"),
            Error::new(Code::InvalidValue, "0 is too small").at("limit"),
        ]);
        let refusal = Refusal::from(errors);
        let problem =
            serde_json::to_value(refusal.problem(Some(&RequestId::of(&http::HeaderMap::new())), true));
        let problem = problem.unwrap();
        assert_eq!((problem["status"].as_u64(), problem["code"].as_str()), (Some(404), Some("C011")));
        assert_eq!(problem["type"], "urn:outflow:error:C011");
        assert_eq!(problem["errors"][0]["hint"], "did you mean \"users\"?");
        assert_eq!(problem["errors"][1]["field"], "limit");
        assert!(problem["request_id"].as_str().unwrap().starts_with("req_"));
    }

    #[test]
    fn every_code_has_a_status_of_an_error() {
        for code in Code::ALL {
            let status = status_of(*code);
            assert!(status.is_client_error() || status.is_server_error(), "{code}: {status}");
        }
    }

    #[test]
    fn the_words_of_a_database_are_for_those_who_may_see_rows() {
        let error =
            Error::new(Code::DatabaseError, "the database reported an error").quoting("ada@example.com");
        let refusal = Refusal::from(error);
        let says = |sees_rows| serde_json::to_string(&refusal.problem(None, sees_rows)).unwrap();
        assert!(says(true).contains("ada@example.com") && !says(false).contains("ada@example.com"));
    }
}
