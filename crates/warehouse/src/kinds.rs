//! The kinds of source: what each may be configured with, and how its settings become a warehouse.
//!
//! A kind is one entry of [`KINDS`]: the value of `type`, the table of settings of a database, the
//! function that reads them, and what `outflow init` writes. The project checks a file against the
//! table and hands over the values; what no table can say is checked here.
//!
//! What always holds: every problem is reported at the setting that it is about; no problem repeats
//! a value that may be secret. What it does not do: read files or connect.

mod address;
mod iam;
mod server;
mod sqlite;

use std::path::PathBuf;
use std::sync::Arc;

use outflow_core::ports::warehouse::Warehouse;
use outflow_core::schema::{Key, Kind, Shape};
use outflow_core::{Code, Dialect, Error, Result};
use outflow_egress::AddressPolicy;
use serde_json::{Map, Value};

use crate::settings::ServerSettings;
use crate::{Aws, Server, ServerKind, ServiceAccount, Sqlite};

/// A kind of source.
#[derive(Debug)]
pub struct SourceKind {
    /// The value of `type` in a project.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// The SQL that its databases speak.
    pub dialect: Dialect,
    /// What `outflow init` writes.
    pub starter: Starter,
    /// The settings of a database.
    settings: &'static Shape,
    read: fn(&Input<'_>, &mut Vec<SettingProblem>) -> Option<DatabaseSettings>,
}

/// The parts of a new project that depend on the kind of source.
#[derive(Debug)]
pub struct Starter {
    /// The databases, as YAML that is indented for its place.
    pub databases: &'static str,
    /// The condition that reads only new rows.
    pub condition: &'static str,
}

/// Every kind, in the order of the documentation.
pub static KINDS: [SourceKind; 3] = [
    SourceKind {
        name: "redshift",
        title: "Amazon Redshift",
        dialect: Dialect::Redshift,
        starter: Starter {
            databases: "      main:\n        host: ${env:REDSHIFT_HOST}\n        port: 5439\n        \
                        database: analytics\n        user: outflow_reader\n        \
                        password: ${env:REDSHIFT_PASSWORD}\n        ssl: verify-full\n",
            condition: "last_updated >= {{last_sync_time | timestamp}}",
        },
        settings: &server::SHAPE,
        read: |input, problems| server::read(ServerKind::Redshift, input, problems),
    },
    SourceKind {
        name: "postgres",
        title: "PostgreSQL",
        dialect: Dialect::Postgres,
        starter: Starter {
            databases: "      main:\n        host: ${env:POSTGRES_HOST}\n        port: 5432\n        \
                        database: analytics\n        user: outflow_reader\n        \
                        password: ${env:POSTGRES_PASSWORD}\n        ssl: verify-full\n",
            condition: "last_updated >= {{last_sync_time | timestamp}}",
        },
        settings: &server::SHAPE,
        read: |input, problems| server::read(ServerKind::Postgres, input, problems),
    },
    SourceKind {
        name: "sqlite",
        title: "A SQLite file",
        dialect: Dialect::Sqlite,
        starter: Starter {
            databases: "      main: { path: ./shop.db }\n",
            condition: "last_updated >= {{last_sync_time}}",
        },
        settings: &sqlite::SHAPE,
        read: sqlite::read,
    },
];

/// The values of `type`.
pub const NAMES: [&str; KINDS.len()] = {
    let mut names = [""; KINDS.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = KINDS[i].name;
        i += 1;
    }
    names
};

/// Every table of settings, each once.
pub const SHAPES: [&Shape; 2] = [&server::SHAPE, &sqlite::SHAPE];

/// A setting that every kind has. The engine acts on it.
const MAX_QUERIES: Key =
    Key::new("max_queries", Kind::Whole { min: 1, max: 1_000 }, "queries that run on it at a time");

/// The kind of that name.
pub fn find(name: &str) -> Option<&'static SourceKind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// Something wrong with the settings of a database.
#[derive(Debug)]
pub struct SettingProblem {
    /// The setting, such as `iam.user`; empty for the database itself. What is missing is reported
    /// where it belongs.
    pub setting: &'static str,
    /// What is wrong, without a place.
    pub error: Error,
}

impl SourceKind {
    /// What the settings of a database may be.
    pub fn settings(&self) -> &'static Shape {
        self.settings
    }

    /// Reads the settings of the database `name`. The values have the types of [`Self::settings`]:
    /// paths are complete, durations are whole seconds, and null stands for a value that is given
    /// and has been found wrong. `None` if something is wrong, also if that has been reported
    /// before.
    pub fn read(
        &self,
        name: &str,
        values: &Map<String, Value>,
        problems: &mut Vec<SettingProblem>,
    ) -> Option<DatabaseSettings> {
        let before = problems.len();
        let settings = (self.read)(&Input { name, values: Values(values) }, problems)?;
        (problems.len() == before).then_some(settings)
    }
}

/// How to reach a database.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a project has a few of them")]
pub enum DatabaseSettings {
    /// Redshift or PostgreSQL.
    Server(ServerSettings),
    /// A SQLite file.
    Sqlite {
        /// The file.
        path: PathBuf,
    },
}

