//! Which texts are taken and which are refused.

use outflow_core::{Code, Dialect};
use outflow_query::Query;

use crate::{DIALECTS, EXAMPLES, codes, errors, parse};

#[test]
fn the_examples_of_the_reference_page_are_taken_as_they_stand() {
    for dialect in DIALECTS {
        for text in EXAMPLES {
            let query = parse(text, dialect);
            assert!(query.uses_last_sync_time());
        }
    }
}

#[test]
fn ordinary_queries_are_taken() {
    let everywhere = [
        "select 1",
        "SELECT 1;",
        "SELECT 1 ; -- done",
        "SELECT 1;;\n/* done */ ;",
        "  -- who\n/* what */ SELECT id FROM t",
        "WITH a AS (SELECT 1 AS x), b AS (SELECT x FROM a) SELECT * FROM b",
        "WITH RECURSIVE a(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a WHERE n < 5) SELECT n FROM a",
        "SELECT set_id, \"into\", t.\"update\" FROM t",
        "SELECT replace(name, 'INSERT INTO x; DROP TABLE y', '') FROM t",
        "SELECT update_count, call_id, copy_of, lock_time, deleted FROM calls",
        "SELECT c.call, c.copy, c.lock FROM call c",
        "SELECT id AS update FROM t",
        "SELECT 'it''s; -- not /* a comment' AS x",
        "SELECT \"a;b--c\" FROM t",
        "SELECT CASE WHEN a THEN 1 ELSE 2 END FROM t UNION ALL SELECT 2",
        "SELECT count(*) FROM t WHERE a IN (SELECT b FROM u) AND EXISTS (SELECT 1 FROM v)",
        "SELECT sum(x) OVER (PARTITION BY a ORDER BY b ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t",
        "SELECT * FROM (SELECT id AS userId FROM t) AS sub WHERE {{last_sync_time}} < 5",
        "SELECT name, 'Größe', '名前' FROM \"größe\"",
    ];
    for dialect in DIALECTS {
        for text in everywhere {
            parse(text, dialect);
        }
    }
    for (dialect, text) in [
        (
            Dialect::Redshift,
            "SELECT TOP 10 id FROM t QUALIFY row_number() OVER (PARTITION BY a ORDER BY b) = 1",
        ),
        (Dialect::Redshift, "SELECT a.b[0].c, DATEADD(day, 1, GETDATE()) FROM t"),
        (Dialect::Redshift, "SELECT 'it\\'s; DROP TABLE t' AS x"),
        (Dialect::Redshift, "SELECT APPROXIMATE COUNT(DISTINCT x) AS people FROM t"),
        (Dialect::Redshift, "SELECT a.id FROM a, b WHERE a.id = b.id (+)"),
        (Dialect::Redshift, "SELECT * EXCLUDE (secret) FROM t MINUS SELECT * FROM u"),
        (Dialect::Redshift, "SELECT 1 FROM db@catalog.schema.orders AS o"),
        (Dialect::Postgres, "(SELECT 1) UNION (SELECT 2)"),
        (Dialect::Postgres, "((SELECT 1))"),
        (Dialect::Postgres, "SELECT $$; DELETE FROM t$$, $a$ $$ $a$, E'\\'; DROP', U&'d\\0061t'"),
        (Dialect::Postgres, "WITH a AS MATERIALIZED (SELECT 1) SELECT data->>'k', tags[1], x::jsonb FROM a"),
        (Dialect::Postgres, "SELECT count(*) update FROM t"),
        (Dialect::Postgres, "SELECT /* /* nested */ ; */ 1"),
        (Dialect::Sqlite, "SELECT [a;b], `c'd` FROM t"),
        (Dialect::Sqlite, "SELECT '\\', ';' FROM t"),
        (Dialect::Sqlite, "SELECT json_extract(a, '$.b') FROM t WHERE x GLOB '*/*'"),
    ] {
        parse(text, dialect);
    }
}

