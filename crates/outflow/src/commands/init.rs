//! `outflow init`: a project to start from.

use std::fs;
use std::path::Path;

use outflow_core::{Code, Error};
use outflow_engine::Errors;

use crate::cli::{Init, SourceKind};
use crate::exit::Exit;
use crate::output::Printer;

/// Writes the files. What exists is never overwritten.
pub fn init(args: &Init, printer: Printer) -> Result<Exit, Errors> {
    let (databases, comparison) = match args.kind {
        SourceKind::Redshift => (
            "      main:\n        host: ${env:REDSHIFT_HOST}\n        port: 5439\n        database: analytics\n        \
             user: outflow_reader\n        password: ${env:REDSHIFT_PASSWORD}\n        ssl: verify-full\n",
            "last_updated >= {{last_sync_time | timestamp}}",
        ),
        SourceKind::Postgres => (
            "      main:\n        host: ${env:POSTGRES_HOST}\n        port: 5432\n        database: analytics\n        \
             user: outflow_reader\n        password: ${env:POSTGRES_PASSWORD}\n        ssl: verify-full\n",
            "last_updated >= {{last_sync_time | timestamp}}",
        ),
        SourceKind::Sqlite => ("      main: { path: ./shop.db }\n", "last_updated >= {{last_sync_time}}"),
    };
    let kind = match args.kind {
        SourceKind::Redshift => "redshift",
        SourceKind::Postgres => "postgres",
        SourceKind::Sqlite => "sqlite",
    };
    let project = format!(
        "# An Outflow project. `outflow validate` checks it; `outflow schema` describes every key.\n\
         version: 1\n\
         sources:\n  warehouse:\n    type: {kind}\n    databases:\n{databases}    destinations: [journeys]\n\
         destinations:\n  journeys:\n    type: customerio-pipelines\n    region: us            # us | eu\n    \
         write_key: ${{env:CIO_WRITE_KEY}}\n\
         syncs:\n  users:\n    description: People and their plan\n    source: warehouse.main\n    type: identify\n    \
         query: {{ file: queries/users.sql }}\n    schedule: {{ every: 15m }}   # acted on by `outflow run --due`\n"
    );
    let query = format!(
        "-- One row, one identify call. userId and email are known names; every other column becomes a trait.\n\
         SELECT id AS \"userId\", email, first_name, plan\nFROM users\nWHERE {comparison}\n"
    );
    let files = [
        ("outflow.yaml", project.as_str()),
        ("queries/users.sql", query.as_str()),
        (".gitignore", ".outflow/\n"),
    ];
    for (name, _) in files.iter().filter(|(name, _)| *name != ".gitignore") {
        if args.dir.join(name).exists() {
            let message = format!("{} exists already", args.dir.join(name).display());
            return Err(Error::new(Code::ConflictingOptions, message)
                .help("choose another folder: outflow init DIR")
                .into());
        }
    }
    for (name, text) in files {
        let path = args.dir.join(name);
        if !path.exists() {
            write(&path, text)?;
            printer.say(&format!("wrote {}", path.display()));
        }
    }
    let dir = args.dir.display();
    printer.say("next:");
    printer.say("  set the environment variables that outflow.yaml names, then");
    printer.say(&format!("  outflow --project {dir} validate"));
    printer.say(&format!("  outflow --project {dir} preview users --calls"));
    printer.say(&format!("  outflow --project {dir} run users"));
    Ok(Exit::Done)
}

/// Writes a file and the folders above it.
pub fn write(path: &Path, text: &str) -> Result<(), Error> {
    let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text));
    written.map_err(|e| {
        Error::new(Code::ProjectFileUnreadable, format!("{} cannot be written", path.display())).caused_by(e)
    })
}
