//! The project: `outflow.yaml`, the files that it includes and its queries, read and checked.
//!
//! What always holds: every problem of every file is reported, each with its place, and the result
//! needs no further check of its form. A secret is only ever a reference in a file; its value is in
//! a `Secret` or in a destination's settings and in no error. What this does not do: check the
//! settings of a database or of a destination (the warehouse and the destinations do), or reach
//! anything but files and environment variables.
//!
//! A file becomes a tree with places (`document`), references are resolved (`secrets`), the tree is
//! held against one table of keys (`keys`, `shape`), which is also the JSON Schema (`schema`), and
//! then its parts are read out (`sources`, `destinations`, `syncs`).

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod alerts;
mod cures;
mod destinations;
mod document;
mod dotenv;
mod environment;
mod export;
mod file_characters;
mod fit;
mod ids;
mod kept;
mod keys;
mod limits;
mod names;
mod network;
pub mod oidc;
mod query_text;
mod schema;
mod secret_key;
mod secrets;
mod select;
mod server;
mod shape;
mod sources;
mod state;
mod stored;
mod syncs;
mod targets;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod units;
pub mod when;
mod written;
mod yaml;
mod yaml_errors;
mod zones;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use outflow_core::{Budget, Code, Error, SyncSpec, files};
use outflow_egress::AddressPolicy;
use outflow_engine::operations::retention::RetentionPolicy;
use outflow_engine::serve::ConcurrencyLimits;
use outflow_engine::serve::alert::Rules;
use serde_json::{Map, Value};

pub use self::alerts::ReceiverConfig;
use self::document::{Node, Place};
pub use self::environment::Environment;
pub use self::export::export;
pub use self::kept::{KeptSecret, KeptSecrets, SecretUse};
pub use self::keys::SETTINGS;
use self::names::{entries, single};
pub use self::schema::schema;
pub use self::secret_key::SecretKeyConfig;
use self::secrets::Resolver;
pub use self::secrets::{Part, Unresolved};
pub use self::select::fits;
pub use self::server::{ServerSettings, TlsFiles};
pub use self::sources::Database;
pub use self::state::StateUrl;
pub use self::stored::{StoredDefinition, field_of};
pub use self::text::{definitions_of_text, schedule_of};
pub use self::written::FileDefinition;

/// The name of the file that a project begins with.
pub const FILE: &str = "outflow.yaml";

/// A project that has no problems.
#[derive(Debug)]
pub struct Project {
    /// Every database of every source.
    pub databases: Vec<Database>,
    /// Every destination.
    pub destinations: Vec<DestinationConfig>,
    /// Every sync, in the order of the files.
    pub syncs: Vec<SyncSpec>,
    /// Free space that the spool leaves alone.
    pub disk_reserve_bytes: Option<u64>,
    /// How long segments are kept after the last delivery.
    pub keep: RetentionPolicy,
    /// How much runs side by side.
    pub limits: ConcurrencyLimits,
    /// When an alert begins.
    pub rules: Rules,
    /// Who gets alerts.
    pub receivers: Vec<ReceiverConfig>,
    /// Which addresses databases and destinations may have.
    pub addresses: AddressPolicy,
    /// Where metrics are served.
    pub metrics: Option<SocketAddr>,
    /// Where and how the API is served.
    pub server: ServerSettings,
    /// The state, if it is on a PostgreSQL server.
    pub state: Option<StateUrl>,
    /// Its variables.
    pub environment: Environment,
    /// What is allowed, and probably not what was meant.
    pub warnings: Vec<Error>,
    /// What the files define.
    pub definitions: Vec<FileDefinition>,
    /// Syncs with the first name of each that says `renamed_from`.
    pub renames: Vec<(String, String)>,
    /// References to what is not there. Empty unless the project was read for a part of it.
    pub unresolved: Vec<Unresolved>,
}

/// Where a project is, for which environment it is read, and what the server adds to it.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The folder with `outflow.yaml`.
    pub dir: PathBuf,
    /// The target that changes it.
    pub target: Option<String>,
    /// The definitions of the server that are a part of it.
    pub stored: Arc<[StoredDefinition]>,
    /// The secrets that Outflow keeps, as far as the project uses them.
    pub secrets: KeptSecrets,
}

