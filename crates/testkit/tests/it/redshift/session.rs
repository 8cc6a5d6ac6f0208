//! Statements, labels, tags, settings and the extended protocol.

use super::client::{Client, text};
use super::{admin, options, shared};

together! {
    session:
    the_tag_of_a_select_has_no_count,
    labels_fold,
    unnamed_outputs,
    version_text,
    settings_that_are_missing,
    statements_that_are_refused,
    a_refusal_aborts_the_transaction,
    fields_of_errors,
    the_reserved_word_timestamp,
    a_transaction_sees_one_snapshot,
    plans,
    the_row_limit_holds_on_named_portals_only,
    fetch_size_of_a_single_node,
    cursors,
    parameters,
    leader_node_only_functions,
    extended_row_description,
    statements_are_remembered,
    a_large_result_streams,
}

fn refusal(code: &str, message: &str) -> (String, String) {
    (code.to_owned(), message.to_owned())
}

fn the_tag_of_a_select_has_no_count() {
    let mut client = admin();
    let answer = client.query("SELECT 1 AS a UNION ALL SELECT 2");
    assert_eq!(answer.complete(), ["SELECT"]);
    assert_eq!(answer.rows(), ["1", "2"]);
    assert_eq!(client.run("SELECT 1", 0).complete(), ["SELECT"]);
    client.rows("CREATE TEMP TABLE counted (a int)");
    assert_eq!(client.query("INSERT INTO counted VALUES (1), (2)").complete(), ["INSERT 0 2"]);
}

fn a_transaction_sees_one_snapshot() {
    let (mut reader, mut writer) = (admin(), admin());
    writer.rows("CREATE TABLE snapshots (a int)");
    writer.rows("INSERT INTO snapshots VALUES (1)");
    reader.rows("BEGIN READ ONLY");
    assert_eq!(reader.one("SELECT count(*) FROM snapshots"), "1");
    writer.rows("INSERT INTO snapshots VALUES (2)");
    assert_eq!(reader.one("SELECT count(*) FROM snapshots"), "1");
    reader.rows("ROLLBACK");
    assert_eq!(reader.one("SELECT count(*) FROM snapshots"), "2");
}

fn labels_fold() {
    let mut client = admin();
    let labels = |client: &mut Client, sql: &str| client.query(sql).names();
    let sql = "SELECT 1 AS userId, 2 AS \"userId\", 3 AS \"Été\"";
    assert_eq!(labels(&mut client, sql), ["userid", "userid", "Été"]);
    assert_eq!(client.one("SELECT \"UserId\" FROM (SELECT 1 AS userid) x"), "1");
    assert_eq!(client.run(sql, 0).names(), ["userid", "userid", "Été"]);

    client.rows("SET enable_case_sensitive_identifier TO true");
    assert_eq!(labels(&mut client, sql), ["userid", "userId", "Été"]);
    assert_eq!(client.one("SHOW enable_case_sensitive_identifier"), "true");
    client.rows("RESET enable_case_sensitive_identifier");
    assert_eq!(labels(&mut client, sql), ["userid", "userid", "Été"]);

    client.rows("BEGIN; SET LOCAL enable_case_sensitive_identifier TO on");
    assert_eq!(labels(&mut client, sql)[1], "userId");
    client.rows("COMMIT");
    assert_eq!(labels(&mut client, sql)[1], "userid");

    client.rows("SET describe_field_name_in_uppercase TO on");
    assert_eq!(labels(&mut client, "SELECT 1 AS userId"), ["USERID"]);

    let redshift = options().case_sensitive_identifiers(true).start();
    redshift.database("kept").sql("CREATE TABLE t (\"userId\" int); INSERT INTO t VALUES (7)");
    let mut client = Client::admin(&redshift, "kept", &[]);
    assert_eq!(client.query("SELECT * FROM t").names(), ["userId"]);
    assert_eq!(client.refused("SELECT \"userid\" FROM t").0, "42703");
}

fn unnamed_outputs() {
    let labels = admin()
        .query("SELECT 1, date_part(year, sysdate), sysdate, getdate(), extract(year FROM sysdate), len('x')")
        .names();
    assert_eq!(labels, ["?column?", "pgdate_part", "timestamp", "timestamp", "date_part", "len"]);
}

fn version_text() {
    let mut client = admin();
    let text = client.one("SELECT version()");
    let (text, padding) = text.split_at(text.len() - 2);
    assert_eq!(padding, "\0\0");
    assert!(
        text.starts_with("PostgreSQL 8.0.2 on i686-pc-linux-gnu") && text.ends_with("Redshift 1.0.117891"),
        "{text}"
    );
    assert!(client.run("SELECT version()", 1).rows()[0].ends_with("\0\0"));
}

