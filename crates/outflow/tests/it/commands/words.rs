//! Arguments that the command line does not know, and its help and version.

use std::process::{Command, Stdio};

use outflow_core::Code;
use outflow_testkit::Receiver;
use serde_json::json;

use super::{from_yaml, sqlite_project};
use crate::support::Project;

const OUTFLOW: &str = env!("CARGO_BIN_EXE_outflow");

#[test]
fn every_code_has_a_page_that_explain_prints() {
    let project = Project::new("");
    let all = project.run(&["explain"]);
    all.assert_code(0);
    for code in Code::ALL {
        assert!(all.stdout.contains(&format!("{code}  {}", code.title())), "{code}");
        let page = project.run(&["explain", code.as_str()]);
        page.assert_code(0);
        assert_eq!(page.stdout, code.page());
    }
    assert!(project.run(&["explain", "s006"]).stdout.starts_with("# S006"));
    let unknown = project.run(&["explain", "S999"]);
    unknown.assert_code(2);
    assert!(unknown.stderr.contains("error[C012]") && unknown.stderr.contains("S999"), "{unknown:?}");
}

#[test]
fn the_version_is_a_document() {
    let project = Project::new("");
    let version = json!({ "format_version": 3, "version": env!("CARGO_PKG_VERSION") });
    assert_eq!(super::in_all_forms(&project, &["version"], 0), version);
    assert!(project.run(&["--version"]).stdout.contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_schema_is_json_in_every_form() {
    let project = Project::new("");
    for output in ["table", "json", "ndjson", "yaml"] {
        let exit = project.run(&["schema", "--output", output]);
        exit.assert_code(0);
        let schema: serde_json::Value = serde_json::from_str(&exit.stdout).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert!(schema["properties"]["syncs"].is_object());
    }
}

#[test]
fn completions_name_the_commands_for_every_shell() {
    let project = Project::new("");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let exit = project.run(&["completions", shell]);
        exit.assert_code(0);
        assert!(exit.stdout.contains("dead-letters"), "{shell}");
    }
}

#[test]
fn usage_errors_exit_with_2_and_print_nothing_on_stdout() {
    let project = Project::new("");
    let wrong: [&[&str]; 12] = [
        &["sync"],
        &["run", "--limit", "0"],
        &["run", "--limit", "many"],
        &["run", "--due", "users"],
        &["run", "--full", "--since", "2026-01-31"],
        &["run", "--delivery-timeout", "5x"],
        &["run", "--jobs", "0"],
        &["run", "--output", "xml"],
        &["preview"],
        &["preview", "users", "--limit", "0"],
        &["completions", "tcl"],
        &["init", "--type", "oracle"],
    ];
    for args in wrong {
        let exit = project.run(args);
        exit.assert_code(2);
        assert!(exit.stdout.is_empty() && exit.stderr.contains("error"), "{args:?}: {exit:?}");
    }
}

#[test]
fn unknown_names_are_c011_with_what_there_is() {
    let receiver = Receiver::start_blocking();
    let project = sqlite_project(&receiver, "[\"a\"]");
    for args in [["run", "user"], ["preview", "Users"]] {
        let exit = project.run(&args);
        exit.assert_code(2);
        assert!(
            exit.stderr.contains("error[C011]") && exit.stderr.contains("did you mean \"users\"?"),
            "{exit:?}"
        );
    }
    let several = project.run(&["run", "users", "nobody", "no-one"]);
    several.assert_code(2);
    assert_eq!(several.stderr.matches("error[C011]").count(), 2, "{several:?}");
    assert!(receiver.requests().is_empty(), "nothing runs when a name is wrong");

    project.json(&["run"], 0);
    project.run(&["runs", "--sync", "users"]).assert_code(0);
    let unknown = project.run(&["runs", "--sync", "Users"]);
    unknown.assert_code(2);
    assert!(unknown.stderr.contains("did you mean \"users\"?"), "{unknown:?}");
    for command in ["rejected", "dead-letters", "verify"] {
        for name in ["99", "nobody"] {
            let exit = project.run(&[command, name]);
            exit.assert_code(2);
            assert!(exit.stderr.contains("error[C011]") && exit.stderr.contains("outflow runs"), "{exit:?}");
        }
    }
}

#[test]
fn wrong_values_of_options_are_told_with_what_is_right() {
    let receiver = Receiver::start_blocking();
    let project = sqlite_project(&receiver, "[\"a\"]");
    let wrong: [(&[&str], &str, &str); 4] = [
        (&["run", "--since", "yesterday"], "C005", "2026-01-31"),
        (&["preview", "users", "--since", "last"], "C005", "first, next"),
        (&["run", "--destination", "journey"], "C011", "journeys"),
        (&["rejected", "--code", "R999"], "C012", "outflow explain"),
    ];
    project.json(&["run"], 0);
    receiver.clear();
    for (args, code, help) in wrong {
        let exit = project.run(args);
        exit.assert_code(2);
        assert!(exit.stderr.contains(&format!("error[{code}]")) && exit.stderr.contains(help), "{exit:?}");
    }
    assert!(receiver.requests().is_empty());
}

#[test]
fn before_anything_has_run_the_commands_say_so() {
    let project = Project::new("");
    for command in ["rejected", "dead-letters", "verify"] {
        let exit = project.run(&[command]);
        exit.assert_code(1);
        assert!(exit.stderr.contains("error[T001]: nothing has run yet"), "{exit:?}");
    }
    let runs = project.run(&["runs"]);
    assert_eq!((runs.code, runs.stdout.as_str()), (Some(0), "nothing has run yet\n"));
    assert_eq!(project.json(&["runs"], 0), serde_json::json!([]));
    project.run(&["usage"]).assert_code(0);
    project.run(&["alerts"]).assert_code(0);
    // A state that was named is another matter: its name may be wrong.
    project.run(&["runs", "--state", "nowhere"]).assert_code(1);
    assert!(!project.path().join(".outflow").exists());
}

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    let receiver = Receiver::start_blocking();
    let project = sqlite_project(&receiver, "[\"a\", \"b\"]");
    let yaml = project.run(&["version", "--output", "yaml"]);
    assert_eq!(from_yaml(&yaml.stdout)["format_version"], 3);
    let wanted: [&[&str]; 7] = [
        &["schema"],
        &["explain"],
        &["explain", "S001"],
        &["completions", "bash"],
        &["preview", "users", "--calls", "--output", "ndjson"],
        &["run", "users"],
        &["runs", "--output", "json"],
    ];
    for args in wanted {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = Command::new(OUTFLOW)
            .args(args)
            .current_dir(project.path())
            .env("WRITE_KEY", "k")
            .stdin(Stdio::null())
            .stdout(writer)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(0), "{args:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{args:?}: {stderr}");
    }
    assert_eq!(receiver.calls().len(), 2);
}

