//! What a database says against a statement, apart from a connection that gives no answer any more.

use outflow_core::{Code, Result};

/// Keeps an answer apart from a connection that gives none any more.
pub(crate) fn answered<T>(answer: Result<T>) -> Result<Result<T>> {
    match answer {
        Err(e)
            if matches!(
                e.code(),
                Code::SourceTimeout
                    | Code::ConnectionBroken
                    | Code::ProtocolViolation
                    | Code::SourceUnavailable
            ) =>
        {
            Err(e)
        }
        answer => Ok(answer),
    }
}
