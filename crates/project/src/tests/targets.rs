//! Targets: what differs between environments.

use super::*;

const PROJECT: &str = "version: 1
include: more.yaml
sources:
  shop: { type: sqlite, databases: { main: { path: shop.db } }, destinations: [out] }
destinations:
  out: { type: webhook, url: 'https://example.com/hook', concurrency: 4 }
syncs:
  users: { source: shop, type: identify, query: SELECT id AS userId FROM users, schedule: { every: 1h } }
targets:
  dev:
    sources: { shop: { databases: { main: { path: dev.db } } } }
    destinations: { out: { type: file, path: out } }
    syncs:
      users: { schedule: manual }
      orders: { enabled: false }
  other:
    syncs: { user: { schedule: manual } }
  broken:
    syncs: { users: { sche: 1 } }
    include: x.yaml
";
const MORE: &str = "syncs:
  orders: { source: shop, type: track, query: \"SELECT id AS userId, 'x' AS event FROM orders\" }
";

fn of(target: Option<&str>) -> Result<Project, Vec<Error>> {
    let dir = folder(&[("outflow.yaml", PROJECT), ("more.yaml", MORE)]);
    Project::load(&Origin {
        dir: dir.path().to_owned(),
        target: target.map(str::to_owned),
        ..Origin::default()
    })
}

#[test]
fn a_target_changes_what_it_names_in_whichever_file_it_stands() {
    let usual = of(None).unwrap();
    assert_eq!(usual.destinations[0].kind, "webhook");
    assert!(usual.syncs.iter().all(|sync| sync.enabled));
    let dev = of(Some("dev")).unwrap();
    assert!(
        dev.databases[0].settings.address().ends_with("dev.db"),
        "{}",
        dev.databases[0].settings.address()
    );
    assert_eq!(dev.destinations[0].kind, "file");
    assert!(!dev.destinations[0].settings.contains_key("url"), "another type has other keys");
    let users = dev.sync("users").unwrap();
    assert_eq!(
        (&users.schedule, users.query.as_str()),
        (&Schedule::Manual, "SELECT id AS userId FROM users")
    );
    assert!(!dev.sync("orders").unwrap().enabled);
}

#[test]
fn what_is_wrong_in_a_target_is_told_with_its_place() {
    assert_eq!(told(&of(Some("broken")).unwrap_err()), ["C003 outflow.yaml:19:23", "C003 outflow.yaml:20:5"]);
    let errors = of(Some("other")).unwrap_err();
    let said = |e: &Error| format!("{} | {}", e.message(), e.help_text().unwrap_or_default());
    assert_eq!(
        errors.iter().map(said).collect::<Vec<_>>(),
        ["the target changes sync \"user\", which the project lacks | did you mean \"users\"?"]
    );
    let error = of(Some("de")).unwrap_err().remove(0);
    assert_eq!((error.code(), error.help_text()), (Code::UnknownReference, Some("did you mean \"dev\"?")));
}
