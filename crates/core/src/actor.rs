//! Who asks for a change.
//!
//! What always holds: an actor names who acted, never how they proved it. It holds no credential.

use serde::{Deserialize, Serialize};

/// What kind of actor it is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A user of this machine who runs a command or sends a signal.
    Local,
    /// A person who has signed in.
    Person,
    /// A token of the API.
    Token,
    /// The project's files: what they define changed.
    File,
    /// Outflow itself: retention, for example.
    Outflow,
}

impl ActorKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Local, Self::Person, Self::Token, Self::File, Self::Outflow];

    /// Its name in documents and in the state.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Person => "person",
            Self::Token => "token",
            Self::File => "file",
            Self::Outflow => "outflow",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Who asks for a change.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Actor {
    /// What kind of actor it is.
    pub kind: ActorKind,
    /// The name: of the unix user, the person, the token, the file.
    pub name: String,
    /// The request of the API in which they asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The network address from which they asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

impl Actor {
    /// An actor without a request and an address.
    pub fn new(kind: ActorKind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into(), request_id: None, address: None }
    }

    /// A user of this machine.
    pub fn local(name: impl Into<String>) -> Self {
        Self::new(ActorKind::Local, name)
    }

    /// Outflow itself.
    pub fn outflow() -> Self {
        Self::new(ActorKind::Outflow, "outflow")
    }
}

impl std::fmt::Display for Actor {
    /// `person ada`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind.name(), self.name)
    }
}