/// A destination, with its settings not checked yet.
pub struct DestinationConfig {
    /// Its name.
    pub name: String,
    /// Its `type`.
    pub kind: String,
    /// All else, secrets included.
    pub settings: Map<String, Value>,
    /// How many calls it may get.
    pub budget: Budget,
    /// Where it stands: `outflow.yaml:16:3`.
    pub place: String,
    /// Everything that it refers to is there.
    pub is_resolved: bool,
}

impl fmt::Debug for DestinationConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, kind, place, .. } = self;
        f.debug_struct("DestinationConfig")
            .field("name", name)
            .field("kind", kind)
            .field("place", place)
            .finish_non_exhaustive()
    }
}

impl Project {
    /// Reads a project.
    ///
    /// # Errors
    /// Every problem: C001 to C010, and what is wrong with the queries.
    pub fn load(origin: &Origin) -> Result<Project, Vec<Error>> {
        Self::load_with(origin, &|name| std::env::var(name).ok())
    }

    /// As [`Project::load`], but a reference to something that is not there is no problem: its text
    /// stays as it is written, and it is listed in `unresolved`. For what needs no secret, or not
    /// all of them.
    ///
    /// # Errors
    /// As for [`Project::load`].
    pub fn load_partly(origin: &Origin) -> Result<Project, Vec<Error>> {
        let mut problems = Problems::default();
        let documents = read_files(origin, &mut problems);
        Self::of(documents, origin, &|name| std::env::var(name).ok(), problems, false)
    }

    /// The sources alone, for what comes before the rest of the project is finished: one of them,
    /// or all if none has that name. Secrets may be missing as in [`Project::load_partly`].
    ///
    /// # Errors
    /// Every problem of these sources.
    pub fn load_sources(origin: &Origin, named: Option<&str>) -> Result<Project, Vec<Error>> {
        let mut problems = Problems::default();
        let mut documents = read_files(origin, &mut problems);
        let is_there = |name: &&str| {
            documents.all.iter().any(|d| d.get("sources").is_some_and(|all| all.get(name).is_some()))
        };
        let named = named.filter(is_there);
        keep_keys(&mut documents, &["version", "sources"]);
        for document in &mut documents.all {
            let Some(sources) = document.get_mut("sources") else { continue };
            let document::Value::Table(sources) = &mut sources.value else { continue };
            sources.retain(|(key, _)| named.is_none_or(|named| key.name == named));
            for (_, source) in sources {
                if let document::Value::Table(entries) = &mut source.value {
                    entries.retain(|(key, _)| key.name != "destinations");
                }
            }
        }
        Self::of(documents, origin, &|name| std::env::var(name).ok(), problems, false)
    }

    /// The destinations alone, for what comes before the rest of the project is finished. Secrets
    /// may be missing as in [`Project::load_partly`].
    ///
    /// # Errors
    /// Every problem of the destinations.
    pub fn load_destinations(origin: &Origin) -> Result<Project, Vec<Error>> {
        let mut problems = Problems::default();
        let mut documents = read_files(origin, &mut problems);
        keep_keys(&mut documents, &["version", "destinations"]);
        Self::of(documents, origin, &|name| std::env::var(name).ok(), problems, false)
    }

    /// Demands that what these parts refer to is there.
    ///
    /// # Errors
    /// C008 for each reference that is not.
    pub fn require(mut self, needed: &[Part]) -> Result<Project, Vec<Error>> {
        let missing = self.unresolved.extract_if(.., |missing| needed.contains(&missing.part));
        let errors: Vec<Error> = missing.map(|missing| missing.error).collect();
        if errors.is_empty() { Ok(self) } else { Err(errors) }
    }

    /// The database and the destinations of a sync.
    pub fn parts_of(spec: &SyncSpec) -> Vec<Part> {
        let database = Part::Database { source: spec.source.clone(), name: spec.database.clone() };
        let destinations = spec.connections.iter().map(|c| Part::Destination(c.destination.clone()));
        std::iter::once(database).chain(destinations).collect()
    }

    /// The URL of the state alone. It resolves no other secret and checks nothing else; a folder
    /// without a project has none.
    ///
    /// # Errors
    /// The first problem of a file that cannot be read, or of the URL.
    pub fn state_url(origin: &Origin) -> Result<Option<StateUrl>, Error> {
        if !files::exists(&origin.dir.join(FILE)) {
            return Ok(None);
        }
        let mut problems = Problems::default();
        let mut documents = read_files(origin, &mut problems);
        state::refuse_passwords(&documents, &mut problems);
        let mut wrong = Vec::new();
        let dotenv = dotenv::read(&origin.dir, &mut wrong);
        let variables = dotenv.variables();
        let environment = Environment::new(dotenv.values);
        let env = |name: &str| environment.get(name);
        let mut resolver = Resolver::new(&env, &variables, &origin.secrets);
        documents.all.iter_mut().for_each(|document| resolver.resolve(document, &["state"]));
        if !resolver.missing.is_empty() && !wrong.is_empty() {
            return Err(wrong.remove(0));
        }
        problems.add_unresolved(resolver.missing);
        let url = state::read(&documents.all, &mut problems);
        problems.into_errors().into_iter().find(|e| !e.code().is_warning()).map_or(Ok(url), Err)
    }

