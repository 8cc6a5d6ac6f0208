//! Arrays and hstore: PostgreSQL's own text of them as JSON.
//!
//! What always holds: the elements have the form that a column of their type has; NULL is `null`,
//! nested arrays are nested, and other bounds than 1 are left out. What it does not do: arrays
//! whose elements are not between commas (`box[]`) are no arrays to Outflow.

use outflow_core::{Code, ColumnType};

use super::natural;
use crate::row_error::RowError;
use crate::write::{json, number, text};

/// PostgreSQL has at most six dimensions.
const DEPTH: usize = 6;

const BAD_ARRAY: RowError = RowError::value(
    Code::WrongType,
    "is not an array as PostgreSQL writes it; write to_jsonb(…) around what the query selects as {column}",
);
const BAD_HSTORE: RowError = RowError::value(
    Code::WrongType,
    "is not an hstore as PostgreSQL writes it; write hstore_to_jsonb(…) around what the query selects as {column}",
);

/// Appends an array. `true`: a number in it lies beyond 2^53.
pub(crate) fn array(out: &mut Vec<u8>, element: ColumnType, text: &[u8]) -> Result<bool, RowError> {
    let mut reader = Reader { rest: without_bounds(text), element, is_beyond: false, plain: Vec::new() };
    reader.list(out, DEPTH - 1)?;
    if reader.rest.is_empty() { Ok(reader.is_beyond) } else { Err(BAD_ARRAY) }
}

/// Appends an hstore as an object of texts and nulls.
pub(crate) fn hstore(out: &mut Vec<u8>, text: &[u8]) -> Result<(), RowError> {
    let mut reader = Reader { rest: text, element: ColumnType::Text, is_beyond: false, plain: Vec::new() };
    out.push(b'{');
    while !reader.rest.is_empty() {
        if out.last() != Some(&b'{') {
            reader.skip(b",").and_then(|()| reader.skip(b" ")).ok_or(BAD_HSTORE)?;
            out.push(b',');
        }
        let key = reader.quoted().ok_or(BAD_HSTORE)?;
        text::string(out, &key)?;
        reader.skip(b"=>").ok_or(BAD_HSTORE)?;
        out.push(b':');
        if reader.skip(b"NULL").is_some() {
            out.extend_from_slice(b"null");
        } else {
            let value = reader.quoted().ok_or(BAD_HSTORE)?;
            text::string(out, &value)?;
        }
    }
    out.push(b'}');
    Ok(())
}