fn settings_that_are_missing() {
    let mut client = admin();
    for name in ["standard_conforming_strings", "server_version_num", "bytea_output", "lock_timeout"] {
        let message = format!("unrecognized configuration parameter \"{name}\"");
        for sql in
            [format!("SHOW {name}"), format!("SET {name} TO 1"), format!("SELECT current_setting('{name}')")]
        {
            assert_eq!(client.refused(&sql), refusal("42704", &message), "{sql}");
        }
    }
    assert_eq!(client.refused("SET extra_float_digits TO 3").0, "22023");
    client.rows("SET extra_float_digits TO 2; SET timezone TO 'UTC'; SET datestyle TO 'ISO'; SET statement_timeout TO 60000");
    client.rows("SET query_group TO 'nightly'");
    let shown = client.query("SHOW query_group");
    assert_eq!((shown.rows(), shown.names()), (vec!["nightly".to_owned()], vec!["query_group".to_owned()]));
    assert_eq!(client.one("SELECT current_setting('query_group')"), "nightly");
    assert_eq!(client.one("SHOW server_version"), "8.0.2");
    assert_eq!(client.one("SHOW extra_float_digits"), "2");
    assert_eq!(admin().one("SHOW extra_float_digits"), "0");
}

fn statements_that_are_refused() {
    let mut client = admin();
    for (sql, code) in [
        ("DISCARD ALL", "42601"),
        ("DEALLOCATE ALL", "42601"),
        ("SAVEPOINT a", "0A000"),
        ("ROLLBACK TO SAVEPOINT a", "0A000"),
        ("LISTEN a", "0A000"),
        ("UNLISTEN *", "0A000"),
        ("COPY pg_class TO STDOUT", "42601"),
        ("EXPLAIN (FORMAT JSON) SELECT 1", "42601"),
        ("EXPLAIN ANALYZE SELECT 1", "42601"),
        ("VALUES (1)", "42601"),
        ("SELECT * FROM (VALUES (1)) x", "42601"),
        ("SELECT 1 IS DISTINCT FROM 2", "0A000"),
        ("SELECT DISTINCT ON (oid) oid FROM pg_class ORDER BY oid", "0A000"),
        ("SELECT count(DISTINCT oid) OVER () FROM pg_class", "0A000"),
        ("SELECT count(*) FILTER (WHERE true) FROM pg_class", "42601"),
        ("SELECT 1 FROM pg_class, LATERAL (SELECT 1) AS x", "42601"),
        ("SELECT 1 FROM pg_class FETCH FIRST 1 ROWS WITH TIES", "42601"),
        ("SELECT pg_sleep(1)", "42883"),
        ("SELECT clock_timestamp()", "42883"),
        ("SELECT to_timestamp(1700000000)", "42883"),
        ("SELECT * FROM pg_enum", "42P01"),
        ("SELECT * FROM pg_catalog.pg_range", "42P01"),
        ("SELECT typcategory FROM pg_type", "42703"),
        ("SELECT json_build_object('a', 1)", "42883"),
        ("SELECT 1 AS a, tag FROM pg_class", "42601"),
    ] {
        assert_eq!(client.refused(sql).0, code, "{sql}");
    }
    let answer = client.query("COPY (SELECT 1) TO STDOUT");
    assert_eq!(answer.refusal(), Some(refusal("42601", "syntax error at or near \"(\"")));
    assert_eq!(answer.error().unwrap()[&b'P'], "6");
    assert_eq!(answer.status(), b'I');
    assert_eq!(client.one("SELECT 1"), "1");
}

fn a_refusal_aborts_the_transaction() {
    let mut client = admin();
    client.rows("BEGIN");
    let answer = client.query("SAVEPOINT a");
    assert_eq!(answer.status(), b'E');
    assert_eq!(client.refused("SELECT 1").0, "25P02");
    assert_eq!(client.query("ROLLBACK").status(), b'I');
    client.parse("", "LISTEN a");
    client.bind("", "", 0);
    assert_eq!(client.sync().tags(), "EZ");
    assert_eq!(client.run("SELECT 1", 0).tags(), "12TDCZ");
}

fn fields_of_errors() {
    let error = admin().query("SELECT nothing").error().unwrap();
    let mut fields: Vec<u8> = error.keys().copied().collect();
    fields.sort_unstable();
    assert_eq!(fields, b"CMRS", "no V, and no position but for syntax errors");
    let mut client = admin();
    client.rows("BEGIN READ ONLY");
    assert_eq!(client.refused("CREATE TABLE x (a int)"), refusal("25006", "transaction is read-only"));
}

