//! The crate and the reference agree, on random rows of random columns.

use std::collections::BTreeSet;

use outflow_core::{CallType, Column, ColumnType as Ty, RunKey, hash};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use crate::support::{CLOCK, column, run_row};
use crate::{convert, placing, reference};

const TYPES: [Ty; 14] = [
    Ty::Bool,
    Ty::Int,
    Ty::Numeric,
    Ty::Float,
    Ty::Text,
    Ty::Char,
    Ty::Date,
    Ty::Time,
    Ty::TimeTz,
    Ty::Timestamp,
    Ty::TimestampTz,
    Ty::Json,
    Ty::Bytes,
    Ty::Interval,
];

/// Names that a call reserves, in any case.
const RESERVED: [&str; 27] = [
    "userId",
    "userid",
    "USERID",
    "anonymousId",
    "anonymousid",
    "event",
    "groupId",
    "groupid",
    "objectTypeId",
    "objecttypeid",
    "name",
    "Name",
    "category",
    "previousId",
    "previousid",
    "timestamp",
    "messageId",
    "messageid",
    "context",
    "Context",
    "integrations",
    "traits",
    "properties",
    "email",
    "createdAt",
    "createdat",
    "object_type_id",
];

const PATHS: [&str; 49] = [
    "context.active",
    "context__active",
    "context.channel",
    "context.ip",
    "context.locale",
    "context.useragent",
    "context.campaign",
    "context.campaign.name",
    "context__campaign__Term",
    "context.campaign.utm_x",
    "context.campaign.name.x",
    "context.page.url",
    "context.page.keywords",
    "context__page__keywords",
    "context.page.extra",
    "context.page",
    "context.app.version",
    "context.device.type",
    "context.device.advertisingid",
    "context.network.wifi",
    "context.network.Bluetooth",
    "context.network.carrier",
    "context.os.name",
    "context.other",
    "context.other.deep",
    "context.",
    "context..x",
    "CONTEXT.IP",
    "integrations.all",
    "integrations.Mixpanel",
    "integrations.Customer.io",
    "integrations__Slack",
    "integrations.",
    "traits.plan",
    "traits__plan",
    "traits.address.city",
    "traits.address",
    "traits.email",
    "traits.createdAt",
    "traits.object_type_id",
    "properties.value",
    "properties.category",
    "properties__cart__total",
    "address.city",
    "address.zip",
    "address.geo.lat",
    "address",
    "a..b",
    "properties.a.b",
];

const PLAIN: [&str; 10] = [
    "plan",
    "fname",
    "Plan",
    "value",
    "region__c",
    "created_at",
    "naïve \"x\"",
    "time on page",
    "?column?",
    "",
];

const TEXTS: [&str; 72] = [
    "",
    " ",
    "  \t",
    "x",
    " 42 ",
    "42",
    "42.00",
    "42.5",
    "-7",
    "0",
    "007",
    "1e+20",
    "1e-05",
    "1e15",
    "NaN",
    "Infinity",
    "-Infinity",
    "9007199254740992",
    "9007199254740993",
    "12345678901234567890123",
    "-9223372036854775808",
    "1.0",
    "2.50",
    "01.000",
    "t",
    "f",
    "true",
    "FALSE",
    "yes",
    "No",
    "maybe",
    "browser",
    "Mobile",
    " iOS",
    "android",
    "desktop",
    "a,b , ,c",
    ",",
    "2026-01-02",
    "2026-01-02 03:04:05",
    "2026-01-02 03:04:05.678901+00",
    "2026-01-02T03:04:05Z",
    "2026-01-02 03:04:05.1-03:30",
    "2026-01-02 03:04",
    "0001-01-01 00:00:00+01",
    "9999-12-31 23:59:59.9-01",
    "0044-03-15 BC",
    "infinity",
    "2026-02-30",
    "10000-01-01",
    "12:34:56",
    "12:34:56.7+00",
    "12:34:56-03",
    "12:34:56+05:30",
    "1767312000",
    "1767312000123",
    "1767312000.25",
    "-1.5",
    "\\xdeadbeef",
    "deadbeef",
    "1 year 2 mons",
    "say \"hi\" \\ \n\r\t\u{1}\u{7f}",
    "東京 😀",
    "a\u{2028}b",
    "a@example.com",
    "0.000000",
    "-0",
    "-0.00",
    "1.7673e+09",
    "100000000000",
    "99999999999",
    "253402300800",
];

