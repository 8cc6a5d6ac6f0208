//! The help: commands in groups, and examples below each one that people often type.
//!
//! What always holds: every command is in one group, and every example can be typed (tests).

use std::fmt::Write as _;

use clap::{CommandFactory as _, FromArgMatches as _};

use super::{Cli, habits};

/// The groups of the first page, in the order in which a project comes to life.
const GROUPS: [(&str, &[&str]); 7] = [
    ("Start", &["demo", "init", "secrets", "source", "destination"]),
    ("Write syncs", &["validate", "preview", "estimate", "list", "schema"]),
    (
        "Run them",
        &["run", "serve", "reload", "pause", "resume", "approve", "reject", "backfill", "replay", "cancel"],
    ),
    (
        "See what happened",
        &["status", "runs", "alerts", "rejected", "dead-letters", "usage", "verify", "audit", "purge"],
    ),
    ("Let others in", &["users", "tokens", "login", "logout"]),
    ("Keep definitions on a server", &["plan", "apply", "export", "rename"]),
    ("Find your way", &["explain", "completions", "version", "help"]),
];

/// What people type, and what it does.
type Example = (&'static str, &'static str);

/// Examples by the words of their command.
const EXAMPLES: [(&[&str], &[Example]); 19] = [
    (
        &["init"],
        &[
            ("outflow init shop --type postgres", "a project in the folder shop"),
            (
                "outflow init --from-dbt target/manifest.json --select tag:crm",
                "a sync for each model with the tag crm",
            ),
        ],
    ),
    (&["validate"], &[("outflow validate --connect", "ask the databases, too")]),
    (
        &["source", "test"],
        &[("outflow source test warehouse.main", "connect, and see what the account may do")],
    ),
    (
        &["source", "setup-sql"],
        &[("outflow source setup-sql warehouse --schemas crm,sales", "an account that reads two schemas")],
    ),
    (
        &["destination", "test"],
        &[("outflow destination test journeys", "connect, and see whether the key is taken")],
    ),
    (
        &["preview"],
        &[
            ("outflow preview users --calls -n 3", "three calls, as they would be sent"),
            ("outflow preview users --since first", "the rows of a first run"),
        ],
    ),
    (
        &["secrets", "set"],
        &[("outflow secrets set CIO_WRITE_KEY", "asks for the value of ${secret:CIO_WRITE_KEY}")],
    ),
    (&["list"], &[("outflow list tag:crm --exclude 'tmp_*'", "which syncs a selection means")]),
    (
        &["run"],
        &[
            ("outflow run users orders", "two syncs, once"),
            ("outflow run --select 'mart_*' tag:daily", "those of a pattern and those of a tag"),
            ("outflow run users --dry-run", "what would be read and sent"),
            ("outflow run --due --no-wait", "for cron: what is due by its schedule"),
        ],
    ),
    (
        &["pause"],
        &[
            ("outflow pause users orders", "two syncs begin no run by their schedules"),
            ("outflow pause journeys --kind destination", "a destination gets nothing; its calls wait"),
        ],
    ),
    (&["status"], &[("outflow status --watch", "show it again every 2 seconds")]),
    (
        &["rejected"],
        &[("outflow rejected users -n 0 -o ndjson", "all rejected rows of the last run of users")],
    ),
    (
        &["replay"],
        &[
            ("outflow replay users", "the dead letters of its last run"),
            ("outflow replay 7 --rejected", "the rejected rows of run 7, as far as they are fixed"),
        ],
    ),
    (&["backfill"], &[("outflow backfill journeys --sync users", "what journeys has missed of one sync")]),
    (
        &["tokens", "create"],
        &[(
            "outflow tokens create airflow --permission runs.start --permission runs.read",
            "to run syncs alone",
        )],
    ),
    (
        &["login"],
        &[("outflow login https://outflow.example:8443", "then `outflow --server` with that address")],
    ),
    (&["plan"], &[("outflow plan ../crm --detailed-exitcode", "for a script: 3 if something would change")]),
    (
        &["rename", "sync"],
        &[("outflow rename sync users people", "users is called people, and goes on where it was")],
    ),
    (&["usage"], &[("outflow usage --month 2026-11 --days", "calls of a month, day by day")]),
];

/// What was typed. Ends the process with a message if it cannot be understood, or asks for help.
pub fn parse() -> Cli {
    let matches = command().try_get_matches().unwrap_or_else(|error| habits::with_tip(error).exit());
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// The command line with its groups and examples.
pub fn command() -> clap::Command {
    let mut command = Cli::command();
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}{{options}}{{after-help}}",
        groups(&command)
    );
    command = command.help_template(template);
    for (path, examples) in EXAMPLES {
        command = at(command, path, &text_of(examples));
    }
    command
}

fn groups(command: &clap::Command) -> String {
    let mut text = String::new();
    for (title, names) in GROUPS {
        let _ = writeln!(text, "{title}:");
        for name in names {
            let about = command.find_subcommand(name).and_then(|c| c.get_about()).map(ToString::to_string);
            let about = about.unwrap_or_else(|| "Print this message or the help of a command".to_owned());
            let _ = writeln!(text, "  {name:<13} {about}");
        }
        text.push('\n');
    }
    text
}

fn at(command: clap::Command, path: &[&str], text: &str) -> clap::Command {
    match path {
        [] => command.after_help(text.to_owned()),
        [name, below @ ..] => command.mut_subcommand(name, |sub| at(sub, below, text)),
    }
}

fn text_of(examples: &[Example]) -> String {
    let lines = examples.iter().map(|(typed, does)| format!("  {typed}\n      {does}"));
    format!("Examples:\n{}", lines.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_in_one_group() {
        let command = Cli::command();
        let mut named: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let mut all: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        all.push("help");
        named.sort_unstable();
        all.sort_unstable();
        assert_eq!(named, all);
    }

    #[test]
    fn every_example_can_be_typed() {
        for (path, examples) in EXAMPLES {
            for (typed, _) in examples {
                let words = typed.split(' ').map(|word| word.trim_matches('\''));
                let matches = command().try_get_matches_from(words);
                let matches = matches.unwrap_or_else(|error| panic!("{typed}: {error}"));
                assert_eq!(matches.subcommand_name(), Some(path[0]), "{typed}");
            }
        }
    }
}
