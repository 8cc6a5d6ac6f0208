//! Why calls became dead letters, in groups: the same code, the same status, and the same reason
//! but for the values in it. Of an answer in JSON the reason is what it says under `message`,
//! `error` and the like.

use outflow_core::outcome::TELLING_MEMBERS;
use outflow_core::ports::state::DeadLetter;
use outflow_core::{Code, Result, RunId};
use serde::{Deserialize, Serialize};

use crate::{DeadLetterPages, RunReader};

/// How many sample positions a cause has.
const SAMPLES: usize = 3;

/// Dead letters of one cause at one destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Cause {
    /// The destination.
    pub destination: String,
    /// The code.
    pub code: Code,
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// What the destination said, with `…` for what differs from call to call.
    pub reason: String,
    /// How many dead letters.
    pub dead_letters: u64,
    /// How many of them have been replayed.
    pub replayed: u64,
    /// Positions of the first ones.
    pub samples: Vec<u64>,
}

impl RunReader {
    /// The causes of a delivery's dead letters, the most frequent first: of the first `most` of
    /// them, or with 0 of all.
    ///
    /// # Errors
    /// What the state says.
    pub async fn causes(&self, run: RunId, destination: &str, most: u64) -> Result<Vec<Cause>> {
        let mut causes: Vec<Cause> = Vec::new();
        let mut letters = DeadLetterPages::new(self.state.clone(), run, destination);
        let mut left = if most == 0 { u64::MAX } else { most };
        while left > 0 {
            let page = letters.next(left).await?;
            if page.is_empty() {
                break;
            }
            left = left.saturating_sub(page.len() as u64);
            page.iter().for_each(|letter| count(&mut causes, destination, letter));
        }
        causes.sort_by_key(|c| std::cmp::Reverse(c.dead_letters));
        Ok(causes)
    }
}

fn count(causes: &mut Vec<Cause>, destination: &str, letter: &DeadLetter) {
    let reason = words(&letter.reason);
    let same = |c: &Cause| c.code == letter.code && c.status == letter.status && c.reason == reason;
    let at = causes.iter().position(same).unwrap_or_else(|| {
        causes.push(Cause {
            destination: destination.to_owned(),
            code: letter.code,
            status: letter.status,
            reason,
            dead_letters: 0,
            replayed: 0,
            samples: Vec::new(),
        });
        causes.len() - 1
    });
    let cause = &mut causes[at];
    cause.dead_letters += 1;
    cause.replayed += u64::from(letter.replayed_by.is_some());
    if cause.samples.len() < SAMPLES {
        cause.samples.push(letter.position);
    }
}

/// What a service said, without the values in it. An answer in JSON may be cut anywhere.
pub fn words(reason: &str) -> String {
    if !reason.starts_with(['{', '[']) {
        return normal(reason);
    }
    let (mut found, mut member, mut rest): (Vec<String>, String, &str) = (Vec::new(), String::new(), reason);
    let mut others: Vec<String> = Vec::new();
    while let Some(at) = rest.find('"') {
        let (text, after) = json_text(&rest[at..]);
        rest = after;
        if rest.trim_start().starts_with(':') {
            member = text;
        } else if TELLING_MEMBERS.iter().any(|name| member.eq_ignore_ascii_case(name)) {
            let said = normal(&text);
            if !said.is_empty() && !found.contains(&said) {
                found.push(said);
            }
        } else if !member.is_empty() && text.contains(' ') {
            // A sentence about what the member names: `{"email":["is not valid"]}`.
            let said = format!("{member}: {}", normal(&text));
            if !others.contains(&said) {
                others.push(said);
            }
        }
    }
    let found = if found.is_empty() { others } else { found };
    if found.is_empty() { normal(reason) } else { found.join("; ") }
}

/// A JSON text at the beginning of `json`, and what comes after it.
fn json_text(json: &str) -> (String, &str) {
    let mut is_escaped = false;
    let end = json.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '"' && !is_escaped;
        is_escaped = *c == '\\' && !is_escaped;
        ends
    });
    let length = end.map_or(json.len(), |(at, quote)| at + quote.len_utf8());
    let (quoted, after) = json.split_at(length);
    let plain = || quoted.trim_matches('"').to_owned();
    (serde_json::from_str(quoted).unwrap_or_else(|_| plain()), after)
}

/// A reason with `…` in place of what is likely a value: texts in quotes, words with a digit or an
/// `@`.
pub fn normal(reason: &str) -> String {
    let mut out = String::new();
    let mut rest = reason;
    while let Some(first) = rest.chars().next() {
        let closing = match first {
            '"' | '\'' | '`' => rest[1..].find(first).map(|at| at + 2),
            _ => None,
        };
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '@' | '.' | '-' | '_' | '+');
        let length = closing.unwrap_or_else(|| match is_word(first) {
            true => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            false => first.len_utf8(),
        });
        let (part, after) = rest.split_at(length);
        let value = closing.is_some() || part.contains(|c: char| c.is_ascii_digit() || c == '@');
        out.push_str(if value { "…" } else { part });
        rest = after;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_that_differ_in_their_values_are_one_cause() {
        for (a, b) in [
            ("email \"ada@x.org\" is not valid", "email \"b\" is not valid"),
            ("no such user 17", "no such user 9f8e-4"),
            ("bad: ada@example.com, row 3", "bad: grace.h+1@example.com, row 40"),
        ] {
            assert_eq!(normal(a), normal(b));
        }
        for (json, want) in [
            (r#"{"error":"invalid call"}"#, "invalid call"),
            (r#"{"errors":[{"index":3,"message":"email \"a@b.c\" is bad"}]}"#, "email … is bad"),
            (r#"{"meta":{"error":"no such person 17"},"id":"x"}"#, "no such person …"),
            (r#"{"message":"one","detail":"two","request_id":"abc"}"#, "one; two"),
            (r#"{"errors":["bad","bad","worse"],"status":400}"#, "bad; worse"),
            (r#"{"email":"ada"}"#, "{…:…}"),
            (r#"{"email":["is not valid"],"id":"x"}"#, "email: is not valid"),
            (r#"{"error":"this is cut of"#, "this is cut of"),
            (r#"[{"Message":"no\u0074 here"}]"#, "not here"),
            (r#"{"error":"\"#, "\\"),
            ("{", "{"),
            ("plain \"words\"", "plain …"),
        ] {
            assert_eq!(words(json), want, "{json}");
        }
        assert_ne!(normal("too long"), normal("too short"));
        assert_eq!(normal("it's ünïcode"), "it's ünïcode");
    }
}
