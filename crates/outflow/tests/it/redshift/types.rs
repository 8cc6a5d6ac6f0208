//! Every Redshift type, from the table to the JSON of the call.

use serde_json::Value;

use super::{Login, Warehouse, database};

/// A column's type, the value as SQL, and the JSON text of the trait.
const TYPES: &[(&str, &str, &str)] = &[
    ("BOOLEAN", "true", "true"),
    ("SMALLINT", "-32768", "-32768"),
    ("INTEGER", "2147483647", "2147483647"),
    ("BIGINT", "9223372036854775807", "9223372036854775807"),
    ("REAL", "0.1", "0.1"),
    ("DOUBLE PRECISION", "0.1::float8 + 0.2::float8", "0.30000000000000004"),
    ("DECIMAL(10,2)", "19.9", "19.90"),
    ("DECIMAL(18,0)", "42", "42"),
    ("NUMERIC(38,20)", "123456789012345678.12345678901234567890", "123456789012345678.12345678901234567890"),
    ("NUMERIC(38,20)", "-0.00000000000000000001", "-0.00000000000000000001"),
    ("NUMERIC(38,0)", "12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
    ("CHAR(5)", "'US'", r#""US""#),
    ("VARCHAR(100)", "'Grüße \u{1F600} \"x\"'", "\"Grüße \u{1F600} \\\"x\\\"\""),
    ("VARCHAR(100)", "'  kept  '", r#""  kept  ""#),
    ("VARCHAR(MAX)", "''", r#""""#),
    ("DATE", "'2026-11-24'", r#""2026-11-24""#),
    ("TIME", "'10:00:00.5'", r#""10:00:00.5""#),
    ("TIMETZ", "'10:00:00+05:30'", r#""10:00:00+05:30""#),
    ("TIMESTAMP", "'2026-11-24 10:00:00.123456'", r#""2026-11-24T10:00:00.123456Z""#),
    ("TIMESTAMPTZ", "'2026-11-24 10:00:00+02'", r#""2026-11-24T08:00:00Z""#),
    ("INTERVAL", "'37 months'", r#""3 years 1 mon""#),
    ("SUPER", "JSON_PARSE('{\"b\":1,\"a\":[1,{\"c\":null}]}')", r#"{"b":1,"a":[1,{"c":null}]}"#),
    ("SUPER", "JSON_PARSE('\"TV\"')", r#""TV""#),
    ("SUPER", "JSON_PARSE('12.50')", "12.50"),
    ("SUPER", "JSON_PARSE('true')", "true"),
    ("SUPER", "JSON_PARSE('null')", "null"),
    ("VARBYTE(10)", "'abc'::varbyte", r#""616263""#),
    ("VARCHAR(10)", "NULL", "null"),
    ("SUPER", "NULL", "null"),
];

/// What no JSON of a call can hold: the row is rejected, with its code.
const REJECTED: &[(&str, &str, &str)] = &[
    ("DOUBLE PRECISION", "'NaN'::float8", "R004"),
    ("DOUBLE PRECISION", "'-Infinity'::float8", "R004"),
    ("DATE", "'0044-03-15 BC'::date", "R003"),
    ("TIMESTAMP", "'0044-03-15 10:00:00 BC'::timestamp", "R003"),
    ("TIMESTAMP", "'infinity'::timestamp", "R003"),
    ("TIMESTAMPTZ", "'-infinity'::timestamptz", "R003"),
    ("DATE", "'infinity'::date", "R003"),
];

#[test]
fn every_type_arrives_as_documented_json() {
    let database = database("types");
    let columns: Vec<String> = TYPES.iter().enumerate().map(|(n, (ty, ..))| format!("c{n} {ty}")).collect();
    let values: Vec<&str> = TYPES.iter().map(|(_, value, _)| *value).collect();
    database.sql(&format!("CREATE TABLE all_types (id INTEGER, {})", columns.join(", ")));
    database.sql(&format!("INSERT INTO all_types SELECT 1, {}", values.join(", ")));
    let warehouse = Warehouse::new(
        super::shared(),
        "types",
        &Login::default(),
        &[("people", "identify", "SELECT id AS userId, all_types.* FROM all_types")],
    );
    let exit =
        warehouse.program(&["preview", "people", "--calls", "--since", "first", "--output", "ndjson"]).run();
    exit.assert_code(0);
    // The text itself: a parser would round what must not be rounded.
    for (n, (ty, value, json)) in TYPES.iter().enumerate() {
        let member = format!("\"c{n}\":{json}");
        let ends = |rest: &str| rest.starts_with([',', '}']);
        assert!(
            exit.stdout.split(&member).skip(1).any(ends),
            "{ty} {value}: {member} is not in {}",
            exit.stdout
        );
    }
}

#[test]
fn what_no_json_can_hold_rejects_its_row_with_a_reason() {
    let database = database("types_rejected");
    for (n, (ty, value, _)) in REJECTED.iter().enumerate() {
        database.sql(&format!("CREATE TABLE t{n} (id INTEGER, c {ty}); INSERT INTO t{n} SELECT 1, {value}"));
    }
    let queries: Vec<(String, String)> =
        (0..REJECTED.len()).map(|n| (format!("s{n}"), format!("SELECT id AS userId, c FROM t{n}"))).collect();
    let syncs: Vec<_> = queries
        .iter()
        .map(|(name, query)| (name.as_str(), "identify\n    on_invalid_value: reject_row", query.as_str()))
        .collect();
    let warehouse = Warehouse::new(super::shared(), "types_rejected", &Login::default(), &syncs);
    for (n, (ty, value, code)) in REJECTED.iter().enumerate() {
        let exit = warehouse
            .program(&["preview", &format!("s{n}"), "--calls", "--since", "first", "--output", "json"])
            .run();
        let document: Value = serde_json::from_str(&exit.stdout).unwrap();
        let rejected = &document["calls"][0]["rejected"];
        assert_eq!(
            (&rejected["code"], &rejected["column"]),
            (&Value::from(*code), &"c".into()),
            "{ty} {value}: {document}"
        );
    }
}

/// A role's own time zone changes the texts of TIMESTAMPTZ on the way; what is sent stays the same
/// instant.
#[test]
fn a_role_with_another_time_zone_changes_nothing() {
    let database = database("zones");
    database.sql("CREATE TABLE t (id INTEGER, at TIMESTAMPTZ); INSERT INTO t VALUES (1, '2026-11-24 10:00:00+00'); GRANT SELECT ON t TO digest_user; ALTER USER digest_user SET timezone TO 'Asia/Kolkata'");
    let login = Login { user: "digest_user", password: "Secret-1", ..Login::default() };
    let warehouse = Warehouse::new(
        super::shared(),
        "zones",
        &login,
        &[("people", "identify", "SELECT id AS userId, at FROM t")],
    );
    assert_eq!(warehouse.calls("people")[0]["traits"]["at"], "2026-11-24T10:00:00Z");
}
