//! A project to start from.

mod dbt;

use std::fs;
use std::path::{Path, PathBuf};

use outflow_core::{Code, Error};
use outflow_warehouse::SourceKind;
use outflow_warehouse::kinds::{self, Starter};
use serde::Serialize;

/// Where to write a project, and for which kind of warehouse.
#[derive(Clone, Debug)]
pub struct InitRequest {
    /// The folder.
    pub dir: PathBuf,
    /// The kind of warehouse; otherwise that of the dbt project, or Redshift.
    pub kind: Option<&'static SourceKind>,
    /// The manifest of a dbt project whose models become syncs.
    pub from_dbt: Option<PathBuf>,
    /// Which models.
    pub select: Vec<String>,
}

/// What was written.
#[derive(Debug, Serialize)]
pub struct InitDocument {
    /// The files.
    pub files: Vec<PathBuf>,
    /// The syncs.
    pub syncs: Vec<String>,
}

/// Writes the files. What exists is never overwritten.
///
/// # Errors
/// C012 if the folder has a project; C001 if a file cannot be read or written; C002 and C011 of the
/// manifest of a dbt project.
pub fn init(request: &InitRequest) -> Result<InitDocument, Error> {
    let manifest = request.from_dbt.as_deref().map(|path| dbt::read(path, &request.select)).transpose()?;
    let kind = request.kind.or(manifest.as_ref().and_then(|manifest| manifest.kind));
    let kind = kind.unwrap_or(&kinds::KINDS[0]);
    let (syncs, mut files) = match &manifest {
        Some(manifest) => (of_models(&manifest.models), queries_of(&manifest.models)),
        None => (SYNC.to_owned(), vec![("queries/users.sql".to_owned(), query(kind))]),
    };
    files.insert(0, ("outflow.yaml".to_owned(), project(kind, &new_id()?, &syncs)));
    for (name, _) in &files {
        let path = request.dir.join(name);
        if path.exists() {
            return Err(Error::new(Code::ConflictingOptions, format!("{} exists already", path.display()))
                .help("choose another folder"));
        }
    }
    let schema = serde_json::to_string_pretty(&crate::schema()).unwrap_or_default() + "\n";
    files.push((".gitignore".to_owned(), ".outflow/\n.env\nout/\n".to_owned()));
    files.push(("outflow.schema.json".to_owned(), schema));
    let mut written = Vec::new();
    for (name, text) in files {
        let path = request.dir.join(name);
        if !path.exists() {
            write_file(&path, &text)?;
            written.push(path);
        }
    }
    let models = manifest.iter().flat_map(|manifest| &manifest.models);
    let syncs = match &manifest {
        Some(_) => models.map(|model| model.name.clone()).collect(),
        None => vec!["users".to_owned()],
    };
    Ok(InitDocument { files: written, syncs })
}

/// A new project's `id`: 76 random bits behind a letter, so that YAML never takes it for a number.
///
/// # Errors
/// When the operating system provides no randomness.
pub fn new_id() -> Result<String, Error> {
    Ok(format!("o{:019x}", outflow_core::hash::random()? >> 52))
}

/// The sync of a project that begins with none.
const SYNC: &str = "  users:\n    description: People and their plan\n    source: warehouse.main\n    type: identify\n    \
                    query: { file: queries/users.sql }\n    schedule: { every: 15m }\n";

fn project(kind: &SourceKind, id: &str, syncs: &str) -> String {
    let SourceKind { name: word, starter: Starter { databases, .. }, .. } = kind;
    format!(
        "# yaml-language-server: $schema=outflow.schema.json\n\
         # An Outflow project. `outflow validate` checks it; editors know every key by the line above.\n\
         version: 1\n\
         id: {id}  # the ids of events begin with it: never change it\n\
         sources:\n  warehouse:\n    type: {word}\n    databases:\n{databases}    destinations: [journeys]\n\
         destinations:\n  journeys:\n    type: customerio-pipelines\n    region: us            # us | eu\n    \
         write_key: ${{env:CIO_WRITE_KEY}}\n\
         syncs:\n{syncs}"
    )
}

/// Disabled: what identifies a person was guessed, and a person looks at it first.
fn of_models(models: &[dbt::Model]) -> String {
    let sync = |model: &dbt::Model| {
        let dbt::Model { name, description, tags, call_type, .. } = model;
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let tags: Vec<String> = tags.iter().map(|tag| text(tag)).collect();
        format!(
            "  {name}:\n    description: {}\n    tags: [{}]\n    source: warehouse.main\n    type: {call_type}\n    \
             query: {{ file: queries/{name}.sql }}\n    schedule: {{ every: 1h }}\n    enabled: false  # look at the query, \
             `outflow preview {name} --calls`, then take this line out\n",
            text(description),
            tags.join(", ")
        )
    };
    models.iter().map(sync).collect()
}

fn queries_of(models: &[dbt::Model]) -> Vec<(String, String)> {
    models.iter().map(|model| (format!("queries/{}.sql", model.name), model.query.clone())).collect()
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
