//! Which crate may know which: the edges of `docs/ARCHITECTURE.md`, checked against what the
//! manifests say.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// The crates of ours that each crate may use. `testkit` is for tests only.
const ALLOWED: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("query", &["core"]),
    ("mapping", &["core"]),
    ("secrets", &["core"]),
    ("state", &["core", "egress"]),
    ("spool", &["core"]),
    ("egress", &["core"]),
    ("destinations", &["core", "egress"]),
    ("warehouse", &["core", "egress"]),
    ("engine", &["core", "query", "mapping"]),
    ("telemetry", &["core", "egress", "engine"]),
    ("project", &["core", "query", "egress", "destinations", "warehouse", "engine"]),
    (
        "app",
        &[
            "core",
            "query",
            "secrets",
            "state",
            "spool",
            "egress",
            "destinations",
            "warehouse",
            "engine",
            "project",
            "telemetry",
        ],
    ),
    ("page", &[]),
    ("server", &["core", "app", "page"]),
    ("client", &["core", "egress", "app"]),
    ("outflow", &["core", "project", "telemetry", "app", "server", "client"]),
    ("testkit", &[]),
];

#[test]
fn crates_use_only_the_crates_they_may_know() {
    for package in packages() {
        let name = short_name(&package);
        let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
            panic!("crates/{name} is new: say in this table whom it may use");
        };
        for dependency in package["dependencies"].as_array().unwrap() {
            let Some(used) = ours(dependency) else { continue };
            if dependency["kind"].is_null() {
                assert!(allowed.contains(&used.as_str()), "{name} must not use {used}");
            } else {
                assert_eq!(dependency["kind"], "dev", "{name} has {used} as a build dependency");
            }
        }
    }
}

/// The crates that open the state, the spool, warehouses or destinations.
const ADAPTERS: &[&str] = &["state", "spool", "warehouse", "destinations"];

#[test]
fn front_ends_stand_on_app_and_only_app_wires() {
    let used = |name: &str| -> Vec<String> {
        let package = packages().into_iter().find(|p| short_name(p) == name).unwrap();
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let built_in = dependencies.filter(|d| d["kind"].is_null());
        built_in.map(|d| d["name"].as_str().unwrap().trim_start_matches("outflow-").to_owned()).collect()
    };
    for front_end in ["outflow", "server"] {
        assert!(used(front_end).contains(&"app".to_owned()));
    }
    for front_end in ["clap", "clap_complete", "indicatif"] {
        for name in ALLOWED.iter().map(|(name, _)| *name).filter(|name| *name != "outflow") {
            assert!(!used(name).contains(&front_end.to_owned()), "{name} knows the terminal: {front_end}");
        }
    }
    for (name, allowed) in ALLOWED {
        assert!(!allowed.contains(&"outflow"), "{name} must not use the binary");
        let wires = ADAPTERS.iter().all(|adapter| used(name).iter().any(|used| used == adapter));
        assert_eq!(wires, *name == "app", "{name} uses every adapter, or app does not");
    }
}

#[test]
fn every_crate_of_the_table_exists_and_takes_the_common_lints() {
    let names: BTreeSet<String> = packages().iter().map(short_name).collect();
    assert_eq!(names, ALLOWED.iter().map(|(name, _)| (*name).to_owned()).collect());
    for package in packages() {
        let manifest = std::fs::read_to_string(package["manifest_path"].as_str().unwrap()).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true\n"), "{} takes no lints", short_name(&package));
        assert_eq!(package["license"], "Apache-2.0");
    }
}

#[test]
fn versions_are_exact_and_said_once() {
    let root = std::fs::read_to_string(super::tidy::root().join("Cargo.toml")).unwrap();
    let dependencies = root.split("[workspace.dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    for line in dependencies.lines().filter(|line| line.contains('=') && !line.contains("path = ")) {
        assert!(line.contains("\"="), "not an exact version: {line}");
    }
    for package in packages() {
        let manifest = std::fs::read_to_string(package["manifest_path"].as_str().unwrap()).unwrap();
        let lists = manifest
            .split("\n[")
            .filter(|section| section.split(']').next().unwrap().ends_with("dependencies"));
        for line in lists.flat_map(str::lines).skip(1).filter(|line| line.contains('=')) {
            assert!(line.contains("workspace = true"), "{}: {line}", short_name(&package));
        }
    }
}

fn packages() -> Vec<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(super::tidy::root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// `outflow-core` is `core`; the binary's package is `outflow`.
fn short_name(package: &Value) -> String {
    let name = package["name"].as_str().unwrap();
    name.strip_prefix("outflow-").unwrap_or(name).to_owned()
}

fn ours(dependency: &Value) -> Option<String> {
    dependency["path"].is_string().then(|| short_name(dependency))
}
