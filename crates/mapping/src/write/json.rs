//! JSON values that come from the warehouse: checked in one pass, copied raw.
//!
//! The check is stricter than a parser's would have to be, so that every reader of a call can read
//! it: strict UTF-8, whole pairs of surrogates, at most [`DEPTH`] levels. What it refuses is looked
//! at once more, to say where and why ([`fault`]).

pub(crate) mod fault;

use std::borrow::Cow;

use memchr::memchr2;
use outflow_core::Code;
use serde_json::{Map, Value};

use super::{number, text};
use crate::row_error::RowError;

/// Levels of arrays and objects in one value. With what a call adds, a call stays below 128, the
/// limit of serde_json and others.
const DEPTH: usize = 100;

/// The outermost value of a JSON text.
pub(crate) enum Scalar<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as written.
    Number(&'a [u8]),
    /// A string without its quotes and escapes.
    String(Cow<'a, [u8]>),
    /// An array or an object.
    Compound,
}

/// Appends a JSON value as it came, without line breaks. `true`: a number in it lies beyond 2^53.
pub(crate) fn copy(out: &mut Vec<u8>, text: &[u8]) -> Result<bool, RowError> {
    let (checked, is_beyond) = scanned(text)?;
    put(out, checked);
    Ok(is_beyond)
}

/// Appends a JSON value that is checked already.
pub(crate) fn put(out: &mut Vec<u8>, text: &[u8]) {
    if memchr2(b'\n', b'\r', text).is_none() {
        out.extend_from_slice(text);
    } else {
        compact(out, text);
    }
}

/// The text without white space around it, if it is one JSON value.
pub(crate) fn checked(text: &[u8]) -> Result<&[u8], RowError> {
    scanned(text).map(|(text, _)| text)
}

/// The same, and whether a number in it lies beyond 2^53.
pub(crate) fn scanned(text: &[u8]) -> Result<(&[u8], bool), RowError> {
    if !text.is_ascii() {
        text::utf8(text)?;
    }
    let mut scan = Scan { rest: text, is_beyond: false };
    scan.blank();
    if scan.value(DEPTH).is_none() || scan.blank().is_some() {
        return Err(fault::of(text));
    }
    Ok((text.trim_ascii(), scan.is_beyond))
}

/// The value of a JSON text, if it is not an array or an object.
pub(crate) fn scalar(text: &[u8]) -> Result<Scalar<'_>, RowError> {
    let text = checked(text)?;
    Ok(match text {
        b"null" => Scalar::Null,
        b"true" => Scalar::Bool(true),
        b"false" => Scalar::Bool(false),
        [b'{' | b'[', ..] => Scalar::Compound,
        [b'"', inner @ .., b'"'] if !inner.contains(&b'\\') => Scalar::String(Cow::Borrowed(inner)),
        [b'"', ..] => {
            let string: String = serde_json::from_slice(text).map_err(|_| fault::of(text))?;
            Scalar::String(Cow::Owned(string.into_bytes()))
        }
        _ => Scalar::Number(text),
    })
}

/// The members of a JSON object. `None`: the text is JSON and something else.
pub(crate) fn object(text: &[u8]) -> Result<Option<Map<String, Value>>, RowError> {
    let text = checked(text)?;
    if text.first() != Some(&b'{') {
        return Ok(None);
    }
    serde_json::from_slice(text).map(Some).map_err(|_| fault::of(text))
}

/// The values of a JSON array.
pub(crate) fn array(text: &[u8]) -> Result<Vec<Value>, RowError> {
    const SAYS: &str = "is not a JSON array, and the field wants one; select an array, or a text with commas";
    let text = checked(text)?;
    if text.first() != Some(&b'[') {
        return Err(RowError::value(Code::WrongType, SAYS));
    }
    serde_json::from_slice(text).map_err(|_| fault::of(text))
}

/// Appends valid JSON without the white space between its tokens.
fn compact(out: &mut Vec<u8>, text: &[u8]) {
    let (mut inside, mut escaped) = (false, false);
    for &byte in text {
        if inside {
            inside = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            inside = byte == b'"';
        }
        out.push(byte);
    }
}

/// Walks over a JSON text. Each method takes what it is named after from the front; `None`: it is
/// not there.
struct Scan<'a> {
    rest: &'a [u8],
    /// A number beyond 2^53 was seen.
    is_beyond: bool,
}

