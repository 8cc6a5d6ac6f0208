//! Q003, Q017, Q123, Q125, Q128: what looks like a variable and is none, and stray commas.

use outflow_core::Dialect::{Postgres, Redshift, Sqlite};
use outflow_core::{CallType, Code, Dialect};
use outflow_query::lint::Context;

use crate::{DIALECTS, codes, errors, parse};

/// Demands one error Q003 with this cure at this column of the first line.
#[track_caller]
fn assert_refused(text: &str, dialect: Dialect, column: usize, cure: &str) {
    let found = errors(text, dialect);
    let [error] = found.as_slice() else { panic!("{dialect:?} {text}: {found:?}") };
    assert_eq!(error.code(), Code::UnknownVariable, "{text}");
    assert_eq!(error.place(), Some(format!("line 1, column {column} of the query").as_str()), "{text}");
    assert!(error.help_text().is_some_and(|help| help.contains(cure)), "{text}: {:?}", error.help_text());
}

#[test]
fn slips_of_the_variable_are_refused_with_its_right_form() {
    for dialect in DIALECTS {
        for (written, cure) in [
            ("{last_sync_time}", "{{last_sync_time}}"),
            ("{ last_sync_time | timestamp }", "{{last_sync_time | timestamp}}"),
            (":last_sync_time", "{{last_sync_time}}"),
            ("${last_sync_time}", "{{last_sync_time}}"),
            ("@last_sync_time", "{{last_sync_time}}"),
            ("%(last_sync_time)s", "{{last_sync_time}}"),
            ("'{last_sync_time}'", "{{last_sync_time}}"),
            ("'${last_sync_time}'", "{{last_sync_time}}"),
            ("':last_sync_time'", "{{last_sync_time}}"),
            ("'{{last_sync_tme}}'", "last_sync_time"),
            ("'{{ LAST_SYNC_TIME }}'", "last_sync_time"),
            ("'{{last_sync_time }'", "{{last_sync_time}}"),
            ("'{{lastSyncTime}}'", "last_sync_time"),
            ("'{{last_sync}}'", "last_sync_time"),
            ("\"{{last_sync_time}}\"", "without quotes"),
        ] {
            assert_refused(&format!("SELECT a FROM t WHERE b > {written}"), dialect, 27, cure);
        }
    }
}

#[test]
fn templates_and_parameters_of_other_tools_are_refused() {
    for dialect in DIALECTS {
        for (text, column, cure) in [
            ("SELECT a FROM {{ ref('users') }}", 15, "dbt compile"),
            ("SELECT a FROM {{ source('shop', 'users') }}", 15, "dbt compile"),
            ("SELECT a FROM t WHERE {{ var(\"x\") }} = 1", 23, "dbt compile"),
            (
                "SELECT a FROM t {% if is_incremental() %} WHERE b {% endif %}",
                17,
                "{{last_sync_time | timestamp}}",
            ),
            ("SELECT a FROM t WHERE b = ${env:REGION}", 27, "write the value itself"),
            ("SELECT a FROM t WHERE b = '${env:REGION}'", 27, "write the value itself"),
            ("SELECT a FROM t WHERE b = '${file:/x}'", 27, "write the value itself"),
            ("SELECT a FROM t WHERE b = ${REGION}", 27, "write the value itself"),
            ("SELECT a FROM t WHERE b = $1", 27, "write the value itself"),
            ("SELECT a FROM t WHERE b = $region", 27, "write the value itself"),
            ("SELECT a FROM t WHERE b = :region", 27, "write the value itself"),
            ("SELECT a FROM t WHERE b = ?", 27, "write the value itself"),
            ("SELECT a FROM t WHERE b = %s", 27, "write the value itself"),
            ("SELECT a FROM t WHERE b > %(since)s", 27, "write the value itself"),
            ("SELECT a FROM t WHERE b = {region}", 27, "{{last_sync_time}}"),
            ("SELECT a FROM t WHERE b = #{region}", 28, "{{last_sync_time}}"),
            ("SELECT a FROM t WHERE b = <%= region %>", 27, "dbt compile"),
        ] {
            let found = errors(text, dialect);
            assert!(found.iter().all(|e| e.code() == Code::UnknownVariable), "{dialect:?} {text}: {found:?}");
            let place = format!("line 1, column {column} of the query");
            let error = found.iter().find(|e| e.place() == Some(&place)).unwrap_or_else(|| {
                panic!("{dialect:?} {text}: {found:?}");
            });
            assert!(error.help_text().unwrap().contains(cure), "{text}: {:?}", error.help_text());
        }
    }
    assert_refused("SELECT a FROM t WHERE b = @region", Sqlite, 27, "write the value itself");
    assert_refused("SELECT a FROM t WHERE b = ?1", Sqlite, 27, "write the value itself");
}

