//! A destination, a sync or a source that is taken out of the project while something waits for it:
//! what each command says, and that nothing is lost by it.

use outflow_testkit::{Receiver, Reply};

use crate::support::Project;

/// Syncs `users` to these destinations.
fn yaml(a: &Receiver, b: Option<&Receiver>, sync: &str) -> String {
    let webhook = |name: &str, r: &Receiver| format!("  {name}: {{ type: webhook, url: \"{}\" }}\n", r.url());
    let destinations = webhook("a", a) + &b.map_or_else(String::new, |b| webhook("b", b));
    let names = if b.is_some() { "a, b" } else { "a" };
    format!(
        "version: 1\nsources:\n  shop: {{ type: sqlite, databases: {{ main: {{ path: ./shop.db }} }}, destinations: [{names}] }}\n\
         destinations:\n{destinations}syncs:\n  {sync}: {{ source: shop.main, type: identify, query: SELECT id AS userId FROM users }}\n"
    )
}

struct World {
    a: Receiver,
    b: Receiver,
    project: Project,
}

/// Fifty calls wait for `b`.
fn waiting() -> World {
    let (a, b) = (Receiver::start_blocking(), Receiver::start_blocking());
    b.always(Reply::status(401));
    let project = Project::new(&yaml(&a, Some(&b), "users"));
    let database = rusqlite::Connection::open(project.path().join("shop.db")).unwrap();
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50)";
    database.execute_batch(&format!("CREATE TABLE users AS {rows} SELECT i AS id FROM n")).unwrap();
    project.run(&["run", "users"]).assert_code(6);
    World { a, b, project }
}

#[test]
fn taking_a_destination_out_is_told_everywhere_and_cancels_nothing() {
    let World { a, b, project } = waiting();
    project.write("outflow.yaml", &yaml(&a, None, "users"));
    for command in [&["validate"][..], &["run", "users"], &["status"], &["run"]] {
        let exit = project.run(command);
        exit.assert_code(0);
        let told = exit.stdout.clone() + &exit.stderr;
        for part in ["D101", "50 calls of users (run 1) wait for b", "outflow cancel b"] {
            assert!(told.contains(part), "{command:?} does not say {part:?}: {exit:?}");
        }
    }
    let run = project.runs().pop().unwrap();
    assert_eq!((&run["state"], &run["destinations"]["b"]["pending"]), (&"delivering".into(), &50.into()));
    assert_eq!(run["destinations"]["b"]["reason"]["code"], "D101");
    assert!(project.run(&["runs"]).stdout.contains("D101"));
    // A rename and back loses nothing.
    b.always(Reply::ok());
    project
        .write("outflow.yaml", &yaml(&a, Some(&b), "users").replace("b: {", "c: {").replace("a, b", "a, c"));
    project.run(&["run", "users"]).assert_code(0);
    project.write("outflow.yaml", &yaml(&a, Some(&b), "users"));
    project.run(&["run", "users"]).assert_code(0);
    let run = project.runs().pop().unwrap();
    assert_eq!((&run["state"], &run["destinations"]["b"]["delivered"]), (&"succeeded".into(), &50.into()));
    project.assert_closed();
}

#[test]
fn calls_are_given_up_by_name_with_and_without_a_running_serve() {
    for serves in [false, true] {
        let World { a, b, project } = waiting();
        assert_eq!(project.run(&["cancel", "b"]).code, Some(2), "the project has it");
        project.write("outflow.yaml", &yaml(&a, None, "users"));
        let mut serving = serves.then(|| project.serve());
        if let Some(serving) = &mut serving {
            assert!(serving.is_up());
            let warned = serving.event("left over", None).expect("a warning");
            assert_eq!((&warned["level"], &warned["code"]), (&"warn".into(), &"D101".into()), "{warned}");
        }
        let cancelled = project.json(&["cancel", "b"], 0);
        assert_eq!(
            (&cancelled["calls"], &cancelled["runs"][0]["run"]),
            (&50.into(), &1.into()),
            "{cancelled}"
        );
        assert_eq!(project.run(&["cancel", "b"]).code, Some(2), "nothing waits for it any more");
        let run = project.runs().pop().unwrap();
        let counts = &run["destinations"]["b"];
        assert_eq!((&run["state"], &counts["cancelled"]), (&"succeeded".into(), &50.into()), "{run}");
        assert_eq!(counts["reason"]["code"], "D101", "the list says why");
        if let Some(serving) = serving {
            serving.stop();
        }
        assert!(b.calls().is_empty());
        project.assert_closed();
    }
}

#[test]
fn what_a_renamed_sync_left_behind_is_delivered_under_its_old_name() {
    let World { a, b, project } = waiting();
    project.write("outflow.yaml", &yaml(&a, Some(&b), "people"));
    b.always(Reply::ok());
    for command in [&["validate"][..], &["status"], &["run"]] {
        let exit = project.run(command);
        let told = exit.stdout.clone() + &exit.stderr;
        assert!(told.contains("E103") && told.contains("outflow run users"), "{command:?}: {exit:?}");
    }
    project.run(&["run", "users"]).assert_code(0);
    let first = project.runs().pop().unwrap();
    assert_eq!((&first["sync"], &first["state"]), (&"users".into(), &"succeeded".into()));
    assert_eq!(project.run(&["run", "users"]).code, Some(2), "now there is no such sync");
    project.assert_closed();
}
