//! What a terminal gets: whoever chose a name or a value, nothing of it steers the terminal.

use outflow_core::steers_terminal;
use outflow_testkit::Receiver;

use crate::support::Project;

/// Clears the screen, sets the title, rings, begins a line, turns the direction of text.
const HOSTILE: &str = "x\u{1b}[2J\u{1b}]0;title\u{7}\r\ny\u{9b}31m\u{202e}z\u{2066}";

/// The names come from the database, since no text of a query may hold such characters.
fn project(calls: &Receiver) -> Project {
    let project = Project::new(&format!(
        r#"version: 1
sources:
  shop:
    type: sqlite
    databases: {{ main: {{ path: ./shop.db }} }}
    destinations: [hook]
destinations:
  hook: {{ type: webhook, url: "{}" }}
syncs:
  users: {{ source: shop.main, type: identify, query: SELECT * FROM users }}
  broken: {{ source: shop.main, type: track, query: "SELECT userId, event FROM broken" }}
"#,
        calls.url(),
    ));
    let shop = rusqlite::Connection::open(project.path().join("shop.db")).unwrap();
    let tables = format!(
        "CREATE TABLE users (userId, \"{HOSTILE}\");
         CREATE VIEW broken AS SELECT userId, event FROM \"{HOSTILE}\";"
    );
    shop.execute_batch(&tables).unwrap();
    for id in [Some("1"), Some("2"), None] {
        shop.execute("INSERT INTO users VALUES (?1, ?2)", (id, HOSTILE)).unwrap();
    }
    project
}

#[test]
fn no_name_and_no_value_steers_the_terminal() {
    let calls = Receiver::start_blocking();
    // The first call is taken, the second one is not.
    calls.refuse_batches_with(400, |call| call["userId"] == "2");
    let project = project(&calls);
    let mut shown = String::new();
    for args in [
        &["validate", "--connect", "-v"][..],
        &["preview", "users"],
        &["preview", "users", "--calls"],
        &["preview", "broken"],
        &["run", "users", "-v"],
        &["run", "broken", "-v"],
        &["rejected", "users"],
        &["dead-letters", "users"],
        &["runs"],
        &["status"],
        &["estimate"],
    ] {
        let exit = project.run(args);
        let text = format!("{}{}", exit.stdout, exit.stderr);
        let steers: Vec<char> = text.chars().filter(|c| *c != '\n' && steers_terminal(*c)).collect();
        assert!(steers.is_empty(), "{args:?}: {steers:?} in {text:?}");
        shown += &text;
    }
    // It was there, and can be read.
    assert!(shown.matches("x\u{fffd}[2J\u{fffd}]0;title").count() > 3, "{shown}");
}
