//! The databases of a project, the test of the connection to them, and the script for a service
//! account.

use std::borrow::Cow;

use outflow_core::ports::state::{DefinitionId, DefinitionKind};
use outflow_core::{BoxFuture, Code, Error};
use outflow_engine::{Errors, FORMAT_VERSION};
use outflow_project::{Database, Part, Project};
use outflow_warehouse::ServiceAccount;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::check::CheckDocument;
use crate::{App, access, catalogue, wiring};

/// A database.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DatabaseDocument {
    format_version: u32,
    /// The source.
    pub source: String,
    /// The name within the source.
    pub database: String,
    /// The kind of warehouse.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    /// Where it is.
    pub address: String,
    /// Who logs in, if the project says so.
    pub user: Option<String>,
}

/// The test of some databases.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SourceTest {
    format_version: u32,
    /// No step of any database failed.
    pub ok: bool,
    /// The databases.
    pub databases: Vec<DatabaseTest>,
}

/// The test of a database.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DatabaseTest {
    source: String,
    database: String,
    ok: bool,
    /// The steps.
    pub checks: Vec<CheckDocument>,
}

/// What happens during a test.
pub enum SourceTestEvent<'a> {
    /// The test of a database begins.
    Database(&'a DatabaseDocument),
    /// A step has ended.
    Check(&'a DatabaseDocument, &'a CheckDocument),
}

/// For whom the script is.
#[derive(Clone, Debug, Default)]
pub struct SetupSqlRequest {
    /// `SOURCE.DATABASE`, or `SOURCE` if that has one database.
    pub name: String,
    /// Schemas to read whole; `public` if this and `tables` are empty.
    pub schemas: Vec<String>,
    /// Tables and views to read, each with its schema.
    pub tables: Vec<(String, String)>,
    /// The account; the database's `user` if this is not given.
    pub user: Option<String>,
    /// Also take rights from everybody that the account has as one of everybody.
    pub revoke_public: bool,
}

/// A script for a service account.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SetupSqlDocument {
    format_version: u32,
    /// The account.
    pub user: String,
    /// The database.
    pub database: String,
    /// The script.
    pub sql: String,
}

impl App {
    /// The databases of all sources.
    pub fn sources<'a>(&'a self) -> BoxFuture<'a, Result<Vec<DatabaseDocument>, Errors>> {
        Box::pin(async move {
            let project = match self.load_partly().await {
                Ok(project) => project,
                Err(_) => self.load_sources(None).await?,
            };
            Ok(project.databases.iter().map(DatabaseDocument::of).collect())
        })
    }

    /// Tests each database that the name means, one after the other, and plans the queries of the
    /// syncs that read it. Steps are reported as they end. Only the secrets of these databases are
    /// needed; where the rest of the project has problems, the queries are left out.
    pub async fn test_source(
        &self,
        name: &str,
        listener: impl FnMut(SourceTestEvent<'_>) + Send,
    ) -> Result<SourceTest, Errors> {
        let project = match self.load_partly().await {
            Ok(project) => project,
            Err(_) => self.load_sources(Some(name)).await?,
        };
        test_databases(project, name, listener).await
    }

    /// As [`App::test_source`], as if the source were defined like this. Nothing is written.
    ///
    /// # Errors
    /// Every problem of the project that would be. C020: the files own the source.
    pub async fn test_source_as(
        &self,
        source: &str,
        value: &Value,
        listener: impl FnMut(SourceTestEvent<'_>) + Send,
    ) -> Result<SourceTest, Errors> {
        let project = self.load_as_if(DefinitionId::new(DefinitionKind::Source, source), value).await?;
        test_databases(project, source, listener).await
    }

    /// The script for a service account. It needs no secrets, which exist only after an
    /// administrator has run it, and nothing of the project but the source.
    pub fn setup_sql<'a>(
        &'a self,
        request: SetupSqlRequest,
    ) -> BoxFuture<'a, Result<SetupSqlDocument, Errors>> {
        Box::pin(async move {
            let project = self.load_sources(Some(&request.name)).await?;
            let (source, name) = catalogue::one_of(&project, &request.name)?;
            let Some(database) = project.database(&source, &name) else {
                return Err(Error::new(Code::UnknownReference, "there is no such database").into());
            };
            let SetupSqlRequest { mut schemas, tables, .. } = request.clone();
            if schemas.is_empty() && tables.is_empty() {
                schemas.push("public".to_owned());
            }
            let mut account = database.settings.service_account(request.user.as_deref(), schemas, tables)?;
            account.revoke_public = request.revoke_public;
            require_resolved(&account.database, "database")?;
            require_resolved(&account.user, "user")?;
            let sql = account.script();
            let ServiceAccount { user, database, .. } = account;
            Ok(SetupSqlDocument { format_version: FORMAT_VERSION, user, database, sql })
        })
    }
}

/// Tests each database that the name means, one after the other.
async fn test_databases(
    project: Project,
    name: &str,
    mut listener: impl FnMut(SourceTestEvent<'_>) + Send,
) -> Result<SourceTest, Errors> {
    let meant = project.databases(name)?;
    let part = |d: &&Database| Part::Database { source: d.source.clone(), name: d.name.clone() };
    let parts: Vec<Part> = meant.iter().map(part).collect();
    let project = project.require(&parts)?;
    let mut databases = Vec::new();
    for database in project.databases(name)? {
        let warehouse = wiring::open(&project, database)?;
        let document = DatabaseDocument::of(database);
        listener(SourceTestEvent::Database(&document));
        let mut checks = Vec::new();
        warehouse
            .test(&mut |check| {
                let check = CheckDocument::from(check);
                listener(SourceTestEvent::Check(&document, &check));
                checks.push(check);
            })
            .await;
        if !checks.iter().any(CheckDocument::has_failed)
            && let Some(check) = access::check(&project, database).await
        {
            listener(SourceTestEvent::Check(&document, &check));
            checks.push(check);
        }
        let ok = !checks.iter().any(CheckDocument::has_failed);
        let DatabaseDocument { source, database, .. } = document;
        databases.push(DatabaseTest { source, database, ok, checks });
    }
    let ok = databases.iter().all(|d| d.ok);
    Ok(SourceTest { format_version: FORMAT_VERSION, ok, databases })
}

impl DatabaseDocument {
    fn of(database: &Database) -> Self {
        let settings = &database.settings;
        let (kind, address) = (settings.kind().into(), settings.address());
        let user = settings.user().map(str::to_owned);
        let (source, database) = (database.source.clone(), database.name.clone());
        Self { format_version: FORMAT_VERSION, source, database, kind, address, user }
    }
}

/// Refuses a name for the script that is a reference to a variable that is not set.
fn require_resolved(name: &str, key: &str) -> Result<(), Error> {
    if name.contains("${env:") {
        let message = format!("`{key}` of the database is {name}, which is not set");
        return Err(Error::new(Code::SecretUnresolved, message)
            .help("set the environment variable; the password alone is not needed for the script"));
    }
    Ok(())
}
