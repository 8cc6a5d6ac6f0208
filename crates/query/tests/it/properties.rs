//! What holds for any text.

use outflow_core::Dialect;
use outflow_query::{LastSyncTime, Query};
use proptest::prelude::*;

use crate::DIALECTS;

/// Pieces that are awkward next to each other.
pub fn piece() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "SELECT",
        "select ",
        " WITH a AS (",
        ")",
        "(",
        "'",
        "''",
        "\"",
        "\\",
        "$",
        "$$",
        "$a$",
        "--",
        "\n",
        "\r",
        "/*",
        "*/",
        ";",
        "{{",
        "}}",
        "{{last_sync_time}}",
        "{{ last_sync_time | date }}",
        "|",
        "E'",
        "[",
        "]",
        "`",
        " INTO ",
        " FROM t ",
        " FOR UPDATE",
        ",",
        ".",
        "1",
        "1.",
        "e5",
        " AS userId",
        "*",
        "é",
        "\u{a0}",
        "\0",
        " UNION ",
        "NOT ",
        "::",
        "CASE WHEN ",
        " END",
    ]);
    prop_oneof![6 => words.prop_map(str::to_owned), 1 => any::<String>()]
}

fn dialect() -> impl Strategy<Value = Dialect> {
    prop::sample::select(DIALECTS.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(pieces in prop::collection::vec(piece(), 0..30), d in dialect(), leads in any::<bool>()) {
        let text = format!("{}{}", if leads { "SELECT " } else { "" }, pieces.concat());
        match Query::parse(&text, d) {
            Ok(query) => {
                query.render(&LastSyncTime::Number(text));
            }
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                prop_assert!(problems.iter().all(|p| p.place().is_some() && p.help_text().is_some()));
            }
        }
    }

    #[test]
    fn a_text_without_variables_is_sent_as_written(names in prop::collection::vec("[a-zA-Z_]{1,8}|'[a-z; \u{e9}]*'", 1..6), d in dialect(), tail in "[ \n]{0,3}") {
        let list: Vec<_> = names.iter().enumerate().map(|(i, n)| format!("{n} AS c{i}")).collect();
        let text = format!("SELECT {}{tail}", list.join(", "));
        if let Ok(query) = Query::parse(&text, d) {
            prop_assert_eq!(query.render(&LastSyncTime::Seconds(1)), text.clone());
            let closed = Query::parse(&format!("{text};{tail}"), d).expect("a `;` changes nothing");
            prop_assert_eq!(closed.render(&LastSyncTime::Seconds(1)), format!("{text}{tail}"));
        }
    }
}
