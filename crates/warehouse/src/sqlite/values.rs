//! SQLite's values as the texts that [`outflow_core::row`] requires.
//!
//! In SQLite any column may hold any kind of value, whatever its declaration says, and the values
//! of one column may be of several kinds. So what a value becomes depends on the value and on the
//! column's declaration, and on no other row:
//!
//! | declared | the column is | and a value becomes |
//! | --- | --- | --- |
//! | BOOL… | JSON | a boolean for 0, 1 and the words true, false, t, f, yes, no, y, n, on, off; else as without a declaration |
//! | DATE, DATETIME, TIMESTAMP… | JSON | ISO 8601 in UTC for a time with a date; else as without a declaration |
//! | CHAR, TEXT, CLOB, STRING, UUID… | text | its text; of a number its digits, of a blob the hexadecimal digits |
//! | JSON… | JSON | text that is JSON: itself; else as without a declaration |
//! | anything else, or nothing | JSON | a number, a JSON string, or a JSON string of a blob's hexadecimal digits |
//!
//! Numbers in columns of times stay numbers: which unit they count is for the field to say that
//! they fill. What is no time of the years 0001 to 9999 stays the text that it is.
//!
//! What always holds: JSON columns hold valid JSON wherever the text is valid UTF-8 and the number
//! is finite; numbers keep every digit and read back as themselves. Infinity is written without
//! quotes, so that it is refused with its true reason.

use std::io::Write as _;

use jiff::fmt::temporal::Pieces;
use jiff::{SignedDuration, civil};
use outflow_core::ColumnType;
use rusqlite::types::ValueRef;

/// How a column's values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    /// A date, or a time with a date.
    Time,
    Text,
    /// JSON, with texts taken for JSON where they are.
    RawJson,
    Json,
}

impl Kind {
    /// The kind of a column of that declared type.
    pub fn of(declared: Option<&str>) -> Kind {
        let declared = declared.unwrap_or_default().trim_start().to_ascii_uppercase();
        let starts = |word: &str| declared.starts_with(word);
        if starts("BOOL") {
            Kind::Bool
        } else if starts("DATE") || starts("TIMESTAMP") {
            Kind::Time
        } else if starts("JSON") {
            Kind::RawJson
        } else if ["CHAR", "CLOB", "TEXT", "STRING", "UUID"].iter().any(|word| declared.contains(word)) {
            Kind::Text
        } else {
            Kind::Json
        }
    }

    pub fn column_type(self) -> ColumnType {
        match self {
            Kind::Text => ColumnType::Text,
            Kind::Bool | Kind::Time | Kind::RawJson | Kind::Json => ColumnType::Json,
        }
    }

    /// Appends the value's text. `false`: the value is NULL, and nothing was appended.
    pub fn write(self, value: ValueRef<'_>, out: &mut Vec<u8>) -> bool {
        match (self, value) {
            (_, ValueRef::Null) => return false,
            (Kind::Text, _) => plain(value, out),
            (Kind::RawJson, ValueRef::Text(text)) if is_json(text) => out.extend_from_slice(text),
            (Kind::Bool, _) => match truth(value) {
                Some(true) => out.extend_from_slice(b"true"),
                Some(false) => out.extend_from_slice(b"false"),
                None => json(value, out),
            },
            (Kind::Time, ValueRef::Text(text)) => match std::str::from_utf8(text).ok().and_then(time) {
                Some(time) => put(out, format_args!("\"{time}\"")),
                None => json(value, out),
            },
            (Kind::Time | Kind::RawJson | Kind::Json, _) => json(value, out),
        }
        true
    }
}

/// What a value of a column of booleans says, if it says one.
fn truth(value: ValueRef<'_>) -> Option<bool> {
    match value {
        ValueRef::Integer(number @ (0 | 1)) => Some(number == 1),
        ValueRef::Text(text) => {
            let text = text.trim_ascii();
            let is = |words: &[&str]| words.iter().any(|word| word.as_bytes().eq_ignore_ascii_case(text));
            if is(&["true", "t", "yes", "y", "on", "1"]) {
                Some(true)
            } else {
                is(&["false", "f", "no", "n", "off", "0"]).then_some(false)
            }
        }
        _ => None,
    }
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a vector takes all bytes");
}

fn plain(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value {
        ValueRef::Null => {}
        ValueRef::Integer(number) => put(out, format_args!("{number}")),
        // Rust's debug form reads back as the same number, and is JSON for finite ones.
        ValueRef::Real(number) if number.is_finite() => put(out, format_args!("{number:?}")),
        ValueRef::Real(number) => {
            out.extend_from_slice(if number > 0.0 { b"Infinity" } else { b"-Infinity" })
        }
        ValueRef::Text(text) => out.extend_from_slice(text),
        ValueRef::Blob(bytes) => hex(bytes, out),
    }
}

fn json(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value {
        ValueRef::Text(text) => string(text, out),
        ValueRef::Blob(_) => quoted(value, out),
        _ => plain(value, out),
    }
}

fn quoted(value: ValueRef<'_>, out: &mut Vec<u8>) {
    out.push(b'"');
    plain(value, out);
    out.push(b'"');
}

/// A JSON string. Bytes that are not UTF-8 stay, so that the row is rejected for them and not
/// altered.
fn string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => put(out, format_args!("\\u{byte:04x}")),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

fn hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend(bytes.iter().flat_map(|&b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]));
}

fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<&serde_json::value::RawValue>(text).is_ok()
}

