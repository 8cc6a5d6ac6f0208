//! SQLite's values as the texts that [`outflow_core::row`] requires.
//!
//! In SQLite any column may hold any kind of value, whatever its declaration says, so a declaration
//! is believed only as far as no text can lie:
//!
//! | declared | first value | the column is | and a value becomes |
//! | --- | --- | --- | --- |
//! | BOOL… | 0, 1 or NULL | boolean | `f` for 0, `t` for other numbers, and for the words true, false, t, f, yes, no, y, n, on, off, 1, 0 what they say |
//! | DATE | a date or NULL | date | itself; of a date with a time, the date |
//! | DATETIME, TIMESTAMP… | a time with a date, or NULL | timestamp | the same time in UTC |
//! | TIME… | a time of day or NULL | time | itself, with seconds |
//! | CHAR, TEXT, CLOB… | any | text | its text; of a blob, the hexadecimal digits |
//! | JSON… | any | JSON | text that is JSON: itself; else as below |
//! | anything else, or nothing | any | JSON | a number, a JSON string, or a JSON string of a blob's hexadecimal digits |
//!
//! A column whose first value does not fit its declaration is JSON too: integers in a TIMESTAMP
//! column arrive as numbers, which a `timestamp` field takes as Unix time. Later values that do not
//! fit are written as the times that they mean where they mean one (integers as Unix seconds, from
//! 1e11 on as milliseconds), blank texts as NULL, and else as their own text: then the row is
//! rejected with a reason, and not guessed at.
//!
//! What always holds: JSON columns hold valid JSON wherever the text is valid UTF-8; numbers keep
//! every digit and read back as themselves.

use std::io::Write as _;

use jiff::civil;
use outflow_core::{ColumnType, Timestamp};
use rusqlite::types::ValueRef;

/// How a column's values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Date,
    Time,
    Timestamp,
    Text,
    /// JSON, with texts taken for JSON where they are.
    RawJson,
    Json,
}

impl Kind {
    /// The kind of a column, from its declared type and the value in the first row.
    pub fn of(declared: Option<&str>, first: Option<ValueRef<'_>>) -> Kind {
        let declared = declared.unwrap_or_default().trim_start().to_ascii_uppercase();
        let starts = |word: &str| declared.starts_with(word);
        let wanted = if starts("BOOL") {
            Kind::Bool
        } else if starts("DATETIME") || starts("TIMESTAMP") {
            Kind::Timestamp
        } else if starts("DATE") {
            Kind::Date
        } else if starts("TIME") {
            Kind::Time
        } else if starts("JSON") {
            Kind::RawJson
        } else if ["CHAR", "CLOB", "TEXT", "STRING", "UUID"].iter().any(|word| declared.contains(word)) {
            Kind::Text
        } else {
            Kind::Json
        };
        match first {
            Some(value) if !wanted.fits(value) => Kind::Json,
            _ => wanted,
        }
    }

    fn fits(self, value: ValueRef<'_>) -> bool {
        let text = match value {
            ValueRef::Null => return true,
            ValueRef::Text(text) => std::str::from_utf8(text).ok(),
            _ => None,
        };
        match self {
            Kind::Bool => matches!(value, ValueRef::Integer(0 | 1)),
            // A declared DATE that holds times as well would lose them.
            Kind::Date => text.is_some_and(|text| is_date(text.as_bytes()) || text.trim().is_empty()),
            Kind::Time => text.is_some_and(|text| time(text).is_some() || text.trim().is_empty()),
            Kind::Timestamp => text.is_some_and(|text| timestamp(text).is_some() || text.trim().is_empty()),
            Kind::Text | Kind::RawJson | Kind::Json => true,
        }
    }

    pub fn column_type(self) -> ColumnType {
        match self {
            Kind::Bool => ColumnType::Bool,
            Kind::Date => ColumnType::Date,
            Kind::Time => ColumnType::Time,
            Kind::Timestamp => ColumnType::Timestamp,
            Kind::Text => ColumnType::Text,
            Kind::RawJson | Kind::Json => ColumnType::Json,
        }
    }

