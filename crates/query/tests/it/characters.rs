//! Q016 and Q121: characters that are not what they look like.

use outflow_core::Dialect::{Postgres, Redshift, Sqlite};
use outflow_core::{CallType, Code};
use outflow_query::lint::Context;

use crate::{DIALECTS, codes, errors, parse};

#[test]
fn the_change_that_is_meant_is_offered_with_its_place() {
    for (text, fixed) in [
        ("SELECT\u{a0}id FROM t", "SELECT id FROM t"),
        ("SELECT i\u{200b}d FROM t", "SELECT id FROM t"),
        ("SELECT id FROM t WHERE a ≥ 1", "SELECT id FROM t WHERE a >= 1"),
        ("SELECT us\u{435}r_id FROM t", "SELECT user_id FROM t"),
        ("SELECT id –- all\nFROM t", "SELECT id -- all\nFROM t"),
        ("SELECT a FROM t\u{37e}", "SELECT a FROM t;"),
    ] {
        let found = errors(text, Postgres);
        let place = found[0].text_place().unwrap();
        let (start, end, replacement) = place.fix.clone().unwrap();
        assert_eq!(format!("{}{replacement}{}", &text[..start], &text[end..]), fixed);
        assert_eq!(errors_of(fixed), 0, "{fixed}");
        let says = format!("line {}, column {} of the query", place.start.0, place.start.1);
        assert_eq!(found[0].place(), Some(&*says), "{text}");
    }
    let dash = errors("SELECT id FROM t – all", Postgres);
    assert_eq!(dash[0].text_place().unwrap().fix, None, "a minus, or a comment");
}

fn errors_of(text: &str) -> usize {
    outflow_query::Query::parse(text, Postgres).map_or_else(|errors| errors.len(), |_| 0)
}

#[test]
fn what_a_database_does_not_read_as_it_looks_is_refused_with_its_place_and_the_cure() {
    for (text, place, says, cure) in [
        ("SELECT\u{a0}id FROM t", (1, 7), "a no-break space (U+00A0)", "a plain blank"),
        ("SELECT id\nFROM\u{3000}t", (2, 5), "an ideographic space", "a plain blank"),
        ("SELECT id\u{2028}FROM t", (1, 10), "a line separator", "a plain blank"),
        ("SELECT i\u{200b}d FROM t", (1, 9), "a zero width space (U+200B)", "delete it"),
        ("\u{feff}SELECT id FROM t", (1, 1), "a byte order mark", "delete it"),
        ("SELECT id FROM t\u{ad}", (1, 17), "a soft hyphen", "delete it"),
        ("SELECT id AS “userId” FROM t", (1, 14), "typographic quote “", "write \" in its place"),
        ("SELECT id FROM t WHERE a = ‘x’", (1, 28), "typographic quote ‘", "write ' in its place"),
        ("SELECT id FROM t – all", (1, 18), "an en dash", "`--` if a comment"),
        ("SELECT id –- all\nFROM t", (1, 11), "begins no comment", "write `--`"),
        ("SELECT a − b FROM t", (1, 10), "a minus sign", "write `-`"),
        ("SELECT id FROM t WHERE a ＝ 1", (1, 26), "the character ＝", "write = in its place"),
        ("SELECT id FROM t WHERE a ≥ 1", (1, 26), "the character ≥", "write >= in its place"),
        ("SELECT a FROM t\u{37e}", (1, 16), "U+037E", "write ; in its place"),
        ("SELECT a， b FROM t", (1, 9), "the character ，", "write , in its place"),
        ("SEL\u{415}CT id FROM t", (1, 4), "not Latin", "write SELECT in Latin letters"),
        ("SELECT us\u{435}r_id FROM t", (1, 10), "not Latin", "write user_id in Latin letters"),
        ("SELECT id FROM t \u{41e}R b", (1, 18), "not Latin", "write OR in Latin letters"),
        ("SELECT id FROM t -- \u{202e} x", (1, 21), "turns the direction", "delete it"),
        ("SELECT '\u{2066}a' FROM t", (1, 9), "turns the direction", "delete it"),
        ("SELECT 'a\u{8}b' FROM t", (1, 10), "a control character (U+0008)", "delete it"),
        ("SELECT a\0 FROM t", (1, 9), "a control character (U+0000)", "delete it"),
        ("SELECT a -- x\u{2028}FROM t", (1, 14), "the comment goes on", "line feed"),
    ] {
        for dialect in DIALECTS {
            let found = errors(text, dialect);
            let [error] = found.as_slice() else { panic!("{dialect:?} {text:?}: {found:?}") };
            let at = format!("line {}, column {} of the query", place.0, place.1);
            assert_eq!(
                (error.code(), error.place()),
                (Code::LookalikeInQuery, Some(at.as_str())),
                "{text:?}"
            );
            assert!(error.message().contains(says), "{text:?}: {error}");
            assert!(error.help_text().unwrap().contains(cure), "{text:?}: {:?}", error.help_text());
        }
    }
}

