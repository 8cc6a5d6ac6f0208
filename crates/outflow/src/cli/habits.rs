//! What people type who come from other tools, and what does the same here.
//!
//! What always holds: every command that a tip gives can be typed (tests). A tip stands in place of
//! the words that are nearest by their letters alone, which lead elsewhere.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue};

/// Commands of other tools: what does the same, and what that is.
const COMMANDS: [(&[&str], &str); 23] = [
    (
        &["test", "tests"],
        "`outflow validate` checks the project, `outflow source test NAME` a connection, `outflow destination test NAME` a destination, `outflow alerts test` the alerts",
    ),
    (&["check", "lint", "parse", "verify-project"], "`outflow validate` checks the project and its queries"),
    (
        &["compile", "show", "query"],
        "`outflow preview SYNC` shows what a query gives, `outflow validate` checks it",
    ),
    (&["diff"], "`outflow run --dry-run` says what would be read and sent"),
    (&["build", "sync", "trigger", "execute", "exec", "push"], "`outflow run SYNC` runs a sync now"),
    (
        &["debug", "doctor", "connect", "ping"],
        "`outflow source test NAME` tests a connection step by step, `outflow validate --connect` asks every database",
    ),
    (
        &["logs", "log", "history"],
        "`outflow runs` lists what ran, `outflow status` says what runs and what is wrong",
    ),
    (&["ls", "syncs", "models"], "`outflow list` lists the syncs"),
    (&["sources", "connections"], "`outflow source list` lists the databases"),
    (
        &["start", "up", "daemon", "scheduler", "server", "worker"],
        "`outflow serve` runs the syncs by their schedules",
    ),
    (&["disable", "stop", "suspend"], "`outflow pause NAME` pauses a sync or a destination"),
    (&["enable", "unpause", "continue"], "`outflow resume NAME` lets a paused sync or destination go on"),
    (&["restart"], "`outflow reload` has the running `outflow serve` read the project again"),
    (
        &["ps", "top", "health", "info", "state"],
        "`outflow status` says what runs, what waits and what is wrong",
    ),
    (&["retry", "resend"], "`outflow replay SYNC` sends dead letters again"),
    (
        &["errors", "failures", "failed"],
        "`outflow rejected SYNC` shows rejected rows, `outflow dead-letters SYNC` refused calls",
    ),
    (&["new", "create", "setup", "scaffold"], "`outflow init DIR` writes a project"),
    (
        &["docs", "doc", "man"],
        "`outflow explain CODE` shows the page of a code, `outflow --help` the commands",
    ),
    (&["config", "settings"], "`outflow schema` prints the schema of outflow.yaml"),
    (&["forget", "delete", "erase", "gdpr"], "`outflow purge --key ID` removes a person from what is kept"),
    (&["full-refresh", "resync", "refresh"], "`outflow run SYNC --full` sends everything again"),
    (&["metrics", "stats", "billing"], "`outflow usage` shows how many calls were sent"),
    (&["quickstart", "tutorial", "example"], "`outflow demo` shows it at work"),
];

/// Options of other tools, and what does the same.
const OPTIONS: [(&[&str], &str); 12] = [
    (
        &["-m", "--model", "--models", "--sync", "--syncs", "--name"],
        "name the sync: `outflow run SYNC`, or `outflow run --select SYNC`",
    ),
    (&["--tag", "--tags"], "`outflow run tag:NAME` selects by tag"),
    (&["--full-refresh", "--full-resync", "--refresh"], "`outflow run SYNC --full` sends everything again"),
    (
        &["-t", "--env", "--environment", "--profile"],
        "`outflow run --target NAME` takes what differs for an environment",
    ),
    (
        &["--project-dir", "--profiles-dir", "--config", "-c", "-f", "--file", "--dir"],
        "`outflow run --project DIR` names the folder of the project",
    ),
    (&["--threads", "--parallel", "--concurrency"], "`outflow run --jobs N` runs N syncs in parallel"),
    (&["--json"], "`outflow status --output json` prints JSON"),
    (&["--format"], "`outflow status --output json` prints JSON; table, ndjson and yaml can be chosen, too"),
    (
        &["--debug", "--log-level", "--loglevel"],
        "`outflow run --verbose` logs more, `outflow run --log LEVEL` what is named",
    ),
    (&["--no-color", "--no-colors"], "`outflow run --color never` prints without colours"),
    (&["--dry", "--plan", "--no-send"], "`outflow run --dry-run` says what would be read and sent"),
    (
        &["--start", "--from", "--from-date", "--start-date"],
        "`outflow run SYNC --since TIME` reads from a time on",
    ),
];