impl Scan<'_> {
    fn value(&mut self, depth: usize) -> Option<()> {
        match self.rest.first()? {
            b'"' => self.string(),
            b'{' => self.list(depth, b'}', true),
            b'[' => self.list(depth, b']', false),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    fn list(&mut self, depth: usize, end: u8, named: bool) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        self.skip();
        if self.blank() == Some(end) {
            return self.skip();
        }
        loop {
            if named {
                self.blank();
                self.string()?;
                (self.blank()? == b':').then(|| self.skip())?;
            }
            self.blank();
            self.value(depth)?;
            let next = self.blank()?;
            self.skip();
            match next {
                b',' => {}
                _ if next == end => return Some(()),
                _ => return None,
            }
        }
    }

    fn string(&mut self) -> Option<()> {
        let [b'"', inner @ ..] = self.rest else { return None };
        self.rest = inner;
        loop {
            let plain = self.rest.iter().take_while(|b| !matches!(b, b'"' | b'\\' | 0..0x20)).count();
            self.rest = &self.rest[plain..];
            match self.rest {
                [b'"', rest @ ..] => {
                    self.rest = rest;
                    return Some(());
                }
                [b'\\', b'u', ..] => self.unicode()?,
                [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', rest @ ..] => {
                    self.rest = rest
                }
                _ => return None,
            }
        }
    }

    fn unicode(&mut self) -> Option<()> {
        match self.unit()? {
            0xd800..0xdc00 => matches!(self.unit()?, 0xdc00..0xe000).then_some(()),
            0xdc00..0xe000 => None,
            _ => Some(()),
        }
    }

    /// One `\uXXXX`.
    fn unit(&mut self) -> Option<u32> {
        let ([b'\\', b'u', hex @ ..], rest) = self.rest.split_first_chunk::<6>()? else { return None };
        self.rest = rest;
        hex.iter().try_fold(0, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)?))
    }

    fn number(&mut self) -> Option<()> {
        let end = self
            .rest
            .iter()
            .take_while(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
            .count();
        let (number, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.is_beyond |= number::is_beyond_exact(number);
        number::is_number(number).then_some(())
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(())
    }

    /// Skips white space and says what follows it.
    fn blank(&mut self) -> Option<u8> {
        while let [b' ' | b'\n' | b'\r' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
        self.rest.first().copied()
    }

    fn skip(&mut self) -> Option<()> {
        self.rest = self.rest.get(1..)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn valid_json_is_copied_and_loses_only_its_line_breaks() {
        for (text, expected) in [
            (
                r#"{"a": [1, 2.50, -3e+7], "b":"x\"\\ \ud83d\ude00"}"#,
                r#"{"a": [1, 2.50, -3e+7], "b":"x\"\\ \ud83d\ude00"}"#,
            ),
            ("\n{\"a b\" :\r\n[ true,\tnull ]\n}\n", "{\"a b\":[true,null]}"),
            ("\"\\\\\"", "\"\\\\\""),
            ("{\n\"a \\\" b\\\\\" : \" \" }", "{\"a \\\" b\\\\\":\" \"}"),
            (" [] ", "[]"),
            ("0", "0"),
        ] {
            let mut out = Vec::new();
            copy(&mut out, text.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn invalid_json_is_refused() {
        let deep = "[".repeat(DEPTH + 1) + &"]".repeat(DEPTH + 1);
        for text in [
            "",
            " ",
            "{",
            "[1,]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "[1 2]",
            "tru",
            "truex",
            "01",
            "\"a",
            "\"\n\"",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"\\ud800\\u0041\"",
            "\"\\u12g4\"",
            "1 2",
            "[1}",
            "{,}",
            "[,]",
            "\x0c1\x0b",
            "'a'",
            "NaN",
            "-",
            &deep,
        ] {
            assert!(checked(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(checked(b"\"\xff\"").is_err());
        assert!(checked(&deep.as_bytes()[1..2 * DEPTH + 1]).is_ok());
    }

    proptest! {
        #[test]
        fn the_check_agrees_with_a_parser(text in "[\\[\\]{},:\"\\\\untrfalse0-9.eE+ \n-]{0,24}") {
            // The regular expression reaches valid texts often enough: short numbers, strings,
            // lists.
            let parsed = serde_json::from_str::<Value>(&text).is_ok();
            prop_assert_eq!(checked(text.as_bytes()).is_ok(), parsed, "{:?}", text);
        }

        #[test]
        fn values_written_by_a_serializer_pass(words in proptest::collection::vec(".{0,6}", 0..6), n in any::<f64>()) {
            let value = serde_json::json!({"w": words, "n": n, "o": {"": [[], {}, null, true]}});
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                let mut out = Vec::new();
                copy(&mut out, text.as_bytes()).map_err(|_| TestCaseError::fail(text))?;
                prop_assert!(!out.contains(&b'\n'));
                prop_assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), value.clone());
            }
        }
    }
}
