//! Projects of which a part is read, and syncs that are selected.

use super::*;

const UNFINISHED: &str = "version: 1
sources:
  shop: { type: sqlite, databases: { main: { path: shop.db } }, destinations: [journeys] }
  warehouse:
    type: redshift
    databases: { main: { host: \"${env:UNSET_HOST}\", port: \"${env:UNSET_PORT}\", database: d, user: reader, password: \"${env:UNSET_PASSWORD}\" } }
destinations:
  journeys: { type: customerio-pipelines, region: us, write_key: \"${env:UNSET_KEY}\" }
syncs:
  users: { source: shop, type: identify, query: SELECT id AS userId FROM users, tags: [crm, daily] }
  mart_a: { source: shop, type: identify, query: SELECT id AS userId FROM a, tags: [crm] }
  mart_b: { source: shop, type: identify, query: SELECT id AS userId FROM b, enabled: false }
";

fn partly(text: &str) -> Result<Project, Vec<Error>> {
    Project::load_partly(&origin(folder(&[("outflow.yaml", text)]).path()))
}

#[test]
fn only_what_is_needed_must_be_there() {
    let missing = Project::load(&origin(folder(&[("outflow.yaml", UNFINISHED)]).path())).unwrap_err();
    assert!(missing.iter().all(|e| e.code() == Code::SecretUnresolved), "{missing:?}");
    assert_eq!(missing.len(), 4);
    let project = partly(UNFINISHED).unwrap();
    assert_eq!(project.databases.len(), 2, "a port may come later");
    let parts = Project::parts_of(project.sync("users").unwrap());
    let shop = Part::Database { source: "shop".into(), name: "main".into() };
    assert_eq!(parts, [shop.clone(), Part::Destination("journeys".into())]);
    let missing = project.require(&parts).unwrap_err();
    assert!(missing.len() == 1 && missing[0].to_string().contains("UNSET_KEY"), "{missing:?}");
    assert!(partly(UNFINISHED).unwrap().require(&[shop]).is_ok());
    let warehouse = Part::Database { source: "warehouse".into(), name: "main".into() };
    assert_eq!(partly(UNFINISHED).unwrap().require(&[warehouse]).unwrap_err().len(), 3);
}

#[test]
fn a_source_stands_by_itself_while_the_rest_is_unfinished() {
    let text = UNFINISHED
        .replace("type: customerio-pipelines", "type: nothing")
        .replace("type: identify", "type: x");
    let dir = folder(&[("outflow.yaml", &text)]);
    assert!(Project::load_partly(&origin(dir.path())).is_err());
    let project = Project::load_sources(&origin(dir.path()), Some("warehouse")).unwrap();
    assert_eq!(project.databases("warehouse").unwrap().len(), 1);
    let error = Project::load_sources(&origin(dir.path()), Some("warehose"))
        .unwrap()
        .databases("warehose")
        .unwrap_err();
    assert_eq!(error.help_text(), Some("did you mean \"warehouse\"?"));
}

#[test]
fn a_file_beside_the_project_gives_what_the_environment_lacks() {
    let env = "UNSET_KEY=key-of-cio\n# PASSWORD\nUNSET_HOST=cluster.example.com\nUNSET_PORT=5439\nUNSET_PASSWORD='pa$$ #word'\n";
    let dir = folder(&[("outflow.yaml", UNFINISHED), (".env", env)]);
    let project = Project::load(&origin(dir.path())).unwrap();
    assert_eq!(project.destinations[0].settings["write_key"], "key-of-cio");
    assert!(project.unresolved.is_empty());
    let dir = folder(&[("outflow.yaml", UNFINISHED), (".env", "UNSET_KEY\n")]);
    let told = told(&Project::load_partly(&origin(dir.path())).unwrap_err());
    assert_eq!(told, ["C001 .env:1"]);
}

#[test]
fn syncs_are_selected_by_name_pattern_tag_source_and_destination() {
    let project = partly(UNFINISHED).unwrap();
    let select_but = |select: &[&str], exclude: &[&str], paused: &str| {
        let [select, exclude] =
            [select, exclude].map(|all| all.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
        project.select(&select, &exclude, |name| name == paused)
    };
    let select = |select: &[&str], exclude: &[&str]| select_but(select, exclude, "");
    for (chosen, left_out, expected) in [
        (&["users"][..], &[][..], &["users"][..]),
        (&["mart_b", "mart_*"], &[], &["mart_b", "mart_a"]),
        (&["tag:crm"], &[], &["users", "mart_a"]),
        (&["tag:crm"], &["tag:daily"], &["mart_a"]),
        (&[], &["users"], &["mart_a"]),
        (&["source:shop.main", "users"], &["mart_?"], &["users"]),
        (&["destination:jour*"], &[], &["users", "mart_a"]),
        (&["gone"], &[], &["gone"]),
    ] {
        assert_eq!(select(chosen, left_out).unwrap(), expected, "{chosen:?} {left_out:?}");
    }
    // A paused sync is meant by its name alone.
    assert_eq!(select_but(&["tag:crm"], &[], "mart_a").unwrap(), ["users"]);
    assert_eq!(select_but(&["mart_a"], &[], "mart_a").unwrap(), ["mart_a"]);
    let error = select_but(&["mart_*"], &[], "mart_a").unwrap_err().remove(0);
    assert_eq!(error.message(), "every sync that is meant by \"mart_*\" is paused: mart_a");
    let errors = select(&["tag:dayly", "x*", "users"], &["user"]).unwrap_err();
    let helps: Vec<_> = errors.iter().map(|e| e.help_text().unwrap_or_default()).collect();
    assert_eq!(
        helps,
        ["did you mean \"daily\"?", "the syncs are mart_a, mart_b, users", "did you mean \"users\"?"]
    );
}