/// A date, or ISO 8601 in UTC of a time with a date; without an offset it is UTC already. `None`:
/// it is neither, or lies beyond the years 0001 to 9999.
fn time(text: &str) -> Option<String> {
    let text = text.trim_ascii();
    // ISO 8601 would read 20261124 as a date, and week dates; what people write has dashes.
    let head = text.as_bytes().first_chunk::<10>()?;
    let is_date = head.iter().enumerate().all(|(at, byte)| match at {
        4 | 7 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    if !is_date || head.starts_with(b"0000") {
        return None;
    }
    if text.len() == head.len() {
        return text.parse::<civil::Date>().ok().map(|date| date.to_string());
    }
    let pieces = Pieces::parse(text).ok()?;
    // The parser takes a second of 60 for one of 59, and a zone's name needs its rules.
    if text.contains(":60") || pieces.time_zone_annotation().is_some() {
        return None;
    }
    let written = pieces.date().to_datetime(pieces.time()?);
    let time = match pieces.to_numeric_offset() {
        Some(offset) => written.checked_sub(SignedDuration::from_secs(i64::from(offset.seconds()))).ok()?,
        None => written,
    };
    (1..=9999).contains(&time.year()).then(|| time.strftime("%Y-%m-%dT%H:%M:%S%.fZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ValueRef::{Blob, Integer, Null, Real, Text};

    fn written(kind: Kind, value: ValueRef<'_>) -> String {
        let mut out = Vec::new();
        if kind.write(value, &mut out) { String::from_utf8(out).unwrap() } else { "NULL".into() }
    }

    #[test]
    fn the_declaration_alone_decides_what_a_column_is() {
        let kinds = [
            (Some("BOOLEAN"), Kind::Bool),
            (Some("DATE"), Kind::Time),
            (Some("DATETIME"), Kind::Time),
            (Some(" timestamp with time zone"), Kind::Time),
            (Some("TIME"), Kind::Json),
            (Some("VARCHAR(20)"), Kind::Text),
            (Some("STRING"), Kind::Text),
            (Some("JSONB"), Kind::RawJson),
            (Some("INTEGER"), Kind::Json),
            (Some("DECIMAL(10,2)"), Kind::Json),
            (None, Kind::Json),
        ];
        for (declared, kind) in kinds {
            assert_eq!(Kind::of(declared), kind, "{declared:?}");
        }
    }

    #[test]
    fn every_value_has_one_text_whatever_its_neighbours_are() {
        let cases = [
            (Kind::Json, Integer(i64::MIN), "-9223372036854775808"),
            (Kind::Json, Real(0.1), "0.1"),
            (Kind::Json, Real(1e300), "1e300"),
            (Kind::Json, Real(f64::INFINITY), "Infinity"),
            (Kind::Json, Real(f64::NEG_INFINITY), "-Infinity"),
            (Kind::Json, Text("a\"\\\n\r\t\u{1}é".as_bytes()), "\"a\\\"\\\\\\n\\r\\t\\u0001é\""),
            (Kind::Json, Blob(&[0, 255]), "\"00ff\""),
            (Kind::Json, Null, "NULL"),
            (Kind::RawJson, Text(b"{\"a\":1}"), "{\"a\":1}"),
            (Kind::RawJson, Text(b"{a:1}"), "\"{a:1}\""),
            (Kind::Text, Integer(7), "7"),
            (Kind::Text, Text(b"7"), "7"),
            (Kind::Text, Blob(b"\x01"), "01"),
            (Kind::Bool, Integer(0), "false"),
            (Kind::Bool, Integer(1), "true"),
            (Kind::Bool, Integer(2), "2"),
            (Kind::Bool, Real(0.5), "0.5"),
            (Kind::Bool, Text(b" Yes "), "true"),
            (Kind::Bool, Text(b"off"), "false"),
            (Kind::Bool, Text(b"maybe"), "\"maybe\""),
            (Kind::Bool, Text(b""), "\"\""),
            (Kind::Time, Text(b"2026-11-24"), "\"2026-11-24\""),
            (Kind::Time, Text(b"2026-11-24 10:00:00"), "\"2026-11-24T10:00:00Z\""),
            (Kind::Time, Text(b"2026-11-24T10:00:00.250+02:00"), "\"2026-11-24T08:00:00.25Z\""),
            (Kind::Time, Text(b"2026-11-24 10:00"), "\"2026-11-24T10:00:00Z\""),
            (Kind::Time, Text(b"2026-02-30"), "\"2026-02-30\""),
            (Kind::Time, Text(b"12026-11-24 10:00:00"), "\"12026-11-24 10:00:00\""),
            (Kind::Time, Text(b"0001-01-01T00:00:00+01:00"), "\"0001-01-01T00:00:00+01:00\""),
            (Kind::Time, Text(b"9999-12-31 23:59:59+00"), "\"9999-12-31T23:59:59Z\""),
            (Kind::Time, Text(b"2026-11-24 10:00:60"), "\"2026-11-24 10:00:60\""),
            (
                Kind::Time,
                Text(b"2026-11-24T10:00:00+01:00[Europe/Berlin]"),
                "\"2026-11-24T10:00:00+01:00[Europe/Berlin]\"",
            ),
            (Kind::Time, Text(b"9999-12-31 23:59:59-11:00"), "\"9999-12-31 23:59:59-11:00\""),
            (Kind::Time, Text(b"20261124"), "\"20261124\""),
            (Kind::Time, Text(b"yesterday"), "\"yesterday\""),
            (Kind::Time, Text(b""), "\"\""),
            (Kind::Time, Integer(1_700_000_000), "1700000000"),
            (Kind::Time, Real(1.5), "1.5"),
        ];
        for (kind, value, text) in cases {
            assert_eq!(written(kind, value), text, "{kind:?} {value:?}");
        }
    }
}