    fn load_with(origin: &Origin, env: secrets::Env<'_>) -> Result<Project, Vec<Error>> {
        let mut problems = Problems::default();
        let documents = read_files(origin, &mut problems);
        Self::of(documents, origin, env, problems, true)
    }

    fn of(
        mut documents: document::Documents,
        origin: &Origin,
        env: secrets::Env<'_>,
        mut problems: Problems,
        needs_all: bool,
    ) -> Result<Project, Vec<Error>> {
        state::refuse_passwords(&documents, &mut problems);
        secrets::refuse_passwords(&documents, &mut problems);
        stored::refuse(&documents.all, &mut problems);
        documents.all.iter_mut().for_each(|document| shape::table_as_written(document, &keys::ROOT));
        let definitions = written::definitions(&documents.all);
        let mut wrong = Vec::new();
        let dotenv = dotenv::read(&origin.dir, &mut wrong);
        let variables = dotenv.variables();
        let environment = Environment::new(dotenv.values);
        let env = |name: &str| environment.or(env(name), name);
        let mut resolver = Resolver::new(&env, &variables, &origin.secrets);
        for document in &mut documents.all {
            resolver.resolve(document, &secrets::KEYS);
            shape::check_table(document, &keys::ROOT, &mut problems);
        }
        problems.0.extend(resolver.odd);
        let mut unresolved = resolver.missing;
        // A line that cannot be read is the cause, and what follows from it is not said.
        let is_broken = |missing: &Unresolved| {
            dotenv.broken.iter().any(|name| missing.error.message().contains(&format!("${{env:{name}}}")))
        };
        unresolved.retain(|missing| !is_broken(missing));
        if needs_all {
            problems.add_unresolved(std::mem::take(&mut unresolved));
        }
        let read = (!documents.incomplete).then(|| Self::read(&documents.all, &mut problems));
        let mut found = wrong;
        found.extend(problems.into_errors());
        match read {
            Some(project) if found.iter().all(|error| error.code().is_warning()) => {
                Ok(Project { unresolved, environment, warnings: found, definitions, ..project })
            }
            _ => Err(found),
        }
    }

    fn read(documents: &[Node], problems: &mut Problems) -> Project {
        if let Some(root) = documents.first().filter(|d| d.get("version").is_none()) {
            let help = "put `version: 1` at the top";
            problems.add(&root.place, Code::MissingKey, "\"version\" is missing", help);
        }
        let sources = sources::read(&entries(documents, "sources", problems), problems);
        let destinations = destinations::read(&entries(documents, "destinations", problems), problems);
        let limits = limits::read(single(documents, "limits", problems), &sources);
        let spool = single(documents, "spool", problems);
        let keep = limits::retention(documents, spool, problems);
        let spool = |key: &str| spool.and_then(|s| s.get(key));
        let alerts = single(documents, "alerts", problems);
        let receivers = alerts::receivers(alerts, problems);
        secret_key::read(documents, problems);
        let metrics = alerts::listen(single(documents, "metrics", problems), "127.0.0.1:9464", problems);
        let server = server::read(single(documents, "server", problems), problems);
        let syncs = entries(documents, "syncs", problems);
        let renames = ids::renames(&syncs);
        let defaults = (ids::of_project(documents, problems), spool("max_run_bytes"));
        let syncs = syncs::read(&syncs, &sources, &destinations.names, defaults, problems);
        Project {
            databases: sources.databases,
            destinations: destinations.configs,
            syncs,
            disk_reserve_bytes: spool("disk_reserve").and_then(Node::size),
            keep,
            limits,
            rules: alerts::rules(alerts),
            receivers,
            addresses: network::policy(single(documents, "network", problems), problems),
            metrics,
            server,
            state: state::read(documents, problems),
            environment: Environment::default(),
            warnings: Vec::new(),
            definitions: Vec::new(),
            renames,
            unresolved: Vec::new(),
        }
    }

