//! A simulator of Amazon Redshift: a proxy on 127.0.0.1 in front of a real PostgreSQL that behaves
//! on the wire as Redshift does.
//!
//! What is known about Redshift without a cluster at hand stands in [`BEHAVIOURS`]: each behaviour
//! says whether it is documented, observed by others, or inferred. What always holds: a client sees
//! PostgreSQL's answers only after they were made Redshift's (types, labels, tags, error texts);
//! whatever Redshift refuses is refused, also where PostgreSQL would take it. What it does not do:
//! plan or store like Redshift, know UNLOAD, SUPER navigation, external tables or QUALIFY behind
//! `*` or DISTINCT, count lengths of VARCHAR in bytes, or undo the SET of a transaction that is
//! rolled back.
//!
//! | part | subject |
//! | --- | --- |
//! | `startup`, `auth` | TLS, start-up, parameter status, the ways to log in, cancelling |
//! | `session`, `portal`, `client` | statements, extended protocol, what goes to the client and how it is disturbed |
//! | `rows`, `types` | descriptions of columns and values |
//! | `statement`, `lexer`, `reads`, `refusals`, `settings`, `rewrite` | SQL: what is refused, what is rewritten for PostgreSQL |
//! | `functions.sql` | Redshift's functions, types, operators and system views |
//! | `failures`, `conditions` | errors on demand, and clusters that are slow, paused, waking |

mod auth;
mod behaviours;
mod client;
mod conditions;
mod failures;
mod lexer;
mod portal;
mod prepared;
mod reads;
mod refusals;
mod report;
mod rewrite;
mod rows;
mod session;
mod settings;
mod startup;
mod statement;
mod types;
mod upstream;
mod view;
mod wire;
mod words;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

pub use behaviours::{BEHAVIOURS, Basis, Behaviour};
pub use conditions::Condition;
pub use failures::Failure;

use crate::net::Server;
use crate::postgres::Postgres;

const FUNCTIONS: &str = include_str!("redshift/functions.sql");

/// A running simulator. It ends, with its connections, when it is dropped.
pub struct Redshift {
    server: Server,
    shared: Arc<Shared>,
    /// Last, so that the proxy ends before it.
    postgres: Behind,
}

enum Behind {
    Own(Box<Postgres>),
    Lent(&'static Postgres),
}

/// How a simulator is started. Made by [`Redshift::options`].
#[derive(Clone)]
pub struct Options {
    over: Option<&'static Postgres>,
    port: u16,
    users: Vec<User>,
    tls: Option<(String, String)>,
    require_ssl: bool,
    case_sensitive: bool,
    single_node: bool,
    version: String,
    reserved_timestamp: bool,
}

/// How the server requests a user's password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Code 3.
    Cleartext,
    /// Code 5, which is how users are asked that are made by CREATE USER.
    Md5,
    /// Code 13, Redshift's own: users that were made with a SHA-256 hash.
    Sha256Digest,
}

#[derive(Clone, Debug)]
struct User {
    name: String,
    password: String,
    auth: Auth,
}

/// What a client said when it connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Startup {
    /// The pairs of the start-up message, in order.
    pub parameters: Vec<(String, String)>,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

impl Startup {
    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// One database of a [`Redshift`].
pub struct Database<'a> {
    redshift: &'a Redshift,
    name: String,
}

/// What all connections of a simulator share.
struct Shared {
    options: Options,
    tls: Option<TlsAcceptor>,
    /// The port of the PostgreSQL behind.
    upstream: u16,
    condition: watch::Sender<(Condition, Instant)>,
    failures: Mutex<VecDeque<(Failure, u64)>>,
    statements: Mutex<Vec<String>>,
    startups: Mutex<Vec<Startup>>,
    /// From the keys that clients have to those that PostgreSQL gave.
    keys: Mutex<HashMap<(i32, i32), (i32, i32)>>,
    queries: AtomicU64,
    connections: AtomicUsize,
}

impl Redshift {
    /// The administrator, a superuser.
    pub const USER: &'static str = "awsuser";
    /// The administrator's password.
    pub const PASSWORD: &'static str = "Awsuser-secret1";

    /// A simulator over a PostgreSQL of its own, with default options.
    pub fn start() -> Redshift {
        Self::options().start()
    }

    /// How to start a simulator with other options.
    pub fn options() -> Options {
        Options {
            over: None,
            port: 0,
            users: Vec::new(),
            tls: None,
            require_ssl: false,
            case_sensitive: false,
            single_node: false,
            version: "1.0.117891".to_owned(),
            reserved_timestamp: false,
        }
    }

    /// The address to connect to.
    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// The administrator's name.
    pub fn user(&self) -> &'static str {
        Self::USER
    }

    /// The administrator's password.
    pub fn password(&self) -> &'static str {
        Self::PASSWORD
    }

    /// Makes an empty database of that name with Redshift's functions; one that exists is dropped
    /// first.
    pub fn database(&self, name: &str) -> Database<'_> {
        self.postgres().database(name).sql(FUNCTIONS);
        Database { redshift: self, name: name.to_owned() }
    }

    /// Puts a condition in force, in place of the one before.
    pub fn set(&self, condition: Condition) {
        self.shared.condition.send_replace((condition, Instant::now()));
    }

    /// One failure for the next login or query, whichever it belongs to: [`Failure`] says which.
    /// Several wait in line.
    pub fn fail_next(&self, failure: Failure) {
        self.fail_next_after(0, failure);
    }

    /// As [`Redshift::fail_next`], once that many rows of the query's result were sent.
    pub fn fail_next_after(&self, rows: u64, failure: Failure) {
        lock(&self.shared.failures).push_back((failure, rows));
    }

    /// The texts that clients sent as statements (to run, or to parse), in order.
    pub fn statements(&self) -> Vec<String> {
        lock(&self.shared.statements).clone()
    }

    /// What clients said when they connected, in order.
    pub fn startups(&self) -> Vec<Startup> {
        lock(&self.shared.startups).clone()
    }

    /// How many connections were opened, those to cancel included.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// The PostgreSQL behind.
    pub fn postgres(&self) -> &Postgres {
        match &self.postgres {
            Behind::Own(postgres) => postgres,
            Behind::Lent(postgres) => postgres,
        }
    }
}