#[test]
fn what_does_more_than_read_is_refused() {
    let everywhere = [
        "",
        " \n ",
        "-- SELECT 1",
        ";",
        "()",
        "VALUES (1)",
        "TABLE t",
        "(VALUES (1))",
        "DELETE FROM t",
        "EXPLAIN SELECT 1",
        "/* SELECT */ DROP TABLE t",
        "SELECT * INTO copy FROM t",
        "SELECT 1 AS a INTO t",
        "SELECT 1.INTO t FROM u",
        "select a/**/into/**/t from u",
        "SELECT * FROM (SELECT 1 INTO x) y",
        "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
        "WITH a AS (SELECT 1) DELETE FROM t",
        "WITH a AS (SELECT 1) UPDATE t SET x = 1",
        "WITH a AS (SELECT 1), b(x) AS (SELECT 2) MERGE INTO t USING a ON true WHEN MATCHED THEN DELETE",
        "WITH a AS (SELECT 1) CALL p()",
        "WITH a AS (SELECT 1) COPY t FROM 's3://x'",
        "SELECT 1 UNION ALL (UNLOAD ('select 1') TO 's3://x')",
        "SELECT (WITH a AS (DELETE FROM t RETURNING 1) SELECT 1 FROM a)",
        "UNLOAD ('SELECT 1') TO 's3://b' IAM_ROLE default",
        "CALL p()",
        "COPY t FROM 's3://b'",
        "SET x = 1",
        "BEGIN",
    ];
    for dialect in DIALECTS {
        for text in everywhere {
            assert!(codes(text, dialect).contains(&Code::QueryNotReadOnly), "{dialect:?} took {text:?}");
        }
    }
    // A database reads another text than the author sees.
    for dialect in DIALECTS {
        for text in ["SELECT\u{a0}1", "SELECT 1\0; DROP TABLE t"] {
            assert_eq!(codes(text, dialect), [Code::LookalikeInQuery], "{dialect:?} {text:?}");
        }
    }
    for (dialect, text) in [
        (Dialect::Postgres, "WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone"),
        (Dialect::Postgres, "WITH a AS NOT MATERIALIZED (UPDATE t SET x = 1 RETURNING 1) SELECT 1"),
        (Dialect::Postgres, "SELECT * FROM t FOR UPDATE"),
        (Dialect::Postgres, "SELECT * FROM t FOR NO KEY UPDATE"),
        (Dialect::Postgres, "SELECT * FROM t FOR KEY SHARE SKIP LOCKED"),
        (Dialect::Postgres, "SELECT * FROM (SELECT * FROM t FOR SHARE) x"),
        (Dialect::Postgres, "DO $$ BEGIN DELETE FROM t; END $$"),
        (Dialect::Redshift, "SELECT * INTO #tmp FROM t"),
        (Dialect::Redshift, "SELECT APPROXIMATE COUNT(DISTINCT x) INTO t FROM u"),
        (Dialect::Sqlite, "PRAGMA writable_schema = 1"),
        (Dialect::Sqlite, "REPLACE INTO t SELECT 1"),
        (Dialect::Sqlite, "ATTACH 'x.db' AS y"),
    ] {
        assert!(codes(text, dialect).contains(&Code::QueryNotReadOnly), "{dialect:?} took {text:?}");
    }
}

#[test]
fn functions_that_act_are_refused_and_names_like_theirs_are_not() {
    for dialect in DIALECTS {
        for text in [
            "SELECT nextval('s')",
            "SELECT pg_catalog.lo_unlink (1) FROM t",
            "SELECT \"set_config\"('a', 'b', true)",
            "SELECT 1 WHERE PG_TERMINATE_BACKEND(1)",
        ] {
            assert_eq!(codes(text, dialect), [Code::QueryNotReadOnly], "{dialect:?} {text}");
        }
        parse("SELECT nextval, t.set_config, lo_pass AS lo_create FROM setval t WHERE lo_x > (1)", dialect);
        parse("SELECT 'nextval(1)', slo_create(1) /* setval(1) */ FROM t", dialect);
    }
}

#[test]
fn a_second_statement_is_refused_however_it_hides() {
    for (dialect, text) in [
        (Dialect::Redshift, "SELECT 1; DROP TABLE t"),
        (Dialect::Redshift, "SELECT '\\\\'; DROP TABLE t --'"),
        (Dialect::Redshift, "SELECT $$a$$; DROP TABLE t"),
        (Dialect::Redshift, "SELECT 1 -- x\r; DROP TABLE t"),
        (Dialect::Redshift, "; SELECT 1"),
        (Dialect::Postgres, "SELECT '\\'; DELETE FROM t; --'"),
        (Dialect::Postgres, "SELECT a$$; DELETE FROM t --$$"),
        (Dialect::Postgres, "SELECT /* /* */ */ 1; DELETE FROM t"),
        (Dialect::Postgres, "SELECT \"a\"\"\"; DELETE FROM t"),
        (Dialect::Postgres, "SELECT 1;;SELECT 2"),
        (Dialect::Postgres, "SELECT E'a'\n'b\\\\'; DELETE FROM t"),
        (Dialect::Sqlite, "SELECT /* /* */ 1; DELETE FROM t -- */"),
        (Dialect::Sqlite, "SELECT '\\'; DELETE FROM t; --'"),
        (Dialect::Sqlite, "SELECT $$; DELETE FROM t --$$"),
        (Dialect::Sqlite, "SELECT [a'; DELETE FROM t --']; DELETE FROM t"),
    ] {
        assert!(codes(text, dialect).contains(&Code::MultipleStatements), "{dialect:?} took {text:?}");
    }
}