const JSON: [&str; 46] = [
    "null",
    "true",
    "false",
    "1",
    "-2.50",
    "42.00",
    "1e3",
    "\"\"",
    "\"  \"",
    "\" text \"",
    "\"42\"",
    "\"a\\n\\u00e9\\ud83d\\ude00\"",
    "\"\\ud800\"",
    "[]",
    "[1,\"a\",null,true,\" \"]",
    "[[1]]",
    "{}",
    "{\"a\":{\"b\":[1,2.0,{}]}}",
    "{\n  \"a\": 1\n}",
    "[1,",
    "nope",
    "{\"a\":1}x",
    "{\"email\":\" x@example.com \"}",
    "{\"email\":\" \"}",
    "{\"email\":5,\"plan\":\"pro\"}",
    "{\"object_type_id\":3}",
    "{\"object_type_id\":\"x\"}",
    "{\"object_type_id\":null,\"a\":1}",
    "{\"object\\u005ftype_id\":\"04\"}",
    "{\"category\":\"c\",\"value\":1}",
    "{\"address\":{\"city\":\"Bonn\",\"street\":\"x\"},\"plan\":null}",
    "{\"address\":7}",
    "{\"active\":\"t\",\"USERAGENT\":7,\"foo\":null}",
    "{\"active\":\"maybe\"}",
    "{\"channel\":\"Server\",\"campaign\":{\"Name\":\"n\",\"x\":1,\"y\":null}}",
    "{\"channel\":\"tv\",\"device\":{\"TYPE\":\"TV\"}}",
    "{\"campaign\":\"spring\"}",
    "{\"campaign\":{},\"page\":{\"keywords\":\"a, b\",\"Url\":\" \"}}",
    "{\"page\":{\"keywords\":[1,\"x\"]}}",
    "{\"page\":{\"keywords\":[{}]}}",
    "{\"all\":false,\"Mixpanel\":true}",
    "{\"Mixpanel\":{\"group\":1},\"Slack\":null}",
    "{\"Slack\":[1]}",
    "{\"Slack\":\"no\"}",
    "\"2026-01-02 03:04:05+01\"",
    "1767312000.5",
];

fn texts() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => select(&TEXTS[..]).prop_map(|t| t.as_bytes().to_vec()),
        4 => select(&JSON[..]).prop_map(|t| t.as_bytes().to_vec()),
        1 => ".{0,40}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..20),
        1 => any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        1 => any::<f64>().prop_map(|n| format!("{n:e}").into_bytes()),
        1 => (0..300_000_000_000_i64).prop_map(|n| n.to_string().into_bytes()),
        1 => "[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,12})?)?([+-][0-9]{2}(:?[0-9]{2}(:[0-9]{2})?)?|Z)?".prop_map(String::into_bytes),
        1 => "20[0-9]{2}-0[1-9]-[01][1-9][ T][01][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?([+-]0[0-9](:?[0-5][0-9])?|Z)?".prop_map(String::into_bytes),
    ]
}