/// The text behind `[2:4][0:1]=`.
fn without_bounds(text: &[u8]) -> &[u8] {
    if !text.starts_with(b"[") {
        return text;
    }
    let is_bound = |b: &u8| matches!(b, b'[' | b']' | b':' | b'-' | b'+' | b'0'..=b'9');
    match text.iter().position(|b| !is_bound(b)) {
        Some(end) if text[end] == b'=' => &text[end + 1..],
        _ => text,
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    element: ColumnType,
    is_beyond: bool,
    /// A text without its quotes and escapes.
    plain: Vec<u8>,
}

impl Reader<'_> {
    fn skip(&mut self, what: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(what)?;
        Some(())
    }

    fn list(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<(), RowError> {
        self.skip(b"{").ok_or(BAD_ARRAY)?;
        out.push(b'[');
        let mut is_first = true;
        while self.skip(b"}").is_none() {
            if !is_first {
                self.skip(b",").ok_or(BAD_ARRAY)?;
                out.push(b',');
            }
            is_first = false;
            match self.rest {
                [b'{', ..] => {
                    let depth = depth.checked_sub(1).ok_or(BAD_ARRAY)?;
                    self.list(out, depth)?;
                }
                [b'"', ..] => {
                    let text = self.quoted().ok_or(BAD_ARRAY)?;
                    self.element(out, &text)?;
                    self.plain = text;
                }
                rest => {
                    let end = rest.iter().position(|b| matches!(b, b',' | b'}')).ok_or(BAD_ARRAY)?;
                    let (text, rest) = rest.split_at(end);
                    self.rest = rest;
                    match text {
                        [] => return Err(BAD_ARRAY),
                        b"NULL" => out.extend_from_slice(b"null"),
                        text => self.element(out, text)?,
                    }
                }
            }
        }
        out.push(b']');
        Ok(())
    }

    fn element(&mut self, out: &mut Vec<u8>, text: &[u8]) -> Result<(), RowError> {
        match self.element {
            ColumnType::Json => self.is_beyond |= json::copy(out, text)?,
            ty => {
                natural(out, ty, text)?;
                let is_whole = matches!(ty, ColumnType::Int | ColumnType::Numeric);
                self.is_beyond |= is_whole && number::is_beyond_exact(text);
            }
        }
        Ok(())
    }

    /// A text in quotes, in which a backslash stands before what is meant.
    fn quoted(&mut self) -> Option<Vec<u8>> {
        self.skip(b"\"")?;
        let mut plain = std::mem::take(&mut self.plain);
        plain.clear();
        loop {
            let end = memchr::memchr2(b'"', b'\\', self.rest)?;
            plain.extend_from_slice(&self.rest[..end]);
            match &self.rest[end..] {
                [b'\\', meant, rest @ ..] => {
                    plain.push(*meant);
                    self.rest = rest;
                }
                [b'"', rest @ ..] => {
                    self.rest = rest;
                    return Some(plain);
                }
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(element: ColumnType, text: &str) -> Option<String> {
        let mut out = Vec::new();
        array(&mut out, element, text.as_bytes()).ok()?;
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn an_array_is_the_json_array_of_its_elements() {
        use ColumnType as T;
        for (element, text, expected) in [
            (T::Text, "{}", "[]"),
            (T::Text, r#"{sale,"two words",NULL,"NULL",""}"#, r#"["sale","two words",null,"NULL",""]"#),
            (T::Text, r#"{"a\"b","c\\d","{}",é}"#, r#"["a\"b","c\\d","{}","é"]"#),
            (T::Numeric, "{1.50,2}", "[1.50,2]"),
            (T::Int, "{{1,2},{3,NULL}}", "[[1,2],[3,null]]"),
            (T::Int, "[0:1][-1:0]={{1,2},{3,4}}", "[[1,2],[3,4]]"),
            (T::Bool, "{t,f}", "[true,false]"),
            (T::TimestampTz, r#"{"2026-01-31 10:00:00+00"}"#, r#"["2026-01-31T10:00:00Z"]"#),
            (T::Date, "{2026-01-31}", r#"["2026-01-31"]"#),
            (T::Json, r#"{"{\"a\": [1, \"x\"]}","null"}"#, r#"[{"a": [1, "x"]},null]"#),
            (T::Bytes, r#"{"\\xdead"}"#, r#"["dead"]"#),
            (T::Hstore, r#"{"\"a\"=>\"1\""}"#, r#"[{"a":"1"}]"#),
        ] {
            assert_eq!(made(element, text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "{", "{1", "{1,}", "{,1}", "{1}x", "1", "{\"a}", "{1;2}", "[1:2]", "{{{{{{{1}}}}}}}"]
        {
            assert_eq!(made(T::Int, text), None, "{text}");
        }
        assert_eq!(made(T::Float, "{1,NaN}"), None);
        let is_beyond = |text: &str| array(&mut Vec::new(), T::Int, text.as_bytes()).unwrap();
        assert!(is_beyond("{1,9007199254740993}") && !is_beyond("{1,9007199254740992}"));
    }

    #[test]
    fn an_hstore_is_an_object_of_texts() {
        let made = |text: &str| {
            let mut out = Vec::new();
            hstore(&mut out, text.as_bytes()).ok()?;
            Some(String::from_utf8(out).unwrap())
        };
        for (text, expected) in [
            ("", "{}"),
            (r#""plan"=>"pro", "seats"=>NULL"#, r#"{"plan":"pro","seats":null}"#),
            (r#""a\"b"=>"c\\d, e=>f""#, r#"{"a\"b":"c\\d, e=>f"}"#),
        ] {
            assert_eq!(made(text).as_deref(), Some(expected), "{text}");
        }
        for text in [r#""a""#, r#""a"=>"#, "a=>b", r#""a"=>"b","c"=>"d""#, r#""a"=>"b" "#] {
            assert_eq!(made(text), None, "{text}");
        }
    }
}
