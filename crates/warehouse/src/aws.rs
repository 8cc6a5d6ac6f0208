//! AWS as a way in: an identity on this machine, and the database credentials that AWS gives to it.
//!
//! [`chain`] finds the keys of the identity where the SDKs look for them, [`roles`] turns keys into
//! those of a role, [`call`] signs ([`sign`]) and sends a request, and [`database`] asks for user
//! and password of a database and keeps them until they are about to expire. [`host`] reads what it
//! can from a host's name.
//!
//! What always holds: the metadata services of instances and containers are reached through a
//! client that reaches nothing else; no error holds a key, a token or a password. What it does not
//! do: log in by SSO or with an MFA device, which need a person.

mod call;
mod chain;
mod database;
mod host;
mod metadata;
mod profiles;
mod roles;
mod sign;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use outflow_core::{Clock, Code, Error, Result, Secret};
use outflow_egress::{AddressPolicy, Client, ClientOptions, Proxies};

pub use host::{Endpoint, is_region};

/// Database credentials live as long as this, if nothing else is said; also the shortest that AWS
/// gives.
pub const SHORTEST_LIFE: Duration = Duration::from_secs(900);
/// The longest that AWS gives.
pub const LONGEST_LIFE: Duration = Duration::from_secs(3600);

/// The access to AWS from this machine. Clones share the database credentials that they got.
#[derive(Clone)]
pub struct Aws(Arc<Inner>);

type Env = dyn Fn(&str) -> Option<String> + Send + Sync;

struct Inner {
    env: Box<Env>,
    clock: Arc<dyn Clock>,
    clients: OnceLock<Clients>,
    kept: Mutex<HashMap<database::Key, database::Slot>>,
}

struct Clients {
    api: Client,
    /// For the services that hand out credentials to instances and containers.
    metadata: Client,
}

impl Aws {
    /// Nothing is looked at or sent yet. `env` gives environment variables, among them `HOME`.
    pub fn new(env: impl Fn(&str) -> Option<String> + Send + Sync + 'static, clock: Arc<dyn Clock>) -> Aws {
        let (clients, kept) = (OnceLock::new(), Mutex::default());
        Aws(Arc::new(Inner { env: Box::new(env), clock, clients, kept }))
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aws")
    }
}

impl Inner {
    /// An environment variable that is set and not empty.
    fn env(&self, name: &str) -> Option<String> {
        (self.env)(name).filter(|value| !value.is_empty())
    }

    /// The HTTP clients, made when they are first needed.
    fn clients(&self) -> Result<&Clients> {
        if let Some(clients) = self.clients.get() {
            return Ok(clients);
        }
        let options = ClientOptions { policy: AddressPolicy::AwsCredentials, ..ClientOptions::default() };
        // What hands out credentials to this machine is reached directly.
        let (proxies, _) = Proxies::of(&*self.env);
        let api = Client::usual(AddressPolicy::default(), proxies);
        let made = Clients { api, metadata: Client::new(&options)? };
        Ok(self.clients.get_or_init(|| made))
    }
}

/// Which database credentials are requested from AWS, and as whom.
#[derive(Clone, Debug)]
pub struct Iam {
    /// What the database is.
    pub target: IamTarget,
    /// The region that it is in.
    pub region: String,
    /// The profile whose keys are used; `None`: the usual chain.
    pub profile: Option<String>,
    /// How long the password is good for, from [`SHORTEST_LIFE`] to [`LONGEST_LIFE`].
    pub duration: Duration,
}

/// What the database is to AWS.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum IamTarget {
    /// A provisioned cluster, by its identifier.
    Cluster {
        /// The cluster's identifier.
        id: String,
        /// Who logs in; `None`: a user that AWS makes of the identity.
        user: Option<DbUser>,
    },
    /// A workgroup of Redshift Serverless, by its name. AWS makes a user of the identity.
    Workgroup(String),
}

/// A named user of a provisioned cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DbUser {
    /// The user's name.
    pub name: String,
    /// Groups that the session joins.
    pub groups: Vec<String>,
    /// Whether the user is made if there is none.
    pub create: bool,
}

impl Iam {
    /// Finds what AWS could make no sense of.
    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::new(Code::InvalidValue, what.to_owned()));
        if !is_region(&self.region) {
            return wrong("the region of `iam` is no AWS region");
        }
        if !(SHORTEST_LIFE..=LONGEST_LIFE).contains(&self.duration) {
            return wrong("the duration of `iam` must be from 15m to 1h");
        }
        Ok(())
    }
}

/// Keys of an AWS identity.
#[derive(Clone)]
struct Keys {
    id: String,
    secret: Secret,
    token: Option<Secret>,
    /// Where they were found, for messages: `the environment`.
    from: String,
}

/// What one of the places that can hold keys has.
enum KeyLookup {
    Keys(Keys),
    /// No keys, and why.
    Missing(String),
}
