//! Texts in the files: what the author sees is what is read.

use std::fs;

use outflow_core::{Code, Error};

use super::{SMALL, folder, load, load_text, problems, told};

/// A project whose one query is written so, below `query:`.
fn with_query(query: &str) -> String {
    SMALL.replace(
        "{ source: shop, type: identify, query: SELECT id AS userId FROM users }",
        &format!("\n    source: shop\n    type: identify\n    query:{query}"),
    )
}

fn query_of(text: &str) -> Result<String, Vec<Error>> {
    load_text(text).map(|project| project.syncs[0].query.clone())
}

/// Demands one problem, and gives its message and its help.
#[track_caller]
fn only(text: &str, code: Code) -> String {
    let errors = load_text(text).err().unwrap_or_default();
    assert_eq!(errors.iter().map(Error::code).collect::<Vec<_>>(), [code], "{text}: {errors:?}");
    format!("{} | {}", errors[0].message(), errors[0].help_text().unwrap_or_default())
}

const COMMENTED: &str = "SELECT id AS userId, email
      FROM people
      WHERE updated_at >= {{last_sync_time}} -- only what is new
      AND consent = 1
";

#[test]
fn a_query_that_yaml_joins_may_not_lose_what_follows_a_comment() {
    let kept = query_of(&with_query(&format!(" |\n      {COMMENTED}"))).unwrap();
    assert!(kept.contains("is new\nAND consent = 1"), "{kept}");
    for (form, text) in [
        (">", format!(" >\n      {COMMENTED}")),
        (">-", format!(" >-\n      {COMMENTED}")),
        (">2", format!(" >2\n      {COMMENTED}")),
        ("plain", format!("\n      {COMMENTED}")),
        ("double", format!(" \"{}\"\n", COMMENTED.trim_end())),
        ("single", format!(" '{}'\n", COMMENTED.trim_end())),
    ] {
        let said = only(&with_query(&text), Code::QueryTextChanged);
        assert!(said.contains("swallows what follows"), "{form}: {said}");
        assert!(said.contains("query: |"), "{form}: {said}");
    }
}

#[test]
fn joined_lines_without_such_a_part_are_no_problem() {
    let plain = "SELECT id AS \"userId\", 'it''s' AS note /* a\n      comment */\n      FROM people\n      WHERE a > {{last_sync_time}} -- the end\n";
    for text in [format!(" >\n      {plain}"), format!(" >-\n      {plain}"), format!("\n      {plain}")] {
        let query = query_of(&with_query(&text)).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        assert!(query.contains("FROM people WHERE a > "), "{query}");
    }
    let quoted = " \"SELECT id AS \\\"userId\\\"\n      FROM people\"\n";
    assert_eq!(query_of(&with_query(quoted)).unwrap(), "SELECT id AS \"userId\" FROM people");
    let quoted = " 'SELECT id AS userId, ''x'' AS y\n      FROM people'\n";
    assert_eq!(query_of(&with_query(quoted)).unwrap(), "SELECT id AS userId, 'x' AS y FROM people");
    // A blank line keeps the line break, and the comment with it ends there.
    let paragraph = " >\n      SELECT id AS userId -- the id\n\n      FROM people\n";
    assert!(query_of(&with_query(paragraph)).is_ok());
}

#[test]
fn a_string_over_two_lines_that_yaml_joins_is_refused() {
    let text = " >\n      SELECT id AS userId, 'two\n      lines' AS note FROM people\n";
    let said = only(&with_query(text), Code::QueryTextChanged);
    assert!(said.contains("changes \"'two lines'\""), "{said}");
    let kept = query_of(&with_query(&text.replace('>', "|"))).unwrap();
    assert!(kept.contains("'two\nlines'"), "{kept}");
}

#[test]
fn what_yaml_takes_for_a_comment_or_an_escape_is_refused() {
    let said = only(&with_query(" SELECT id AS userId FROM t # WHERE consent = 1\n"), Code::QueryTextChanged);
    assert!(said.contains("# WHERE consent = 1"), "{said}");
    let said =
        only(&with_query(" \"SELECT id AS userId FROM t WHERE a ~ '\\bx'\"\n"), Code::QueryTextChanged);
    assert!(said.contains("\\b"), "{said}");
    let said = only(&with_query(" \"SELECT\\_id AS userId FROM t\"\n"), Code::QueryTextChanged);
    assert!(said.contains("\\_"), "{said}");
    // These say what they mean.
    for fine in [
        " \"SELECT id AS \\\"userId\\\",\\n 'a\\\\d' AS x FROM t\"\n",
        " 'SELECT ''#1'' AS userId FROM t' # a comment\n",
        " SELECT '#1' AS userId FROM t\n",
        " | # a comment\n      SELECT id AS userId FROM t\n",
    ] {
        assert!(load_text(&with_query(fine)).is_ok(), "{fine}");
    }
    let flow = SMALL.replace("FROM users }", "FROM users } # a comment");
    assert_eq!(problems(&flow), [""; 0]);
}

