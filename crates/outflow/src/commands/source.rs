//! `outflow source`: the databases of a project, how it stands with the connection to them, and the script for a service account.

use outflow_core::ports::warehouse::Check;
use outflow_core::{Code, Dialect, Error};
use outflow_engine::Errors;
use outflow_warehouse::ServiceAccount;
use serde_json::{Map, Value, json};

use crate::cli::{Common, SetupSql, Source};
use crate::exit::Exit;
use crate::output::{Paint, Printer, error_document, plain, table};
use crate::wiring;
use outflow_project::{Database, DatabaseSettings, Project};

/// Does what was typed behind `source`.
pub async fn source(common: &Common, command: &Source, printer: Printer) -> Result<Exit, Errors> {
    match command {
        Source::List => list(common, printer),
        Source::Test { name } => test(common, name, printer).await,
        Source::SetupSql(args) => setup_sql(common, args, printer),
    }
}

fn list(common: &Common, printer: Printer) -> Result<Exit, Errors> {
    let project = Project::load(&common.project)?;
    let documents: Vec<Value> = project.databases.iter().map(listed).collect();
    if printer.is_ndjson() {
        documents.iter().for_each(|d| printer.document(d, |_| String::new()));
        return Ok(Exit::Done);
    }
    printer.document(&documents, |documents| {
        if documents.is_empty() {
            return "the project has no source\n".to_owned();
        }
        let head = ["source", "database", "type", "address", "user"];
        let cell = |d: &Value, key: &str| d[key].as_str().unwrap_or_default().to_owned();
        let rows: Vec<Vec<String>> =
            documents.iter().map(|d| head.iter().map(|h| cell(d, h)).collect()).collect();
        table(&head, &rows)
    });
    Ok(Exit::Done)
}

fn listed(database: &Database) -> Value {
    let (kind, address, user) = match &database.settings {
        DatabaseSettings::Sqlite { path } => ("sqlite", path.display().to_string(), None),
        DatabaseSettings::Server { dialect, host, port, database, login, .. } => {
            let kind = if *dialect == Dialect::Redshift { "redshift" } else { "postgres" };
            (kind, format!("{host}:{port}/{database}"), login.user())
        }
    };
    json!({
        "format_version": 1, "source": database.source, "database": database.name,
        "type": kind, "address": address, "user": user,
    })
}

/// Tests each database that is meant, one after the other, and prints the steps as they end.
async fn test(common: &Common, name: &str, printer: Printer) -> Result<Exit, Errors> {
    let project = Project::load(&common.project)?;
    let mut exit = Exit::Done;
    let mut documents = Vec::new();
    for database in project.databases(name)? {
        let warehouse = wiring::open(database)?;
        if printer.is_table() && !printer.is_quiet() {
            printer.text(&format!(
                "{}  {}\n",
                database.full_name(),
                listed(database)["address"].as_str().unwrap_or_default()
            ));
        }
        let (mut checks, mut worst) = (Vec::new(), Exit::Done);
        warehouse
            .test(&mut |check| {
                worst = failures(&check).fold(worst, Exit::or);
                let document = document(&check);
                if printer.is_table() {
                    show(&check, printer);
                } else if printer.is_ndjson() {
                    let mut line =
                        json!({ "format_version": 1, "source": database.source, "database": database.name });
                    line.as_object_mut().into_iter().for_each(|line| line.extend(document.clone()));
                    printer.document(&line, |_| String::new());
                }
                checks.push(document);
            })
            .await;
        documents.push(json!({
            "source": database.source, "database": database.name, "ok": worst == Exit::Done, "checks": checks,
        }));
        exit = exit.or(worst);
    }
    if !printer.is_ndjson() {
        let document = json!({ "format_version": 1, "ok": exit == Exit::Done, "databases": documents });
        printer.document(&document, |_| String::new());
    }
    Ok(exit)
}

