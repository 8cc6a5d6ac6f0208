//! A call: one message to a destination, made from one row.
//!
//! The canonical form is one JSON object without line breaks:
//!
//! ```json
//! {"messageId":"…","timestamp":"…","type":"identify","userId":"1","traits":{"plan":"pro"}}
//! ```
//!
//! `messageId` always comes first; a `timestamp` that the query did not give (the run's clock
//! stands in) comes second. What follows is the *content*: the part that says whether two calls are
//! the same ([`hash::content`]), together with a `messageId` that the query gave.

use serde::{Deserialize, Serialize};

use crate::hash;

/// The six kinds of call.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum CallType {
    /// Who someone is, with traits.
    Identify,
    /// What someone did.
    Track,
    /// Which group someone belongs to, with the group's traits.
    Group,
    /// Which web page someone saw.
    Page,
    /// Which app screen someone saw.
    Screen,
    /// Which two identities are one.
    Alias,
}

impl CallType {
    /// All six, in the order of the documentation.
    pub const ALL: [CallType; 6] =
        [Self::Identify, Self::Track, Self::Group, Self::Page, Self::Screen, Self::Alias];

    /// The name in configuration and in the `type` field of a call.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identify => "identify",
            Self::Track => "track",
            Self::Group => "group",
            Self::Page => "page",
            Self::Screen => "screen",
            Self::Alias => "alias",
        }
    }

    /// The type of that name, in lower case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.name() == name)
    }

    /// Whether each call is something that happened, and not how something is: the same call made
    /// again is then another event.
    pub const fn is_event(self) -> bool {
        matches!(self, Self::Track | Self::Page | Self::Screen)
    }

    /// One byte for files; see `docs/formats/segment.md`.
    pub const fn to_byte(self) -> u8 {
        self as u8
    }

    /// The type for a byte of a file.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }
}

impl std::fmt::Display for CallType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// Facts about a call that delivery needs without reading its JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CallFlags(pub u8);

impl CallFlags {
    /// The call carries an `integrations` object that may exclude a destination.
    pub const INTEGRATIONS: CallFlags = CallFlags(1);
    /// The call has neither `userId` nor `anonymousId`; an email trait is all that names the
    /// person.
    pub const EMAIL_ONLY: CallFlags = CallFlags(2);
    /// A group call that names no object type, neither `objectTypeId` nor `traits.object_type_id`.
    pub const NO_OBJECT_TYPE: CallFlags = CallFlags(4);
    /// `traits` or `properties` holds at least one member that is null because its column was NULL.
    pub const NULLS: CallFlags = CallFlags(8);
    /// A call with neither `userId` nor `anonymousId` (a group without a person).
    pub const NO_PERSON: CallFlags = CallFlags(16);
    /// The call was removed by a purge: its place is kept, its JSON is empty.
    pub const PURGED: CallFlags = CallFlags(32);
    /// The `messageId` is a content id: made of the sync's key and what the call says
    /// ([`SyncKey`]), and not of run and row.
    pub const CONTENT_ID: CallFlags = CallFlags(64);

    /// Whether every flag of `other` is set.
    pub const fn has(self, other: CallFlags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Sets every flag of `other`.
    pub const fn set(&mut self, other: CallFlags) {
        self.0 |= other.0;
    }
}

/// What the spool's index keeps of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallMeta {
    /// The row's place in the result, from 0. Rejected rows leave gaps.
    pub ordinal: u64,
    /// The kind of call.
    pub call_type: CallType,
    /// Facts for delivery.
    pub flags: CallFlags,
    /// Ordering key: [`hash::key`] of userId, else anonymousId, else email; of groupId for group;
    /// of userId for alias.
    pub key: u64,
    /// The second ordering key of an alias (previousId); 0 for all others.
    pub key2: u64,
}

/// What makes the message ids of one run unlike those of any other: a hash of installation, run and
/// a random part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RunKey(pub u128);

impl RunKey {
    /// The length of a message id in its text form.
    pub const ID_LEN: usize = ID_LEN;

    /// The message id of the row at `ordinal`.
    pub fn message_id(self, ordinal: u64) -> MessageId {
        uuid(hash::seeded(self.0, ordinal))
    }
}

/// What makes the content ids of one sync unlike those of any other: a hash of the project's `id`
/// and of the sync's name. No run, state or installation is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SyncKey(pub u128);

impl SyncKey {
    /// The key of a sync, by the project's `id` and the name that the sync's ids began with.
    pub fn new(project: &str, sync: &str) -> Self {
        Self(hash::content(format!("outflow sync\0{project}\0{sync}").as_bytes()))
    }

    /// The id of the first call of this content in a result.
    pub fn message_id(self, content: u128) -> MessageId {
        uuid(hash::joined(self.0, content))
    }
}