impl Database<'_> {
    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs statements as superuser. They may be written in Redshift's SQL, and go through the same
    /// rewriting as those of clients, but nothing is refused. Rows come back one a line, columns
    /// divided by `|`.
    pub fn sql(&self, statements: &str) -> String {
        let fold = !self.redshift.shared.options.case_sensitive;
        let statements = rewrite::rewrite_freely(statements, fold);
        let session = "SET password_encryption = 'md5';";
        self.redshift.postgres().sql_in(&self.name, &format!("{session}\n{statements}"))
    }
}

impl Options {
    /// Stands in front of this server instead of one of its own, such as [`Postgres::shared`].
    #[must_use]
    pub fn over(mut self, postgres: &'static Postgres) -> Self {
        self.over = Some(postgres);
        self
    }

    /// Listens on this port instead of a free one.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// A user without rights of its own, beyond those of PUBLIC. A name that begins with `IAM` is
    /// one of temporary credentials, and needs TLS.
    #[must_use]
    pub fn with_user(mut self, name: &str, password: &str, auth: Auth) -> Self {
        self.users.push(User { name: name.to_owned(), password: password.to_owned(), auth });
        self
    }

    /// Offers TLS with this certificate (chain) and private key, both as PEM text.
    #[must_use]
    pub fn with_tls(mut self, certificate_pem: &str, key_pem: &str) -> Self {
        self.tls = Some((certificate_pem.to_owned(), key_pem.to_owned()));
        self
    }

    /// As [`Options::with_tls`], and refuses connections without it, as new clusters do by default.
    #[must_use]
    pub fn require_ssl(mut self, certificate_pem: &str, key_pem: &str) -> Self {
        self.require_ssl = true;
        self.with_tls(certificate_pem, key_pem)
    }

    /// The cluster's `enable_case_sensitive_identifier`, which sessions may change for themselves.
    #[must_use]
    pub fn case_sensitive_identifiers(mut self, on: bool) -> Self {
        self.case_sensitive = on;
        self
    }

    /// Whether the cluster has one node alone, which hands out at most 1,000 rows at a time.
    #[must_use]
    pub fn single_node(mut self, single: bool) -> Self {
        self.single_node = single;
        self
    }

    /// The build, which `version()` and `padb_version` tell.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        self.version = version.to_owned();
        self
    }

    /// Whether the bare word `timestamp` is refused as a name of a column. It is in Redshift's list
    /// of reserved words, yet published examples use it so; which of both holds on a cluster is
    /// uncertain.
    #[must_use]
    pub fn reserved_timestamp(mut self, reserved: bool) -> Self {
        self.reserved_timestamp = reserved;
        self
    }

    /// Starts the simulator; it takes connections when this returns, to the database `dev`.
    pub fn start(self) -> Redshift {
        let postgres = match self.over {
            Some(postgres) => Behind::Lent(postgres),
            None => Behind::Own(Box::new(Postgres::start())),
        };
        let port = self.port;
        let shared = Arc::new(Shared {
            tls: self.tls.as_ref().map(|(certificate, key)| startup::acceptor(certificate, key)),
            upstream: match &postgres {
                Behind::Own(postgres) => postgres.port(),
                Behind::Lent(postgres) => postgres.port(),
            },
            condition: watch::Sender::new((Condition::Normal, Instant::now())),
            failures: Mutex::default(),
            statements: Mutex::default(),
            startups: Mutex::default(),
            keys: Mutex::default(),
            queries: AtomicU64::new(1_000),
            connections: AtomicUsize::new(0),
            options: self,
        });
        let server = Server::start(port, {
            let shared = Arc::clone(&shared);
            move |listener| startup::serve(listener, shared)
        });
        let redshift = Redshift { server, shared, postgres };
        // Several may stand in front of one server: they start one after the other and share users
        // and `dev`.
        static STARTING: Mutex<()> = Mutex::new(());
        let _alone = lock(&STARTING);
        redshift.postgres().sql(&redshift.shared.options.roles());
        if redshift.postgres().sql("SELECT 1 FROM pg_database WHERE datname = 'dev'").is_empty() {
            redshift.database("dev");
        }
        redshift
    }

    /// Makes the users; those that exist are brought up to date.
    fn roles(&self) -> String {
        let admin =
            User { name: Redshift::USER.into(), password: Redshift::PASSWORD.into(), auth: Auth::Md5 };
        let mut sql = "SET password_encryption = 'md5';\n".to_owned();
        for (user, rights) in self.users.iter().map(|user| (user, "")).chain([(&admin, "SUPERUSER")]) {
            let name = user.name.replace('"', "\"\"");
            let password = upstream::literal(&user.password);
            sql += &format!(
                "DO $$ BEGIN CREATE ROLE \"{name}\"; EXCEPTION WHEN duplicate_object THEN NULL; END $$;\n\
                 ALTER ROLE \"{name}\" LOGIN {rights} PASSWORD {password};\n"
            );
        }
        sql
    }
}

impl Shared {
    /// The number of the next query.
    fn next_query(&self) -> u64 {
        self.queries.fetch_add(1, Ordering::Relaxed)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
