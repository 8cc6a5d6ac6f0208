//! The catalogue of a source's database: schemas, tables and columns, for whoever writes a query.
//!
//! What always holds: what was read is kept in memory for some minutes, so that a page that asks
//! for each table does not ask the database each time. What this does not do: read rows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use outflow_core::{BoxFuture, Clock as _, Code, Error, SystemClock, Timestamp};
use outflow_engine::authoring::catalogue::{self, Catalogue, CatalogueColumn};
use outflow_engine::{Errors, FORMAT_VERSION};
use outflow_project::{Database, Part, Project};
use serde::Serialize;

use crate::{App, wiring};

/// A catalogue is asked for again after this time.
const KEPT: Duration = Duration::from_secs(300);
/// No more columns than this are read.
const COLUMNS: u64 = 50_000;

/// What to show of a catalogue.
#[derive(Clone, Debug, Default)]
pub struct CatalogueRequest {
    /// `SOURCE.DATABASE`, or `SOURCE` if that has one database.
    pub name: String,
    /// Of this schema alone.
    pub schema: Option<String>,
    /// Of tables of this name alone.
    pub table: Option<String>,
    /// Ask the database, whatever is kept.
    pub refresh: bool,
}

/// A catalogue.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct CatalogueDocument {
    format_version: u32,
    /// The source.
    pub source: String,
    /// The database within the source.
    pub database: String,
    /// When the database was asked.
    pub read_at: Timestamp,
    /// The database has more than 50,000 columns, and these are the first ones.
    pub is_cut: bool,
    /// The schemas, by name.
    pub schemas: Vec<CatalogueSchema>,
}

/// A schema.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct CatalogueSchema {
    /// Its name.
    pub schema: String,
    /// Its tables and views, by name.
    pub tables: Vec<CatalogueTable>,
}

/// A table or a view.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct CatalogueTable {
    /// Its name.
    pub table: String,
    /// `table`, `view` or the like, if the database says so.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Its columns, in the table's order.
    pub columns: Vec<CatalogueColumnDocument>,
}

/// A column.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct CatalogueColumnDocument {
    /// Its name.
    pub column: String,
    /// Its type, as the database writes it.
    #[serde(rename = "type")]
    pub declared: String,
    /// Whether it can be NULL, if the database says so.
    pub nullable: Option<bool>,
}

/// What was read, by whom and where it was read.
#[derive(Clone, Default)]
pub(crate) struct Cache(Arc<Mutex<HashMap<String, Kept>>>);

#[derive(Clone)]
struct Kept {
    since: Instant,
    document: Arc<CatalogueDocument>,
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cache")
    }
}

impl Cache {
    fn get(&self, key: &str) -> Option<Arc<CatalogueDocument>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key).filter(|kept| kept.since.elapsed() < KEPT).map(|kept| kept.document.clone())
    }

    fn keep(&self, key: String, document: Arc<CatalogueDocument>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, kept| kept.since.elapsed() < KEPT);
        kept.insert(key, Kept { since: Instant::now(), document });
    }
}

impl App {
    /// What the account of a database can read.
    ///
    /// # Errors
    /// Problems of the project; C009 if the name means several databases; what the database says.
    pub fn catalogue<'a>(
        &'a self,
        request: &'a CatalogueRequest,
    ) -> BoxFuture<'a, Result<CatalogueDocument, Errors>> {
        Box::pin(async move {
            let project = match self.load_partly().await {
                Ok(project) => project,
                Err(_) => self.load_sources(Some(&request.name)).await?,
            };
            let (source, name) = one_of(&project, &request.name)?;
            let project =
                project.require(&[Part::Database { source: source.clone(), name: name.clone() }])?;
            let full_name = format!("{source}.{name}");
            let found = project.databases(&full_name)?;
            let database = found.first().ok_or_else(|| none(&full_name))?;
            let settings = &database.settings;
            // Another account sees other tables.
            let key = format!("{full_name} {} {}", settings.address(), settings.user().unwrap_or_default());
            let whole = match self.catalogues.get(&key).filter(|_| !request.refresh) {
                Some(whole) => whole,
                None => {
                    let warehouse = wiring::open(&project, database)?;
                    let read = catalogue::read(&*warehouse, COLUMNS).await?;
                    let whole = Arc::new(CatalogueDocument::of(database, read));
                    self.catalogues.keep(key, whole.clone());
                    whole
                }
            };
            Ok(whole.only(request))
        })
    }
}

impl CatalogueDocument {
    fn of(database: &Database, Catalogue { columns, kinds, is_cut }: Catalogue) -> Self {
        let kinds: HashMap<(String, String), String> =
            kinds.into_iter().map(|(schema, table, kind)| ((schema, table), kind)).collect();
        let mut schemas: Vec<CatalogueSchema> = Vec::new();
        for CatalogueColumn { schema, table, column, declared, nullable } in columns {
            let of_schema = match schemas.last_mut().filter(|last| last.schema == schema) {
                Some(last) => last,
                None => schemas.push_mut(CatalogueSchema { schema: schema.clone(), tables: Vec::new() }),
            };
            let of_table = match of_schema.tables.last_mut().filter(|last| last.table == table) {
                Some(last) => last,
                None => {
                    let kind = kinds.get(&(schema, table.clone())).cloned();
                    of_schema.tables.push_mut(CatalogueTable { table, kind, columns: Vec::new() })
                }
            };
            of_table.columns.push(CatalogueColumnDocument { column, declared, nullable });
        }
        Self {
            format_version: FORMAT_VERSION,
            source: database.source.clone(),
            database: database.name.clone(),
            read_at: SystemClock.now(),
            is_cut,
            schemas,
        }
    }

    /// What the request means of it.
    fn only(&self, request: &CatalogueRequest) -> Self {
        let CatalogueRequest { schema, table, .. } = request;
        let is_meant = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|w| w == name);
        let of_schema = |found: &CatalogueSchema| {
            let tables = found.tables.iter().filter(|found| is_meant(table, &found.table)).cloned();
            CatalogueSchema { schema: found.schema.clone(), tables: tables.collect() }
        };
        let meant = self.schemas.iter().filter(|found| is_meant(schema, &found.schema)).map(of_schema);
        let schemas = meant.filter(|schema| !schema.tables.is_empty()).collect();
        let Self { format_version, source, database, read_at, is_cut, .. } = self;
        Self {
            format_version: *format_version,
            source: source.clone(),
            database: database.clone(),
            read_at: *read_at,
            is_cut: *is_cut,
            schemas,
        }
    }
}

/// Source and name of the one database that is meant.
pub(crate) fn one_of(project: &Project, name: &str) -> Result<(String, String), Error> {
    let databases = project.databases(name)?;
    match databases.as_slice() {
        [database] => Ok((database.source.clone(), database.name.clone())),
        _ => {
            let names: Vec<_> = databases.iter().map(|d| d.full_name()).collect();
            let error = Error::new(Code::UnknownReference, format!("source {name:?} has several databases"));
            Err(error.help(format!("say which: {}", names.join(", "))))
        }
    }
}

fn none(name: &str) -> Error {
    Error::new(Code::UnknownReference, format!("there is no database {name:?}"))
}
