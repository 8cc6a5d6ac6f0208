//! The members of a part (context, integrations, traits or properties), nested as the columns'
//! paths say.

use outflow_core::{Column, ColumnType};
use serde_json::Value;

use crate::fields::Kind;

/// A member: a column's value, or an object of members.
#[derive(Debug)]
pub(crate) struct Node {
    /// The text before the value: `,"name":`. The comma is dropped behind a brace.
    pub(crate) key: Box<[u8]>,
    pub(crate) content: Content,
}

#[derive(Debug)]
pub(crate) enum Content {
    Leaf(Leaf),
    Branch(Vec<Node>),
}

/// A column with what becomes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaf {
    pub(crate) column: usize,
    pub(crate) ty: ColumnType,
    pub(crate) kind: Kind,
    /// Stands for its section and path where content is hashed without regard to order.
    pub(crate) place: u64,
}

impl Leaf {
    pub(crate) fn new(columns: &[Column], column: usize, kind: Kind, place: u64) -> Self {
        Self { column, ty: columns[column].ty, kind, place }
    }
}

/// Why a column has no place in the tree; the other column's number.
pub(crate) enum Clash {
    /// The other one has the same path.
    Same(usize),
    /// One of the two is a member of the other.
    Nested(usize),
}

/// Adds a column at that path.
pub(crate) fn insert(nodes: &mut Vec<Node>, path: &[String], leaf: Leaf) -> Result<(), Clash> {
    let [name, below @ ..] = path else { return Ok(()) };
    let key = key(name);
    let at = nodes.iter().position(|node| node.key == key).unwrap_or_else(|| {
        let content = if below.is_empty() { Content::Leaf(leaf) } else { Content::Branch(Vec::new()) };
        nodes.push(Node { key, content });
        nodes.len() - 1
    });
    match &mut nodes[at].content {
        Content::Branch(nodes) if below.is_empty() => Err(Clash::Nested(first_column(nodes))),
        Content::Branch(nodes) => insert(nodes, below, leaf),
        Content::Leaf(other) if other.column == leaf.column => Ok(()),
        Content::Leaf(other) if below.is_empty() => Err(Clash::Same(other.column)),
        Content::Leaf(other) => Err(Clash::Nested(other.column)),
    }
}

fn first_column(nodes: &[Node]) -> usize {
    match nodes.first().map(|node| &node.content) {
        Some(Content::Leaf(leaf)) => leaf.column,
        Some(Content::Branch(nodes)) => first_column(nodes),
        None => unreachable!("a branch is made for a leaf below it"),
    }
}

/// `,"name":`
pub(crate) fn key(name: &str) -> Box<[u8]> {
    format!(",{}:", Value::from(name)).into_bytes().into_boxed_slice()
}
