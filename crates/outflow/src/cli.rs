//! The command line: what can be typed. What it means is in `commands`.

mod upkeep;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use outflow_app::{SourceKind, source_kinds as kinds};
use outflow_telemetry::log::Filter;

pub use upkeep::{Cancel, Verify};
use values::{Names, duration, schemas, tables};

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
    /// A folder, or a URL postgres://… for the state alone [default: as the project says, or
    /// .outflow beside it]
    #[arg(long, global = true, value_name = "PATH|URL", env = "OUTFLOW_STATE", hide_env_values = true)]
    pub state: Option<PathBuf>,
    /// The form of what is printed on stdout
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    pub output: Output,
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
    /// Show the rows or calls of a sync's next run, without sending anything
    Preview(Preview),
    /// Estimate the rows, calls and requests of a sync's run, without sending anything
    Estimate(Estimate),
    /// Run syncs now
    Run(Run),
    /// Run every enabled sync by its schedule, until SIGTERM or Ctrl-C; SIGHUP reloads the project
    Serve(Serve),
    /// Show what runs, what waits, what is due next and what is wrong
    Status,
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
    /// Recount a run from its segments and its state, or check the whole state
    Verify(Verify),
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
    /// Stop after two rounds; without it, rounds continue until Ctrl-C
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
    #[arg(long = "type", value_parser = source_kinds(), default_value = "redshift")]
    pub kind: &'static SourceKind,
}

/// The kinds of warehouse, with their titles as help.
fn source_kinds() -> impl TypedValueParser<Value = &'static SourceKind> {
    let names = kinds::KINDS.iter().map(|kind| PossibleValue::new(kind.name).help(kind.title));
    PossibleValuesParser::new(names).try_map(|name| kinds::find(&name).ok_or("no kind of warehouse"))
}

/// `outflow validate`
#[derive(Debug, Args)]
pub struct Validate {
    /// Ask each sync's database, too: types of columns, expected rows, the newest row
    #[arg(long)]
    pub connect: bool,
}

/// `outflow source`
#[derive(Debug, Subcommand)]
pub enum Source {
    /// List the databases of all sources
    List,
    /// Connect step by step, and check what the account may read and do; changes nothing
    Test {
        /// SOURCE.DATABASE, or SOURCE for all of its databases
        name: String,
    },
    /// Print the SQL for a service account with reading rights only; an administrator runs it
    SetupSql(SetupSql),
}

/// `outflow source setup-sql`
#[derive(Debug, Args)]
pub struct SetupSql {
    /// SOURCE.DATABASE, or SOURCE if that has one database
    pub name: String,
    /// Schemas to read as a whole, separated by commas [default: public, unless tables are named]
    #[arg(long, value_name = "A,B", value_parser = schemas)]
    pub schemas: Option<Names>,
    /// Tables and views to read, each as SCHEMA.TABLE; put unusual names in double quotes
    #[arg(long, value_name = "S.T,…", value_parser = tables)]
    pub tables: Option<Names>,
    /// The account's name [default: the database's `user`]
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
}

/// `outflow preview`
#[derive(Debug, Args)]
pub struct Preview {
    /// The sync
    pub name: String,
    /// Show calls, not rows
    #[arg(long)]
    pub calls: bool,
    /// How many rows
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub limit: u64,
    /// Which run: the sync's `first`, its `next`, or one that begins at a time
    #[arg(long = "since", value_name = "first|next|TIME", default_value = "next")]
    pub start: String,
    /// Read the rows once: a query that is expensive runs only once, and columns that differ by
    /// themselves (Q120) are not found
    #[arg(long)]
    pub once: bool,
}

/// `outflow estimate`
#[derive(Debug, Args)]
pub struct Estimate {
    /// The sync
    pub name: String,
    /// Which run: the sync's `first`, its `next`, or one that begins at a time
    #[arg(long = "since", value_name = "first|next|TIME", default_value = "next")]
    pub start: String,
    /// Give up counting after this long, and ask for the database's plan instead
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub timeout: Duration,
}

/// `outflow run`
#[derive(Debug, Args)]
pub struct Run {
    /// The syncs; without a name, every enabled one
    pub names: Vec<String>,
    /// Only syncs that are due by their schedule
    #[arg(long, conflicts_with = "names")]
    pub due: bool,
    /// Read everything, as in the first run; last_sync_time stays
    #[arg(long, conflicts_with_all = ["since", "due"])]
    pub full: bool,
    /// Read what has changed since this time (2026-01-31, 2026-01-31T10:00:00Z or Unix seconds);
    /// last_sync_time stays
    #[arg(long, value_name = "TIME", conflicts_with = "due")]
    pub since: Option<String>,
    /// Read at most this many rows; last_sync_time stays
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "due")]
    pub limit: Option<u64>,
    /// Send to this destination only; last_sync_time stays
    #[arg(long, value_name = "DESTINATION", conflicts_with = "due")]
    pub destination: Option<String>,
    /// Give events new ids although they were sent before: they count again
    #[arg(long, conflicts_with = "due")]
    pub new_ids: bool,
    /// Do not ask before events go out under second ids (Q014)
    #[arg(long)]
    pub yes: bool,
    /// Give up on a destination that has taken nothing for this long; its calls stay pending
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub delivery_timeout: Duration,
    /// Exit with 7 if another process holds the state, instead of waiting for it
    #[arg(long)]
    pub no_wait: bool,
    /// How many syncs run in parallel
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=64))]
    pub jobs: u64,
}

