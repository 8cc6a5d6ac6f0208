//! What a table of settings may hold, as data: the vocabulary in which the project and the adapters
//! describe their settings.
//!
//! An adapter declares its tables with these types; the project checks files against them and turns
//! them into JSON Schema. What always holds: a table says everything that can be said of a value
//! alone. What it does not do: say which settings exclude each other, which is the adapter's, or
//! read a file.

/// A table and its keys.
#[derive(Debug)]
pub struct Shape {
    /// What the table is, for people: `a sync`.
    pub what: &'static str,
    /// The keys that it may have.
    pub keys: &'static [Key],
    /// Other keys are checked elsewhere.
    pub open: bool,
}

/// A key of a table.
#[derive(Debug)]
pub struct Key {
    /// The key as it is written.
    pub name: &'static str,
    /// What its value must be.
    pub kind: Kind,
    /// What it is for.
    pub about: &'static str,
    /// Whether it must be there.
    pub presence: Presence,
}

/// Whether a key must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It may be left out.
    Optional,
    /// It must be there.
    Required,
}

/// What a value must be.
#[derive(Debug)]
pub enum Kind {
    /// Text that is not blank.
    Text,
    /// A path, relative to the file that contains it.
    Path,
    /// A `${…}` reference and nothing that is the secret itself.
    Secret,
    /// True or false.
    Flag,
    /// A whole number in this range.
    Whole {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// A duration.
    Duration {
        /// The shortest, in seconds.
        min: u64,
        /// The longest, in seconds.
        max: u64,
    },
    /// A number of bytes.
    Size,
    /// A date, with or without a time.
    Time,
    /// One of these values.
    Word(&'static [&'static str]),
    /// A table.
    Table(&'static Shape),
    /// One of these tables; the reader of the table says which one.
    Variants(&'static [&'static Shape]),
    /// A list of such values.
    List(&'static Kind),
    /// Names of the user's choice, each with such a value.
    Named(&'static Kind),
    /// A value of one of these kinds.
    Either(&'static [Kind]),
}

impl Key {
    /// A key that may be left out.
    pub const fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, about, presence: Presence::Optional }
    }

    /// The same key, which must be there.
    pub const fn required(self) -> Self {
        Self { presence: Presence::Required, ..self }
    }
}

impl Kind {
    /// What the value should be, for people.
    pub fn expected(&self) -> String {
        match self {
            Self::Text => "a text".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Secret => "a reference to a secret".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Whole { min, max } if min == max => format!("the number {min}"),
            Self::Whole { min, max } => format!("a whole number from {min} to {max}"),
            Self::Duration { min: 0, max } => {
                format!("a duration such as 30s, 15m, 1h or 7d, up to {}", duration(*max))
            }
            Self::Duration { min, max } => {
                format!("a duration from {} to {}, such as 15m or 1h", duration(*min), duration(*max))
            }
            Self::Size => "a size such as 500MB, 1GiB or a number of bytes".to_owned(),
            Self::Time => "a time such as 2026-01-31 or 2026-01-31T10:00:00Z".to_owned(),
            Self::Word(words) => words.join(" | "),
            Self::Table(shape) => shape.what.to_owned(),
            Self::Variants(_) | Self::Named(_) => "a table".to_owned(),
            Self::List(kind) => format!("a list of which each is {}", kind.expected()),
            Self::Either(kinds) => kinds.iter().map(Kind::expected).collect::<Vec<_>>().join(", or "),
        }
    }
}

/// Seconds as people write them, in the largest unit that fits.
fn duration(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let fits = units.iter().find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit));
    fits.map_or_else(|| format!("{seconds}s"), |(unit, name)| format!("{}{name}", seconds / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_names_its_bounds() {
        for (min, max, named) in [
            (0, 3_650 * 86_400, "a duration such as 30s, 15m, 1h or 7d, up to 3650d"),
            (1, 3_600, "a duration from 1s to 1h, such as 15m or 1h"),
            (60, 90, "a duration from 1m to 90s, such as 15m or 1h"),
        ] {
            assert_eq!(Kind::Duration { min, max }.expected(), named);
        }
    }
}
