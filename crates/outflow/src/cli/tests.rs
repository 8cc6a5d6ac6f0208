//! The page of the command line.

use std::fmt::Write as _;

use super::*;

/// The page of the command line, made from what `--help` says.
fn page() -> String {
    let mut cli = help::command().term_width(110);
    cli.build();
    let mut page = "# Command line\n\nGenerated from the code: `UPDATE_DOCS=1 cargo test -p outflow the_page` rewrites it.\n".to_owned();
    let _ = write!(page, "\n## outflow\n\n```text\n{}```\n", cli.render_long_help());
    sections(&mut cli, "outflow", &mut page);
    page
}

fn sections(of: &mut clap::Command, path: &str, page: &mut String) {
    for command in of.get_subcommands_mut().filter(|c| c.get_name() != "help") {
        let path = format!("{path} {}", command.get_name());
        let _ = write!(page, "\n## {path}\n\n```text\n{}```\n", command.render_long_help());
        sections(command, &path, page);
    }
}

#[test]
fn the_page_of_the_command_line_says_what_help_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/command-line.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, page()).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == page(),
        "docs/reference/command-line.md is behind: UPDATE_DOCS=1 cargo test -p outflow the_page"
    );
}

/// The page of the table role × permission.
#[test]
fn the_page_of_permissions_is_the_table_that_is_asked() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/permissions.md");
    let page = outflow_app::people::permissions_page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == page,
        "docs/reference/permissions.md is behind: UPDATE_DOCS=1 cargo test -p outflow the_page"
    );
}

#[test]
fn an_earlier_name_of_an_option_is_understood_and_not_shown() {
    let typed = ["outflow", "run", "users", "--deliver-for", "3m"];
    let Command::Run(run) = Cli::try_parse_from(typed).unwrap().command else { panic!("another command") };
    assert_eq!(run.delivery_timeout, std::time::Duration::from_secs(180));
    assert!(!page().contains("deliver-for"));
}