/// `outflow serve`
#[derive(Debug, Args)]
pub struct Serve {
    /// Exit with 7 if another process holds the state, instead of waiting for it
    #[arg(long)]
    pub no_wait: bool,
    /// Serve metrics for Prometheus here: 127.0.0.1:9464 [default: metrics.listen of the project]
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<std::net::SocketAddr>,
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
    /// Only this sync
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

impl RunName {
    /// The run that is meant.
    pub fn name(&self) -> outflow_app::RunName {
        outflow_app::RunName::parse(self.run.as_deref())
    }
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
    /// Only this destination
    #[arg(long, value_name = "NAME")]
    pub destination: Option<String>,
    /// How many for each destination; 0 for all
    #[arg(long, default_value_t = 20)]
    pub limit: u64,
}

/// `outflow replay`
#[derive(Debug, Args)]
pub struct Replay {
    /// The run's number, or a sync's name for its latest run
    pub run: String,
    /// Only dead letters, or rejected rows, with this code
    #[arg(long, conflicts_with = "all")]
    pub code: Option<String>,
    /// Only dead letters of this destination; with --all, the destination that gets the run's calls
    #[arg(long, value_name = "NAME")]
    pub destination: Option<String>,
    /// Send calls as they were, under the same message ids; default for track, page and screen
    #[arg(long, conflicts_with = "requery")]
    pub as_sent: bool,
    /// Send what the query now gives for the refused keys, under new message ids; the default for
    /// identify, group and alias
    #[arg(long)]
    pub requery: bool,
    /// Send what the query now gives for the rejected rows, as far as they are fixed, under new
    /// message ids
    #[arg(long, conflicts_with_all = ["as_sent", "requery", "all"])]
    pub rejected: bool,
    /// Send every call of the run to one destination, not only its dead letters
    #[arg(long, conflicts_with_all = ["as_sent", "requery"], requires = "destination")]
    pub all: bool,
    /// Also send what was replayed before; with --as-sent, also what may overwrite a newer state
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub delivery: DeliveryArgs,
}

/// `outflow backfill`
#[derive(Debug, Args)]
pub struct Backfill {
    /// The destination
    pub destination: String,
    /// Only for this sync; without it, for every enabled sync that has the destination
    #[arg(long, value_name = "NAME")]
    pub sync: Option<String>,
    /// Start from this time; without it, from the first run that did not reach the destination
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// With --since: do not ask before events go out under second ids (Q014)
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    pub delivery: DeliveryArgs,
}

/// Options of runs that are not incremental.
#[derive(Clone, Copy, Debug, Args)]
pub struct DeliveryArgs {
    /// Give up on a destination that has taken nothing for this long; its calls stay pending
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub delivery_timeout: Duration,
    /// Exit with 7 if another process holds the state, instead of waiting for it
    #[arg(long)]
    pub no_wait: bool,
}

/// `outflow purge`
#[derive(Debug, Args)]
pub struct Purge {
    /// The person: userId, anonymousId or previousId of calls; their email if they have no other
    #[arg(long, value_name = "ID", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub key: String,
    /// Show what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Exit with 7 if another process holds the state, instead of waiting for it
    #[arg(long)]
    pub no_wait: bool,
}

/// `outflow approve`
#[derive(Debug, Args)]
pub struct Approve {
    /// The run's number
    pub run: u64,
    /// Give up on a destination that has taken nothing for this long; its calls stay pending
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub delivery_timeout: Duration,
    /// Exit with 7 if another process holds the state and takes no requests, instead of waiting
    #[arg(long)]
    pub no_wait: bool,
}

/// `outflow reject`
#[derive(Debug, Args)]
pub struct Reject {
    /// The run's number
    pub run: u64,
    /// Move last_sync_time as if the run had been sent: its rows are not read again
    #[arg(long)]
    pub skip_window: bool,
    /// Exit with 7 if another process holds the state and takes no requests, instead of waiting
    #[arg(long)]
    pub no_wait: bool,
}

/// `outflow usage`
#[derive(Debug, Args)]
pub struct Usage {
    /// The month, such as 2026-11; without it, the current one
    #[arg(long, value_name = "YYYY-MM")]
    pub month: Option<String>,
    /// Only this sync
    #[arg(long, value_name = "NAME")]
    pub sync: Option<String>,
    /// Show each day separately
    #[arg(long)]
    pub days: bool,
}

#[cfg(test)]
mod tests;
