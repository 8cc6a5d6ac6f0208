//! The id of a request: it is in the answer, in problems, in the log and in the audit log, so that
//! one can be found from the other.

use http::{HeaderMap, HeaderValue};

/// The header, both ways.
pub(crate) const HEADER: &str = "x-request-id";
/// An id that a client sends is no longer than this.
const LONGEST: usize = 64;

/// The id of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestId(String);

impl RequestId {
    /// The client's own id, if it is made of letters, digits, `-`, `_` and `.`; else a new one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let sent = headers.get(HEADER).and_then(|id| id.to_str().ok());
        let is_plain = |id: &&str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            (1..=LONGEST).contains(&id.len()) && id.bytes().all(plain)
        };
        sent.filter(is_plain).map_or_else(Self::random, |id| Self(id.to_owned()))
    }

    fn random() -> Self {
        let mut bytes = [0; 8];
        // Without random numbers the ids are equal, and nothing else is wrong.
        let _ = getrandom::fill(&mut bytes);
        Self(format!("req_{:016x}", u64::from_be_bytes(bytes)))
    }

    /// As text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// As the value of a header.
    pub(crate) fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).unwrap_or(HeaderValue::from_static("unknown"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_id_is_kept_and_any_other_is_replaced() {
        let of = |id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, HeaderValue::from_bytes(id.as_bytes()).unwrap());
            RequestId::of(&headers).as_str().to_owned()
        };
        assert_eq!(of("a-1_b.C"), "a-1_b.C");
        for odd in ["", "a b", "ä", &"x".repeat(65), "a\"b"] {
            assert!(of(odd).starts_with("req_"), "{odd}");
        }
        assert_ne!(RequestId::of(&HeaderMap::new()), RequestId::of(&HeaderMap::new()));
    }
}
