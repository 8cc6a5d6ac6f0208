//! A project in a folder of its own, and the real binary on it.

use std::fs;
use std::path::Path;

use outflow_testkit::crash::{Exit, Program};
use outflow_testkit::{Database, Receiver};
use serde_json::Value;
use tempfile::TempDir;

/// The write key that projects here use.
pub const WRITE_KEY: &str = "the-write-key";

/// A project.
pub struct Project {
    dir: TempDir,
}

impl Project {
    /// A project with this `outflow.yaml`.
    pub fn new(yaml: &str) -> Self {
        let project = Self { dir: tempfile::tempdir().unwrap() };
        project.write("outflow.yaml", yaml);
        project
    }

    /// One identify sync `users` with this query, from a real PostgreSQL to a receiver.
    pub fn users(database: &Database<'_>, receiver: &Receiver, query: &str) -> Self {
        Self::new(&users_yaml(database, receiver, query, "concurrency: 4"))
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file into it.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The binary with these arguments, on this project.
    pub fn program(&self, args: &[&str]) -> Program {
        Program::new(env!("CARGO_BIN_EXE_outflow"))
            .folder(self.path())
            .env("WRITE_KEY", WRITE_KEY)
            .env("PG_PASSWORD", outflow_testkit::Postgres::shared().password())
            .env("NO_COLOR", "1")
            .args(args.iter().copied())
    }

    /// Runs the binary to its end.
    pub fn run(&self, args: &[&str]) -> Exit {
        self.program(args).run()
    }

    /// Runs the binary with `--output json`, demands this exit code, and gives the document.
    pub fn json(&self, args: &[&str], code: i32) -> Value {
        let mut all = args.to_vec();
        all.extend(["--output", "json"]);
        let exit = self.run(&all);
        exit.assert_code(code);
        serde_json::from_str(&exit.stdout).unwrap_or_else(|e| panic!("{e}: {}", exit.stdout))
    }
}

/// The project file of [`Project::users`], with further settings of the destination.
pub fn users_yaml(database: &Database<'_>, receiver: &Receiver, query: &str, settings: &str) -> String {
    let server = database.server();
    format!(
        r#"version: 1
sources:
  shop:
    type: postgres
    databases:
      main: {{ host: "{host}", port: {port}, database: "{name}", user: "{user}", password: "${{env:PG_PASSWORD}}", ssl: disable }}
    destinations: [journeys]
destinations:
  journeys: {{ type: customerio-pipelines, write_key: "${{env:WRITE_KEY}}", base_url: "{url}", {settings} }}
syncs:
  users:
    source: shop.main
    type: identify
    query: |
      {query}
"#,
        host = server.host(),
        port = server.port(),
        name = database.name(),
        user = server.user(),
        url = receiver.url(),
        query = query.replace('\n', "\n      "),
    )
}
