//! Where a column goes, by its name: the fields that the six types of call reserve, and the known
//! members of `context`.
//!
//! The tables follow Customer.io's reference of its Redshift source; `docs/reference/calls.md` has
//! the same tables for users. Names match without regard to case and are written as documented. A
//! field that is reserved for another type of call is an ordinary trait or property.

use outflow_core::{CallType, hash};

/// A path has at most this many parts.
const DEEPEST: usize = 20;

/// A field at the top of a call that takes one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ReservedField {
    MessageId,
    Timestamp,
    UserId,
    AnonymousId,
    PreviousId,
    GroupId,
    ObjectTypeId,
    Event,
    Name,
    Category,
}

impl ReservedField {
    pub(crate) const ALL: [ReservedField; 10] = [
        Self::MessageId,
        Self::Timestamp,
        Self::UserId,
        Self::AnonymousId,
        Self::PreviousId,
        Self::GroupId,
        Self::ObjectTypeId,
        Self::Event,
        Self::Name,
        Self::Category,
    ];

    /// The text before its value in a call.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::MessageId => ",\"messageId\":",
            Self::Timestamp => ",\"timestamp\":",
            Self::UserId => ",\"userId\":",
            Self::AnonymousId => ",\"anonymousId\":",
            Self::PreviousId => ",\"previousId\":",
            Self::GroupId => ",\"groupId\":",
            Self::ObjectTypeId => ",\"objectTypeId\":",
            Self::Event => ",\"event\":",
            Self::Name => ",\"name\":",
            Self::Category => ",\"category\":",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        let key = self.key();
        &key[2..key.len() - 2]
    }

    const fn belongs_to(self, call: CallType) -> bool {
        match self {
            Self::MessageId | Self::Timestamp | Self::UserId | Self::AnonymousId => true,
            Self::PreviousId => matches!(call, CallType::Alias),
            Self::GroupId | Self::ObjectTypeId => matches!(call, CallType::Group),
            Self::Event => matches!(call, CallType::Track),
            Self::Name => matches!(call, CallType::Page | CallType::Screen),
            Self::Category => matches!(call, CallType::Page),
        }
    }
}

/// A field at the top of a call that is an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Context,
    Integrations,
    /// `traits` or `properties`.
    Body,
}

impl Section {
    pub(crate) const ALL: [Section; 3] = [Self::Context, Self::Integrations, Self::Body];

    /// Its name in calls of this type; an alias has no body.
    pub(crate) const fn name(self, call: CallType) -> Option<&'static str> {
        match (self, call) {
            (Self::Context, _) => Some("context"),
            (Self::Integrations, _) => Some("integrations"),
            (Self::Body, CallType::Identify | CallType::Group) => Some("traits"),
            (Self::Body, CallType::Track | CallType::Page | CallType::Screen) => Some("properties"),
            (Self::Body, CallType::Alias) => None,
        }
    }
}

impl Section {
    /// A number for this path of it. The columns' order plays no part.
    pub(crate) fn place(self, path: &[String]) -> u64 {
        let mut text = vec![self as u8];
        for name in path {
            text.push(0);
            text.extend_from_slice(name.as_bytes());
        }
        hash::checksum(&text)
    }
}

/// What becomes of a column's value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A trait or property: any value; NULL is written as null.
    Trait,
    /// The trait `createdAt`: a moment; NULL and blank are written as null.
    CreatedAt,
    /// The trait `object_type_id`: a whole number in a string. Like all that follow, it is left out
    /// where it is NULL or blank.
    ObjectType,
    /// Any value.
    Free,
    /// A text.
    Text,
    /// A boolean.
    Flag,
    /// A list of texts.
    Keywords,
    /// One of a few words; others are kept with a warning.
    Choice(&'static [&'static str]),
    /// An object with these members.
    Object(&'static Members),
    /// A boolean or an object.
    Integration,
}

impl Kind {
    /// Whether a row may be sent without a value of this kind that is wrong. What it is about, and
    /// where it goes, has to be right.
    pub(crate) const fn may_be_left_out(self) -> bool {
        !matches!(self, Self::ObjectType | Self::Integration)
    }
}

/// The members that an object of `context` is known to have.
#[derive(Debug)]
pub(crate) struct Members {
    known: &'static [(&'static str, Kind)],
    others: Kind,
}

impl Members {
    /// The documented name and kind of a member; `None` for the name of one that is not documented.
    pub(crate) fn find(&self, name: &str) -> (Option<&'static str>, Kind) {
        match self.known.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((known, kind)) => (Some(known), *kind),
            None => (None, self.others),
        }
    }
}

/// The members of `context`. Those of screen calls are taken in all calls.
pub(crate) static CONTEXT: Members = Members {
    known: &[
        ("active", Kind::Flag),
        ("channel", Kind::Choice(&["browser", "server", "mobile"])),
        ("ip", Kind::Text),
        ("locale", Kind::Text),
        ("userAgent", Kind::Text),
        ("campaign", Kind::Object(&CAMPAIGN)),
        ("page", Kind::Object(&PAGE)),
        ("app", Kind::Object(&APP)),
        ("device", Kind::Object(&DEVICE)),
        ("network", Kind::Object(&NETWORK)),
        ("os", Kind::Object(&OS)),
    ],
    others: Kind::Free,
};

static CAMPAIGN: Members = Members {
    known: &[
        ("content", Kind::Text),
        ("medium", Kind::Text),
        ("name", Kind::Text),
        ("source", Kind::Text),
        ("term", Kind::Text),
    ],
    // "Additional UTM Parameters": strings.
    others: Kind::Text,
};