    /// Appends the value's text. `false`: the value is NULL, and nothing was appended.
    pub fn write(self, value: ValueRef<'_>, out: &mut Vec<u8>) -> bool {
        if value == ValueRef::Null {
            return false;
        }
        match (self, value) {
            (Kind::Json, _) => json(value, out),
            (Kind::RawJson, ValueRef::Text(text)) if is_json(text) => out.extend_from_slice(text),
            (Kind::RawJson, _) => json(value, out),
            (Kind::Text, _) => plain(value, out),
            (Kind::Bool | Kind::Date | Kind::Time | Kind::Timestamp, ValueRef::Text(text)) => {
                let text = text.trim_ascii();
                if text.is_empty() {
                    return false;
                }
                match std::str::from_utf8(text).ok().and_then(|text| self.understood(text)) {
                    Some(understood) => out.extend_from_slice(understood.as_bytes()),
                    None => out.extend_from_slice(text),
                }
            }
            (Kind::Bool, ValueRef::Integer(number)) => out.push(if number == 0 { b'f' } else { b't' }),
            (Kind::Bool, ValueRef::Real(number)) => out.push(if number == 0.0 { b'f' } else { b't' }),
            (Kind::Timestamp, ValueRef::Integer(number)) => match unix(number) {
                Some(time) => put(out, format_args!("{}", time.strftime("%Y-%m-%d %H:%M:%S%.f"))),
                None => plain(value, out),
            },
            (Kind::Date, ValueRef::Integer(number)) => match unix(number) {
                Some(time) => put(out, format_args!("{}", time.strftime("%Y-%m-%d"))),
                None => plain(value, out),
            },
            (_, _) => plain(value, out),
        }
        true
    }

    /// A text of a column of this kind, in its one form. Without surrounding blanks.
    fn understood(self, text: &str) -> Option<std::borrow::Cow<'_, str>> {
        match self {
            Kind::Bool => {
                let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
                if is(&["true", "t", "yes", "y", "on", "1"]) {
                    Some("t".into())
                } else {
                    is(&["false", "f", "no", "n", "off", "0"]).then(|| "f".into())
                }
            }
            Kind::Date if is_date(text.as_bytes()) => Some(text.into()),
            Kind::Date => timestamp(text).map(|text| text[..10].to_owned().into()),
            Kind::Time => time(text),
            _ => timestamp(text),
        }
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
        ValueRef::Real(number) if !number.is_finite() => quoted(value, out),
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

/// `dddd-dd-dd`; whether there is such a day is found out later.
fn is_date(text: &[u8]) -> bool {
    matches!(text, [a, b, c, d, b'-', e, f, b'-', g, h] if [a, b, c, d, e, f, g, h].iter().all(|x| x.is_ascii_digit()))
}

/// `dd:dd:dd`, and a fraction if there is one.
fn is_time(text: &[u8]) -> bool {
    let Some((head, fraction)) = text.split_at_checked(8) else { return false };
    let whole = matches!(head, [a, b, b':', c, d, b':', e, f] if [a, b, c, d, e, f].iter().all(|x| x.is_ascii_digit()));
    whole
        && match fraction {
            [] => true,
            [b'.', digits @ ..] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
            _ => false,
        }
}

fn time(text: &str) -> Option<std::borrow::Cow<'_, str>> {
    if is_time(text.as_bytes()) {
        return Some(text.into());
    }
    let time: civil::Time = text.parse().ok()?;
    Some(time.strftime("%H:%M:%S%.f").to_string().into())
}

/// `YYYY-MM-DD HH:MM:SS[.f]` in UTC, from that form, a date alone, or ISO 8601 with or without an
/// offset.
fn timestamp(text: &str) -> Option<std::borrow::Cow<'_, str>> {
    let bytes = text.as_bytes();
    if bytes.get(10) == Some(&b' ') && is_date(&bytes[..10]) && is_time(&bytes[11..]) {
        return Some(text.into());
    }
    if is_date(bytes) {
        return Some(format!("{text} 00:00:00").into());
    }
    const FORM: &str = "%Y-%m-%d %H:%M:%S%.f";
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.strftime(FORM).to_string().into());
    }
    // A numeric text is no time, though ISO 8601 would read 20261124 as one.
    if bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    text.parse::<civil::DateTime>().ok().map(|time| time.strftime(FORM).to_string().into())
}