/// The error with the tip that fits what was typed.
pub(super) fn with_tip(mut error: clap::Error) -> clap::Error {
    let typed = |kind: ContextKind| match error.get(kind) {
        Some(ContextValue::String(typed)) => Some(typed.clone()),
        _ => None,
    };
    let command = typed(ContextKind::InvalidSubcommand).and_then(|typed| find(&COMMANDS, &typed));
    let option = typed(ContextKind::InvalidArg).and_then(|typed| find(&OPTIONS, &typed));
    if let Some(tip) = command.or(option) {
        error.remove(ContextKind::SuggestedSubcommand);
        error.remove(ContextKind::SuggestedArg);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
    }
    error
}

fn find(habits: &[(&[&str], &'static str)], typed: &str) -> Option<&'static str> {
    let typed = typed.split('=').next().unwrap_or(typed);
    habits
        .iter()
        .find(|(names, _)| names.iter().any(|name| name.eq_ignore_ascii_case(typed)))
        .map(|(_, tip)| *tip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::help::command;

    fn told(words: &str) -> String {
        let error = command().try_get_matches_from(words.split(' ')).unwrap_err();
        with_tip(error).render().to_string()
    }

    #[test]
    fn a_command_or_an_option_of_another_tool_gets_the_one_that_does_the_same() {
        for (typed, tip) in [
            ("outflow test", "outflow validate"),
            ("outflow compile", "outflow preview SYNC"),
            ("outflow diff", "outflow run --dry-run"),
            ("outflow debug", "outflow source test NAME"),
            ("outflow logs", "outflow runs"),
            ("outflow sync users", "outflow run SYNC"),
            ("outflow run -m users", "outflow run SYNC"),
            ("outflow run --models users", "--select SYNC"),
            ("outflow run --full-refresh", "--full"),
            ("outflow run users -t dev", "--target NAME"),
            ("outflow list --json", "--output json"),
        ] {
            let told = told(typed);
            let tips: Vec<&str> = told.lines().filter(|line| line.contains("tip:")).collect();
            assert!(tips.len() == 1 && tips[0].contains(tip), "{typed}: {told}");
        }
        // What is merely misspelt keeps the word that is near.
        assert!(told("outflow validat").contains("validate"));
        assert!(told("outflow run --dryrun").contains("--dry-run"));
    }

    #[test]
    fn every_command_of_a_tip_can_be_typed_and_no_habit_is_a_command() {
        let tips = COMMANDS.iter().chain(&OPTIONS).map(|(_, tip)| tip);
        for quoted in tips.flat_map(|tip| tip.split('`').skip(1).step_by(2)) {
            let typed = quoted.replace("--jobs N", "--jobs 2").replace("--since TIME", "--since 2026-01-01");
            let typed = typed.replace("--log LEVEL", "--log debug");
            match command().try_get_matches_from(typed.split(' ')) {
                Ok(_) => {}
                Err(error) => assert!(!error.use_stderr(), "{typed}: {error}"),
            }
        }
        let command = command();
        for name in COMMANDS.iter().flat_map(|(names, _)| names.iter()) {
            assert!(command.find_subcommand(name).is_none(), "{name}");
        }
    }
}