#[test]
fn a_run_goes_on_when_nobody_reads_its_messages() {
    let receiver = Receiver::start_blocking();
    let project = sqlite_project(&receiver, "[\"a\", \"b\", null]");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = Command::new(OUTFLOW)
        .args(["run", "users"])
        .current_dir(project.path())
        .env("WRITE_KEY", "k")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(writer)
        .status()
        .unwrap();
    assert_eq!(ended.code(), Some(0));
    assert_eq!(receiver.calls().len(), 2);
}

#[test]
fn a_selection_of_which_nothing_is_left_says_so() {
    let receiver = Receiver::start_blocking();
    let project = sqlite_project(&receiver, "[\"a\"]");
    for command in ["run", "list"] {
        let exit = project.run(&[command, "--exclude", "users"]);
        exit.assert_code(0);
        let said = exit.stdout.clone() + &exit.stderr;
        assert!(said.contains("nothing is left") && !said.contains("the project has no"), "{exit:?}");
    }
    let comma = project.run(&["run", "users,orders"]);
    comma.assert_code(2);
    assert!(comma.stderr.contains("write blanks between them: users orders"), "{comma:?}");
}

#[test]
fn the_project_is_named_by_its_folder_or_its_file() {
    let receiver = Receiver::start_blocking();
    let project = sqlite_project(&receiver, "[\"a\"]");
    let file = project.path().join("outflow.yaml").display().to_string();
    project.run(&["validate", "--project", &file]).assert_code(0);
    project.run(&["validate", "--project", "outflow.yaml"]).assert_code(0);
    project.write("other.yaml", "version: 1\n");
    let other = project.run(&["validate", "--project", "other.yaml"]);
    other.assert_code(2);
    assert!(
        other.stderr.contains("a project is a folder") && other.stderr.contains("--project ."),
        "{other:?}"
    );
}

#[test]
fn errors_come_before_warnings_and_notes_and_an_empty_project_is_one() {
    let receiver = Receiver::start_blocking();
    let project = sqlite_project(&receiver, "[\"a\"]");
    let text = std::fs::read_to_string(project.path().join("outflow.yaml")).unwrap();
    let first = "  aaa:\n    source: shop\n    type: identify\n    query: SELECT id AS userId FROM users;\n";
    let last = "  zzz:\n    source: shop\n    type: identify\n    query: SELECT 1 AS plan\n";
    let text = text.replacen("syncs:\n", &format!("syncs:\n{first}{last}"), 1);
    assert!(text.contains("zzz"), "{text}");
    project.write("outflow.yaml", &text);
    let document: serde_json::Value =
        serde_json::from_str(&project.run(&["validate", "-o", "json"]).stdout).unwrap();
    let severities: Vec<&str> =
        document["findings"].as_array().unwrap().iter().map(|f| f["severity"].as_str().unwrap()).collect();
    let mut sorted = severities.clone();
    sorted.sort_by_key(|severity| ["error", "warning", "note"].iter().position(|known| known == severity));
    assert_eq!(severities, sorted);
    assert!(severities.contains(&"error") && severities.contains(&"note"), "{document}");

    let empty = Project::new("version: 1\n").run(&["validate"]);
    empty.assert_code(2);
    assert!(empty.stderr.contains("no sources, no destinations and no syncs"), "{empty:?}");
}