#[test]
fn an_alias_of_a_query_is_looked_at_where_it_is_written() {
    let text = format!(
        "{}  more:\n    source: shop\n    type: identify\n    query: *q\n",
        with_query(" &q |\n      SELECT 'two\n      lines' AS userId FROM t\n")
    );
    let project = load_text(&text).unwrap();
    assert_eq!(project.syncs[0].query, project.syncs[1].query);
}

#[test]
fn files_in_other_encodings_are_named_and_a_byte_order_mark_is_skipped() {
    let yaml = SMALL.replace("SELECT id AS userId FROM users", "{ file: q.sql }");
    let dir =
        folder(&[("outflow.yaml", &format!("\u{feff}{yaml}")), ("q.sql", "\u{feff}SELECT 1 AS userId")]);
    assert_eq!(load(dir.path()).unwrap().syncs[0].query, "SELECT 1 AS userId");
    let utf_16 = |text: &str| -> Vec<u8> {
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
    };
    fs::write(dir.path().join("q.sql"), utf_16("SELECT 1 AS userId")).unwrap();
    let errors = load(dir.path()).unwrap_err();
    assert_eq!(told(&errors), ["C001 outflow.yaml:7:57"]);
    assert!(errors[0].message().contains("it looks like UTF-16"), "{}", errors[0]);
    assert!(errors[0].help_text().unwrap().contains("save it as UTF-8"), "{:?}", errors[0].help_text());
    fs::write(dir.path().join("outflow.yaml"), utf_16(&yaml)).unwrap();
    let errors = load(dir.path()).unwrap_err();
    assert!(errors[0].message().contains("it looks like UTF-16"), "{}", errors[0]);
    assert!(errors[0].help_text().unwrap().contains("save it as UTF-8"), "{:?}", errors[0].help_text());
    fs::write(dir.path().join("outflow.yaml"), SMALL.replace('\n', "\r\n")).unwrap();
    assert_eq!(told(&load(dir.path()).err().unwrap_or_default()), [""; 0]);
    fs::write(dir.path().join("outflow.yaml"), SMALL.replace('\n', "\r")).unwrap();
    assert_eq!(told(&load(dir.path()).err().unwrap_or_default()), [""; 0]);
}

#[test]
fn a_secret_from_a_file_with_a_byte_order_mark_has_none() {
    let text = SMALL.replace(
        "type: file, path: out",
        "type: webhook, url: \"https://example.com\", headers: { X-Key: \"${file:key}\" }",
    );
    let dir = folder(&[("outflow.yaml", &text), ("key", "\u{feff}s3cret\r\n")]);
    let project = load(dir.path()).unwrap();
    assert_eq!(project.destinations[0].settings["headers"]["X-Key"], "s3cret");
    fs::write(dir.path().join("key"), "s\0e\0c\0".as_bytes()).unwrap();
    assert_eq!(load(dir.path()).unwrap_err()[0].code(), Code::SecretUnresolved);
}

#[test]
fn characters_that_are_not_what_they_look_like_are_refused_with_their_place() {
    for (right, wrong, place) in [
        ("path: shop.db", "path: shop.db\u{200b}", "3:52"),
        ("path: shop.db", "path: \u{a0}shop.db", "3:52"),
        ("path: shop.db", "path: “shop.db”", "3:52"),
        ("source: shop", "source: sh\u{43e}p\u{a0}", "7:20"),
        ("  users:", "  us\u{200b}ers:", "7:3"),
        ("type: sqlite", "typ\u{435}: sqlite", "3:11"),
        ("version: 1", "version: 1 # \u{202e}x", "1:14"),
        ("version: 1", "version:\u{a0}1", "1:9"),
        ("  users:", "\u{a0} users:", "7:1"),
    ] {
        let errors = load_text(&SMALL.replacen(right, wrong, 1)).unwrap_err();
        let shown = told(&errors);
        assert!(shown.contains(&format!("C014 outflow.yaml:{place}")), "{wrong:?}: {shown:?}");
    }
    let described =
        SMALL.replace("source: shop, type", "description: “Zoë’s” \u{a0}— 👩\u{200d}💻, source: shop, type");
    assert_eq!(problems(&described), [""; 0]);
}

#[test]
fn references_and_templates_where_nothing_replaces_them_are_refused() {
    for (right, wrong, cure) in [
        ("source: shop", "source: shop, cursor: \"${env:CURSOR}\"", "write the value itself"),
        ("path: out }", "path: \"{{ env_var('OUT') }}\" }", "${env:NAME}"),
        ("path: out }", "path: {{ out }} }", "${env:NAME}"),
        ("path: out }", "path: !env OUT }", "${env:NAME}"),
    ] {
        let errors = load_text(&SMALL.replacen(right, wrong, 1)).unwrap_err();
        assert!(
            errors.iter().any(|e| e.help_text().unwrap_or_default().contains(cure)),
            "{wrong}: {errors:?}"
        );
    }
}
