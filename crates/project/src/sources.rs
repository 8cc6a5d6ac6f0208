//! Sources and their databases.

use std::collections::BTreeMap;

use outflow_core::Code;
use outflow_warehouse::kinds;
use outflow_warehouse::{DatabaseSettings, SettingProblem, SourceKind};

use super::document::{Key, Node, Value};
use super::{Problems, shape};

/// A database of a source.
#[derive(Debug)]
pub struct Database {
    /// The source's name.
    pub source: String,
    /// Its name within the source.
    pub name: String,
    /// How to reach it.
    pub settings: DatabaseSettings,
}

impl Database {
    /// `SOURCE.DATABASE`.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.source, self.name)
    }
}

/// Every source of the project, broken ones too, so that one mistake is reported once.
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
    pub(super) kind: Option<&'static SourceKind>,
    pub(super) databases: Vec<&'a str>,
    /// Its list of destinations.
    pub(super) destinations: Option<&'a Node>,
}

pub(super) fn read<'a>(entries: &[(&'a Key, &'a Node)], problems: &mut Problems) -> Sources<'a> {
    let mut sources = Sources { all: Vec::new(), databases: Vec::new(), max_queries: BTreeMap::new() };
    for (key, node) in entries {
        let kind = node.get("type").and_then(Node::text).and_then(kinds::find);
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
        if let Some(kind) = kind {
            for (name, node) in &named {
                let queries =
                    node.get("max_queries").and_then(Node::whole).and_then(|n| usize::try_from(n).ok());
                sources.max_queries.extend(queries.map(|n| (format!("{}.{}", key.name, name.name), n)));
                let Some(settings) = settings(name, node, kind, problems) else { continue };
                let (source, name) = (key.name.clone(), name.name.clone());
                sources.databases.push(Database { source, name, settings });
            }
        }
        sources.all.push(Source {
            name: &key.name,
            kind,
            databases: named.iter().map(|(name, _)| name.name.as_str()).collect(),
            destinations: node.get("destinations"),
        });
    }
    sources
}

/// The settings of a database; `None` if a problem is in the way.
fn settings(name: &Key, node: &Node, kind: &SourceKind, problems: &mut Problems) -> Option<DatabaseSettings> {
    if !matches!(node.value, Value::Table(_)) {
        return None;
    }
    shape::check_table(node, kind.settings(), problems);
    let mut found = Vec::new();
    let settings = kind.read(&name.name, &shape::values(node, kind.settings()), &mut found);
    for SettingProblem { setting, error } in found {
        let setting = deepest(node, setting);
        // What it will be is not known.
        if matches!(setting.value, Value::Unresolved(_)) {
            continue;
        }
        let place = &setting.place;
        problems.add_error(place, error.at(place.to_string()));
    }
    settings
}

/// The value of a setting such as `iam.user`, or the table in which it is missing.
fn deepest<'a>(node: &'a Node, setting: &str) -> &'a Node {
    let (key, rest) = setting.split_once('.').unwrap_or((setting, ""));
    node.get(key).map_or(node, |inner| deepest(inner, rest))
}
