//! What a destination makes of a call and answers to a request.
//!
//! The engine's one retry policy decides what follows (`engine::delivery::retry`).

use std::time::Duration;

use crate::Code;

/// The members of a JSON answer that hold words for people.
pub const TELLING_MEMBERS: [&str; 12] = [
    "error",
    "errors",
    "message",
    "messages",
    "msg",
    "detail",
    "details",
    "reason",
    "title",
    "description",
    "error_description",
    "error_message",
];

/// Why a call will never be delivered: it becomes a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// D001, D002, D003, D004 or D022.
    pub code: Code,
    /// The HTTP status, if the refusal came as one.
    pub status: Option<u16>,
    /// The destination's own text, cut to 1,000 bytes and free of control characters.
    pub reason: String,
}

/// What became of a call when it was prepared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The appended records are sent. If there are none, this is [`Verdict::Filter`].
    Send,
    /// The call is not for this destination, for example because its `integrations` exclude it. It
    /// is counted as filtered and not sent.
    Filter,
    /// The destination cannot take the call: a dead letter, and nothing of it is sent.
    Refuse(Refusal),
}

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Every record is accepted.
    Delivered,
    /// Every record is accepted except these, which are refused for good, each by its index in
    /// the request.
    Partial(Vec<(usize, Refusal)>),
    /// The whole request is refused because of something in it (400, 409, 422). The engine finds
    /// the bad record by bisection.
    Refused(Refusal),
    /// The request is too large (413). The engine sends smaller parts; a single record makes its
    /// call a dead letter.
    TooLarge(Refusal),
    /// The request failed for now. The same request may be sent again, after `after` if given.
    Retry {
        /// D010, D011, D015 or D016.
        code: Code,
        /// The HTTP status, if there was one.
        status: Option<u16>,
        /// What happened, for people.
        reason: String,
        /// The destination's `Retry-After`.
        after: Option<Duration>,
    },
    /// No request is accepted until a person fixes something, such as credentials or the address,
    /// as far as the answer says. With a status it may still concern one call: the engine sends
    /// others around it first. Calls stay pending.
    Stop {
        /// D012, D013, D014, D017, D018 or D019.
        code: Code,
        /// The HTTP status, if there was one.
        status: Option<u16>,
        /// What happened, for people.
        reason: String,
    },
}

/// How many requests a service takes in a window of more than a minute, such as a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Requests.
    pub requests: u64,
    /// The window.
    pub window: Duration,
}

/// What an answer says about the service's rate limit. Whoever uses it keeps to bounds of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RateHint {
    /// The sustained requests per second, if the service states a number and a period of up to a
    /// minute.
    pub limit: Option<f64>,
    /// What it takes in longer periods.
    pub quotas: Vec<Quota>,
    /// The requests that it accepts before `reset`.
    pub remaining: Option<u64>,
    /// When it accepts more, counted from the answer.
    pub reset: Option<Duration>,
}

/// The result of one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The answer.
    pub answer: Answer,
    /// What the service says about its rate limit.
    pub hint: RateHint,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self { answer, hint: RateHint::default() }
    }
}
