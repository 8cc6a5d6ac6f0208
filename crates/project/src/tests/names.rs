//! What may be a name of a source, a destination, a sync or a database.

use super::{SMALL, problems};

#[test]
fn names_that_a_command_a_path_or_a_label_would_misread_are_refused_with_the_rule() {
    let long = format!("  {}:", "n".repeat(65));
    for name in
        ["--help", "-x", ".", "..", "\"\"", "\"a\\u0007b\"", "\"a\\nb\"", "us ers", "größe", &long[2..67]]
    {
        for kind in ["  users:", "  out:", "  shop:"] {
            // What refers to the name is a second problem.
            let found = problems(&SMALL.replace(kind, &format!("  {name}:")));
            let line = match kind {
                "  users:" => 7,
                "  out:" => 5,
                _ => 3,
            };
            let place = format!("C005 outflow.yaml:{line}:3");
            assert!(found.iter().any(|p| p.starts_with(&place)), "{name} in place of {kind:?}: {found:?}");
        }
    }
    let database = problems(&SMALL.replace("main:", "-main:"));
    assert!(database.iter().any(|p| p.starts_with("C005 outflow.yaml:3")), "{database:?}");
}

#[test]
fn names_that_were_always_plain_stay_allowed() {
    for name in ["u", "U-1", "_users", "a-", "1", "n".repeat(64).as_str()] {
        let found = problems(&SMALL.replace("  users:", &format!("  {name}:")));
        assert!(found.is_empty(), "{name}: {found:?}");
    }
}

#[test]
fn two_names_of_a_kind_that_differ_in_case_alone_are_one() {
    for (kind, more, place) in [
        ("  out:", "  OUT: { type: file, path: b }\n  out:", "C010 outflow.yaml:6:3"),
        (
            "  users:",
            "  Users: { source: shop, type: identify, query: SELECT 1 AS userId }\n  users:",
            "C010 outflow.yaml:8:3",
        ),
    ] {
        let found = problems(&SMALL.replacen(kind, more, 1));
        // The first one counts: what refers to the second may be a problem of its own.
        assert!(found.iter().any(|p| p.starts_with(place)), "{found:?}");
    }
    // A destination and a sync may share a name: they are never confused.
    assert_eq!(problems(&SMALL.replace("  users:", "  out:")), Vec::<String>::new());
}
