//! The command line: what can be typed. What it means is in `commands`.

mod audit;
mod authoring;
mod definitions;
mod habits;
pub mod help;
mod looking;
mod people;
mod running;
mod secrets;
mod upkeep;
mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use outflow_telemetry::log::Filter;

pub use audit::{Audit, AuditList, AuditVerify};
pub use authoring::{
    Destination, DestinationTest, Estimate, Init, List, Preview, SetupSql, Source, Tables, Validate, Which,
};
pub use definitions::{Apply, Plan, Rename};
pub use looking::{Alerts, AlertsCommand, DeadLetters, Rejected, Runs, Status, Usage};
pub use people::{CreateToken, CreateUser, PasswordArgs, RevokeToken, ServerUrl, Tokens, UserRole, Users};
pub use running::{Backfill, Replay, Run, Serve};
pub use secrets::{SecretName, Secrets};
pub use upkeep::{Approve, Cancel, PausableKind, Pause, Purge, Reject, Verify};

/// Self-hosted reverse ETL: rows of a warehouse query become calls to your destinations.
#[derive(Debug, Parser)]
#[command(name = "outflow", version, max_term_width = 110, arg_required_else_help = true)]
#[command(after_help = "\
Exit codes: 0 done; 1 error; 2 usage or configuration; 3 `plan --detailed-exitcode`: something
would change; 5 source unreachable or refused;
6 destination unreachable or refused; 7 skipped, already running; 130 interrupted; with --strict
also 4: done, but rows were rejected or calls dead-lettered.
An error code's page: outflow explain CODE")]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Common {
    /// The folder with outflow.yaml [default: this folder, or the nearest one above that has it]
    #[arg(long, global = true, value_name = "DIR", env = "OUTFLOW_PROJECT")]
    pub project: Option<PathBuf>,
    /// The part of `targets` in outflow.yaml that changes the project for an environment
    #[arg(long, global = true, value_name = "NAME", env = "OUTFLOW_TARGET")]
    pub target: Option<String>,
    /// A folder, or a URL postgres://… for the state alone [default: as the project says, or
    /// .outflow beside it]
    #[arg(long, global = true, value_name = "PATH|URL", env = "OUTFLOW_STATE", hide_env_values = true)]
    pub state: Option<PathBuf>,
    /// Have this server do it, in place of a project and a state here [default: here]
    #[arg(long, global = true, value_name = "URL", env = "OUTFLOW_SERVER")]
    pub server: Option<String>,
    /// With --server: a PEM file with certificates to trust beside the usual ones
    #[arg(long, global = true, value_name = "FILE", env = "OUTFLOW_CA")]
    pub ca: Option<PathBuf>,
    /// The form of what is printed on stdout
    #[arg(long, short, global = true, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// Exit with 4 if rows were rejected or calls dead-lettered, within the guards, too
    #[arg(long, global = true, env = "OUTFLOW_STRICT", value_parser = clap::builder::FalseyValueParser::new())]
    pub strict: bool,
    /// No progress on stderr
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// More in the log, down to debug; also the causes of errors
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// What is logged on stderr: a level, or crates and modules with levels, such as
    /// warn,outflow_engine=debug
    #[arg(long, global = true, value_name = "FILTER", env = "OUTFLOW_LOG", hide_env_values = true)]
    pub log: Option<Filter>,
    /// The form of the log [default: text; with --output json or ndjson: json]
    #[arg(long, global = true, value_enum)]
    pub log_format: Option<LogFormat>,
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

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

impl From<LogFormat> for outflow_telemetry::log::LogFormat {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
        }
    }
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
    /// Check the project's files and queries and print every problem
    Validate(Validate),
    /// Test connections to sources, and print the script for a service account
    #[command(subcommand, arg_required_else_help = true)]
    Source(Source),
    /// Test connections to destinations, and whether they take our keys
    #[command(subcommand, arg_required_else_help = true)]
    Destination(Destination),
    /// List the syncs: what they read, when, and where their calls go
    List(List),
    /// Show the rows or calls of a sync's next run, without sending anything
    Preview(Preview),
    /// Estimate the rows, calls and requests of a sync's run, without sending anything
    Estimate(Estimate),
    /// Run syncs now
    Run(Run),
    /// Run every enabled sync by its schedule, until SIGTERM or Ctrl-C; SIGHUP reloads the project
    Serve(Serve),
    /// Have the running `outflow serve` read the project again
    Reload,
    /// Rename what the server owns
    #[command(subcommand, arg_required_else_help = true)]
    Rename(Rename),
    /// Print what files and server define as one outflow.yaml
    Export,
    /// Show what would change if a project were moved into the server
    Plan(Plan),
    /// Move a project into the server: its definitions are the server's from then on
    Apply(Apply),
    /// Pause a sync's schedule, or a destination; `outflow run SYNC` still runs a paused sync
    Pause(Pause),
    /// Resume what was paused: schedules go on from now, and what waits for a destination is sent
    Resume(Pause),
    /// Show what runs, what waits, what is due next and what is wrong
    Status(Status),
    /// List runs, and slots that were skipped
    Runs(Runs),
    /// List the alerts that fire
    Alerts(Alerts),
    /// Show the rows of a run that could not become a call, and why
    Rejected(Rejected),
    /// Show the calls of a run that a destination refused for good
    DeadLetters(DeadLetters),
    /// Send dead letters of a run again, or all of its calls to another destination
    Replay(Replay),
    /// Send a destination what it has missed since it got no calls
    Backfill(Backfill),
    /// Remove a person from the calls and rejected rows that are kept
    Purge(Purge),
    /// Deliver a run that awaits approval
    Approve(Approve),
    /// Drop a run that awaits approval; its sync's next run reads the same rows again
    Reject(Reject),
    /// Give up calls that wait for a destination that the project no longer has
    Cancel(Cancel),
    /// Show how many calls were sent, by sync, destination and type, in a month of UTC
    Usage(Usage),
    /// Make, list and change the people who may sign in
    #[command(subcommand, arg_required_else_help = true)]
    Users(Users),
    /// Make, list and revoke the tokens of programs that use the API
    #[command(subcommand, arg_required_else_help = true)]
    Tokens(Tokens),
    /// Keep the token for a server, which is asked for, or read from stdin
    Login(ServerUrl),
    /// Forget the token for a server
    Logout(ServerUrl),
    /// Recount a run from its segments and its state, or check the whole state
    Verify(Verify),
    /// Keep values that ${secret:NAME} stands for, encrypted in the state
    #[command(subcommand, arg_required_else_help = true)]
    Secrets(Secrets),
    /// Show who changed what, and check that the record of it was not changed
    #[command(subcommand, arg_required_else_help = true)]
    Audit(Audit),
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
    /// Run every sync twice, report, and end; without it, the page is served until Ctrl-C
    #[arg(long)]
    pub once: bool,
    /// Where the page is served, on loopback [default: 127.0.0.1:7788, or a free port]
    #[arg(long, value_name = "ADDRESS", conflicts_with = "once")]
    pub listen: Option<std::net::SocketAddr>,
    /// The folder that the demo's project is written to
    #[arg(long, value_name = "DIR", default_value = "outflow-demo")]
    pub dir: PathBuf,
    /// How many people the demo's warehouse has
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(20..=5_000_000))]
    pub people: u32,
}

#[cfg(test)]
mod tests;
