//! Values by the type of their column, identifiers, times, and what a rejection says.

use outflow_core::CallType::{Identify, Track};
use outflow_core::ColumnType::{
    self, Bool, Bytes, Char, Date, Float, Int, Interval, Json, Numeric, Text, Time, TimeTz, Timestamp,
    TimestampTz,
};
use outflow_core::{CallFlags, Code, RowPage};

use crate::support::{Cell, column, content, encoder, refused, run_cells, run_row, trait_of};

#[test]
fn every_type_has_its_form_as_a_trait() {
    for (ty, text, expected) in [
        (Bool, "t", "true"),
        (Bool, "f", "false"),
        (Int, "-42", "-42"),
        (Int, "9223372036854775807", "9223372036854775807"),
        (Numeric, "92.00000000", "92.00000000"),
        (Numeric, "12345678901234567890.12345678901234567890", "12345678901234567890.12345678901234567890"),
        (Float, "1e+20", "1e+20"),
        (Float, "0.1", "0.1"),
        (Text, "", r#""""#),
        (Text, "a \"b\"\\\n\r\t\u{8}\u{c}\u{1}é", r#""a \"b\"\\\n\r\t\b\f\u0001é""#),
        (Char, "US   ", r#""US""#),
        (Date, "2026-01-02", r#""2026-01-02""#),
        (Time, "03:04:05.678", r#""03:04:05.678""#),
        (TimeTz, "03:04:05+00", r#""03:04:05Z""#),
        (TimeTz, "03:04:05.6-03:30", r#""03:04:05.6-03:30""#),
        (TimeTz, "03:04:05+02", r#""03:04:05+02:00""#),
        (Timestamp, "2026-01-02 03:04:05.678", r#""2026-01-02T03:04:05.678Z""#),
        (TimestampTz, "2026-01-02 03:04:05+00", r#""2026-01-02T03:04:05Z""#),
        (TimestampTz, "2026-01-02 03:04:05.5+05:30", r#""2026-01-01T21:34:05.5Z""#),
        (Bytes, "\\xdeadbeef", r#""deadbeef""#),
        (Bytes, "deadbeef", r#""deadbeef""#),
        (Interval, "1 year 2 mons", r#""1 year 2 mons""#),
        (Json, r#"{"a": [1.00, null]}"#, r#"{"a": [1.00, null]}"#),
        (Json, "{\n \"a b\": 1\r\n}", r#"{"a b":1}"#),
        (Json, "\"TV\"", r#""TV""#),
    ] {
        assert_eq!(trait_of(ty, Some(text)), expected, "{ty:?}");
    }
}

#[test]
fn nulls_are_kept_as_traits_and_flagged() {
    let flags = |cells: &[Cell<'_>]| run_cells(Identify, cells).unwrap().0.meta.flags;
    let user = ("userId", Int, Some("1"));
    assert_eq!(trait_of(Text, None), "null");
    assert_eq!(flags(&[user, ("a.b", Text, None)]), CallFlags::NULLS);
    assert_eq!(flags(&[user, ("a", Json, Some(" null "))]), CallFlags::NULLS);
    assert_eq!(flags(&[user, ("a", Text, Some("")), ("anonymousId", Text, None)]), CallFlags(0));
    assert_eq!(flags(&[user, ("context.ip", Text, None)]), CallFlags(0));
}

#[test]
fn values_that_json_cannot_hold_are_rejected() {
    for (ty, text, code) in [
        (Float, "NaN", Code::NotFinite),
        (Float, "-Infinity", Code::NotFinite),
        (Numeric, "Infinity", Code::NotFinite),
        (Int, "007", Code::WrongType),
        (Numeric, "", Code::WrongType),
        (Bool, "maybe", Code::WrongType),
        (Json, "{", Code::InvalidJson),
        (Json, "", Code::InvalidJson),
        (Date, "infinity", Code::InvalidTime),
        (Date, "0044-03-15 BC", Code::InvalidTime),
        (Date, "10000-01-01", Code::InvalidTime),
        (Timestamp, "infinity", Code::InvalidTime),
        (TimestampTz, "0001-01-01 00:00:00+01", Code::InvalidTime),
    ] {
        let cells = [("userId", Int, Some("1")), ("t", ty, Some(text))];
        assert_eq!(refused(Identify, &cells), (code, "t".to_owned()), "{ty:?} {text:?}");
    }
    for ty in [Text, Char, Bytes, Interval, Time, Json] {
        let columns = [column("userId", Int), column("t", ty)];
        let row = [Some(b"1".to_vec()), Some(b"abcdefghi\xff".to_vec())];
        assert_eq!(run_row(Identify, &columns, &row).unwrap_err().code, Code::InvalidUtf8, "{ty:?}");
    }
}

#[test]
fn whole_numbers_beyond_2_to_the_53_are_kept_and_counted_per_column() {
    let columns = [column("userId", Int), column("a", Int), column("b", Numeric), column("c", Float)];
    let (mut encoder, mut out, mut page) = (encoder(Identify, &columns), Vec::new(), RowPage::default());
    page.push([Some(&b"9007199254740993"[..]), Some(b"9007199254740993"), Some(b"1"), Some(b"1e+20")]);
    page.push([Some(&b"1"[..]), Some(b"-9007199254740993"), Some(b"12345678901234567890"), None]);
    page.push([Some(&b"1"[..]), Some(b"9007199254740993"), Some(b"x"), None]);
    for row in page.iter() {
        let _rejected = encoder.shape(row, 0, &mut out);
    }
    assert!(out.windows(8).any(|w| w == b"34567890"));
    let counts: Vec<_> =
        encoder.findings().into_iter().map(|f| (f.code, f.column.unwrap(), f.rows)).collect();
    assert_eq!(counts, [(Code::LargeInteger, "a".to_owned(), 2), (Code::LargeInteger, "b".to_owned(), 1)]);
}

#[test]
fn identifiers_are_trimmed_strings_of_whole_numbers_or_text() {
    for (ty, text, expected) in [
        (Int, "-9223372036854775808", "-9223372036854775808"),
        (Numeric, "42.00", "42"),
        (Float, "42", "42"),
        (Text, " 42.50\t", "42.50"),
        (Char, "ab   ", "ab"),
        (Json, " 42.0 ", "42"),
        (Json, "\" a\\u0041 \"", "aA"),
        (Json, "true", "true"),
        (Bool, "t", "true"),
        (Bytes, "\\x00ff", "00ff"),
        (Date, "2026-01-02", "2026-01-02"),
        (Timestamp, "2026-01-02 03:04:05", "2026-01-02T03:04:05Z"),
    ] {
        let expected = format!(r#""type":"identify","userId":"{expected}"}}"#);
        assert_eq!(content(Identify, &[("userId", ty, Some(text))]), expected, "{ty:?}");
    }
    for (ty, text) in
        [(Numeric, "42.5"), (Float, "1e+20"), (Float, "NaN"), (Json, "[1]"), (Json, "{}"), (Json, "4.2")]
    {
        for name in ["userId", "anonymousId", "messageId"] {
            let cells = [("email", Text, Some("a@b.c")), (name, ty, Some(text))];
            assert_eq!(
                refused(Identify, &cells),
                (Code::InvalidIdentifier, name.to_owned()),
                "{ty:?} {text}"
            );
        }
    }
}

/// A timestamp that comes out as it should, both as `timestamp` and as `createdAt`.
fn moment(ty: ColumnType, text: &str) -> Result<String, Code> {
    let value = |name| -> Result<String, Code> {
        let cells = [("userId", Int, Some("1")), (name, ty, Some(text))];
        let (_, call, _) = run_cells(Identify, &cells).map_err(|rejection| rejection.code)?;
        let call: serde_json::Value = serde_json::from_slice(&call).unwrap();
        let value = if name == "timestamp" { &call["timestamp"] } else { &call["traits"]["createdAt"] };
        Ok(value.as_str().unwrap().to_owned())
    };
    let found = value("timestamp");
    assert_eq!(found, value("createdat"));
    found
}

#[test]
fn moments_come_from_dates_numbers_and_texts() {
    for (ty, text, expected) in [
        (Date, "2026-01-02", "2026-01-02T00:00:00Z"),
        (TimestampTz, "2026-01-02 03:04:05.67+01", "2026-01-02T02:04:05.67Z"),
        (Int, "1795509000", "2026-11-24T08:30:00Z"),
        (Int, "1795509000120", "2026-11-24T08:30:00.120Z"),
        (Int, "1795509000120345", "2026-11-24T08:30:00.120345Z"),
        (Int, "1795509000120345678", "2026-11-24T08:30:00.120345678Z"),
        (Int, "-1", "1969-12-31T23:59:59Z"),
        (Numeric, "1795509000.25", "2026-11-24T08:30:00.250Z"),
        (Float, "1.795509e+09", "2026-11-24T08:30:00Z"),
        (Text, "2026-11-24T08:30:00+01:00", "2026-11-24T07:30:00Z"),
        (Text, "2026-11-24 08:30", "2026-11-24T08:30:00Z"),
        (Json, "\"2026-11-24\"", "2026-11-24T00:00:00Z"),
        (Json, "1795509000", "2026-11-24T08:30:00Z"),
    ] {
        assert_eq!(moment(ty, text).as_deref(), Ok(expected), "{ty:?} {text}");
    }
    for (ty, text) in [
        (Text, "24/11/2026"),
        (Text, "1795509000"),
        (Int, "100000000000000000000"),
        (Float, "NaN"),
        (Date, "infinity"),
        (Bool, "t"),
        (Time, "12:00:00"),
        (Json, "{}"),
    ] {
        assert_eq!(moment(ty, text), Err(Code::InvalidTime), "{ty:?} {text}");
    }
}

#[test]
fn an_absent_created_at_is_a_null_trait() {
    for text in [None, Some(" ")] {
        let cells = [("userId", Int, Some("1")), ("CreatedAt", Text, text)];
        assert!(content(Identify, &cells).ends_with(r#""traits":{"createdAt":null}}"#));
        assert_eq!(run_cells(Identify, &cells).unwrap().0.meta.flags, CallFlags::NULLS);
    }
    let other = content(
        Track,
        &[("userId", Int, Some("1")), ("event", Text, Some("e")), ("createdAt", Int, Some("5"))],
    );
    assert!(other.ends_with(r#""properties":{"createdAt":5}}"#));
}

#[test]
fn event_and_name_are_text_whatever_they_come_from() {
    let event = |ty, text| content(Track, &[("userId", Int, Some("1")), ("event", ty, Some(text))]);
    for (ty, text, expected) in [
        (Text, " Order\u{1} ", r#"" Order\u0001 ""#),
        (Int, "5", r#""5""#),
        (Json, "\"x\\n\"", r#""x\n""#),
        (Json, "5.0", r#""5.0""#),
        (Char, "e  ", r#""e""#),
    ] {
        assert!(event(ty, text).ends_with(&format!(r#""event":{expected}}}"#)), "{}", event(ty, text));
    }
    let cells = [("userId", Int, Some("1")), ("event", Json, Some("[1]"))];
    assert_eq!(refused(Track, &cells), (Code::WrongType, "event".to_owned()));
}

#[test]
fn a_rejection_names_the_value_and_keeps_the_row() {
    let columns = [column("userId", Numeric), column("note", Text), column("gone", Text)];
    let row = [Some(b"42.5".to_vec()), Some(b"\xffx".to_vec()), None];
    let rejection = run_row(Identify, &columns, &row).unwrap_err();
    assert_eq!(
        (rejection.ordinal, rejection.code, rejection.column.as_deref()),
        (5, Code::InvalidIdentifier, Some("userId"))
    );
    assert!(rejection.reason.starts_with("\"42.5\" cannot be an identifier"), "{}", rejection.reason);
    assert_eq!(
        serde_json::Value::Object(rejection.row).to_string(),
        "{\"userId\":\"42.5\",\"note\":\"\u{fffd}x\",\"gone\":null}"
    );
}
