//! Sources and their databases.

use std::collections::BTreeMap;

use outflow_core::{Code, Dialect};

use super::document::{Key, Node, Value};
use super::{Database, DatabaseSettings, Problems, Ssl, SslMode, keys, login, shape};

/// Every source of the project, broken ones too, so that one mistake is told once.
pub(super) struct Sources<'a> {
    pub(super) all: Vec<Source<'a>>,
    /// The databases without problems.
    pub(super) databases: Vec<Database>,
    /// How many queries may run on a database (`source.database`) at a time, where it says so.
    pub(super) max_queries: BTreeMap<String, usize>,
}

pub(super) struct Source<'a> {
    pub(super) name: &'a str,
    /// `None` if its type is not known.
    pub(super) dialect: Option<Dialect>,
    pub(super) databases: Vec<&'a str>,
    /// Its list of destinations.
    pub(super) destinations: Option<&'a Node>,
}

pub(super) fn read<'a>(entries: &[(&'a Key, &'a Node)], problems: &mut Problems) -> Sources<'a> {
    let mut sources = Sources { all: Vec::new(), databases: Vec::new(), max_queries: BTreeMap::new() };
    for (key, node) in entries {
        let dialect = match node.get("type").and_then(Node::text) {
            Some("redshift") => Some(Dialect::Redshift),
            Some("postgres") => Some(Dialect::Postgres),
            Some("sqlite") => Some(Dialect::Sqlite),
            _ => None,
        };
        let databases = node.get("databases");
        let named: Vec<(&Key, &Node)> = databases.into_iter().flat_map(Node::entries).collect();
        if let (Some(databases), true) = (databases, named.is_empty())
            && matches!(databases.value, Value::Table(_))
        {
            let help = "a source has at least one: `databases: { main: { … } }`";
            problems.add(
                &databases.place,
                Code::MissingKey,
                format!("source {:?} has no database", key.name),
                help,
            );
        }
        if let Some(dialect) = dialect {
            for (name, node) in &named {
                let queries =
                    node.get("max_queries").and_then(Node::whole).and_then(|n| usize::try_from(n).ok());
                sources.max_queries.extend(queries.map(|n| (format!("{}.{}", key.name, name.name), n)));
                let Some(settings) = settings(name, node, dialect, problems) else { continue };
                let (source, name) = (key.name.clone(), name.name.clone());
                sources.databases.push(Database { source, name, settings });
            }
        }
        sources.all.push(Source {
            name: &key.name,
            dialect,
            databases: named.iter().map(|(name, _)| name.name.as_str()).collect(),
            destinations: node.get("destinations"),
        });
    }
    sources
}

/// The settings of a database; `None` if a problem is in the way.
fn settings(name: &Key, node: &Node, dialect: Dialect, problems: &mut Problems) -> Option<DatabaseSettings> {
    if !matches!(node.value, Value::Table(_)) {
        return None;
    }
    if dialect == Dialect::Sqlite {
        shape::check_table(node, &keys::SQLITE, problems);
        return Some(DatabaseSettings::Sqlite { path: node.get("path")?.path()? });
    }
    shape::check_table(node, &keys::SERVER, problems);
    let login = login::read(name, node, dialect, problems);
    let ssl = ssl(node.get("ssl"), dialect);
    if node.get("iam").is_some()
        && let Some(Ssl { mode: mode @ (SslMode::Disable | SslMode::Prefer), .. }) = ssl
    {
        let place = node.get("ssl").map_or(&node.place, |ssl| &ssl.place);
        let word = if mode == SslMode::Disable { "disable" } else { "prefer" };
        let message = format!("\"ssl\" cannot be {word} with \"iam\"");
        problems.add(
            place,
            Code::InvalidValue,
            message,
            "Redshift takes such passwords over TLS only: use verify-full",
        );
    }
    let tunnel = match node.get("tunnel") {
        None => None,
        Some(tunnel) => Some(login::tunnel(tunnel, problems)?),
    };
    let text = |key: &str| node.get(key).and_then(Node::text);
    let default_port = if dialect == Dialect::Redshift { 5439 } else { 5432 };
    Some(DatabaseSettings::Server {
        dialect,
        host: text("host")?.to_owned(),
        port: node.get("port").map_or(Some(default_port), |p| u16::try_from(p.whole()?).ok())?,
        database: text("database")?.to_owned(),
        login: login?,
        tunnel,
        ssl: ssl?,
        connect_timeout: node.get("connect_timeout").and_then(Node::duration),
    })
}

fn ssl(node: Option<&Node>, dialect: Dialect) -> Option<Ssl> {
    let inner = |key: &str| node.and_then(|n| n.get(key));
    let word = node.and_then(Node::text).or_else(|| inner("mode").and_then(Node::text));
    let mode = match word {
        None if dialect == Dialect::Redshift => SslMode::VerifyFull,
        None | Some("prefer") => SslMode::Prefer,
        Some("disable") => SslMode::Disable,
        Some("require") => SslMode::Require,
        Some("verify-ca") => SslMode::VerifyCa,
        Some("verify-full") => SslMode::VerifyFull,
        Some(_) => return None,
    };
    let server_name = inner("server_name").and_then(Node::text).map(str::to_owned);
    Some(Ssl { mode, ca: inner("ca").and_then(Node::path), server_name })
}
