//! The command line: what can be typed. What it means stands in `commands`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Self-hosted reverse ETL: rows of a warehouse query become calls to your destinations.
#[derive(Debug, Parser)]
#[command(name = "outflow", version, max_term_width = 110, arg_required_else_help = true)]
#[command(after_help = "\
Exit codes: 0 done; 1 error; 2 usage or configuration; 4 done, but rows were rejected or calls dead-lettered;
5 source unreachable or refused; 6 destination unreachable or refused; 7 skipped, already running; 130 interrupted.
An error code's page: outflow explain CODE")]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// The folder with outflow.yaml
    #[arg(long, global = true, value_name = "DIR", default_value = ".", env = "OUTFLOW_PROJECT")]
    pub project: PathBuf,
    /// Where runs, cursors and segments are kept [default: .outflow in the project's folder]
    #[arg(long, global = true, value_name = "PATH", env = "OUTFLOW_STATE")]
    pub state: Option<PathBuf>,
    /// The form of what is printed on stdout
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// No progress on stderr
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// More about what happens; also the causes of errors
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// Colours
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
}

/// The form of what a command prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Table,
    /// One JSON document
    Json,
    /// One JSON document a line
    Ndjson,
    /// One YAML document
    Yaml,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// See it work: an embedded warehouse, all six types of sync, an embedded receiver
    Demo(Demo),
    /// Write a project to start from
    Init(Init),
    /// Check the project's files and print every problem
    Validate,
    /// Show the rows or calls of a sync's next run, without sending anything
    Preview(Preview),
    /// Run syncs now
    Run(Run),
    /// Keep every enabled sync running by its schedule, until SIGTERM or Ctrl-C; SIGHUP reads the project again
    Serve(Serve),
    /// List runs, and slots that were skipped
    Runs(Runs),
    /// List the alerts that fire
    Alerts(Alerts),
    /// Show the rows of a run that could not become a call, and why
    Rejected(Rejected),
    /// Show the calls of a run that a destination refused for good
    DeadLetters(DeadLetters),
    /// Recount a run from its segments and its state
    Verify(RunName),
    /// Show the page of an error code
    Explain {
        /// The code, for example Q005; without it, the list of all codes
        code: Option<String>,
    },
    /// Print the JSON Schema of outflow.yaml
    Schema,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the version
    Version,
}

/// `outflow demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// Two rounds and the end; without it, rounds go on until Ctrl-C
    #[arg(long)]
    pub once: bool,
    /// The folder that the demo's project is written to
    #[arg(long, value_name = "DIR", default_value = "outflow-demo")]
    pub dir: PathBuf,
    /// How many people the demo's warehouse has
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(20..=5_000_000))]
    pub people: u32,
}

/// `outflow init`
#[derive(Debug, Args)]
pub struct Init {
    /// The folder to write to
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// The kind of warehouse
    #[arg(long = "type", value_enum, default_value_t = SourceKind::Redshift)]
    pub kind: SourceKind,
}

/// The kinds of warehouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SourceKind {
    /// Amazon Redshift
    Redshift,
    /// PostgreSQL
    Postgres,
    /// A SQLite file
    Sqlite,
}

/// `outflow preview`
#[derive(Debug, Args)]
pub struct Preview {
    /// The sync
    pub name: String,
    /// The calls in place of the rows
    #[arg(long)]
    pub calls: bool,
    /// How many rows
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub limit: u64,
    /// Which run: the sync's `first`, its `next`, or one that begins at a time
    #[arg(long = "as", value_name = "first|next|TIME", default_value = "next")]
    pub start: String,
}