/// What the errors of a step make of the command. Warnings make nothing of it.
fn failures(check: &Check) -> impl Iterator<Item = Exit> {
    check.problems.iter().filter(|e| !e.code().is_warning()).map(Exit::of)
}

fn document(check: &Check) -> Map<String, Value> {
    let details: Map<String, Value> =
        check.details.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
    let problems: Vec<Value> = check.problems.iter().map(error_document).collect();
    let document = json!({
        "step": check.step.name(), "outcome": outcome(check), "summary": check.summary,
        "seconds": check.took.as_secs_f64(), "details": details, "problems": problems,
    });
    match document {
        Value::Object(document) => document,
        _ => Map::new(),
    }
}

fn outcome(check: &Check) -> &'static str {
    match (failures(check).next(), check.problems.as_slice()) {
        (Some(_), _) => "failed",
        (None, []) => "ok",
        (None, _) => "warning",
    }
}

/// A line for people, with its problems below.
fn show(check: &Check, printer: Printer) {
    if printer.is_quiet() && check.problems.is_empty() {
        return;
    }
    let (paint, mark) = match outcome(check) {
        "ok" => (Paint::Green, "✓"),
        "warning" => (Paint::Yellow, "!"),
        _ => (Paint::Red, "✗"),
    };
    let (step, summary) = (check.step.name(), plain(&check.summary));
    let took = printer.paint_text(Paint::Dim, &format!("{} ms", check.took.as_millis()));
    printer.text(&format!("{} {step:<14}  {summary}   {took}\n", printer.paint_text(paint, mark)));
    check.problems.iter().for_each(|e| printer.error(e));
}

/// Prints the script. It needs no secrets, which are there only once it has been run.
fn setup_sql(common: &Common, args: &SetupSql, printer: Printer) -> Result<Exit, Errors> {
    let project = Project::load_without_secrets(&common.project)?;
    let databases = project.databases(&args.name)?;
    let [database] = databases.as_slice() else {
        let help =
            format!("say which: {}", databases.iter().map(|d| d.full_name()).collect::<Vec<_>>().join(", "));
        return Err(Error::new(
            Code::UnknownReference,
            format!("source {:?} has several databases", args.name),
        )
        .help(help)
        .into());
    };
    let DatabaseSettings::Server { dialect, database, login, .. } = &database.settings else {
        return Err(Error::new(Code::ConflictingOptions, "a SQLite file has no accounts")
            .help("who may read the file, its permissions say; Outflow opens it read-only")
            .into());
    };
    let Some(user) = args.user.as_deref().or_else(|| login.user()) else {
        return Err(Error::new(Code::MissingKey, "the database names no user")
            .help("say whose rights to grant: `--user NAME`")
            .into());
    };
    let tables = args.tables.iter().flat_map(|names| &names.0).filter_map(|name| match name.as_slice() {
        [schema, table] => Some((schema.clone(), table.clone())),
        _ => None,
    });
    let tables: Vec<_> = tables.collect();
    let schemas = match &args.schemas {
        Some(names) => names.0.concat(),
        None if tables.is_empty() => vec!["public".to_owned()],
        None => Vec::new(),
    };
    let account = ServiceAccount {
        dialect: *dialect,
        database: known(database, "database")?,
        user: known(user, "user")?,
        schemas,
        tables,
    };
    let document = json!({ "format_version": 1, "user": account.user, "database": account.database, "sql": account.script() });
    printer.document(&document, |_| account.script());
    Ok(Exit::Done)
}

/// A name that goes into the script, which must not be a reference that nothing stands behind.
fn known(name: &str, key: &str) -> Result<String, Error> {
    if name.contains("${env:") {
        return Err(Error::new(
            Code::SecretUnresolved,
            format!("`{key}` of the database is {name}, which is not set"),
        )
        .help("set the environment variable; the password alone is not needed for the script"));
    }
    Ok(name.to_owned())
}