fn the_reserved_word_timestamp() {
    let sql = "SELECT 1 FROM (SELECT 5 AS \"timestamp\") x WHERE timestamp > 4";
    assert_eq!(admin().one(sql), "1");
    let redshift = options().reserved_timestamp(true).start();
    let mut client = Client::admin(&redshift, "dev", &[]);
    assert_eq!(client.refused(sql), refusal("42601", "syntax error at or near \"timestamp\""));
    assert_eq!(client.one("SELECT TIMESTAMP 'epoch' + 5 * INTERVAL '1 second'"), "1970-01-01 00:00:05");
}

fn plans() {
    let mut client = admin();
    client.rows("CREATE TEMP TABLE planned (a int)");
    let plan = client.rows("EXPLAIN SELECT a FROM planned ORDER BY a LIMIT 5");
    assert!(plan[0].starts_with("XN Limit  (cost="), "{plan:?}");
    assert!(plan[1].starts_with("  ->  XN Sort  (cost="), "{plan:?}");
    let plan = client.run("EXPLAIN SELECT a FROM planned", 0).rows();
    assert!(plan[0].starts_with("XN Seq Scan on planned  (cost="), "{plan:?}");
    assert!(client.rows("EXPLAIN SELECT 1")[0].starts_with("Result  (cost="));
}

fn the_row_limit_holds_on_named_portals_only() {
    let mut client = admin();
    client.rows("CREATE TEMP TABLE five AS SELECT * FROM generate_series(1, 5) AS n");
    client.rows("BEGIN");
    client.parse("", "SELECT n FROM five");
    client.bind("", "", 0);
    client.execute("", 2);
    assert_eq!(client.sync().tags(), "12DDDDDCZ");

    client.bind("page", "", 0);
    client.execute("page", 2);
    assert_eq!(client.sync().tags(), "2DDsZ");
    client.parse("other", "SELECT 1");
    let answer = client.sync();
    let message = "Invalid protocol sequence 'P' while in PortalSuspended state.";
    assert_eq!(answer.refusal(), Some(refusal("XX000", message)));
    client.rows("ROLLBACK; BEGIN");

    client.parse("", "SELECT n FROM five");
    client.bind("page", "", 0);
    client.execute("page", 3);
    assert_eq!(client.sync().tags(), "12DDDsZ");
    client.execute("page", 3);
    assert_eq!(client.sync().tags(), "DDCZ");
    client.parse("other", "SELECT 1");
    assert_eq!(client.sync().tags(), "1Z");
    client.rows("COMMIT");

    client.parse("", "SELECT n FROM five");
    client.bind("outside", "", 0);
    client.execute("outside", 2);
    assert_eq!(client.sync().tags(), "12DDsZ");
    client.execute("outside", 2);
    assert_eq!(client.sync().refusal().unwrap().0, "34000");
}

fn fetch_size_of_a_single_node() {
    let redshift = options().single_node(true).start();
    let mut client = Client::admin(&redshift, "dev", &[]);
    let message = "Fetch size 20000 exceeds the limit of 1000 for a single node configuration.";
    client.rows("BEGIN");
    client.parse("", "SELECT 1");
    client.bind("page", "", 0);
    client.execute("page", 20_000);
    assert!(client.sync().refusal().unwrap().1.starts_with(message));
    client.rows("ROLLBACK; BEGIN; DECLARE c CURSOR FOR SELECT 1");
    assert!(client.refused("FETCH FORWARD 20000 FROM c").1.starts_with(message));
    client.rows("ROLLBACK; BEGIN; DECLARE c CURSOR FOR SELECT 1");
    assert_eq!(client.one("FETCH FORWARD 1000 FROM c"), "1");
    assert_eq!(client.refused("FETCH ALL FROM c").0, "0A000");
}

fn cursors() {
    let mut client = admin();
    client.rows("BEGIN");
    client.parse("", "DECLARE c CURSOR FOR SELECT 1");
    assert_eq!(client.sync().refusal(), Some(refusal("57014", "Query cancelled on user's request")));
    client.rows("ROLLBACK");
    client.rows("BEGIN; DECLARE c CURSOR FOR SELECT 1");
    assert_eq!(
        client.refused("DECLARE d CURSOR FOR SELECT 1").1,
        "cannot open more than one cursor in a session"
    );
    client.rows("ROLLBACK; BEGIN; DECLARE c CURSOR FOR SELECT 1; CLOSE c");
    client.rows("DECLARE d CURSOR FOR SELECT 1");
    assert_eq!(client.one("FETCH ALL FROM d"), "1");
}

