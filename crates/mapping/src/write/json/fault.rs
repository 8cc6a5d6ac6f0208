//! Where a text stops being JSON, and why: a second look at what the check has refused.
//!
//! What always holds: the look ends at the place where the check ended, and names one cause. It is
//! slow and allocates; no row that is sent comes here, but one with half of a surrogate pair.

use outflow_core::Code;

use super::DEPTH;
use crate::cure::Cure;
use crate::row_error::RowError;
use crate::write::number;

/// Why a text is no JSON.
enum Cause {
    /// Half of a surrogate pair, as it is written: `\ud83d`.
    Surrogate(String),
    Deep,
    Expected(&'static str),
    /// A control character within a string.
    Control(u8),
    Escape,
    Ends,
}

/// What is wrong with a text that is not JSON.
pub(crate) fn of(text: &[u8]) -> RowError {
    let word = text.trim_ascii();
    let bare = word.strip_prefix(b"-").unwrap_or(word);
    if [&b"nan"[..], b"infinity", b"inf"].iter().any(|known| bare.eq_ignore_ascii_case(known)) {
        return number::not_finite(word);
    }
    let mut look = Look { text, at: 0, path: Vec::new() };
    let Err(cause) = look.document() else {
        // The check and the look disagree: a bug of ours, and still a row that is not sent.
        return RowError::value(Code::InvalidJson, "is not valid JSON");
    };
    let character = String::from_utf8_lossy(&text[..look.at]).chars().count() + 1;
    let within = match &look.path[..] {
        [] => String::new(),
        path => format!(", in {}", path.join(".")),
    };
    let (what, cure) = match &cause {
        Cause::Deep => {
            let says = format!(
                "is nested {} levels deep, and {DEPTH} is the limit (character {character}{within})",
                DEPTH + 1
            );
            return RowError::of_text(Code::InvalidJson, says, look.at).with_cure(Cure::Deep);
        }
        Cause::Surrogate(unit) => (format!("half of a surrogate pair ({unit})"), "fix it where it is stored"),
        Cause::Expected(what) => {
            let says = format!("is not JSON: expected {what} at character {character}{within}");
            return RowError::of_text(Code::InvalidJson, says, look.at).with_cure(Cure::NoJson);
        }
        Cause::Control(byte) => (format!("the control character U+{byte:04X} is not escaped"), "fix it"),
        Cause::Escape => ("an escape that JSON does not have".to_owned(), "fix it"),
        Cause::Ends => ("it ends in the middle".to_owned(), "see whether it was cut where it is stored"),
    };
    let says = format!("is not JSON: {what} at character {character}{within}; {cure}");
    let error = RowError::of_text(Code::InvalidJson, says, look.at);
    if matches!(cause, Cause::Surrogate(_)) { error.with_lone_surrogate() } else { error }
}

/// The text with U+FFFD in place of each half of a surrogate pair. `None`: there is none.
pub(crate) fn repaired(text: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut at, mut found) = (Vec::with_capacity(text.len()), 0, false);
    while let Some(step) = memchr::memchr(b'\\', &text[at..]) {
        out.extend_from_slice(&text[at..at + step]);
        at += step;
        let length = match (unit(&text[at..]), text.get(at + 6..).and_then(unit)) {
            (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => 12,
            (Some(0xd800..0xe000), _) => {
                found = true;
                out.extend_from_slice(b"\\ufffd");
                at += 6;
                continue;
            }
            (Some(_), _) => 6,
            (None, _) => 2,
        };
        let end = text.len().min(at + length);
        out.extend_from_slice(&text[at..end]);
        at = end;
    }
    out.extend_from_slice(&text[at..]);
    found.then_some(out)
}

/// The unit of a `\uXXXX` at the front.
fn unit(text: &[u8]) -> Option<u32> {
    let hex = text.strip_prefix(b"\\u")?.first_chunk::<4>()?;
    hex.iter().try_fold(0, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)?))
}

struct Look<'a> {
    text: &'a [u8],
    at: usize,
    /// The names and numbers that lead to where we are.
    path: Vec<String>,
}

