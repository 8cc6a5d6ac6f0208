//! Arguments of commands that help to write a project and its syncs.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use outflow_app::{SourceKind, source_kinds as kinds};

use super::values::{Names, duration, schemas, tables};

/// `outflow init`
#[derive(Debug, Args)]
pub struct Init {
    /// The folder to write to
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// The kind of warehouse [default: redshift, or what the dbt project uses]
    #[arg(long = "type", value_parser = source_kinds())]
    pub kind: Option<&'static SourceKind>,
    /// Write a sync for each chosen model of a dbt project, from its target/manifest.json
    #[arg(long, value_name = "MANIFEST")]
    pub from_dbt: Option<PathBuf>,
    /// The models: names, patterns such as mart_*, or tag:NAME [default: tag:outflow]
    #[arg(long, short, value_name = "MODEL", num_args = 1.., requires = "from_dbt")]
    pub select: Vec<String>,
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
    /// List the tables and columns that the account can read
    Tables(Tables),
}

/// `outflow source tables`
#[derive(Clone, Debug, Args)]
pub struct Tables {
    /// SOURCE.DATABASE, or SOURCE if that has one database
    pub name: String,
    /// Only this schema
    #[arg(long, value_name = "NAME")]
    pub schema: Option<String>,
    /// Only tables of this name, with their columns
    #[arg(long, value_name = "NAME")]
    pub table: Option<String>,
}

/// `outflow destination`
#[derive(Debug, Subcommand)]
pub enum Destination {
    /// Connect step by step, and see whether our key is taken; sends no call of a person
    Test(DestinationTest),
}

/// `outflow destination test`
#[derive(Debug, Args)]
pub struct DestinationTest {
    /// The destinations [default: all of the project]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Send webhooks one test call; without it they get no request
    #[arg(long)]
    pub send: bool,
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
    /// Also take the rights to make tables in schema public, and temporary ones, from everybody:
    /// without them S101 and S102 may say that the account has them as one of everybody
    #[arg(long)]
    pub revoke_public: bool,
    /// The account's name [default: the database's `user`]
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
}

/// `outflow list`
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    pub which: Which,
}

/// Which syncs.
#[derive(Clone, Debug, Args)]
pub struct Which {
    /// The syncs: names, patterns such as 'mart_*', tag:NAME, source:NAME or destination:NAME
    #[arg(value_name = "SYNC")]
    pub names: Vec<String>,
    /// The same
    #[arg(long, short, value_name = "SYNC", num_args = 1..)]
    pub select: Vec<String>,
    /// Leave these out
    #[arg(long, value_name = "SYNC", num_args = 1..)]
    pub exclude: Vec<String>,
}

/// `outflow preview`
#[derive(Debug, Args)]
pub struct Preview {
    /// The sync
    pub name: String,
    /// Show calls, not rows
    #[arg(long)]
    pub calls: bool,
    /// Show the requests that each destination would get, not rows; nothing is sent
    #[arg(long, conflicts_with = "calls")]
    pub requests: bool,
    /// How many rows
    #[arg(long, short = 'n', default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=100_000))]
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