#[test]
fn operators_and_data_that_look_alike_are_left_alone() {
    for (dialect, text) in [
        (Postgres, "SELECT a::text, b[1:2], c[lo:hi], d % 5, e %(2) FROM t"),
        (Postgres, "SELECT data ? 'key', data ?| array['a'], data @> '{\"a\": 1}', @ x, a <@ b FROM t"),
        (Postgres, "SELECT '{}'::int[], '{a,b}', '{\"a\": {\"b\": 1}}', $$ {x} $$ FROM t"),
        (Postgres, "SELECT a # b, a #> '{x}', f(x := 1) FROM t"),
        (
            Redshift,
            "SELECT a.b[0].c, x::date, 'Hello {{customer.first_name}}', '{% if x %}' FROM db@catalog.s.t",
        ),
        (Sqlite, "SELECT a % 5, b || ':' || c, json_extract(d, '$.x'), '12:30' FROM t"),
        (Sqlite, "SELECT a FROM t WHERE key = 'last_sync_time' AND k2 = 'etl:last_sync_time'"),
        (
            Redshift,
            "SELECT a FROM t WHERE at > '{{ last_sync_time | timestamp }}' -- {last_sync_time} :x $1 ?",
        ),
        (Redshift, "SELECT a AS \"{x}\", b AS \"last_sync_time\" FROM t"),
    ] {
        assert_eq!(codes(text, dialect), [], "{dialect:?} {text}: {:?}", errors(text, dialect));
    }
}

#[test]
fn a_comma_with_nothing_behind_it_is_refused_at_its_place() {
    for dialect in DIALECTS {
        for (text, column) in [
            ("SELECT a, b, FROM t", 12),
            ("SELECT a, FROM t WHERE b IN (1, 2)", 9),
            ("SELECT a FROM t WHERE b IN (1, 2,)", 33),
            ("SELECT a,, b FROM t", 9),
            ("SELECT a FROM t GROUP BY a, ORDER BY a", 27),
            ("WITH x AS (SELECT 1), SELECT a FROM x", 21),
            ("SELECT a FROM t, WHERE b = 1", 16),
            ("SELECT a, b FROM t ORDER BY a,", 30),
            ("SELECT a, -- the last one\nFROM t", 9),
        ] {
            let found = errors(text, dialect);
            let [error] = found.as_slice() else { panic!("{text}: {found:?}") };
            assert_eq!(error.code(), Code::StrayComma, "{text}");
            assert_eq!(
                error.place(),
                Some(format!("line 1, column {column} of the query").as_str()),
                "{text}"
            );
        }
        for text in ["SELECT a, b FROM t", "SELECT ',' AS a, f(1, 2) FROM t, u", "SELECT a, \"from\" FROM t"]
        {
            assert_eq!(codes(text, dialect), [], "{text}");
        }
    }
}

/// The texts that a code is found at.
fn places(text: &str, dialect: Dialect, code: Code) -> Vec<String> {
    let found = parse(text, dialect).lint(&Context::of(CallType::Identify));
    found.iter().filter(|f| f.code == code).map(|f| text[f.start..f.end].to_owned()).collect()
}

#[test]
fn the_variable_as_a_value_of_the_result_is_a_warning() {
    for dialect in DIALECTS {
        for (text, found) in [
            ("SELECT id, {{last_sync_time}} AS since FROM t", &["{{last_sync_time}}"][..]),
            ("SELECT id, '{{last_sync_time}}' AS since FROM t", &["'{{last_sync_time}}'"]),
            ("SELECT id, a - {{last_sync_time}} AS age FROM t", &["{{last_sync_time}}"]),
            ("SELECT id, CASE WHEN a > {{last_sync_time}} THEN 1 END AS x FROM t", &[]),
            ("SELECT id FROM t WHERE a > {{last_sync_time}}", &[]),
            ("SELECT * FROM (SELECT id FROM t WHERE a > {{last_sync_time}}) x", &[]),
        ] {
            assert_eq!(places(text, dialect, Code::VariableInResult), found, "{text}");
        }
    }
}

#[test]
fn a_column_called_like_the_variable_is_a_warning_only_where_the_variable_is_not_used() {
    let bare = "SELECT id FROM t WHERE at > last_sync_time";
    assert_eq!(places(bare, Redshift, Code::VariableWithoutBraces), ["last_sync_time"]);
    for text in [
        "SELECT id FROM t WHERE at > {{last_sync_time}} AND last_sync_time > 5",
        "WITH x AS (SELECT max(a) AS last_sync_time FROM u) SELECT id FROM t, x WHERE at > last_sync_time",
        "SELECT id, s.last_sync_time FROM s",
        "SELECT id FROM t WHERE key = 'last_sync_time'",
    ] {
        assert_eq!(places(text, Redshift, Code::VariableWithoutBraces), [""; 0], "{text}");
    }
}

#[test]
fn a_comparison_with_a_template_is_a_warning_and_a_template_that_is_sent_is_not() {
    for (text, found) in [
        ("SELECT id FROM t WHERE ds = '{{ ds }}'", &["'{{ ds }}'"][..]),
        ("SELECT id FROM t WHERE ds = '${start}'", &["'${start}'"]),
        ("SELECT id, '{{customer.name}}' AS template FROM t", &[]),
        ("SELECT id FROM t WHERE a LIKE '%{{%'", &[]),
        ("SELECT id FROM t WHERE a = '{1,2}'", &[]),
    ] {
        assert_eq!(places(text, Postgres, Code::TemplateInString), found, "{text}");
    }
}