impl Look<'_> {
    fn document(&mut self) -> Result<(), Cause> {
        self.value(DEPTH)?;
        self.blank();
        if self.at < self.text.len() { Err(Cause::Expected("nothing more")) } else { Ok(()) }
    }

    fn next(&mut self) -> Result<u8, Cause> {
        self.blank();
        self.text.get(self.at).copied().ok_or(Cause::Ends)
    }

    fn blank(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<(), Cause> {
        if self.text.trim_ascii().is_empty() {
            return Err(Cause::Expected("a value"));
        }
        match self.next()? {
            b'"' => self.string().map(drop),
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), Cause> {
        let depth = depth.checked_sub(1).ok_or(Cause::Deep)?;
        self.at += 1;
        if self.next()? == b'}' {
            self.at += 1;
            return Ok(());
        }
        loop {
            if self.next()? != b'"' {
                return Err(Cause::Expected("a name in double quotes"));
            }
            let name = self.string()?;
            if self.next()? != b':' {
                return Err(Cause::Expected("a colon"));
            }
            self.at += 1;
            self.path.push(name);
            self.value(depth)?;
            self.path.pop();
            if self.ends(b'}', "a comma or }")? {
                return Ok(());
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), Cause> {
        let depth = depth.checked_sub(1).ok_or(Cause::Deep)?;
        self.at += 1;
        if self.next()? == b']' {
            self.at += 1;
            return Ok(());
        }
        let mut number = 0_u64;
        loop {
            // A path of brackets alone says nothing.
            let named = !self.path.is_empty();
            if named {
                self.path.push(number.to_string());
            }
            self.value(depth)?;
            if named {
                self.path.pop();
            }
            number += 1;
            if self.ends(b']', "a comma or ]")? {
                return Ok(());
            }
        }
    }

    /// Whether the list ends here; else the next member follows.
    fn ends(&mut self, end: u8, expected: &'static str) -> Result<bool, Cause> {
        let next = self.next()?;
        if next != end && next != b',' {
            return Err(Cause::Expected(expected));
        }
        self.at += 1;
        Ok(next == end)
    }

    /// The text of a string, with its escapes.
    fn string(&mut self) -> Result<String, Cause> {
        self.at += 1;
        let start = self.at;
        loop {
            match &self.text[self.at..] {
                [] => return Err(Cause::Ends),
                [b'"', ..] => {
                    let text = String::from_utf8_lossy(&self.text[start..self.at]).into_owned();
                    self.at += 1;
                    return Ok(text);
                }
                [b'\\', b'u', ..] => self.unicode()?,
                [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => self.at += 2,
                [b'\\'] => return Err(Cause::Ends),
                [b'\\', ..] => return Err(Cause::Escape),
                [byte @ 0..0x20, ..] => return Err(Cause::Control(*byte)),
                _ => self.at += 1,
            }
        }
    }

    fn unicode(&mut self) -> Result<(), Cause> {
        let rest = &self.text[self.at..];
        let low = rest.get(6..).and_then(unit);
        match (unit(rest), low) {
            (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => self.at += 12,
            (Some(0xd800..0xe000), _) => {
                return Err(Cause::Surrogate(String::from_utf8_lossy(&rest[..6]).into_owned()));
            }
            (Some(_), _) => self.at += 6,
            (None, _) => return Err(if rest.len() < 6 { Cause::Ends } else { Cause::Escape }),
        }
        Ok(())
    }

    fn word(&mut self) -> Result<(), Cause> {
        let rest = &self.text[self.at..];
        let is_inside = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        let end = rest.iter().position(|b| !is_inside(b)).unwrap_or(rest.len());
        let word = &rest[..end];
        if !matches!(word, b"true" | b"false" | b"null") && !number::is_number(word) {
            return Err(Cause::Expected("a value"));
        }
        self.at += end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cause_is_named_with_its_place() {
        let deep = "[".repeat(DEPTH + 1) + &"]".repeat(DEPTH + 1);
        for (text, says) in [
            (r#"{"note":"ok \ud83d"}"#, r"half of a surrogate pair (\ud83d) at character 13, in note"),
            (r#"{"a":[1,{"b":"\udc00"}]}"#, r"half of a surrogate pair (\udc00) at character 15, in a.1.b"),
            (&deep, "is nested 101 levels deep, and 100 is the limit (character 101)"),
            ("hello", "expected a value at character 1"),
            ("{'plan': 1}", "expected a name in double quotes at character 2"),
            (r#"{"é":1,}"#, "expected a name in double quotes at character 8"),
            (r#"{"a" 1}"#, "expected a colon at character 6"),
            ("[1 2]", "expected a comma or ] at character 4"),
            (r#"{"a":1"#, "it ends in the middle at character 7"),
            (r#"{"a":"x"#, "it ends in the middle at character 8, in a"),
            ("{} {}", "expected nothing more at character 4"),
            ("[1,NaN]", "expected a value at character 4"),
            ("[01]", "expected a value at character 2"),
            ("\"\\x\"", "an escape that JSON does not have at character 2"),
            ("\"a\nb\"", "the control character U+000A is not escaped at character 3"),
            ("", "expected a value at character 1"),
        ] {
            let error = format!("{:?}", of(text.as_bytes()));
            let says = format!("{says:?}");
            assert!(error.contains(says.trim_matches('"')), "{text}: {error}");
        }
    }

    #[test]
    fn halves_of_pairs_are_replaced_and_nothing_else() {
        let made = |text: &str| repaired(text.as_bytes()).map(|t| String::from_utf8(t).unwrap());
        for (text, expected) in [
            (r#""a\ud83d""#, Some(r#""a\ufffd""#)),
            (r#""\udc00\ud83d\ude00\uD83D\u0041""#, Some(r#""\ufffd\ud83d\ude00\ufffd\u0041""#)),
            (r#""\\ud83d""#, None),
            (r#""\ud83d\ude00""#, None),
            (r#""\ud83d\ud83d\ude00""#, Some(r#""\ufffd\ud83d\ude00""#)),
            ("plain", None),
        ] {
            assert_eq!(made(text).as_deref(), expected, "{text}");
        }
    }
}