#[test]
fn an_unfinished_quote_or_comment_is_named_where_it_begins() {
    for (text, place, close) in [
        ("SELECT 1,\n  'abc", "line 2, column 3 of the query", "'"),
        ("SELECT \"abc FROM t", "line 1, column 8 of the query", "\""),
        ("SELECT 1 /* /* */", "line 1, column 10 of the query", "*/"),
        ("SELECT é, $x$ abc $$", "line 1, column 11 of the query", "$x$"),
        ("SELECT E'a\\'", "line 1, column 8 of the query", "'"),
    ] {
        let found = errors(text, Dialect::Postgres);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert_eq!((found[0].code(), found[0].place()), (Code::UnterminatedQuery, Some(place)), "{text}");
        assert!(found[0].help_text().is_some_and(|h| h.contains(close)), "{text}");
    }
}

#[test]
fn every_problem_is_reported_in_the_order_of_the_text() {
    let text = "DELETE FROM t\nWHERE a > {{last_sink_time}}; SELECT 1 INTO x;\n'";
    let found = errors(text, Dialect::Redshift);
    let reported: Vec<_> = found.iter().map(|e| (e.code(), e.place().unwrap_or_default())).collect();
    assert_eq!(
        reported,
        [
            (Code::QueryNotReadOnly, "line 1, column 1 of the query"),
            (Code::UnknownVariable, "line 2, column 11 of the query"),
            (Code::MultipleStatements, "line 2, column 29 of the query"),
            (Code::QueryNotReadOnly, "line 2, column 40 of the query"),
            (Code::UnterminatedQuery, "line 3, column 1 of the query"),
        ]
    );
    assert!(found.iter().all(|e| e.help_text().is_some()));
}

#[test]
fn depth_and_length_exhaust_neither_stack_nor_time() {
    let n = 100_000;
    let texts = [
        format!("SELECT {}1{}", "(".repeat(n), ")".repeat(n)),
        format!("{}SELECT 1{}", "(".repeat(n), ")".repeat(n)),
        format!("SELECT {}1{}", "(".repeat(24), ")".repeat(24)),
        format!("SELECT * FROM {}t{}", "(".repeat(24), ")".repeat(24)),
        format!("SELECT * FROM {}SELECT 1{}", "(".repeat(24), ")".repeat(24)),
        format!("SELECT {}1", "- ".repeat(4_900)),
        format!("SELECT {}1", "NOT ".repeat(4_900)),
        format!("SELECT {}1 {}", "CASE WHEN ".repeat(5_000), "THEN 1 END ".repeat(5_000)),
        format!("SELECT a{} FROM t", "[1]".repeat(5_000)),
        format!("SELECT a{} FROM t", "::int".repeat(5_000)),
        format!("SELECT CAST(a AS {}INT{})", "ARRAY<".repeat(3_000), ">".repeat(3_000)),
        format!("SELECT * FROM t {}", "JOIN t ".repeat(5_000)),
        format!("SELECT * FROM {}", "t,".repeat(4_900)),
        format!("SELECT * FROM t {}", "JOIN t ".repeat(50)),
        format!("SELECT {}1", "1 + ".repeat(4_990)),
        format!("SELECT a{} FROM t", "::int".repeat(3_300)),
        format!("SELECT 1 {}", "UNION ALL SELECT 1 ".repeat(2_490)),
        format!("SELECT {}1", "1 + ".repeat(n)),
        format!("SELECT id FROM t WHERE id IN ({}1)", "1,".repeat(4_900)),
        format!("SELECT /*{}", "/*".repeat(n)),
        format!("SELECT '{}", "{{".repeat(n)),
    ];
    for text in texts {
        for dialect in DIALECTS {
            drop(Query::parse(&text, dialect));
        }
    }
}
