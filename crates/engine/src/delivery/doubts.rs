//! What is said of a refusal that stops a delivery: the status, the service's answer, and a call by
//! which it can be found.

use outflow_core::Refusal;

/// Names of the statuses that are taken for the whole destination at first.
const NAMES: [(u16, &str); 18] = [
    (300, "Multiple Choices"),
    (301, "Moved Permanently"),
    (302, "Found"),
    (303, "See Other"),
    (307, "Temporary Redirect"),
    (308, "Permanent Redirect"),
    (401, "Unauthorized"),
    (402, "Payment Required"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (405, "Method Not Allowed"),
    (406, "Not Acceptable"),
    (407, "Proxy Authentication Required"),
    (410, "Gone"),
    (415, "Unsupported Media Type"),
    (451, "Unavailable For Legal Reasons"),
    (501, "Not Implemented"),
    (505, "HTTP Version Not Supported"),
];

/// Everything is refused. `call` names one of the calls.
pub(crate) fn of_all(call: &str, refusal: &Refusal) -> String {
    format!("{}; no other call was taken in between (one of those refused: {call})", answer(refusal))
}

/// Every call of a sync is refused, while calls of others are taken.
pub(crate) fn of_sync(call: &str, refusal: &Refusal) -> String {
    format!("{}; calls of other syncs are taken (one of those refused: {call})", answer(refusal))
}

/// The answer with its status.
fn answer(refusal: &Refusal) -> String {
    let Some(status) = refusal.status else { return refusal.reason.clone() };
    let name = NAMES.iter().find(|(known, _)| *known == status).map_or("", |(_, name)| name);
    let head = format!("{status} {name}");
    match refusal.reason == name {
        true => head,
        false => format!("{}: {}", head.trim_end(), refusal.reason),
    }
}

#[cfg(test)]
mod tests {
    use outflow_core::Code;

    use super::*;

    #[test]
    fn a_stop_says_the_status_the_answer_and_a_call() {
        let refusal = |status, reason: &str| Refusal {
            code: Code::DestinationAuthFailed,
            status,
            reason: reason.to_owned(),
        };
        let told = of_all("row 3", &refusal(Some(401), "bad key"));
        assert_eq!(
            told,
            "401 Unauthorized: bad key; no other call was taken in between (one of those refused: row 3)"
        );
        assert_eq!(answer(&refusal(Some(403), "Forbidden")), "403 Forbidden");
        assert_eq!(answer(&refusal(Some(499), "no")), "499: no");
        assert_eq!(answer(&refusal(None, "no")), "no");
    }
}
