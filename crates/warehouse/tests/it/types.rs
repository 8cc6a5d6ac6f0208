//! Each type's meaning and exact text.

use outflow_core::{ColumnType as T, ElementType};

use crate::{read, select, shared};

#[tokio::test]
async fn each_type_has_its_meaning_and_its_exact_text() {
    let cases: &[(&str, T, &str, &str)] = &[
        ("true", T::Bool, "boolean", "t"),
        ("(-32768)::int2", T::Int, "smallint", "-32768"),
        ("2147483647", T::Int, "integer", "2147483647"),
        ("9223372036854775807", T::Int, "bigint", "9223372036854775807"),
        ("92.00000000", T::Numeric, "numeric", "92.00000000"),
        (
            "12345678901234567890123456789012345678::numeric",
            T::Numeric,
            "numeric",
            "12345678901234567890123456789012345678",
        ),
        ("'NaN'::numeric", T::Numeric, "numeric", "NaN"),
        ("0.1::float8", T::Float, "double precision", "0.1"),
        ("(1e20)::float8", T::Float, "double precision", "1e+20"),
        ("16777216.1::float4", T::Float, "real", "1.6777216e+07"),
        ("'-infinity'::float8", T::Float, "double precision", "-Infinity"),
        ("'é\"\\'::text", T::Text, "text", "é\"\\"),
        ("'a'::varchar(5)", T::Text, "character varying", "a"),
        ("'a'::char(3)", T::Char, "character", "a  "),
        ("'2026-11-24'::date", T::Date, "date", "2026-11-24"),
        ("'0044-03-15 BC'::date", T::Date, "date", "0044-03-15 BC"),
        ("'infinity'::date", T::Date, "date", "infinity"),
        ("'10:00:00.5'::time", T::Time, "time", "10:00:00.5"),
        ("'10:00+05:30'::timetz", T::TimeTz, "time with time zone", "10:00:00+05:30"),
        ("'2026-11-24 10:00:00.123456'::timestamp", T::Timestamp, "timestamp", "2026-11-24 10:00:00.123456"),
        (
            "'2026-11-24 10:00:00+02'::timestamptz",
            T::TimestampTz,
            "timestamp with time zone",
            "2026-11-24 08:00:00+00",
        ),
        ("'{\"a\": 1}'::json", T::Json, "json", "{\"a\": 1}"),
        ("'{\"b\":[1,2]}'::jsonb", T::Json, "jsonb", "{\"b\": [1, 2]}"),
        ("'\\xdeadbeef'::bytea", T::Bytes, "bytea", "\\xdeadbeef"),
        ("'1 year 2 days 03:04:05'::interval", T::Interval, "interval", "1 year 2 days 03:04:05"),
        (
            "'6f9619ff-8b86-d011-b42d-00cf4fc964ff'::uuid",
            T::Text,
            "uuid",
            "6f9619ff-8b86-d011-b42d-00cf4fc964ff",
        ),
        ("ARRAY[1,NULL,3]", T::Array(ElementType::Int), "integer[]", "{1,NULL,3}"),
        ("ARRAY['a b']::text[]", T::Array(ElementType::Text), "text[]", "{\"a b\"}"),
        ("int4range(1, 5)", T::Text, "int4range", "[1,5)"),
        ("ROW(1, 'a b')", T::Opaque, "record", "(1,\"a b\")"),
        ("26::oid", T::Text, "oid", "26"),
    ];
    let list: Vec<&str> = cases.iter().map(|case| case.0).collect();
    let (columns, rows) = read(&shared(), select(&format!("SELECT {}", list.join(", ")))).await.unwrap();
    for (i, (sql, ty, declared, text)) in cases.iter().enumerate() {
        assert_eq!((columns[i].ty, columns[i].declared.as_str()), (*ty, *declared), "{sql}");
        assert_eq!(rows[0][i].as_deref(), Some(*text), "{sql}");
    }
}

/// A role's own settings change texts; ours win.
#[tokio::test]
async fn settings_of_the_role_do_not_change_texts() {
    let postgres = outflow_testkit::Postgres::shared();
    postgres.sql(
        "CREATE ROLE odd LOGIN SUPERUSER PASSWORD 'secret';
         ALTER ROLE odd SET timezone = 'Asia/Kolkata'; ALTER ROLE odd SET datestyle = 'German';
         ALTER ROLE odd SET extra_float_digits = -5; ALTER ROLE odd SET bytea_output = 'escape';
         ALTER ROLE odd SET intervalstyle = 'iso_8601'; ALTER ROLE odd SET client_encoding = 'LATIN1'",
    );
    let mut settings = crate::settings(postgres);
    settings.login = outflow_warehouse::Login::password("odd", "secret");
    let sql = "SELECT '2026-11-24 10:00:00+00'::timestamptz, 0.1::float8 + 0.2::float8, '\\x00'::bytea, '1 day'::interval, 'é'";
    let rows = crate::values(&crate::server(settings), sql).await;
    assert_eq!(rows, [["2026-11-24 10:00:00+00", "0.30000000000000004", "\\x00", "1 day", "é"]]);
}