    /// The sync of that name.
    ///
    /// # Errors
    /// C011, with the name that may have been meant.
    pub fn sync(&self, name: &str) -> Result<&SyncSpec, Error> {
        self.syncs.iter().find(|s| s.name == name).ok_or_else(|| {
            let names: Vec<_> = self.syncs.iter().map(|s| s.name.as_str()).collect();
            let help = Self::other_form(name).unwrap_or_else(|| suggestion(name, "the syncs are", &names));
            Error::new(Code::NoSuchSyncOrRun, format!("there is no sync {name:?}")).help(help)
        })
    }

    /// The databases that `SOURCE.DATABASE` or `SOURCE` means; at least one.
    ///
    /// # Errors
    /// C007, with the name that may have been meant.
    pub fn databases(&self, name: &str) -> Result<Vec<&Database>, Error> {
        let (source, database) = name.split_once('.').map_or((name, None), |(s, d)| (s, Some(d)));
        let is_meant = |d: &&Database| d.source == source && database.is_none_or(|name| d.name == name);
        let found: Vec<_> = self.databases.iter().filter(is_meant).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let mut known: Vec<String> = self.databases.iter().map(Database::full_name).collect();
        if database.is_none() {
            known = self.databases.iter().map(|d| d.source.clone()).collect();
            known.dedup();
        }
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let (what, introduction) = match database {
            None => ("source", "the sources are"),
            Some(_) => ("database", "the databases are"),
        };
        Err(Error::new(Code::UnknownReference, format!("there is no {what} {name:?}")).help(suggestion(
            name,
            introduction,
            &known,
        )))
    }

    /// Demands that there is a destination of that name.
    pub fn known_destination(&self, name: &str) -> Result<(), Error> {
        let names: Vec<_> = self.destinations.iter().map(|d| d.name.as_str()).collect();
        if names.contains(&name) {
            return Ok(());
        }
        Err(Error::new(Code::NoSuchSyncOrRun, format!("there is no destination named {name:?}"))
            .help(format!("the project has: {}", names.join(", "))))
    }

    /// A database by its source's name and its own.
    pub fn database(&self, source: &str, name: &str) -> Option<&Database> {
        self.databases.iter().find(|d| d.source == source && d.name == name)
    }
}

/// The files of the project, as its target changes them.
fn read_files(origin: &Origin, problems: &mut Problems) -> document::Documents {
    let mut documents = document::load(&origin.dir, problems);
    targets::apply(&mut documents, origin.target.as_deref(), problems);
    stored::add(&origin.stored, &origin.dir, &mut documents, problems);
    documents
}

/// Drops every top-level key but these.
fn keep_keys(documents: &mut document::Documents, keys: &[&str]) {
    for document in &mut documents.all {
        if let document::Value::Table(entries) = &mut document.value {
            entries.retain(|(key, _)| keys.contains(&key.name.as_str()));
        }
    }
}

/// The problems found so far.
#[derive(Default)]
struct Problems(Vec<(Place, Error)>);

impl Problems {
    fn add(&mut self, place: &Place, code: Code, message: impl Into<String>, help: impl Into<String>) {
        let error = Error::new(code, message).at(place.to_string()).help(help);
        self.0.push((place.clone(), error));
    }

    /// An error with a place of its own, sorted in at this one.
    fn add_error(&mut self, place: &Place, error: Error) {
        self.0.push((place.clone(), error));
    }

    /// References to what is not there, where all are needed.
    fn add_unresolved(&mut self, missing: Vec<Unresolved>) {
        self.0.extend(missing.into_iter().map(|missing| (missing.place, missing.error)));
    }

    /// In the order of the files, and of the lines in them.
    fn into_errors(mut self) -> Vec<Error> {
        self.0.sort_by_key(|(place, _)| place.position());
        self.0.into_iter().map(|(_, error)| error).collect()
    }
}

/// `did you mean "x"?`, or all names if none is near.
pub fn suggestion(name: &str, introduction: &str, known: &[&str]) -> String {
    let near = known.iter().map(|k| (strsim::osa_distance(&name.to_lowercase(), &k.to_lowercase()), k)).min();
    match near {
        Some((distance, known)) if distance <= (known.len() / 3).max(1) => format!("did you mean {known:?}?"),
        Some(_) => format!("{introduction} {}", known.join(", ")),
        None => "there is none yet".to_owned(),
    }
}
