//! The real binary against the Redshift simulator: the examples of the reference page, every type,
//! and the traps that Redshift lays for clients.

mod api;
mod examples;
mod mistakes;
mod traps;
mod types;
mod ways;
mod zones;

use std::sync::OnceLock;

use outflow_testkit::crash::Program;
use outflow_testkit::redshift::{Auth, Database, Redshift};
use outflow_testkit::{Postgres, Receiver};

use crate::support::{Project, pipelines};

/// The simulator that tests share; each has a database of its own.
fn shared() -> &'static Redshift {
    static SHARED: OnceLock<Redshift> = OnceLock::new();
    SHARED.get_or_init(|| {
        let options = Redshift::options().over(Postgres::shared());
        options.with_user("digest_user", "Secret-1", Auth::Sha256Digest).start()
    })
}

/// A project whose syncs read this database: a name, a type and a query each.
struct Warehouse {
    project: Project,
    receiver: Receiver,
    password: String,
}

/// Who connects, and how: the lines of the database beyond its address.
struct Login<'a> {
    user: &'a str,
    password: &'a str,
    settings: &'a str,
}

impl Default for Login<'_> {
    fn default() -> Self {
        Self {
            user: Redshift::USER,
            password: Redshift::PASSWORD,
            settings: "ssl: disable, allow_cleartext_password: true",
        }
    }
}

impl Warehouse {
    fn new(redshift: &Redshift, database: &str, login: &Login<'_>, syncs: &[(&str, &str, &str)]) -> Self {
        let receiver = Receiver::start_blocking();
        let mut yaml = format!(
            "version: 1\nsources:\n  warehouse:\n    type: redshift\n    databases:\n      main: {{ host: {}, port: {}, database: {database}, user: \"{}\", \
             password: \"${{env:REDSHIFT_PASSWORD}}\", {} }}\n    destinations: [journeys]\ndestinations:\n  journeys: {{ {} }}\nsyncs:\n",
            redshift.host(),
            redshift.port(),
            login.user,
            login.settings,
            pipelines(&receiver),
        );
        for (name, kind, query) in syncs {
            let query = query.replace('\n', "\n      ");
            yaml +=
                &format!("  {name}:\n    source: warehouse\n    type: {kind}\n    query: |\n      {query}\n");
        }
        Self { project: Project::new(&yaml), receiver, password: login.password.to_owned() }
    }

    fn program(&self, args: &[&str]) -> Program {
        self.project.program(args).env("REDSHIFT_PASSWORD", &self.password)
    }

    /// The calls that a preview of this sync's first run shows.
    fn calls(&self, sync: &str) -> Vec<serde_json::Value> {
        let exit =
            self.program(&["preview", sync, "--calls", "--since", "first", "--output", "ndjson"]).run();
        exit.assert_code(0);
        exit.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A database of the shared simulator.
fn database(name: &str) -> Database<'static> {
    shared().database(name)
}
