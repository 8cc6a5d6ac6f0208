//! Rules of the repository that the compiler does not check.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use outflow_core::Code;

/// A file longer than this has more than one subject.
const MAX_LINES: usize = 500;

/// The repository's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Files that people write: all but what is built, downloaded, or kept by git. Paths are relative
/// to [`root`].
pub fn files() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                let skipped =
                    name.starts_with("target") || matches!(&*name, ".git" | ".outflow" | "node_modules");
                if !skipped && !path.ends_with("bench/out") {
                    folders.push(path);
                }
            } else if name != ".git" && name != "Cargo.lock" && name != "LICENSE" && !name.ends_with(".log") {
                // What is not text has no lines to check.
                if let Ok(text) = fs::read_to_string(&path) {
                    found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
                }
            }
        }
    }
    assert!(found.len() > 50, "the walk found only {} files", found.len());
    found
}

fn sources() -> impl Iterator<Item = (PathBuf, String)> {
    files().into_iter().filter(|(path, _)| path.extension().is_some_and(|kind| kind == "rs"))
}

#[test]
fn a_source_file_has_one_subject_and_is_not_long() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines, more than {MAX_LINES}", path.display());
    }
}

/// What a server or a service said may quote a row. The crate that writes logs, metrics, alerts and
/// mails reads Outflow's own words alone.
#[test]
fn what_writes_logs_and_alerts_reveals_no_foreign_text() {
    let mut looked_at = 0;
    for (path, text) in sources().filter(|(path, _)| path.starts_with("crates/telemetry/src")) {
        looked_at += 1;
        for word in ["reveal", "full_message", "quoted()"] {
            assert!(!text.contains(word), "{} has {word}", path.display());
        }
    }
    assert!(looked_at > 10, "only {looked_at} files were looked at");
}

/// A front end names its commands; what lies below has other front ends, too, and keeps messages in
/// the state.
#[test]
fn no_message_below_the_front_ends_names_a_command() {
    const BELOW: &[&str] =
        &["core", "query", "mapping", "state", "spool", "egress", "destinations", "warehouse", "engine"];
    const COMMANDS: &[&str] = &[
        "run", "runs", "approve", "reject", "backfill", "replay", "preview", "validate", "explain", "purge",
        "verify", "source", "status", "alerts",
    ];
    let mut looked_at = 0;
    for (path, text) in sources() {
        let names: Vec<_> = path.iter().filter_map(|name| name.to_str()).collect();
        let is_below = matches!(names[..], ["crates", name, "src", ..] if BELOW.contains(&name));
        for (n, line) in text.lines().enumerate().filter(|_| is_below) {
            looked_at += 1;
            let named = COMMANDS.iter().find(|command| line.contains(&format!("outflow {command}")));
            let is_comment = line.trim_start().starts_with("//");
            assert!(named.is_none() || is_comment, "{}:{}: {line}", path.display(), n + 1);
        }
    }
    assert!(looked_at > 10_000, "only {looked_at} lines were looked at");
}

#[test]
fn a_source_file_begins_with_what_it_is_for() {
    for (path, text) in sources().filter(|(path, _)| path.iter().nth(2).is_some_and(|folder| folder == "src"))
    {
        assert!(text.starts_with("//! "), "{} has no head", path.display());
    }
}

/// Sums of times cannot panic: a lint forbids the operators, and must be on.
#[test]
fn every_crate_that_ships_forbids_operators_that_panic_on_times() {
    let roots = sources().filter(|(path, _)| {
        let names: Vec<_> = path.iter().filter_map(|name| name.to_str()).collect();
        matches!(names[..], ["crates", name, "src", "lib.rs" | "main.rs"] if name != "testkit")
    });
    let mut seen = 0;
    for (path, text) in roots {
        let is_on = text.contains("#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]");
        assert!(is_on, "{} does not turn the lint on", path.display());
        seen += 1;
    }
    assert!(seen >= 13, "only {seen} crates were looked at");
}

#[test]
fn nothing_is_left_undone_or_switched_off() {
    // Put together here, so that this file does not find itself.
    let marks = [
        "todo".to_owned() + "!(",
        "unimplemented".to_owned() + "!(",
        "FIX".to_owned() + "ME",
        "#[ig".to_owned() + "nore",
    ];
    for (path, text) in sources() {
        for mark in &marks {
            assert!(!text.contains(mark), "{} has {mark}", path.display());
        }
    }
}