fn parameters() {
    let mut client = admin();
    client.parse("", "SELECT $1::int + 1");
    let parameter = [&text("")[..], &text(""), &[0, 0, 0, 1, 0, 0, 0, 2], b"41", &[0, 0]].concat();
    client.send(b'B', &parameter);
    client.execute("", 0);
    assert_eq!(client.sync().rows(), ["42"]);
    let missing = Some(refusal("42P02", "there is no parameter $-32768"));
    client.parse("", "SELECT $32768::int");
    assert_eq!(client.sync().refusal(), missing);
    client.parse("", "SELECT 1");
    let many = [&text("")[..], &text(""), &[0, 0, 0x80, 0], &[0xff; 4 * 0x8000], &[0, 0]].concat();
    client.send(b'B', &many);
    assert_eq!(client.sync().refusal(), missing);
    client.parse("", "SET statement_timeout TO $1");
    assert_eq!(client.sync().refusal().unwrap().0, "42601");
}

fn leader_node_only_functions() {
    let mut client = admin();
    client.rows("CREATE TEMP TABLE computed (a varchar)");
    let text = "Specified types or functions (one per INFO message) not supported on Redshift tables.";
    for (sql, name) in [
        ("SELECT now() FROM computed", "now()"),
        ("SELECT 1 FROM computed WHERE CURRENT_TIMESTAMP > '2020-01-01'", "current_timestamp()"),
        ("SELECT string_agg(a, ',') FROM computed", "string_agg()"),
        ("SELECT * FROM generate_series(1, 2) n, computed", "generate_series()"),
    ] {
        let answer = client.query(sql);
        assert_eq!(answer.refusal(), Some(refusal("0A000", text)), "{sql}");
        let info = &answer.notices()[0];
        assert_eq!(
            (info[&b'S'].as_str(), info[&b'M'].clone()),
            ("INFO", format!("Function \"{name}\" not supported."))
        );
    }
    client.rows("SELECT now()");
    client.parse("", "SELECT now() FROM computed");
    client.describe(b'S', "");
    assert_eq!(client.sync().tags(), "1tTZ", "only planning finds it");
    client.bind("", "", 0);
    assert_eq!(client.sync().tags(), "NEZ");
    assert_eq!(client.refused("EXPLAIN SELECT now() FROM computed").0, "0A000");

    assert_eq!(client.refused("SELECT LISTAGG('a', ',')").0, "0A000");
    assert_eq!(client.one("SELECT LISTAGG(a, ',') FROM computed"), "");
}

fn extended_row_description() {
    let mut client = Client::admin(shared(), "dev", &[("client_protocol_version", "1")]);
    client.rows("DROP TABLE IF EXISTS origin; CREATE TABLE origin (id bigint NOT NULL IDENTITY(1, 1), name varchar(10))");
    let answer = client.query("SELECT id AS key, 1 AS one FROM origin");
    let body = answer.description();
    let mut expected = vec![0, 2];
    let fields: [(&str, [&str; 4], i16); 2] = [
        ("key", ["public", "origin", "id", "dev"], 1 | 1 << 4 | 1 << 12),
        ("one", [""; 4], 1 << 8 | 1 << 12),
    ];
    let mut at = 2;
    for (label, names, flags) in fields {
        at += label.len() + 1;
        expected.extend_from_slice(&text(label));
        expected.extend_from_slice(&body[at..at + 18]);
        at += 18;
        for name in names {
            expected.extend_from_slice(&text(name));
            at += name.len() + 1;
        }
        expected.extend_from_slice(&flags.to_be_bytes());
        at += 2;
    }
    assert_eq!(body, expected);
    let mut client = Client::admin(shared(), "dev", &[("client_protocol_version", "3")]);
    let answer = client.run("SELECT name FROM origin", 0);
    assert_eq!(answer.description()[answer.description().len() - 2..], (1_i16 << 1 | 1 << 12).to_be_bytes());
}

fn statements_are_remembered() {
    let redshift = options().start();
    let mut client = Client::admin(&redshift, "dev", &[]);
    client.rows("SELECT \"A\" FROM (SELECT 1 AS a) x");
    client.parse("", "SELECT 2");
    client.sync();
    assert_eq!(redshift.statements(), ["SELECT \"A\" FROM (SELECT 1 AS a) x", "SELECT 2"]);
}

/// A reader that stops reading stops the server: the simulator holds little of a large result.
fn a_large_result_streams() {
    let mut client = admin();
    client.rows("CREATE TEMP TABLE many AS SELECT n, repeat('x', 1000) AS filler FROM generate_series(1, 100000) AS n");
    client.send(b'Q', &text("SELECT n, filler, json_parse('[1, 2]') FROM many"));
    let mut rows = 0;
    loop {
        let (tag, _) = client.next().unwrap();
        match tag {
            b'D' => rows += 1,
            b'Z' => break,
            _ => {}
        }
    }
    assert_eq!(rows, 100_000);
}
