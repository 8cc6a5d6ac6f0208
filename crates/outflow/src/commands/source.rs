//! `outflow source`: the databases of a project, the test of the connection to them, and the script
//! for a service
//! account.

use outflow_app::{
    CatalogueColumnDocument, CatalogueRequest, CatalogueTable, CheckDocument, DatabaseDocument, DatabaseTest,
    Errors, SetupSqlRequest, SourceTestEvent,
};
use outflow_core::Error;
use serde::Serialize;

use crate::cli::{SetupSql, Source, Tables};
use crate::exit::Exit;
use crate::front::Front;
use crate::output::{Paint, Printer, plain, table};

/// Does what was typed behind `source`.
pub async fn source(front: &Front, command: &Source, printer: Printer) -> Result<Exit, Errors> {
    match command {
        Source::List => list(front, printer).await,
        Source::Test { name } => test(front, name, printer).await,
        Source::SetupSql(args) => setup_sql(front, args, printer).await,
        Source::Tables(args) => tables(front, args, printer).await,
    }
}

async fn list(front: &Front, printer: Printer) -> Result<Exit, Errors> {
    let databases = front.sources().await?;
    if printer.is_ndjson() {
        databases.iter().for_each(|d| printer.document(d, |_| String::new()));
        return Ok(Exit::Done);
    }
    printer.document(&databases, |databases| {
        if databases.is_empty() {
            return "the project has no source\n".to_owned();
        }
        let row = |d: &DatabaseDocument| {
            let user = d.user.clone().unwrap_or_default();
            vec![d.source.clone(), d.database.clone(), d.kind.to_string(), d.address.clone(), user]
        };
        let rows: Vec<_> = databases.iter().map(row).collect();
        table(&["source", "database", "type", "address", "user"], &rows)
    });
    Ok(Exit::Done)
}

/// A line of `ndjson`: one step of one database.
#[derive(Serialize)]
struct Line<'a> {
    format_version: u32,
    source: &'a str,
    database: &'a str,
    #[serde(flatten)]
    check: &'a CheckDocument,
}

/// Tests each database and prints the steps as they end.
async fn test(front: &Front, name: &str, printer: Printer) -> Result<Exit, Errors> {
    let listener = |event: SourceTestEvent<'_>| match event {
        SourceTestEvent::Database(database) if printer.is_table() && !printer.is_quiet() => {
            let DatabaseDocument { source, database, address, .. } = database;
            printer.text(&format!("{source}.{database}  {address}\n"));
        }
        SourceTestEvent::Check(_, check) if printer.is_table() => show(check, printer),
        SourceTestEvent::Check(database, check) if printer.is_ndjson() => {
            let DatabaseDocument { source, database, .. } = database;
            let line = Line { format_version: outflow_app::FORMAT_VERSION, source, database, check };
            printer.document(&line, |_| String::new());
        }
        _ => {}
    };
    let test = front.test_source(name, listener).await?;
    if !printer.is_ndjson() {
        printer.document(&test, |_| String::new());
    }
    Ok(test.databases.iter().flat_map(failures).map(Exit::of).fold(Exit::Done, Exit::or))
}

/// The errors of a test. Warnings make nothing of the command.
fn failures(test: &DatabaseTest) -> impl Iterator<Item = &Error> {
    test.checks.iter().flat_map(|check| &check.problems).filter(|e| !e.code().is_warning())
}

/// A line for people, with its problems below.
pub(super) fn show(check: &CheckDocument, printer: Printer) {
    if printer.is_quiet() && check.problems.is_empty() {
        return;
    }
    let (paint, mark) = match check.outcome.as_ref() {
        "ok" => (Paint::Green, "✓"),
        "warning" => (Paint::Yellow, "!"),
        _ => (Paint::Red, "✗"),
    };
    let (step, summary) = (&check.step, plain(&check.summary));
    let took = printer.paint_text(Paint::Dim, &format!("{:.0} ms", check.seconds * 1_000.0));
    printer.text(&format!("{} {step:<14}  {summary}   {took}\n", printer.paint_text(paint, mark)));
    check.problems.iter().for_each(|e| printer.error(e));
}

/// Lists tables, or the columns of those that are named.
async fn tables(front: &Front, args: &Tables, printer: Printer) -> Result<Exit, Errors> {
    let Tables { name, schema, table: wanted } = args.clone();
    let request = CatalogueRequest { name, schema, table: wanted.clone(), refresh: false };
    let found = front.here("source tables")?.catalogue(&request).await?;
    printer.document(&found, |found| {
        let all = found.schemas.iter().flat_map(|s| s.tables.iter().map(|t| (s.schema.as_str(), t)));
        let rows: Vec<Vec<String>> = match wanted.is_some() {
            true => all.flat_map(|(schema, t)| columns(schema, t)).collect(),
            false => all.map(|(schema, t)| line(schema, t)).collect(),
        };
        match wanted.is_some() {
            true => table(&["table", "column", "type", "null"], &rows),
            false => table(&["table", "type", "columns"], &rows),
        }
    });
    Ok(Exit::Done)
}

fn line(schema: &str, found: &CatalogueTable) -> Vec<String> {
    let kind = found.kind.clone().unwrap_or_default();
    vec![plain(&format!("{schema}.{}", found.table)), plain(&kind), found.columns.len().to_string()]
}

fn columns(schema: &str, found: &CatalogueTable) -> Vec<Vec<String>> {
    let nullable = |said: Option<bool>| said.map_or("", |can_be| if can_be { "yes" } else { "no" });
    let row = |c: &CatalogueColumnDocument| {
        let name = format!("{schema}.{}", found.table);
        vec![plain(&name), plain(&c.column), plain(&c.declared), nullable(c.nullable).to_owned()]
    };
    found.columns.iter().map(row).collect()
}

async fn setup_sql(front: &Front, args: &SetupSql, printer: Printer) -> Result<Exit, Errors> {
    let tables = args.tables.iter().flat_map(|names| &names.0).filter_map(|name| match name.as_slice() {
        [schema, table] => Some((schema.clone(), table.clone())),
        _ => None,
    });
    let request = SetupSqlRequest {
        name: args.name.clone(),
        schemas: args.schemas.as_ref().map(|names| names.0.concat()).unwrap_or_default(),
        tables: tables.collect(),
        user: args.user.clone(),
        revoke_public: args.revoke_public,
    };
    let document = front.setup_sql(request).await?;
    printer.document(&document, |document| document.sql.clone());
    Ok(Exit::Done)
}
