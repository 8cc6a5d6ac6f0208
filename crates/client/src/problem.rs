//! A problem (RFC 9457) as the errors that it is made of.

use outflow_app::Errors;
use outflow_core::{Code, Error, NextStep};
use serde::Deserialize;
use serde_json::Value;

use crate::server::not_an_outflow;

/// A problem, as far as it is needed.
#[derive(Deserialize)]
struct Problem {
    status: u16,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    errors: Vec<Entry>,
}

/// One thing that is wrong. What a newer server says and this program does not know is left out.
#[derive(Deserialize)]
struct Entry {
    code: String,
    field: Option<String>,
    message: String,
    hint: Option<String>,
    #[serde(default)]
    next: Vec<Value>,
}

/// The errors of a problem, at least one.
pub(crate) fn errors(url: &str, problem: Value) -> Errors {
    let Ok(Problem { status, detail, code, errors }) = serde_json::from_value(problem) else {
        return not_an_outflow(url, "its problem has another form").into();
    };
    let known: Vec<Error> = errors.into_iter().map(|entry| error(url, entry)).collect();
    if known.is_empty() {
        let message = format!("the server answers with the status {status}: {code} {detail}");
        return Error::new(Code::OtherServerVersion, message).at(url).into();
    }
    Errors(known)
}

fn error(url: &str, Entry { code, field, message, hint, next }: Entry) -> Error {
    let mut error = match Code::from_name(&code) {
        Some(code) => Error::new(code, message),
        // A code that came later: its meaning is in its message.
        None => Error::new(Code::OtherServerVersion, format!("{code}: {message}")).at(url),
    };
    if let Some(field) = field {
        error = error.at(field);
    }
    if let Some(hint) = hint {
        error = error.help(hint);
    }
    let known = next.into_iter().filter_map(|step| serde_json::from_value::<NextStep>(step).ok());
    known.fold(error, Error::next_step)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_problem_is_the_errors_that_it_is_made_of() {
        let problem = json!({
            "type": "urn:outflow:error:C011", "title": "x", "status": 404, "detail": "there is no run 7",
            "code": "C011", "request_id": null,
            "errors": [
                { "code": "C011", "field": "run 7", "message": "there is no run 7", "hint": "look",
                  "next": ["list_runs", { "unheard_of": {} }] },
                { "code": "X999", "field": null, "message": "later", "hint": null },
            ],
        });
        let Errors(found) = errors("http://x", problem);
        assert_eq!((found[0].code(), found[0].message()), (Code::NoSuchSyncOrRun, "there is no run 7"));
        assert_eq!((found[0].place(), found[0].help_text()), (Some("run 7"), Some("look")));
        assert_eq!(found[0].next_steps(), [NextStep::ListRuns]);
        assert_eq!((found[1].code(), found[1].message()), (Code::OtherServerVersion, "X999: later"));
        assert_eq!(errors("http://x", json!([])).0[0].code(), Code::NotAnOutflow);
    }
}