static PAGE: Members = Members {
    known: &[
        ("keywords", Kind::Keywords),
        ("name", Kind::Text),
        ("path", Kind::Text),
        ("referrer", Kind::Text),
        ("search", Kind::Text),
        ("title", Kind::Text),
        ("url", Kind::Text),
    ],
    others: Kind::Free,
};

static APP: Members = Members {
    known: &[("build", Kind::Text), ("name", Kind::Text), ("namespace", Kind::Text), ("version", Kind::Text)],
    others: Kind::Free,
};

static DEVICE: Members = Members {
    known: &[
        ("advertisingId", Kind::Text),
        ("id", Kind::Text),
        ("manufacturer", Kind::Text),
        ("model", Kind::Text),
        ("name", Kind::Text),
        ("type", Kind::Choice(&["android", "ios"])),
        ("version", Kind::Text),
    ],
    others: Kind::Free,
};

static NETWORK: Members = Members {
    known: &[
        ("bluetooth", Kind::Flag),
        ("carrier", Kind::Text),
        ("cellular", Kind::Flag),
        ("wifi", Kind::Flag),
    ],
    others: Kind::Free,
};

static OS: Members = Members { known: &[("name", Kind::Text), ("version", Kind::Text)], others: Kind::Free };

/// Where a column goes.
#[derive(Debug)]
pub(crate) enum ColumnRole {
    /// It is a field at the top.
    ReservedField(ReservedField),
    /// It is a whole part, as JSON.
    Whole(Section),
    /// It is a member of a part, at this path.
    Member(Section, Vec<String>, Kind),
}

/// Where the column of that name goes; else why it cannot be placed.
pub(crate) fn role(call: CallType, column: &str) -> Result<ColumnRole, String> {
    // PostgreSQL and Redshift name an expression without an alias so.
    if column.is_empty() || column == "?column?" {
        return Err("it has no name".to_owned());
    }
    if let Some(reserved) =
        ReservedField::ALL.into_iter().find(|h| h.belongs_to(call) && h.name().eq_ignore_ascii_case(column))
    {
        return Ok(ColumnRole::ReservedField(reserved));
    }
    for part in Section::ALL {
        let Some(word) = part.name(call) else { continue };
        if word.eq_ignore_ascii_case(column) {
            return Ok(ColumnRole::Whole(part));
        }
        if let Some((separator, path)) = below(word, column) {
            // A destination's name may hold dots: "Customer.io".
            let path = match part {
                Section::Integrations => vec![path.to_owned()],
                Section::Context | Section::Body => path.split(separator).map(str::to_owned).collect(),
            };
            return member(call, part, path);
        }
    }
    if Section::Body.name(call).is_none() {
        return Err("an alias call has neither traits nor properties".to_owned());
    }
    // Two underscores separate only behind a part's name: many names of columns hold them and mean
    // nothing by it.
    member(call, Section::Body, column.split('.').map(str::to_owned).collect())
}

/// The separator and the rest, if the column's name begins with a part's.
fn below<'a>(word: &str, column: &'a str) -> Option<(&'static str, &'a str)> {
    let (head, rest) = column.split_at_checked(word.len())?;
    head.eq_ignore_ascii_case(word).then_some(())?;
    [".", "__"].into_iter().find_map(|separator| Some((separator, rest.strip_prefix(separator)?)))
}

fn member(call: CallType, part: Section, mut path: Vec<String>) -> Result<ColumnRole, String> {
    if path.iter().any(String::is_empty) {
        return Err("a part of its path is empty".to_owned());
    }
    if path.len() > DEEPEST {
        return Err(format!("its path has more than {DEEPEST} parts"));
    }
    let kind = match part {
        Section::Context => context_kind(&mut path)?,
        Section::Integrations => {
            integration_name(&mut path[0]);
            Kind::Integration
        }
        Section::Body => match &mut path[..] {
            [name] => trait_kind(call, name),
            _ => Kind::Trait,
        },
    };
    Ok(ColumnRole::Member(part, path, kind))
}

/// The name for all destinations has a capital letter.
pub(crate) fn integration_name(name: &mut String) {
    if name.eq_ignore_ascii_case("all") {
        "All".clone_into(name);
    }
}

/// The kind of a trait or property at the top of the body; its name becomes the documented one.
fn trait_kind(call: CallType, name: &mut String) -> Kind {
    let (known, kind) = match call {
        CallType::Identify if name.eq_ignore_ascii_case("createdAt") => ("createdAt", Kind::CreatedAt),
        CallType::Identify if name.eq_ignore_ascii_case(EMAIL) => (EMAIL, Kind::Trait),
        CallType::Group if name.eq_ignore_ascii_case(OBJECT_TYPE) => (OBJECT_TYPE, Kind::ObjectType),
        _ => return Kind::Trait,
    };
    known.clone_into(name);
    kind
}

/// The trait of identify calls that can stand in for an identifier.
pub(crate) const EMAIL: &str = "email";
/// The trait of group calls that means the same as `objectTypeId`.
pub(crate) const OBJECT_TYPE: &str = "object_type_id";

/// The kind of a member of `context`; the known names on its path become the documented ones.
fn context_kind(path: &mut [String]) -> Result<Kind, String> {
    let mut kind = Kind::Object(&CONTEXT);
    for at in 0..path.len() {
        kind = match kind {
            Kind::Object(members) => {
                let (known, kind) = members.find(&path[at]);
                if let Some(known) = known {
                    known.clone_into(&mut path[at]);
                }
                kind
            }
            Kind::Free => Kind::Free,
            _ => return Err(format!("context.{} has no members", path[..at].join("."))),
        };
    }
    Ok(kind)
}