#[test]
fn files_name_no_machine_and_no_registry() {
    let places = ["work", "root", "farm"].map(|name| format!("/{name}/"));
    let hosts = [["crates", "io"], ["pypi", "org"], ["npmjs", "org"], ["debian", "org"]]
        .map(|host| format!("://{}", host.join(".")));
    let subdomains = [["crates", "io/"], ["npmjs", "org/"], ["pythonhosted", "org"], ["debian", "org/"]]
        .map(|host| format!(".{}", host.join(".")));
    for (path, text) in files() {
        for (number, line) in text.lines().enumerate() {
            for word in places.iter().chain(&hosts).chain(&subdomains) {
                assert!(!line.contains(word.as_str()), "{}:{} names {word}", path.display(), number + 1);
            }
        }
    }
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let pages: BTreeSet<String> = fs::read_dir(root().join("docs/errors"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".md").map(str::to_owned))
        .filter(|page| page != "README")
        .collect();
    let codes: BTreeSet<String> = Code::ALL.iter().map(|code| code.as_str().to_owned()).collect();
    assert_eq!(pages, codes);
}

/// The tests that a page names, such as `engine::it::delivery::a_test`,
/// `outflow::it::redshift::traps` or `spool::model`. Each must exist.
fn named_tests(title: &str, text: &str) -> usize {
    let names = text.split('`').filter(|t| t.contains("::") && t.split("::").all(is_name));
    names.inspect(|name| assert!(exists(name), "{title}: {name} is not there")).count()
}

fn exists(name: &str) -> bool {
    let parts: Vec<&str> = name.split("::").collect();
    let folder = root().join("crates").join(parts[0]);
    let (folder, rest) = match parts[1..] {
        ["it"] => return folder.join("tests/it/main.rs").exists(),
        ["it", ref rest @ ..] => (folder.join("tests/it"), rest),
        ref rest => (folder.join("src"), rest),
    };
    // All parts are modules, or the last one is a test.
    let module = |parts: &[&str]| fs::read_to_string(folder.join(parts.join("/")).with_extension("rs")).ok();
    let Some((test, modules)) = rest.split_last() else { return false };
    module(rest).is_some() || module(modules).is_some_and(|source| source.contains(&format!("fn {test}(")))
}

#[test]
fn the_tests_that_the_guarantees_name_exist() {
    let text = fs::read_to_string(root().join("docs/GUARANTEES.md")).unwrap();
    let promises = text.split("\n## ").skip(1).filter(|p| p.starts_with(|c: char| c.is_ascii_digit()));
    let mut named = 0;
    for promise in promises {
        let title = promise.lines().next().unwrap();
        let here = named_tests(title, promise);
        assert!(here > 0, "{title}: names no test");
        named += here;
    }
    assert!(named >= 15, "only {named} tests are named");
}

/// Each row of its tables of facts names a test, or a place in the code.
#[test]
fn the_tests_that_the_page_of_redshift_names_exist() {
    let text = fs::read_to_string(root().join("docs/REDSHIFT.md")).unwrap();
    assert!(named_tests("docs/REDSHIFT.md", &text) >= 40);
    for section in text.split("\n## ").filter(|s| s.contains("| held by |")) {
        for row in section.lines().filter(|line| line.starts_with("| ")).skip(2) {
            let held = row.trim_end_matches('|').rsplit('|').next().unwrap();
            assert!(held.contains("::") || held.contains("code: `crates/"), "no test holds this: {row}");
        }
    }
    for trap in (1..=15).filter(|n| *n != 14) {
        assert!(text.contains(&format!("(trap {trap})")), "trap {trap} is not told");
    }
}

/// A row names its test as `./test` takes it, without crate and binary.
#[test]
fn the_tests_that_the_page_of_reliability_names_exist() {
    let text = fs::read_to_string(root().join("docs/RELIABILITY.md")).unwrap();
    let names: Vec<&str> =
        text.split('`').filter(|t| t.contains("::") && t.split("::").all(is_name)).collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let places =
            ["outflow::it", "engine::it", "state::it", "spool"].map(|place| format!("{place}::{name}"));
        assert!(places.iter().any(|place| exists(place)), "docs/RELIABILITY.md: {name} is not there");
    }
}

fn is_name(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// The pages that say where something lives: each path in backticks must exist.
#[test]
fn the_paths_that_documents_name_exist() {
    let is_page = |path: &Path| path.extension().is_some_and(|kind| kind == "md");
    let folders = ["bench/", "crates/", "destinations/", "docs/", "examples/"];
    let mut named = 0;
    for (page, text) in files().into_iter().filter(|(path, _)| is_page(path)) {
        let paths = text.split('`').skip(1).step_by(2).filter(|t| folders.iter().any(|f| t.starts_with(f)));
        for path in paths.filter(|path| !path.contains([' ', '*', '…']) && !path.contains("CODE")) {
            named += 1;
            assert!(root().join(path).exists(), "{}: {path} is not there", page.display());
        }
    }
    assert!(named >= 100, "only {named} paths are named");
}
