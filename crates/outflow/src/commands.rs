//! What each command does.

mod alerts;
mod approval;
mod audit;
mod backfill;
mod cancel;
mod consent;
mod dead_letters;
mod definitions;
mod destination;
mod estimate;
mod explain;
mod findings;
mod init;
mod list;
mod login;
pub mod outcome;
mod pause;
mod preview;
mod purge;
pub mod rejected;
mod reload;
pub mod replay;
mod run;
mod runs;
mod secrets;
mod serve;
mod source;
mod status;
mod tokens;
mod usage;
mod users;
mod validate;
mod verify;

use std::path::{Path, PathBuf};

use outflow_app::{App, Errors, PROJECT_FILE, StateLocation};
use outflow_core::{Code, Error};
use serde_json::json;

use crate::cli::{self, Cli, Command, Common};
use crate::demo;
use crate::exit::Exit;
use crate::front::Front;
use crate::output::Printer;

/// Does what was typed.
pub async fn dispatch(cli: Cli, printer: Printer) -> Result<Exit, Errors> {
    let common = cli.common;
    let command = match apart(cli.command, &common, printer).await? {
        Apart::Done(exit) => return Ok(exit),
        Apart::Not(command) => command,
    };
    let front = &match &common.server {
        Some(url) => login::front(url, &common)?,
        None => Front::Here(Box::new(here(common)?)),
    };
    match *command {
        Command::Demo(args) => {
            front.here("demo")?;
            demo::demo(&args, printer).await
        }
        Command::Init(args) => {
            front.here("init")?;
            init::init(&args, printer)
        }
        Command::Validate(args) => Ok(validate::validate(front.here("validate")?, &args, printer).await),
        Command::Source(command) => source::source(front, &command, printer).await,
        Command::Destination(command) => destination::destination(front, &command, printer).await,
        Command::Preview(args) => preview::preview(front, &args, printer).await,
        Command::Estimate(args) => estimate::estimate(front, &args, printer).await,
        Command::Run(args) => run::run(front, &args, printer).await,
        Command::List(args) => list::list(front, &args, printer).await,
        Command::Reload => reload::reload(front, printer).await,
        Command::Rename(command) => definitions::rename(front, &command, printer).await,
        Command::Export => definitions::export(front, printer).await,
        Command::Plan(args) => definitions::plan(front, &args, printer).await,
        Command::Apply(args) => definitions::apply(front, &args, printer).await,
        Command::Serve(args) => serve::serve(front.here("serve")?, &args, printer).await,
        Command::Pause(args) => pause::pause(front, &args, printer).await,
        Command::Resume(args) => pause::resume(front, &args, printer).await,
        Command::Runs(args) => runs::runs(front, &args, printer).await,
        Command::Status(args) => status::status(front, &args, printer).await,
        Command::Alerts(args) => alerts::alerts(front, &args, printer).await,
        Command::Rejected(args) => rejected::rejected(front, &args, printer).await,
        Command::DeadLetters(args) => dead_letters::dead_letters(front, &args, printer).await,
        Command::Replay(args) => replay::replay(front, &args, printer).await,
        Command::Backfill(args) => backfill::backfill(front, &args, printer).await,
        Command::Purge(args) => purge::purge(front, &args, printer).await,
        Command::Approve(args) => approval::approve(front, &args, printer).await,
        Command::Reject(args) => approval::reject(front, &args, printer).await,
        Command::Cancel(args) => cancel::cancel(front, &args, printer).await,
        Command::Usage(args) => usage::usage(front, &args, printer).await,
        Command::Verify(args) => verify::verify(front, &args, printer).await,
        Command::Secrets(command) => secrets::secrets(front, &command, printer).await,
        Command::Audit(command) => audit::audit(front, &command, printer).await,
        Command::Users(command) => users::users(front, &command, printer).await,
        Command::Tokens(command) => tokens::tokens(front, &command, printer).await,
        // Done already.
        Command::Explain { .. }
        | Command::Schema
        | Command::Completions { .. }
        | Command::Version
        | Command::Login(_)
        | Command::Logout(_) => Ok(Exit::Done),
    }
}

/// What became of a command that may ask neither an installation nor the server of `--server`.
enum Apart {
    Done(Exit),
    Not(Box<Command>),
}

/// Does what needs neither.
async fn apart(command: Command, common: &Common, printer: Printer) -> Result<Apart, Errors> {
    let exit = match command {
        Command::Login(args) => login::login(common, &args, printer).await?,
        Command::Logout(args) => login::logout(&args, printer)?,
        Command::Explain { code } => explain::explain(code.as_deref(), printer)?,
        Command::Schema => {
            printer.text(&(serde_json::to_string_pretty(&outflow_app::schema()).unwrap_or_default() + "\n"));
            Exit::Done
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut cli::help::command(), "outflow", &mut script);
            printer.text(&String::from_utf8_lossy(&script));
            Exit::Done
        }
        Command::Version => {
            let version = json!({ "format_version": outflow_app::FORMAT_VERSION, "version": env!("CARGO_PKG_VERSION") });
            printer.document(&version, |_| format!("outflow {}\n", env!("CARGO_PKG_VERSION")));
            Exit::Done
        }
        command => return Ok(Apart::Not(Box::new(command))),
    };
    Ok(Apart::Done(exit))
}

/// The installation that the options name.
fn here(common: Common) -> Result<App, Error> {
    let state = common.state.map(state_location).transpose()?;
    let project = match common.project {
        Some(named) => project_folder(named)?,
        None => outflow_app::find_project(Path::new(".")),
    };
    Ok(App::new(project, state).with_target(common.target))
}

/// The folder that `--project` names, which may also name the file in it.
fn project_folder(named: PathBuf) -> Result<PathBuf, Error> {
    if !named.is_file() {
        return Ok(named);
    }
    let folder = named.parent().map(|dir| if dir.as_os_str().is_empty() { Path::new(".") } else { dir });
    match folder {
        Some(folder) if named.file_name().is_some_and(|name| name == PROJECT_FILE) => Ok(folder.to_owned()),
        folder => {
            let folder = folder.unwrap_or(Path::new(".")).display();
            let message =
                format!("{} is a file, and a project is a folder with {PROJECT_FILE}", named.display());
            Err(Error::new(Code::InvalidValue, message)
                .at("--project or OUTFLOW_PROJECT")
                .help(format!("write --project {folder}")))
        }
    }
}

/// What `--state` names. A path may be of any bytes, a URL is text.
fn state_location(named: PathBuf) -> Result<StateLocation, Error> {
    match named.to_str() {
        Some(text) => StateLocation::parse(text).map_err(|e| e.at("--state or OUTFLOW_STATE")),
        None => Ok(StateLocation::Folder(named)),
    }
}

/// A code by its name.
fn code(text: &str) -> Result<Code, Error> {
    Code::from_name(text.trim()).ok_or_else(|| {
        Error::new(Code::ConflictingOptions, format!("{text:?} is not a code"))
            .help("`outflow explain` without a code lists them all")
    })
}
