//! Types and values, comparisons, functions, system views.

use super::client::Client;
use super::{admin, shared};

together! {
    sql:
    types_and_their_texts,
    binary_values,
    comparison_of_times_with_numbers,
    comparison_of_texts_with_numbers,
    extract_epoch,
    the_clock,
    functions_of_dates,
    functions_of_values,
    functions_of_json,
    syntax_of_queries,
    the_first_rows_by_qualify,
    system_views,
    definitions_through_the_database,
}

/// Runs each query and compares its one row.
fn check(cases: &[(&str, &str)]) {
    let mut client = admin();
    for (sql, expected) in cases {
        assert_eq!(client.one(&format!("SELECT {sql}")), *expected, "{sql}");
    }
}

fn types_and_their_texts() {
    let mut client = admin();
    client.rows("SET timezone TO 'Europe/Berlin'");
    for (sql, oid, expected) in [
        ("true", 16, "t"),
        ("5::smallint", 21, "5"),
        ("5", 23, "5"),
        ("5::bigint", 20, "5"),
        ("1::real / 3::real", 700, "0.333333"),
        ("1::float8 / 3", 701, "0.333333333333333"),
        ("92::numeric(18,8)", 1700, "92.00000000"),
        ("2.6::decimal", 1700, "3"),
        ("'ab'::char(4)", 1042, "ab  "),
        ("'ab'::varchar(4)", 1043, "ab"),
        ("'ab'::varchar(max)", 1043, "ab"),
        ("'ab'::text", 1043, "ab"),
        ("'0044-03-15 BC'::date", 1082, "0044-03-15 BC"),
        ("'12:30'::time", 1083, "12:30:00"),
        ("'2024-01-02 03:04:05.5'::timestamp", 1114, "2024-01-02 03:04:05.5"),
        ("'infinity'::timestamp", 1114, "infinity"),
        ("'2024-01-02 03:04:05+00'::timestamptz", 1184, "2024-01-02 04:04:05+01"),
        ("json_parse('{ \"b\" : [1.50, null], \"a\":\"x y\" }')", 4000, r#"{"b":[1.50,null],"a":"x y"}"#),
        ("'TV'::super", 4000, "\"TV\""),
        ("1.50::numeric(5,2)::super", 4000, "1.50"),
        ("'abc'::varbyte", 6551, "616263"),
    ] {
        let answer = client.query(&format!("SELECT {sql} AS x"));
        assert_eq!(answer.rows(), [expected], "{sql}");
        assert_eq!(answer.columns()[0].oid, oid, "{sql}");
    }
    client.rows("SET extra_float_digits TO 2");
    assert_eq!(client.one("SELECT 1::float8 / 3"), "0.3333333333333333");
    client.rows("CREATE TEMP TABLE typed (a super, b varbyte(10), c text, d varchar, e decimal)");
    client.rows("INSERT INTO typed SELECT object('k', array(1, 'x')), 'ab'::varbyte, 'c', 'd', 5");
    let answer = client.query("SELECT * FROM typed");
    assert_eq!(answer.rows(), [r#"{"k":[1,"x"]}|6162|c|d|5"#]);
    let typed: Vec<(u32, i32)> =
        answer.columns().iter().map(|column| (column.oid, column.modifier)).collect();
    assert_eq!(typed, [(4000, -1), (6551, 14), (1043, 260), (1043, 260), (1700, (18 << 16) + 4)]);
}

fn binary_values() {
    let sql = "SELECT 12.34::numeric(18,8) AS a, -0.05::numeric(38,2) AS b, 7::bigint AS c, json_parse('[1, 2]') AS d, 'ab'::varbyte AS e, NULL::numeric(5,2) AS f";
    let answer = admin().run(sql, 1);
    let formats: Vec<i16> = answer.columns().iter().map(|column| column.format).collect();
    assert_eq!(formats, [1, 1, 1, 0, 0, 1]);
    assert_eq!(
        answer.values()[0],
        [
            Some(1_234_000_000_i64.to_be_bytes().to_vec()),
            Some((-5_i128).to_be_bytes().to_vec()),
            Some(7_i64.to_be_bytes().to_vec()),
            Some(b"[1,2]".to_vec()),
            Some(b"6162".to_vec()),
            None,
        ]
    );
}

fn comparison_of_times_with_numbers() {
    let mut client = admin();
    client.rows("CREATE TEMP TABLE timed (t timestamp, z timestamptz, d date)");
    for (column, ty) in
        [("t", "timestamp without time zone"), ("z", "timestamp with time zone"), ("d", "date")]
    {
        let (code, message) = client.refused(&format!("SELECT 1 FROM timed WHERE {column} >= 1700000000"));
        assert_eq!((code.as_str(), message), ("42883", format!("operator does not exist: {ty} >= integer")));
    }
}

fn comparison_of_texts_with_numbers() {
    let mut client = admin();
    client.rows("CREATE TEMP TABLE texts (v varchar(20), n varchar(20))");
    client.rows("INSERT INTO texts VALUES ('2024-01-01', '9'), ('1', '10')");
    assert_eq!(
        client.rows("SELECT v FROM texts WHERE v >= 1700000000"),
        ["2024-01-01"],
        "as texts, and silently"
    );
    assert_eq!(client.rows("SELECT n FROM texts WHERE n > 10"), ["9"]);
    assert_eq!(client.rows("SELECT n FROM texts WHERE n > 9.5"), ["10"], "a decimal makes it a number");
    assert_eq!(client.rows("SELECT v FROM texts WHERE v = '1' AND length(v) = 1"), ["1"]);
}

fn extract_epoch() {
    check(&[
        ("EXTRACT(epoch FROM TIMESTAMP '2024-01-01 00:00:00.9')", "1704067200"),
        ("EXTRACT('epoch' FROM TIMESTAMPTZ '2024-01-01 00:00:00.9+00')", "1704067200.9"),
        ("DATE_PART(epoch, TIMESTAMP '2024-01-01 00:00:00.9')", "1704067200.9"),
        ("EXTRACT(year FROM DATE '2024-01-01')", "2024"),
    ]);
    let answer = admin().query("SELECT EXTRACT(epoch FROM TIMESTAMP '2024-01-01') AS a");
    assert_eq!(answer.columns()[0].oid, 23);
    let message = "Overflow or underflow for DATEPART/EXTRACT 'epoch'";
    let refused = admin().refused("SELECT EXTRACT(epoch FROM TIMESTAMP '9999-12-31')");
    assert_eq!(refused, ("XX000".to_owned(), message.to_owned()));
}

fn the_clock() {
    let mut client = admin();
    assert!(!client.one("SELECT GETDATE()").contains('.'), "whole seconds");
    client.rows("BEGIN");
    assert_eq!(client.one("SELECT SYSDATE"), client.one("SELECT sysdate"));
    assert_eq!(client.query("SELECT GETDATE(), SYSDATE").columns()[0].oid, 1114);
}

fn functions_of_dates() {
    check(&[
        ("DATEADD(second, 1700000000, '1970-01-01')", "2023-11-14 22:13:20"),
        ("DATEADD(mon, 1, DATE '2024-01-31')", "2024-02-29 00:00:00"),
        ("DATEADD('qtr', -1, TIMESTAMP '2024-03-01')", "2023-12-01 00:00:00"),
        ("DATEDIFF(year, '2023-12-31', '2024-01-01')", "1"),
        ("DATEDIFF(day, TIMESTAMP '2024-01-01 23:59', TIMESTAMP '2024-01-02 00:01')", "1"),
        ("DATEDIFF(hour, '2024-01-01 00:59', '2024-01-01 02:00')", "2"),
        ("DATEDIFF(week, '2024-01-06', '2024-01-07')", "1"),
        ("DATEDIFF(qtr, '2023-12-31', '2024-04-01')", "2"),
        ("DATE_TRUNC('month', TIMESTAMP '2024-05-06 07:08')", "2024-05-01 00:00:00"),
        ("TRUNC(TIMESTAMP '2024-05-06 07:08')", "2024-05-06"),
        ("TRUNC(SYSDATE) = CURRENT_DATE", "t"),
        ("LAST_DAY(DATE '2024-02-05')", "2024-02-29"),
        ("NEXT_DAY(DATE '2024-01-01', 'Mon')", "2024-01-08"),
        ("ADD_MONTHS(DATE '2023-02-28', 1)", "2023-03-31 00:00:00"),
        ("MONTHS_BETWEEN('2024-03-31', '2024-02-29')", "1"),
        ("CONVERT_TIMEZONE('America/New_York', TIMESTAMP '2024-01-01 12:00')", "2024-01-01 07:00:00"),
        ("CONVERT_TIMEZONE('UTC', 'Asia/Tokyo', TIMESTAMP '2024-01-01 12:00')", "2024-01-01 21:00:00"),
        ("TIMESTAMP 'epoch' + 1700000000 * INTERVAL '1 second'", "2023-11-14 22:13:20"),
        ("DATE '2024-01-01' + INTERVAL '1w, 1h'", "2024-01-08 01:00:00"),
    ]);
}

fn functions_of_values() {
    check(&[
        ("NVL(NULL, 2)", "2"),
        ("NVL2(NULL, 'a', 'b')", "b"),
        ("DECODE(2, 1, 'one', 2, 'two', 'many')", "two"),
        ("DECODE(NULL, NULL, 'null', 'other')", "null"),
        ("LEN('äb ')", "3"),
        ("CHARINDEX('b', 'abc')", "2"),
        ("STRTOL('-ff', 16)", "-255"),
        ("STRTOL('1010', 2)", "10"),
        ("MD5('a')", "0cc175b9c0f1b6a831c399e269772661"),
        ("FUNC_SHA1('a')", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
        ("SHA2('a', 256)", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
        ("CONVERT(integer, '5') + 1", "6"),
        ("CAST('5.4' AS decimal)", "5"),
        (r"'it\'s' || '\\'", r"it's\"),
        ("REPLICATE('ab', 2)", "abab"),
    ]);
}

fn functions_of_json() {
    check(&[
        (r#"JSON_SERIALIZE(JSON_PARSE('{ "a" : [ 1 , 2 ] }'))"#, r#"{"a":[1,2]}"#),
        (r#"JSON_EXTRACT_PATH_TEXT('{"a":{"b":"c"}}', 'a', 'b')"#, "c"),
        (r#"JSON_EXTRACT_PATH_TEXT('{"a":1}', 'x')"#, ""),
        ("JSON_EXTRACT_PATH_TEXT('nonsense', 'x', true) IS NULL", "t"),
        ("IS_VALID_JSON('{\"a\":1}')", "t"),
        ("IS_VALID_JSON('{a')", "f"),
        ("CAN_JSON_PARSE('1')", "t"),
        ("OBJECT('a', 1, 'b', JSON_PARSE('[true]'))", r#"{"a":1,"b":[true]}"#),
        ("ARRAY(1, 'a', NULL)", r#"[1,"a",null]"#),
        ("ARRAY()", "[]"),
        ("JSON_PARSE('\"TV\"')::varchar", "TV"),
        ("JSON_PARSE('{}')::varchar IS NULL", "t"),
        ("JSON_PARSE('5')::int + 1", "6"),
        ("JSON_TYPEOF(JSON_PARSE('[1]'))", "array"),
        ("GET_ARRAY_LENGTH(JSON_PARSE('[1, 2]'))", "2"),
        ("JSON_ARRAY_LENGTH('[1, 2, 3]')", "3"),
        ("JSON_EXTRACT_ARRAY_ELEMENT_TEXT('[1, 2, 3]', 1)", "2"),
    ]);
}

fn syntax_of_queries() {
    let mut client = admin();
    client.rows("CREATE TEMP TABLE things (k int ENCODE az64 SORTKEY, v varchar(10)) DISTSTYLE EVEN");
    client.rows("INSERT INTO things VALUES (1, 'a'), (1, 'b'), (2, 'c')");
    for (sql, expected) in [
        ("SELECT TOP 2 v FROM things ORDER BY v DESC", vec!["c", "b"]),
        ("SELECT v FROM things MINUS SELECT 'a'::varchar ORDER BY v", vec!["b", "c"]),
        (
            "SELECT k, LISTAGG(v, '+') WITHIN GROUP (ORDER BY v DESC) FROM things GROUP BY k ORDER BY k",
            vec!["1|b+a", "2|c"],
        ),
        ("SELECT LISTAGG(DISTINCT k, ',') WITHIN GROUP (ORDER BY k) FROM things", vec!["1,2"]),
        ("SELECT APPROXIMATE COUNT(DISTINCT k) FROM things", vec!["2"]),
        ("SELECT MEDIAN(k) FROM things", vec!["1"]),
    ] {
        assert_eq!(client.rows(sql), expected, "{sql}");
    }
    assert_eq!(client.query("SELECT LISTAGG(v) FROM things").names(), ["listagg"]);
    client.rows("SELECT 1");
    let last: u64 = client.one("SELECT pg_last_query_id()").parse().unwrap();
    assert!(last > 1_000);
}

fn the_first_rows_by_qualify() {
    let mut client = admin();
    let rows = "(SELECT 1 AS id, 'a' AS plan, 1 AS at UNION ALL SELECT 1, 'b', 2 UNION ALL SELECT 2, 'c', 1)";
    let first = "QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY at DESC) = 1";
    for sql in [
        format!("SELECT t.id AS \"userId\", plan FROM {rows} AS t {first} ORDER BY 1"),
        format!("SELECT id, plan FROM {rows} t WHERE at > 0 {first} ORDER BY id LIMIT 5"),
        format!("WITH t AS {rows} SELECT id, plan FROM t AS t {first} ORDER BY 1"),
        format!("SELECT id, plan FROM (SELECT id, plan FROM {rows} t {first}) q ORDER BY 1"),
    ] {
        let answer = client.query(&sql);
        assert_eq!(answer.rows(), ["1|b", "2|c"], "{sql}");
        assert_eq!(answer.columns().len(), 2, "{sql}");
    }
    let refused = client.query(&format!("WITH t AS {rows} SELECT id FROM t {first}"));
    assert!(refused.error().is_some(), "a table without an alias");
}

fn system_views() {
    let database = shared().database("viewed");
    database.sql("CREATE SCHEMA crm; CREATE TABLE crm.users (id int NOT NULL, name varchar(10)) DISTKEY(id); GRANT USAGE ON SCHEMA crm TO clear");
    let mut client = Client::admin(shared(), "viewed", &[]);
    assert_eq!(client.rows("SELECT schema_name FROM svv_all_schemas ORDER BY 1"), ["crm", "public"]);
    assert_eq!(
        client.rows("SELECT schema_name, table_name, table_type FROM svv_redshift_tables"),
        ["crm|users|TABLE"]
    );
    assert_eq!(
        client.rows("SELECT column_name, data_type, character_maximum_length, is_nullable FROM svv_redshift_columns ORDER BY ordinal_position"),
        ["id|integer||NO", "name|character varying|10|YES"]
    );
    assert_eq!(client.one("SELECT usesuper FROM pg_user WHERE usename = current_user"), "t");
    let mut reader = Client::login(shared(), "clear", "Secret-1", "viewed", &[]).unwrap();
    assert_eq!(
        reader.one("SELECT has_schema_privilege('crm', 'usage'), has_schema_privilege('crm', 'create')"),
        "t|f"
    );
    assert!(reader.rows("SELECT table_name FROM svv_redshift_tables").is_empty());
    assert_eq!(
        reader.one(
            "SELECT has_database_privilege('viewed', 'create'), usesuper FROM pg_user WHERE usename = 'clear'"
        ),
        "f|f"
    );
}

fn definitions_through_the_database() {
    let database = shared().database("defined");
    database.sql("CREATE TABLE t (\"Id\" bigint IDENTITY(1,1), s super, m varchar(max)) SORTKEY(\"Id\"); INSERT INTO t (s, m) VALUES (JSON_PARSE('[1, 2]'), 'it\\'s')");
    assert_eq!(database.sql("SELECT id, json_serialize(s), m FROM t"), "1|[1,2]|it's");
    assert_eq!(database.name(), "defined");
}
