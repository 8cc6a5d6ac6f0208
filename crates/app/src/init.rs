//! A project to start from.

use std::fs;
use std::path::{Path, PathBuf};

use outflow_core::{Code, Error};
use outflow_warehouse::SourceKind;
use outflow_warehouse::kinds::Starter;
use serde::Serialize;

/// Where to write a project, and for which kind of warehouse.
#[derive(Clone, Debug)]
pub struct InitRequest {
    /// The folder.
    pub dir: PathBuf,
    /// The kind of warehouse.
    pub kind: &'static SourceKind,
}

/// What was written.
#[derive(Debug, Serialize)]
pub struct InitDocument {
    /// The files.
    pub files: Vec<PathBuf>,
}

/// Writes the files. What exists is never overwritten.
///
/// # Errors
/// C012 if the folder has a project; C001 if a file cannot be written.
pub fn init(request: &InitRequest) -> Result<InitDocument, Error> {
    let project = project(request.kind, &new_id()?);
    let query = query(request.kind);
    let files = [
        ("outflow.yaml", project.as_str()),
        ("queries/users.sql", query.as_str()),
        (".gitignore", ".outflow/\n"),
    ];
    for (name, _) in files.iter().filter(|(name, _)| *name != ".gitignore") {
        let path = request.dir.join(name);
        if path.exists() {
            return Err(Error::new(Code::ConflictingOptions, format!("{} exists already", path.display()))
                .help("choose another folder"));
        }
    }
    let mut written = Vec::new();
    for (name, text) in files {
        let path = request.dir.join(name);
        if !path.exists() {
            write_file(&path, text)?;
            written.push(path);
        }
    }
    Ok(InitDocument { files: written })
}

/// A new project's `id`: 76 random bits behind a letter, so that YAML never takes it for a number.
///
/// # Errors
/// When the operating system provides no randomness.
pub fn new_id() -> Result<String, Error> {
    Ok(format!("o{:019x}", outflow_core::hash::random()? >> 52))
}

fn project(kind: &SourceKind, id: &str) -> String {
    let SourceKind { name: word, starter: Starter { databases, .. }, .. } = kind;
    format!(
        "# An Outflow project. `outflow validate` checks it; `outflow schema` describes every key.\n\
         version: 1\n\
         id: {id}  # the ids of events begin with it: never change it\n\
         sources:\n  warehouse:\n    type: {word}\n    databases:\n{databases}    destinations: [journeys]\n\
         destinations:\n  journeys:\n    type: customerio-pipelines\n    region: us            # us | eu\n    \
         write_key: ${{env:CIO_WRITE_KEY}}\n\
         syncs:\n  users:\n    description: People and their plan\n    source: warehouse.main\n    type: identify\n    \
         query: {{ file: queries/users.sql }}\n    schedule: {{ every: 15m }}\n"
    )
}

fn query(kind: &SourceKind) -> String {
    let condition = kind.starter.condition;
    format!(
        "-- One row, one identify call. userId and email are known names; every other column becomes a trait.\n\
         SELECT id AS \"userId\", email, first_name, plan\nFROM users\nWHERE {condition}\n"
    )
}

/// Writes a file and the folders above it.
///
/// # Errors
/// C001 if it cannot be written.
pub fn write_file(path: &Path, text: &str) -> Result<(), Error> {
    let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text));
    written.map_err(|e| {
        Error::new(Code::ProjectFileUnreadable, format!("{} cannot be written", path.display())).caused_by(e)
    })
}
