//! What is not there under the name that is written, and is under another.

use super::*;

fn said(dir: &Path) -> Vec<String> {
    let errors = load(dir).err().unwrap_or_default();
    errors
        .iter()
        .map(|e| format!("{} {} | {}", e.code(), e.message(), e.help_text().unwrap_or_default()))
        .collect()
}

const WITH_KEY: &str = "version: 1
sources:
  shop: { type: sqlite, databases: { main: { path: shop.db } }, destinations: [out] }
destinations:
  out: { type: segment, write_key: '${env:OUTFLOW_TEST_WRITEKEY}' }
syncs:
  users: { source: shop, type: identify, query: SELECT id AS userId FROM users }
";

#[test]
fn a_variable_that_is_misspelt_is_found_in_the_file_of_variables() {
    let with = |dotenv: &str| said(folder(&[("outflow.yaml", WITH_KEY), (".env", dotenv)]).path());
    assert_eq!(
        with("OUTFLOW_TEST_WRITE_KEY=abc\n"),
        ["C008 ${env:OUTFLOW_TEST_WRITEKEY} is not set | did you mean OUTFLOW_TEST_WRITE_KEY (.env)?"]
    );
    let told = with("OTHER=abc\n").remove(0);
    assert!(
        told.contains("write OUTFLOW_TEST_WRITEKEY=VALUE into a file .env beside outflow.yaml"),
        "{told}"
    );
}

#[test]
fn a_line_of_the_file_of_variables_that_is_wrong_is_said_and_not_what_follows_from_it() {
    for (line, help) in [
        (
            "OUTFLOW_TEST_WRITEKEY: abc",
            "write OUTFLOW_TEST_WRITEKEY=VALUE: a line of .env has = where YAML has a colon",
        ),
        ("OUTFLOW_TEST_WRITEKEY=\"abc", "put a value with blanks or # in single quotes"),
    ] {
        let told = said(folder(&[("outflow.yaml", WITH_KEY), (".env", line)]).path());
        assert!(told.len() == 1 && told[0].starts_with("C001") && told[0].contains(help), "{told:?}");
        assert!(!told[0].contains("abc"), "{told:?}");
    }
    // An error that has another cause is said behind it.
    let told = said(folder(&[("outflow.yaml", WITH_KEY), (".env", "OTHER: x")]).path());
    assert!(told.len() == 2 && told[0].starts_with("C001") && told[1].starts_with("C008"), "{told:?}");
}

#[test]
fn a_file_of_nearly_the_right_name_is_named() {
    for name in ["outflow.yml", "Outflow.yaml", "outflow.yaml.txt"] {
        let told = said(folder(&[(name, WITH_KEY)]).path());
        assert_eq!(told.len(), 1);
        assert!(told[0].ends_with(&format!("{name} is here: rename it to outflow.yaml")), "{told:?}");
    }
    assert!(said(folder(&[]).path())[0].contains("`outflow init` writes one"));
}

#[test]
fn an_include_takes_no_patterns() {
    let text = format!("include: syncs/*.yaml\n{SMALL}");
    let told = said(folder(&[("outflow.yaml", &text), ("syncs/a.yaml", "")]).path());
    assert!(told[0].contains("is a pattern") && told[0].contains("list the files"), "{told:?}");
}

#[test]
fn a_selection_in_the_form_of_another_tool_gets_the_form_that_works() {
    let project = load_text(SMALL).unwrap();
    for (typed, cure) in [
        ("tag=crm", "write tag:crm"),
        ("source=shop", "write source:shop"),
        ("users,orders", "write blanks between them: users orders"),
        ("+users", "write users"),
        ("users+1", "write users"),
        ("syncs/users.sql", "name the sync, not its file: users"),
        ("user", "did you mean \"users\"?"),
    ] {
        let help = project.sync(typed).unwrap_err();
        assert!(help.help_text().unwrap().contains(cure), "{typed}: {help:?}");
    }
}

#[test]
fn a_target_that_is_asked_for_in_a_project_without_any_says_who_asks() {
    let dir = folder(&[("outflow.yaml", SMALL)]);
    let errors = Project::load(&Origin {
        dir: dir.path().to_owned(),
        target: Some("dev".into()),
        ..Origin::default()
    })
    .unwrap_err();
    assert_eq!(errors[0].message(), "there is no target \"dev\", and --target asks for it");
    assert!(errors[0].help_text().unwrap().contains("leave --target out"), "{errors:?}");
}