impl DatabaseSettings {
    /// The value of `type`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Server(server) => server.kind.facts().name,
            Self::Sqlite { .. } => "sqlite",
        }
    }

    /// Where it is, for people.
    pub fn address(&self) -> String {
        match self {
            Self::Server(server) => format!("{}:{}/{}", server.host, server.port, server.database),
            Self::Sqlite { path } => path.display().to_string(),
        }
    }

    /// The database user, if the settings name one.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Server(server) => server.login.user(),
            Self::Sqlite { .. } => None,
        }
    }

    /// The database, not connected to yet. Only addresses that `policy` allows are connected to.
    ///
    /// # Errors
    /// C005 for a setting that cannot be right.
    pub fn open(&self, aws: &Aws, policy: &AddressPolicy) -> Result<Arc<dyn Warehouse>> {
        Ok(match self {
            Self::Server(server) => Arc::new(Server::new(server.clone(), aws)?.within(policy)),
            Self::Sqlite { path } => Arc::new(Sqlite::new(path.clone())),
        })
    }

    /// An account for Outflow on this database; `user` counts before the one of the settings.
    ///
    /// # Errors
    /// C006 when there is no user, C012 for a kind of database that has no accounts.
    pub fn service_account(
        &self,
        user: Option<&str>,
        schemas: Vec<String>,
        tables: Vec<(String, String)>,
    ) -> Result<ServiceAccount> {
        let Self::Server(server) = self else {
            return Err(Error::new(Code::ConflictingOptions, "a SQLite file has no accounts")
                .help("who may read the file, its permissions say; Outflow opens it read-only"));
        };
        let Some(user) = user.or_else(|| self.user()) else {
            return Err(Error::new(Code::MissingKey, "the database names no user")
                .help("say whose rights to grant: `--user NAME`"));
        };
        let (database, user) = (server.database.clone(), user.to_owned());
        Ok(ServiceAccount { kind: server.kind, database, user, schemas, tables, revoke_public: false })
    }
}

/// What a kind reads its settings from.
struct Input<'a> {
    /// The database's name in the project.
    name: &'a str,
    values: Values<'a>,
}

/// A table of values.
#[derive(Clone, Copy)]
struct Values<'a>(&'a Map<String, Value>);

impl<'a> Values<'a> {
    /// Whether there is a value, right or wrong.
    fn has(self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    fn text(self, key: &str) -> Option<&'a str> {
        self.0.get(key)?.as_str()
    }

    fn path(self, key: &str) -> Option<PathBuf> {
        self.text(key).map(PathBuf::from)
    }

    fn flag(self, key: &str) -> Option<bool> {
        self.0.get(key)?.as_bool()
    }

    fn number(self, key: &str) -> Option<u64> {
        self.0.get(key)?.as_u64()
    }

    fn texts(self, key: &str) -> Vec<String> {
        let items = self.0.get(key).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    fn table(self, key: &str) -> Option<Values<'a>> {
        self.0.get(key)?.as_object().map(Values)
    }

    /// A TCP port; `None` if one is given that is wrong.
    fn port(self, default: u16) -> Option<u16> {
        if self.has("port") { u16::try_from(self.number("port")?).ok() } else { Some(default) }
    }
}

fn problem(
    setting: &'static str,
    code: Code,
    message: impl Into<String>,
    help: impl Into<String>,
) -> SettingProblem {
    SettingProblem { setting, error: Error::new(code, message).help(help) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(kind: &str, values: &Value) -> (Option<DatabaseSettings>, Vec<String>) {
        let mut problems = Vec::new();
        let values = values.as_object().unwrap();
        let settings = find(kind).unwrap().read("main", values, &mut problems);
        let problems = problems.iter().map(|p| format!("{} {}", p.error.code(), p.setting)).collect();
        (settings, problems)
    }

    #[test]
    fn every_kind_is_found_by_its_name_and_has_a_table() {
        for name in NAMES {
            let kind = find(name).unwrap();
            assert!(SHAPES.iter().any(|shape| shape.what == kind.settings().what), "{name}");
            assert!(kind.settings().keys.iter().any(|key| key.name == "max_queries"), "{name}");
        }
        assert!(find("oracle").is_none());
    }

    #[test]
    fn defaults_are_those_of_the_kind() {
        let values = json!({ "host": "h", "database": "d", "user": "u", "password": "p" });
        for (kind, address, mode) in
            [("redshift", "h:5439/d", "VerifyFull"), ("postgres", "h:5432/d", "Prefer")]
        {
            let (settings, problems) = read(kind, &values);
            assert!(problems.is_empty(), "{problems:?}");
            let settings = settings.unwrap();
            assert_eq!((settings.kind(), settings.user()), (kind, Some("u")));
            assert_eq!(settings.address(), address);
            let DatabaseSettings::Server(server) = settings else { panic!() };
            assert_eq!(format!("{:?}", server.tls.mode), mode);
        }
        let (settings, _) = read("sqlite", &json!({ "path": "/x.db" }));
        assert_eq!(settings.unwrap().address(), "/x.db");
    }

    #[test]
    fn a_refused_value_gives_no_settings_and_no_second_problem() {
        for (kind, values) in [
            ("sqlite", json!({ "path": null })),
            ("postgres", json!({ "host": "h", "database": "d", "user": null })),
            ("postgres", json!({ "host": "h", "database": "d", "user": "u", "port": null })),
            ("postgres", json!({ "host": "h", "database": "d", "user": "u", "tunnel": null })),
            ("postgres", json!({ "host": "h", "database": "d", "user": "u", "ssl": "sometimes" })),
            ("redshift", json!({ "host": "h", "database": "d", "iam": null })),
        ] {
            let (settings, problems) = read(kind, &values);
            assert!(settings.is_none() && problems.is_empty(), "{values}: {problems:?}");
        }
    }

    #[test]
    fn a_problem_names_its_setting() {
        let iam = json!({ "cluster": "c", "region": "EU" });
        let values = json!({ "host": "h", "database": "d", "user": "u", "iam": iam });
        assert_eq!(read("redshift", &values).1, ["C005 user", "C005 iam.region"]);
        assert_eq!(read("redshift", &json!({ "host": "h", "database": "d" })).1, ["C006 ", "C006 "]);
    }
}