/// A text that suits the type, so that whole rows are often good.
fn suited(ty: Ty) -> BoxedStrategy<Vec<u8>> {
    let pool: &'static [&'static str] = match ty {
        Ty::Bool => &["t", "f"],
        Ty::Int => &["0", "42", "-7", "9007199254740993", "1767312000"],
        Ty::Numeric => &["0", "42.00", "1.5", "1767312000123", "12345678901234567890"],
        Ty::Float => &["0.1", "42", "1e+20", "-1.5"],
        Ty::Date => &["2026-01-02", "1999-12-31"],
        Ty::Time => &["12:34:56", "00:00:00.123"],
        Ty::TimeTz => &["12:34:56+00", "12:34:56.5-03:30", "01:00:00+02"],
        Ty::Timestamp => &["2026-01-02 03:04:05", "2026-01-02 03:04:05.678"],
        Ty::TimestampTz => &["2026-01-02 03:04:05+00", "2026-01-02 03:04:05.678+05:30"],
        Ty::Json => &JSON,
        Ty::Bytes => &["\\x00ff", "00ff", ""],
        Ty::Interval => &["1 year", "10 days 48 hours"],
        Ty::Array(_) => &["{}", "{1,NULL}", "{a,\"b c\"}"],
        Ty::Hstore => &["", "\"a\"=>\"b\""],
        Ty::Text | Ty::Char | Ty::Opaque => {
            &["a", "b  ", "naïve", "a@example.com", "1", "t", "ios", "{\"plan\":1}", "2026-01-02T03:04:05Z"]
        }
    };
    select(pool).prop_map(|t| t.as_bytes().to_vec()).boxed()
}

fn columns() -> impl Strategy<Value = Vec<Column>> {
    let name = prop_oneof![
        5 => select(&RESERVED[..]),
        5 => select(&PATHS[..]),
        2 => select(&PLAIN[..]),
    ];
    let text = Just(Ty::Text);
    proptest::collection::vec((name, prop_oneof![text, select(&TYPES[..])]), 1..9)
        .prop_map(|columns| columns.into_iter().map(|(name, ty)| column(name, ty)).collect())
}

/// What the type cannot do without, so that most plans compile.
fn with_required(call: CallType, mut columns: Vec<Column>, types: [Ty; 2]) -> Vec<Column> {
    let required: &[&str] = match call {
        CallType::Identify => &["userid"],
        CallType::Track => &["Event", "anonymousid"],
        CallType::Group => &["groupid"],
        CallType::Page | CallType::Screen => &["name", "userId"],
        CallType::Alias => &["previousid", "userid"],
    };
    for (name, ty) in required.iter().zip(types) {
        if !columns.iter().any(|c| c.name.eq_ignore_ascii_case(name)) {
            columns.push(column(name, ty));
        }
    }
    columns
}

/// Drops the columns that stand in the way of others.
fn without_problems(call: CallType, columns: Vec<Column>) -> Vec<Column> {
    let mut kept = Vec::new();
    for column in columns {
        kept.push(column);
        let (_, problems) = placing::place_all(call, &kept);
        if problems.iter().any(|code| code.as_str() != "Q005") {
            kept.pop();
        }
    }
    kept
}

fn check(call: CallType, columns: &[Column], row: &[Option<Vec<u8>>]) -> Result<(), TestCaseError> {
    let (paths, problems) = placing::place_all(call, columns);
    prop_assert!(problems.is_empty(), "{:?}", problems);
    let got = run_row(call, columns, row);
    let expected = reference::shape(call, columns, &paths, row);
    let (shaped, text, findings) = match (got, expected) {
        (Ok(got), Ok(_)) => got,
        (Err(rejection), Err(fault)) => {
            prop_assert_eq!((rejection.code, rejection.column.clone()), fault, "{:?}", rejection);
            prop_assert_eq!(rejection.row.len(), columns.len());
            return Ok(());
        }
        (got, expected) => {
            return Err(TestCaseError::fail(format!("crate: {got:?}\nreference: {expected:?}")));
        }
    };
    let expected = reference::shape(call, columns, &paths, row).expect("it was good a moment ago");
    prop_assert!(!text.contains(&b'\n') && !text.contains(&b'\r'));
    let mut found: Value = serde_json::from_slice(&text)
        .map_err(|e| TestCaseError::fail(format!("{e}: {}", String::from_utf8_lossy(&text))))?;
    let prefix_end = check_prefix(&text, &mut found, &expected)?;
    let own_id = expected.call["messageId"].as_str().map_or(0, |id| hash::content(id.as_bytes()));
    prop_assert_eq!(shaped.content, hash::content(&text[prefix_end..]) ^ own_id);
    prop_assert_eq!(&found, &convert::settled(&expected.call), "{}", String::from_utf8_lossy(&text));
    prop_assert_eq!(shaped.meta.flags.0, expected.flags);
    let kind = if call == CallType::Group { b'g' } else { b'p' };
    prop_assert_eq!(shaped.meta.key, hash::key(kind, expected.keys.0.as_bytes()));
    let key2 = expected.keys.1.map_or(0, |id| hash::key(b'p', id.as_bytes()));
    prop_assert_eq!(shaped.meta.key2, key2);
    let findings: BTreeSet<_> = findings.into_iter().map(|f| (f.code, f.column)).collect();
    prop_assert_eq!(findings, expected.warnings);
    Ok(())
}

