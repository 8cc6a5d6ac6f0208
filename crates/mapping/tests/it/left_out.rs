//! Values that cannot be sent: what is left out, what rejects the row, and what is counted.

use outflow_core::CallType::{Group, Identify, Track};
use outflow_core::ColumnType::{self, Array, Float, Hstore, Int, Json, Numeric, Text, TimestampTz};
use outflow_core::ports::spool::Rejection;
use outflow_core::{CallType, Code, Column, ElementType, OnInvalidValue, RowPage, RunKey, Timestamp};
use outflow_mapping::{EventIdentity, Plan, RowEncoder};

use crate::support::{Cell, column, content, refused, trait_of};

type Counted = Vec<(Code, String, u64)>;

/// The call that a row becomes where values may be left out, from `"type"` on, and what is counted.
fn lenient(call: CallType, cells: &[Cell<'_>]) -> Result<(String, Counted), Box<Rejection>> {
    let columns: Vec<Column> = cells.iter().map(|(name, ty, _)| column(name, *ty)).collect();
    let plan = Plan::compile(call, &columns).unwrap();
    let encoder = RowEncoder::new(plan, RunKey(7), Timestamp::UNIX_EPOCH);
    shaped(encoder.on_invalid_value(OnInvalidValue::OmitField), cells)
}

fn shaped(mut encoder: RowEncoder, cells: &[Cell<'_>]) -> Result<(String, Counted), Box<Rejection>> {
    let mut page = RowPage::default();
    page.push(cells.iter().map(|(_, _, text)| text.map(str::as_bytes)));
    let mut out = Vec::new();
    encoder.shape(page.iter().next().unwrap(), 0, &mut out)?;
    let text = String::from_utf8(out).unwrap();
    let start = text.find("\"type\"").unwrap();
    let findings = encoder.findings().into_iter();
    let counted = findings.map(|f| (f.code, f.column.unwrap_or_default(), f.rows)).collect();
    Ok((text[start..].to_owned(), counted))
}

const USER: Cell<'static> = ("userId", Int, Some("1"));

#[test]
fn a_bad_trait_is_left_out_and_the_rest_is_sent() {
    let bad: [(ColumnType, &str); 6] = [
        (TimestampTz, "infinity"),
        (TimestampTz, "12026-01-01 00:00:00+00"),
        (Float, "NaN"),
        (Json, "{"),
        (Array(ElementType::Float), "{1,NaN}"),
        (Hstore, "a=>"),
    ];
    for (ty, text) in bad {
        let (call, counted) =
            lenient(Identify, &[USER, ("t", ty, Some(text)), ("plan", Text, Some("pro"))]).unwrap();
        assert_eq!(call, r#""type":"identify","userId":"1","traits":{"plan":"pro"}}"#, "{text}");
        assert_eq!(counted, [(Code::ValueLeftOut, "t".to_owned(), 1)], "{text}");
    }
    let cells = [
        USER,
        ("context", Json, Some(r#"{"active":"maybe","ip":"::1"}"#)),
        ("context.network.wifi", Text, Some("?")),
    ];
    let (call, counted) = lenient(Identify, &cells).unwrap();
    assert_eq!(call, r#""type":"identify","userId":"1","context":{"ip":"::1"}}"#);
    let left = |name: &str| (Code::ValueLeftOut, name.to_owned(), 1);
    assert_eq!(counted, [left("context"), left("context.network.wifi")]);
    let (call, _) = lenient(Identify, &[USER, ("createdAt", Text, Some("soon"))]).unwrap();
    assert_eq!(call, r#""type":"identify","userId":"1"}"#);
}

#[test]
fn what_decides_about_the_call_rejects_the_row() {
    let cases: [(&[Cell<'_>], Code); 6] = [
        (&[("userId", Json, Some("[1]")), ("a", Int, Some("1"))], Code::InvalidIdentifier),
        (&[USER, ("timestamp", Text, Some("soon"))], Code::InvalidTime),
        (&[USER, ("integrations.All", Text, Some("maybe"))], Code::WrongType),
        (&[USER, ("traits", Text, Some("hello"))], Code::InvalidJson),
        (&[USER, ("context", Json, Some("[1]"))], Code::WrongType),
        (
            &[("email", Text, Some("ada\u{0}")), ("traits.x", Float, Some("NaN")), ("userId", Text, None)],
            Code::NotFinite,
        ),
    ];
    for (cells, code) in &cases[..5] {
        assert_eq!(lenient(Identify, cells).unwrap_err().code, *code, "{cells:?}");
    }
    // One that stands in for an identifier is good here.
    assert!(lenient(Identify, cases[5].0).is_ok());
}

#[test]
fn an_event_is_not_sent_without_what_tells_it_apart() {
    let cells = [USER, ("event", Text, Some("e")), ("at", TimestampTz, Some("infinity"))];
    let columns: Vec<Column> = cells.iter().map(|(name, ty, _)| column(name, *ty)).collect();
    let plan = Plan::compile(Track, &columns).unwrap();
    let events = EventIdentity::by_content(&plan, &["at".to_owned()], None).unwrap();
    let encoder = RowEncoder::new(plan, RunKey(7), Timestamp::UNIX_EPOCH).with_events(Some(events));
    let rejected = shaped(encoder.on_invalid_value(OnInvalidValue::OmitField), &cells).unwrap_err();
    assert_eq!((rejected.code, rejected.column.as_deref()), (Code::InvalidTime, Some("at")));
}

#[test]
fn arrays_and_hstore_go_where_json_goes() {
    let tags = Array(ElementType::Text);
    assert_eq!(trait_of(tags, Some("{a,\"b c\",NULL}")), r#"["a","b c",null]"#);
    assert_eq!(trait_of(Array(ElementType::Int), Some("[0:1]={1,2}")), "[1,2]");
    assert_eq!(trait_of(Hstore, Some(r#""plan"=>"pro", "seats"=>NULL"#)), r#"{"plan":"pro","seats":null}"#);
    let of = |name, ty, text| content(Identify, &[USER, (name, ty, Some(text))]);
    let keywords = of("context.page.keywords", tags, "{a,b}");
    assert!(keywords.ends_with(r#""context":{"page":{"keywords":["a","b"]}}}"#), "{keywords}");
    let traits = of("traits", Hstore, r#""plan"=>"pro""#);
    assert!(traits.ends_with(r#""traits":{"plan":"pro"}}"#), "{traits}");
    assert_eq!(refused(Identify, &[("userId", tags, Some("{1}"))]).0, Code::InvalidIdentifier);
    assert_eq!(refused(Identify, &[USER, ("context.ip", tags, Some("{1}"))]).0, Code::WrongType);
}

#[test]
fn halves_of_surrogate_pairs_are_replaced_and_counted() {
    let cells =
        [USER, ("a", Json, Some(r#"{"x":"\ud83d"}"#)), ("b", Json, Some(r#"["\udc00\ud83d\ude00"]"#))];
    let (call, counted) = lenient(Identify, &cells).unwrap();
    assert!(call.ends_with(r#""traits":{"a":{"x":"\ufffd"},"b":["\ufffd\ud83d\ude00"]}}"#), "{call}");
    let half = |name: &str| (Code::LoneSurrogate, name.to_owned(), 1);
    assert_eq!(counted, [half("a"), half("b")]);
}

#[test]
fn numbers_beyond_2_to_the_53_are_counted_wherever_they_stand() {
    for (ty, text) in [
        (Numeric, "9007199254740993.5"),
        (Json, "9007199254740993"),
        (Json, r#"{"a":[1,-9007199254740993]}"#),
        (Array(ElementType::Int), "{1,9007199254740993}"),
    ] {
        let (_, counted) = lenient(Identify, &[USER, ("t", ty, Some(text))]).unwrap();
        assert_eq!(counted, [(Code::LargeInteger, "t".to_owned(), 1)], "{text}");
    }
    let (_, counted) =
        lenient(Identify, &[USER, ("traits", Json, Some(r#"{"a":9007199254740993}"#))]).unwrap();
    assert_eq!(counted, [(Code::LargeInteger, "traits".to_owned(), 1)]);
    for text in ["9007199254740992", "1e300", "0.12345678901234567890"] {
        let (_, counted) = lenient(Identify, &[USER, ("t", Json, Some(text))]).unwrap();
        assert_eq!(counted, [], "{text}");
    }
}

#[test]
fn identifiers_lose_what_is_invisible_at_their_ends() {
    for (text, id, code) in [
        ("ada\u{a0}", Some("ada"), Some(Code::UnseenCharacters)),
        ("\u{feff}ada\u{200b}", Some("ada"), Some(Code::UnseenCharacters)),
        ("a\u{200b}da", Some("a\u{200b}da"), Some(Code::UnseenCharacters)),
        ("undefined", Some("undefined"), Some(Code::PlaceholderIdentifier)),
        (" ada ", Some("ada"), None),
        ("\u{3000}\u{200b}", None, None),
    ] {
        let made = lenient(Identify, &[("userId", Text, Some(text)), ("anonymousId", Int, Some("7"))]);
        let (call, counted) = made.unwrap();
        let expected = id.map_or(r#""anonymousId""#.to_owned(), |id| format!(r#""userId":"{id}""#));
        assert!(call.contains(&expected) && call.contains("userId") == id.is_some(), "{call}");
        let codes: Vec<Code> = counted.into_iter().map(|(code, ..)| code).collect();
        assert_eq!(codes, code.into_iter().collect::<Vec<_>>(), "{text:?}");
    }
}

#[test]
fn two_object_types_are_a_contradiction_and_one_twice_is_none() {
    let row = |a, b| {
        [("groupId", Int, Some("1")), USER, ("objectTypeId", Int, Some(a)), ("object_type_id", Text, Some(b))]
    };
    assert_eq!(refused(Group, &row("4", "3")).0, Code::ContradictoryObjectTypes);
    assert!(lenient(Group, &row("4", "04.0")).is_ok());
    let whole =
        |json| [("groupId", Int, Some("1")), ("objectTypeId", Int, Some("4")), ("traits", Json, Some(json))];
    assert_eq!(refused(Group, &whole(r#"{"object_type_id":3}"#)).0, Code::ContradictoryObjectTypes);
    assert!(lenient(Group, &whole(r#"{"object_type_id":"4"}"#)).is_ok());
}

#[test]
fn a_reason_names_what_to_write() {
    let reason = |ty, text| {
        let cells = [USER, ("t", ty, Some(text))];
        crate::support::run_cells(Identify, &cells).unwrap_err().reason
    };
    for (ty, text, says) in [
        (
            TimestampTz,
            "infinity",
            "; write NULLIF(…, 'infinity') around what the query selects as t, or cast it to text",
        ),
        (TimestampTz, "12026-03-01 10:00:00+00", "beyond the year 9999, which is mostly a typing error"),
        (TimestampTz, "0044-03-15 10:00:00+00 BC", "before the year 1, which is mostly a typing error"),
        (Float, "NaN", "; write NULLIF(…, 'NaN') around what the query selects as t"),
        (
            Json,
            "hello",
            "expected a value at character 1; fix it where it is stored, or cast what the query selects as t to text",
        ),
    ] {
        let reason = reason(ty, text);
        assert!(reason.contains(says), "{reason}");
    }
    let whole = |ty, text| {
        let cells = [USER, ("traits", ty, Some(text))];
        crate::support::run_cells(Identify, &cells).unwrap_err().reason
    };
    let place = "expected a name in double quotes at character 8; fix it where it is stored, or";
    let text = whole(Text, r#"{"a":1,}"#);
    assert!(
        text.contains(place) && text.ends_with("name the column otherwise to send it as a text"),
        "{text}"
    );
    // What SQLite has in a column of JSON that is none.
    let quoted = whole(Json, r#""{\"a\":1,}""#);
    assert!(quoted.starts_with(r#""{\"a\":1,}" is not JSON"#) && quoted.contains(place), "{quoted}");
    let array = reason(Array(ElementType::Float), "{1.5,NaN}");
    assert!(
        array.ends_with("write array_replace(…, 'NaN', NULL) around what the query selects as t"),
        "{array}"
    );
}