impl Serialize for SyncKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{:032x}", self.0))
    }
}

impl<'de> Deserialize<'de> for SyncKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        u128::from_str_radix(&text, 16).map(Self).map_err(serde::de::Error::custom)
    }
}

/// The text of a message id.
pub type MessageId = [u8; ID_LEN];

const ID_LEN: usize = 36;
const BEFORE_ID: &[u8] = b"{\"messageId\":\"";

/// The id of the call of that content which `occurrence` equal ones precede in the result.
pub fn nth_message_id(first: &MessageId, occurrence: u64) -> MessageId {
    match occurrence {
        0 => *first,
        n => uuid(hash::seeded(hash::content(first), n)),
    }
}

/// A message id that Outflow made, as bits.
pub fn id_bits(id: &MessageId) -> u128 {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).map(u128::from);
    id.iter().filter_map(digit).fold(0, |bits, digit| bits << 4 | digit)
}

/// The id of these bits.
pub fn id_of_bits(bits: u128) -> MessageId {
    uuid(bits)
}

/// The id in a canonical call whose id Outflow made. `None`: it is no such call.
pub fn message_id(json: &[u8]) -> Option<&MessageId> {
    json.strip_prefix(BEFORE_ID)?.first_chunk()
}

/// The bytes of the id in a canonical call whose id Outflow made. `None`: it is no such call.
pub fn message_id_mut(json: &mut [u8]) -> Option<&mut MessageId> {
    json.starts_with(BEFORE_ID).then_some(())?;
    json.get_mut(BEFORE_ID.len()..)?.first_chunk_mut()
}

/// 122 bits of a hash as a version 8 UUID (RFC 9562, section 5.8).
fn uuid(hash: u128) -> MessageId {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut id = hash.to_be_bytes();
    id[6] = (id[6] & 0x0f) | 0x80;
    id[8] = (id[8] & 0x3f) | 0x80;
    let mut text = [b'-'; ID_LEN];
    let mut at = 0;
    for (i, byte) in id.into_iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            at += 1;
        }
        text[at] = HEX[usize::from(byte >> 4)];
        text[at + 1] = HEX[usize::from(byte & 15)];
        at += 2;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_ids_are_stable_distinct_version_8_uuids() {
        let key = RunKey(7);
        let one = String::from_utf8(key.message_id(1).to_vec()).unwrap();
        assert_eq!(one, String::from_utf8(key.message_id(1).to_vec()).unwrap());
        assert_eq!(one.len(), 36);
        assert_eq!(one.as_bytes()[14], b'8', "{one}");
        assert!(b"89ab".contains(&one.as_bytes()[19]), "{one}");
        assert_eq!(one.match_indices('-').map(|(i, _)| i).collect::<Vec<_>>(), [8, 13, 18, 23]);
        let mut seen = std::collections::HashSet::new();
        for run in [RunKey(7), RunKey(8)] {
            for ordinal in 0..50_000 {
                assert!(seen.insert(run.message_id(ordinal)));
            }
        }
    }

    #[test]
    fn content_ids_depend_on_project_sync_content_and_occurrence_alone() {
        let mut seen = std::collections::HashSet::new();
        for (project, sync) in [("a", "b"), ("a", "c"), ("d", "b"), ("ab", "")] {
            for content in 0..100 {
                let first = SyncKey::new(project, sync).message_id(content);
                assert_eq!(nth_message_id(&first, 0), first);
                assert!((0..100).all(|n| seen.insert(nth_message_id(&first, n))));
            }
        }
        assert_eq!(SyncKey::new("a", "b").message_id(5), SyncKey::new("a", "b").message_id(5));
        let key = SyncKey::new("a", "b");
        assert_eq!(serde_json::from_str::<SyncKey>(&serde_json::to_string(&key).unwrap()).unwrap(), key);
    }

    #[test]
    fn the_id_of_a_canonical_call_is_found_in_its_bytes() {
        let id = RunKey(7).message_id(3);
        let mut json = [b"{\"messageId\":\"", &id[..], b"\"}"].concat();
        assert_eq!(message_id_mut(&mut json), Some(&mut id.clone()));
        assert_eq!(message_id_mut(&mut json[..40]), None);
        assert_eq!(message_id_mut(&mut []), None);
    }

    #[test]
    fn call_types_survive_names_and_bytes() {
        for t in CallType::ALL {
            assert_eq!(CallType::from_name(t.name()), Some(t));
            assert_eq!(CallType::from_byte(t.to_byte()), Some(t));
        }
        assert_eq!(CallType::from_name("Identify"), None);
        assert_eq!(CallType::from_byte(6), None);
    }
}