/// Unix seconds, or milliseconds from 1e11 on: the rule that `shape` has for integers.
fn unix(number: i64) -> Option<Timestamp> {
    if number.unsigned_abs() >= 100_000_000_000 {
        Timestamp::from_millisecond(number).ok()
    } else {
        Timestamp::from_second(number).ok()
    }
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
    fn a_declaration_counts_only_if_the_first_value_fits() {
        let kinds = [
            (Some("BOOLEAN"), Integer(1), Kind::Bool),
            (Some("bool"), Integer(2), Kind::Json),
            (Some("BOOLEAN"), Text(b"maybe"), Kind::Json),
            (Some("DATE"), Text(b"2026-11-24"), Kind::Date),
            (Some("DATE"), Text(b"2026-11-24 10:00:00"), Kind::Json),
            (Some("DATETIME"), Text(b"2026-11-24T10:00:00Z"), Kind::Timestamp),
            (Some("TIMESTAMP"), Integer(1_700_000_000), Kind::Json),
            (Some("TIMESTAMP"), Null, Kind::Timestamp),
            (Some("TIMESTAMP"), Text(b"yesterday"), Kind::Json),
            (Some("TIME"), Text(b"10:00"), Kind::Time),
            (Some("VARCHAR(20)"), Integer(5), Kind::Text),
            (Some("JSON"), Text(b"{}"), Kind::RawJson),
            (Some("INTEGER"), Text(b"abc"), Kind::Json),
            (None, Integer(5), Kind::Json),
        ];
        for (declared, first, kind) in kinds {
            assert_eq!(Kind::of(declared, Some(first)), kind, "{declared:?} {first:?}");
        }
        assert_eq!(Kind::of(Some("DATE"), None), Kind::Date);
    }

    #[test]
    fn every_value_has_one_text() {
        let cases = [
            (Kind::Json, Integer(i64::MIN), "-9223372036854775808"),
            (Kind::Json, Real(0.1), "0.1"),
            (Kind::Json, Real(1.0), "1.0"),
            (Kind::Json, Real(1e300), "1e300"),
            (Kind::Json, Real(f64::INFINITY), "\"Infinity\""),
            (Kind::Json, Text("a\"b\\\n\u{1}é".as_bytes()), "\"a\\\"b\\\\\\n\\u0001é\""),
            (Kind::Json, Blob(&[0, 255]), "\"00ff\""),
            (Kind::Json, Null, "NULL"),
            (Kind::RawJson, Text(b"{\"a\": 1}"), "{\"a\": 1}"),
            (Kind::RawJson, Text(b"{a}"), "\"{a}\""),
            (Kind::Text, Integer(5), "5"),
            (Kind::Text, Real(2.5), "2.5"),
            (Kind::Text, Blob(&[1]), "01"),
            (Kind::Bool, Integer(0), "f"),
            (Kind::Bool, Integer(7), "t"),
            (Kind::Bool, Text(b" Yes "), "t"),
            (Kind::Bool, Text(b"maybe"), "maybe"),
            (Kind::Bool, Text(b" "), "NULL"),
            (Kind::Date, Text(b"2026-11-24"), "2026-11-24"),
            (Kind::Date, Text(b"2026-11-24T10:00:00Z"), "2026-11-24"),
            (Kind::Date, Integer(0), "1970-01-01"),
            (Kind::Time, Text(b"10:00"), "10:00:00"),
            (Kind::Time, Text(b"10:00:00.5"), "10:00:00.5"),
            (Kind::Timestamp, Text(b"2026-11-24 10:00:00.123"), "2026-11-24 10:00:00.123"),
            (Kind::Timestamp, Text(b"2026-11-24T10:00:00.5"), "2026-11-24 10:00:00.5"),
            (Kind::Timestamp, Text(b"2026-11-24T10:00:00+02:00"), "2026-11-24 08:00:00"),
            (Kind::Timestamp, Text(b"2026-11-24 10:00:00Z"), "2026-11-24 10:00:00"),
            (Kind::Timestamp, Text(b"2026-11-24"), "2026-11-24 00:00:00"),
            (Kind::Timestamp, Integer(1_700_000_000), "2023-11-14 22:13:20"),
            (Kind::Timestamp, Integer(1_700_000_000_250), "2023-11-14 22:13:20.25"),
            (Kind::Timestamp, Text(b"20261124"), "20261124"),
            (Kind::Timestamp, Text(b"yesterday"), "yesterday"),
            (Kind::Timestamp, Text(b""), "NULL"),
        ];
        for (kind, value, text) in cases {
            assert_eq!(written(kind, value), text, "{kind:?} {value:?}");
        }
    }
}