/// `outflow run`
#[derive(Debug, Args)]
pub struct Run {
    /// The syncs; without a name, every enabled one
    pub names: Vec<String>,
    /// Only those whose schedule says that they are due
    #[arg(long, conflicts_with = "names")]
    pub due: bool,
    /// Everything, as in the first run; last_sync_time stays
    #[arg(long, conflicts_with_all = ["since", "due"])]
    pub full: bool,
    /// What has changed since this time (2026-01-31, 2026-01-31T10:00:00Z or Unix seconds); last_sync_time stays
    #[arg(long, value_name = "TIME", conflicts_with = "due")]
    pub since: Option<String>,
    /// No more rows than this; last_sync_time stays
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "due")]
    pub limit: Option<u64>,
    /// To this destination alone; last_sync_time stays
    #[arg(long, value_name = "DESTINATION", conflicts_with = "due")]
    pub only: Option<String>,
    /// Give up on a destination that has taken nothing for this long; its calls stay pending
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub deliver_for: std::time::Duration,
    /// Exit with 7 if another process is at work, instead of waiting for it
    #[arg(long)]
    pub no_wait: bool,
    /// How many syncs run side by side
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=64))]
    pub jobs: u64,
}

/// `outflow serve`
#[derive(Debug, Args)]
pub struct Serve {
    /// Exit with 7 if another process is at work, instead of waiting for it
    #[arg(long)]
    pub no_wait: bool,
    /// Tell numbers for Prometheus at this address, such as 127.0.0.1:9464 [default: metrics.listen of the project]
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<std::net::SocketAddr>,
    /// The form of the log on stderr
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// `outflow alerts`
#[derive(Debug, Args)]
pub struct Alerts {
    #[command(subcommand)]
    pub what: Option<AlertsCommand>,
}

/// What to do about alerts.
#[derive(Debug, Subcommand)]
pub enum AlertsCommand {
    /// Send a test alert to every receiver of the project
    Test,
}

/// `outflow runs`
#[derive(Debug, Args)]
pub struct Runs {
    /// Of this sync alone
    #[arg(long, value_name = "NAME")]
    pub sync: Option<String>,
    /// How many, the newest first; 0 for all
    #[arg(long, default_value_t = 20)]
    pub limit: u64,
}

/// Which run.
#[derive(Debug, Args)]
pub struct RunName {
    /// The run's number, or a sync's name for its latest run; without it, the latest run of all
    pub run: Option<String>,
}

/// `outflow rejected`
#[derive(Debug, Args)]
pub struct Rejected {
    #[command(flatten)]
    pub run: RunName,
    /// How many rows; 0 for all
    #[arg(long, default_value_t = 20)]
    pub limit: u64,
    /// Only those with this code
    #[arg(long)]
    pub code: Option<String>,
}

/// `outflow dead-letters`
#[derive(Debug, Args)]
pub struct DeadLetters {
    #[command(flatten)]
    pub run: RunName,
    /// Of this destination alone
    #[arg(long, value_name = "NAME")]
    pub destination: Option<String>,
    /// How many for each destination; 0 for all
    #[arg(long, default_value_t = 20)]
    pub limit: u64,
}

/// A duration as in the project file: `90s`, `10m`, `2h`, `1d`.
fn duration(text: &str) -> Result<std::time::Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "s" | "" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err("use a number with s, m, h or d, for example 10m".to_owned()),
    };
    let number: u64 =
        number.parse().map_err(|_| "use a number with s, m, h or d, for example 10m".to_owned())?;
    number.checked_mul(seconds).map(std::time::Duration::from_secs).ok_or_else(|| "too long".to_owned())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use clap::CommandFactory;

    use super::*;

    /// The page of the command line, made from what `--help` says.
    fn page() -> String {
        let mut cli = Cli::command().term_width(110);
        cli.build();
        let mut page = "# Command line\n\nMade from the code: `UPDATE_DOCS=1 cargo test -p outflow the_page` writes it anew.\n".to_owned();
        let _ = write!(page, "\n## outflow\n\n```text\n{}```\n", cli.render_long_help());
        for command in cli.get_subcommands_mut().filter(|c| c.get_name() != "help") {
            let name = command.get_name().to_owned();
            let _ = write!(page, "\n## outflow {name}\n\n```text\n{}```\n", command.render_long_help());
        }
        page
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
}