/// Checks what stands before the content and makes it null as in the reference. Returns where the
/// content begins.
fn check_prefix(
    text: &[u8],
    found: &mut Value,
    expected: &reference::Expected,
) -> Result<usize, TestCaseError> {
    let mut end = 0;
    if expected.call["messageId"].is_null() {
        let id = RunKey(7).message_id(5);
        let head = [&b"{\"messageId\":\""[..], &id, b"\""].concat();
        prop_assert!(text.starts_with(&head), "{}", String::from_utf8_lossy(text));
        found["messageId"] = Value::Null;
        end = head.len();
    } else {
        end += "{\"messageId\":".len() + expected.call["messageId"].to_string().len();
    }
    if expected.call["timestamp"].is_null() {
        let clock = format!(",\"timestamp\":\"{CLOCK}\"");
        prop_assert!(text[end..].starts_with(clock.as_bytes()), "{}", String::from_utf8_lossy(text));
        found["timestamp"] = Value::Null;
        end += clock.len();
    }
    prop_assert!(text[end..].starts_with(b",\"type\":\""), "{}", String::from_utf8_lossy(text));
    Ok(end + 1)
}

type TestRow = Vec<Option<Vec<u8>>>;

fn cases() -> impl Strategy<Value = (CallType, Vec<Column>, Vec<TestRow>)> {
    let hostile = prop_oneof![3 => Just(false), 1 => Just(true)];
    (select(&CallType::ALL[..]), columns(), select(&TYPES[..]), hostile).prop_flat_map(
        |(call, columns, ty, hostile)| {
            let columns = without_problems(call, with_required(call, columns, [Ty::Text, ty]));
            let fields: Vec<_> = columns
                .iter()
                .map(|column| {
                    let good = suited(column.ty);
                    let text = if hostile {
                        prop_oneof![good, texts()].boxed()
                    } else {
                        prop_oneof![9 => good, 1 => texts()].boxed()
                    };
                    prop_oneof![6 => text.prop_map(Some), 1 => Just(None)]
                })
                .collect();
            (Just(call), Just(columns), proptest::collection::vec(fields, 1..4))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn random_rows_become_what_the_reference_makes_of_them((call, columns, rows) in cases()) {
        if placing::place_all(call, &columns).1.is_empty() {
            for row in rows {
                check(call, &columns, &row)?;
            }
        }
    }

    #[test]
    fn random_columns_have_the_problems_that_the_reference_finds(
        call in select(&CallType::ALL[..]),
        columns in columns(),
    ) {
        let mut expected: Vec<String> = placing::place_all(call, &columns).1.iter().map(ToString::to_string).collect();
        let mut found: Vec<String> = match outflow_mapping::Plan::compile(call, &columns) {
            Ok(_) => vec![],
            Err(errors) => errors.iter().map(|e| e.code().to_string()).collect(),
        };
        expected.sort();
        found.sort();
        prop_assert_eq!(found, expected, "{:?}", columns);
    }
}
