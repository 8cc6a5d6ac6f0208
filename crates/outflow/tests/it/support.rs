//! A project in a folder of its own, and the real binary on it.

use std::fs;
use std::path::{Path, PathBuf};

use outflow_testkit::crash::{Exit, Program};
use outflow_testkit::{Database, Postgres, Receiver};
use serde_json::Value;
use tempfile::TempDir;

/// The write key that projects here use.
pub const WRITE_KEY: &str = "the-write-key";

/// Where a project has its state.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Store {
    Sqlite,
    Postgres,
}

impl Store {
    /// A server for the state alone, so that it can be restarted under it; none for SQLite.
    pub fn server(self) -> Option<Postgres> {
        (self == Self::Postgres).then(Postgres::start)
    }
}

/// The URL of a state in the database `postgres` of the server on this port.
pub fn state_url(port: u16) -> String {
    format!("postgres://{}:{}@127.0.0.1:{port}/postgres", Postgres::USER, Postgres::PASSWORD)
}

/// A project.
pub struct Project {
    dir: TempDir,
    state: Option<String>,
}

impl Project {
    /// A project with this `outflow.yaml`.
    pub fn new(yaml: &str) -> Self {
        let project = Self { dir: tempfile::tempdir().unwrap(), state: None };
        project.write("outflow.yaml", yaml);
        project
    }

    /// One identify sync `users` with this query, from a real PostgreSQL to a receiver.
    pub fn users(database: &Database<'_>, receiver: &Receiver, query: &str) -> Self {
        Self::new(&users_yaml(database, receiver, query, "concurrency: 4"))
    }

    /// The same with its state at this URL, if there is one.
    pub fn with_state(self, url: Option<String>) -> Self {
        Self { state: url, ..self }
    }

    /// Has its state at this URL from now on.
    pub fn set_state(&mut self, url: &str) {
        self.state = Some(url.to_owned());
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
        let program = Program::new(binary())
            .folder(self.path())
            .env("WRITE_KEY", WRITE_KEY)
            .env("PG_PASSWORD", Postgres::PASSWORD)
            .env("NO_COLOR", "1")
            // So that a test sees rows that are rejected or refused although they are no failure.
            .env("OUTFLOW_STRICT", "1")
            .args(args.iter().copied());
        match &self.state {
            Some(url) => program.env("OUTFLOW_STATE", url),
            None => program,
        }
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
        document(&exit)
    }

    /// Every run, the newest first.
    pub fn runs(&self) -> Vec<Value> {
        self.json(&["runs", "--limit", "0"], 0).as_array().unwrap().clone()
    }

    /// Demands that the numbers of every run add up: as documents say, and as `verify` recounts
    /// them.
    pub fn assert_closed(&self) {
        for run in self.runs() {
            let number =
                |of: &Value, name: &str| of[name].as_u64().unwrap_or_else(|| panic!("{name} in {run}"));
            let rows = &run["rows"];
            let sum: u64 = ["calls", "rejected", "unchanged"].iter().map(|n| number(rows, n)).sum();
            assert_eq!(number(rows, "read"), sum, "{run}");
            for (_, d) in run["destinations"].as_object().unwrap() {
                let outcomes = ["delivered", "dead_letters", "filtered", "cancelled", "discarded", "pending"];
                let sum: u64 = outcomes.iter().map(|n| number(d, n)).sum();
                assert_eq!((number(d, "calls"), number(d, "calls")), (sum, number(rows, "calls")), "{run}");
            }
            self.run(&["verify", &run["run"].to_string()]).assert_code(0);
        }
    }
}

/// The binary under test: the one that was built with the tests, or another one (`OUTFLOW_BINARY`),
/// such as that of a release.
pub fn binary() -> PathBuf {
    std::env::var_os("OUTFLOW_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_outflow").into(), PathBuf::from)
}

/// What `./test` installs for the tests, in the target folder.
pub fn tools(name: &str) -> PathBuf {
    let built = Path::new(env!("CARGO_BIN_EXE_outflow"));
    built.parent().and_then(Path::parent).unwrap().join("tools").join(name)
}

/// The JSON document that a command printed.
pub fn document(exit: &Exit) -> Value {
    serde_json::from_str(&exit.stdout).unwrap_or_else(|e| panic!("{e}: {exit:?}"))
}

/// The project file of [`Project::users`], with further settings of the destination.
pub fn users_yaml(database: &Database<'_>, receiver: &Receiver, query: &str, settings: &str) -> String {
    let destination = format!("{}, {settings}", pipelines(receiver));
    yaml(database, &[("journeys", &destination)], &[("users", &sync("identify", query))])
}

/// A destination that speaks to this receiver as to Customer.io.
pub fn pipelines(receiver: &Receiver) -> String {
    format!(r#"type: customerio-pipelines, write_key: "${{env:WRITE_KEY}}", base_url: "{}""#, receiver.url())
}

/// A sync of this type and query; lines with further settings may follow.
pub fn sync(call_type: &str, query: &str) -> String {
    format!("type: {call_type}\nquery: |\n  {}\n", query.replace('\n', "\n  "))
}

/// A project file: one source of this kind, with these databases, and a sync of users that reads
/// its `main` and writes a file.
pub fn one_source(name: &str, kind: &str, databases: &str, query: &str) -> String {
    format!(
        "version: 1\nsources:\n  {name}:\n    type: {kind}\n    databases:\n      {databases}\n    destinations: [out]\n\
         destinations:\n  out: {{ type: file, path: ./out }}\nsyncs:\n  users:\n    source: {name}.main\n    type: identify\n    query: {query}\n"
    )
}

/// A project file: the source `shop.main` is this database, and all of its syncs go to all
/// destinations. A destination is a name and settings on one line, a sync a name and settings on
/// lines of their own.
pub fn yaml(database: &Database<'_>, destinations: &[(&str, &str)], syncs: &[(&str, &str)]) -> String {
    let server = database.server();
    let names: Vec<&str> = destinations.iter().map(|(name, _)| *name).collect();
    let mut text = format!(
        r#"version: 1
sources:
  shop:
    type: postgres
    databases:
      main: {{ host: "{host}", port: {port}, database: "{name}", user: "{user}", password: "${{env:PG_PASSWORD}}", ssl: disable }}
    destinations: [{names}]
destinations:
"#,
        host = server.host(),
        port = server.port(),
        name = database.name(),
        user = server.user(),
        names = names.join(", "),
    );
    for (name, settings) in destinations {
        text += &format!("  {name}: {{ {settings} }}\n");
    }
    text += "syncs:\n";
    for (name, settings) in syncs {
        text += &format!(
            "  {name}:\n    source: shop.main\n    {}\n",
            settings.trim_end().replace('\n', "\n    ")
        );
    }
    text
}
