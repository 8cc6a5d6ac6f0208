//! The names in a statement by which it can run functions, and what a database's catalogue says of
//! them.
//!
//! A text shows names; only the catalogue knows what they stand for. `query` collects the names, a
//! `Session` looks them up, and `query` judges what was found. What it does not do: hold values of
//! the statement.

/// The names and operators of a statement, as the database folds them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Every name once: of functions, and of what may be a table, a view or a type.
    pub names: Vec<ReferencedName>,
    /// The operators that are not letters, each once.
    pub operators: Vec<String>,
}

/// A name in a statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReferencedName {
    /// The name in front of the dot, if there is one.
    pub schema: Option<String>,
    /// The name itself.
    pub name: String,
    /// How it stands there.
    pub usage: NameUsage,
}

/// How a name stands in a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameUsage {
    /// A parenthesis follows: a function, unless it is a word of the language.
    Called,
    /// It follows a dot. `row.name` is also a way to call a function of a row.
    Field,
    /// Anything else.
    Plain,
}

/// A function that the catalogue marks as volatile (it may do more than compute) and that a
/// statement can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolatileFunction {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// The types of its arguments, for people.
    pub arguments: String,
    /// The extension that it belongs to.
    pub extension: Option<String>,
    /// What runs it, if the statement does not call it by its name: `view public.recent`.
    pub via: Option<String>,
}

impl References {
    /// The names that a parenthesis follows.
    pub fn called(&self) -> impl Iterator<Item = &ReferencedName> {
        self.names.iter().filter(|name| name.usage == NameUsage::Called)
    }
}

impl std::fmt::Display for VolatileFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}({})", self.schema, self.name, self.arguments)
    }
}
