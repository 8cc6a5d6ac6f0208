//! What a destination says to a request, in the terms of the engine's one retry policy (`engine::retry`).

use std::time::Duration;

use crate::Code;

/// Why one call will never be delivered: it becomes a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// D001, D002, D003 or D004.
    pub code: Code,
    /// The HTTP status, if the refusal came as one.
    pub status: Option<u16>,
    /// What the destination said, cut to 1,000 bytes and free of control characters.
    pub reason: String,
}

/// What is known of a call before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Send it.
    Send,
    /// Its `integrations` exclude this destination: counted as filtered, not sent.
    Filter,
    /// The destination cannot take it: a dead letter at once.
    Refuse(Refusal),
}

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Every call is taken.
    Delivered,
    /// Every call is taken but these, which are refused for good; each by its place in the request, from 0.
    Partial(Vec<(usize, Refusal)>),
    /// The request as a whole is refused because of something in it (400, 422). The engine finds the bad call by halving.
    Refused(Refusal),
    /// The request is too large (413). The engine sends smaller parts; a single call becomes a dead letter.
    TooLarge(Refusal),
    /// Not now: the same request may be sent again, not before `after` if that is given.
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
    /// Nothing that is sent will be taken until a person mends something: credentials, address. Calls stay pending.
    Stop {
        /// D012, D013, D014, D017, D018 or D019.
        code: Code,
        /// The HTTP status, if there was one.
        status: Option<u16>,
        /// What happened, for people.
        reason: String,
    },
}

/// What a service says of its limit beside an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RateHint {
    /// The requests per second that it allows in the long run, if it states a number and the time that the number is for.
    pub limit: Option<f64>,
    /// How many requests it takes before `reset`.
    pub remaining: Option<u64>,
    /// When it takes more again, counted from the answer.
    pub reset: Option<Duration>,
}

/// What comes back from one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The answer.
    pub answer: Answer,
    /// What the service says of its limit, if it does.
    pub hint: RateHint,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self { answer, hint: RateHint::default() }
    }
}