#[test]
fn one_character_many_times_is_one_problem() {
    let found = errors("SELECT\u{a0}a,\u{a0}b,\u{a0}c FROM t WHERE x = “y”", Redshift);
    let shown: Vec<_> = found.iter().map(|e| e.message().to_owned()).collect();
    assert_eq!(found.len(), 2, "{shown:?}");
    assert!(shown[0].ends_with("there are 2 more further on"), "{shown:?}");
}

#[test]
fn data_names_and_comments_are_left_alone() {
    for dialect in DIALECTS {
        for text in [
            "SELECT 'a\u{a0}b “x” – ‘y’ \u{200b} ＝' AS a -- “quoted” – and \u{a0}more\nFROM t /* ‘ \u{200d} */",
            "SELECT größe, имя, 名前, дата_x, λ_max FROM \"größe\"",
            "SELECT 'tab\tand\nline' AS a\r\n-- ends here\r\nFROM t\u{c}",
            "SELECT '👩\u{200d}💻' AS emoji FROM t",
        ] {
            parse(text, dialect);
        }
    }
    parse("SELECT $$a\u{a0}“b”$$ AS a FROM t", Postgres);
}

#[test]
fn a_carriage_return_ends_a_comment_where_the_server_says_so() {
    let text = "SELECT id -- new\rFROM t";
    assert_eq!(codes(text, Sqlite), [Code::LookalikeInQuery]);
    assert_eq!(codes(text, Postgres), []);
    assert_eq!(codes("SELECT id -- new\r\nFROM t", Sqlite), []);
    assert_eq!(codes("SELECT 1 -- end\r", Sqlite), []);
}

#[test]
fn a_string_that_a_typographic_quote_seems_to_close_says_so() {
    let found = errors("SELECT id FROM t WHERE a = 'x’ AND b = 1", Redshift);
    assert!(found.iter().any(|e| e.code() == Code::LookalikeInQuery), "{found:?}");
    let found = errors("SELECT id FROM t WHERE a = 'x", Redshift);
    assert_eq!(found.iter().map(outflow_core::Error::code).collect::<Vec<_>>(), [Code::UnterminatedQuery]);
}

#[test]
fn a_name_in_quotes_that_looks_like_another_is_a_warning_with_a_fix() {
    for (name, plain) in [
        ("\"userId\u{200b}\"", "\"userId\""),
        ("\"us\u{435}rId\"", "\"userId\""),
        ("\"first\u{a0}name\"", "\"first name\""),
    ] {
        let text = format!("SELECT id AS {name}, email FROM t WHERE at > {{{{last_sync_time}}}}");
        let found = parse(&text, Redshift).lint(&Context::of(CallType::Identify));
        let finding =
            found.iter().find(|f| f.code == Code::LookalikeName).unwrap_or_else(|| panic!("{text}"));
        let fixed = finding.fix.as_ref().unwrap().apply(&text);
        assert!(fixed.contains(&format!("AS {plain},")), "{fixed}");
        let found = parse(&fixed, Redshift).lint(&Context::of(CallType::Identify));
        assert!(found.iter().all(|f| f.code != Code::LookalikeName), "{fixed}");
    }
    let silent = "SELECT id AS \"größe\", имя AS \"имя\", b AS \"a b\" FROM t WHERE at > {{last_sync_time}}";
    let found = parse(silent, Postgres).lint(&Context::of(CallType::Identify));
    assert!(found.iter().all(|f| f.code != Code::LookalikeName), "{found:?}");
}
