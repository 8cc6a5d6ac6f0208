//! A real PostgreSQL for tests: a new server in a temporary folder, one free port on 127.0.0.1,
//! known users.
//!
//! What always holds: the server ends with the process that started it. A small shell supervisor
//! holds a pipe from us; when the pipe closes, for whatever reason, it stops the server and removes
//! the folder. PostgreSQL refuses to run as root, so root starts it as `postgres` or `nobody`.
//! `fsync` is off unless a test turns it on.
//!
//! What it does not do: install PostgreSQL. Where it is missing, the panic says the line that
//! installs it.

mod launch;
mod template;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::net::free_port;
use launch::{Account, Supervisor, find_binaries, supervise, tail, temporary_folder, write_as};

/// The ready-made users, one per way of authentication. All but `stranger` may read every table.
const USERS: &str = "
SET password_encryption = 'scram-sha-256';
CREATE ROLE plain LOGIN PASSWORD 'secret' IN ROLE pg_read_all_data;
CREATE ROLE scramuser LOGIN PASSWORD 'secret' IN ROLE pg_read_all_data;
CREATE ROLE trusted LOGIN IN ROLE pg_read_all_data;
CREATE ROLE stranger LOGIN PASSWORD 'secret';
SET password_encryption = 'md5';
CREATE ROLE md5user LOGIN PASSWORD 'secret' IN ROLE pg_read_all_data;
";

/// `awsuser` is the administrator of the Redshift simulator, which makes it and logs in by it.
const HBA: &str = "
host all plain 127.0.0.1/32 password
host all md5user 127.0.0.1/32 md5
host all trusted 127.0.0.1/32 trust
host all awsuser 127.0.0.1/32 password
host all all 127.0.0.1/32 scram-sha-256
";

/// A running server. Dropping it stops the server and removes its files.
pub struct Postgres {
    port: u16,
    home: PathBuf,
    bin: PathBuf,
    supervisor: Mutex<Supervisor>,
}

/// How a server is started. Made by [`Postgres::options`].
#[derive(Clone, Debug, Default)]
pub struct Options {
    home: Option<PathBuf>,
    port: Option<u16>,
    hba: Vec<String>,
    settings: Vec<(String, String)>,
    tls: Option<(String, String)>,
}

/// One database of a [`Postgres`].
pub struct Database<'a> {
    server: &'a Postgres,
    name: String,
}

impl Postgres {
    /// The superuser.
    pub const USER: &'static str = "postgres";
    /// The superuser's password.
    pub const PASSWORD: &'static str = "super-secret";
    /// The password of `plain` (cleartext), `md5user`, `scramuser` and `stranger` (SCRAM, may read
    /// nothing). `trusted` needs none.
    pub const USER_PASSWORD: &'static str = "secret";

    /// A new server with default options.
    pub fn start() -> Postgres {
        Options::default().start()
    }

    /// How to start a server with other options.
    pub fn options() -> Options {
        Options::default()
    }

    /// One server for all tests of this process. Tests share it, so each makes a
    /// [database](Self::database) of its own.
    pub fn shared() -> &'static Postgres {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Postgres::start)
    }

    /// The address to connect to.
    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    /// The port to connect to; a restart keeps it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The superuser's name.
    pub fn user(&self) -> &'static str {
        Self::USER
    }

    /// The superuser's password.
    pub fn password(&self) -> &'static str {
        Self::PASSWORD
    }

    /// Makes an empty database of that name; one that exists is dropped first.
    pub fn database(&self, name: &str) -> Database<'_> {
        self.sql(&format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE);\nCREATE DATABASE \"{name}\";"));
        Database { server: self, name: name.to_owned() }
    }

    /// Runs statements as superuser in the database `postgres`; rows come back one a line, columns
    /// divided by `|`.
    pub fn sql(&self, statements: &str) -> String {
        self.sql_in("postgres", statements)
    }

    /// As [`Postgres::sql`], in that database.
    pub fn sql_in(&self, database: &str, statements: &str) -> String {
        match self.try_sql_in(database, statements) {
            Ok(rows) => rows,
            Err(error) => panic!("psql: {error}\nserver log:\n{}", self.log_tail()),
        }
    }

    /// As [`Postgres::sql_in`], but a refusal comes back as what psql said.
    pub fn try_sql_in(&self, database: &str, statements: &str) -> Result<String, String> {
        let mut psql = self
            .psql(database, Self::USER, Self::PASSWORD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("psql starts");
        let mut input = psql.stdin.take().expect("stdin is a pipe");
        let statements = statements.to_owned();
        let writer = std::thread::spawn(move || input.write_all(statements.as_bytes()));
        let output = psql.wait_with_output().expect("psql ends");
        // psql that stops at an error closes its input early: the write's own failure says nothing
        // more.
        let _ = writer.join().expect("the writer does not panic");
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// A schema of the database `postgres` as statements that make it again.
    pub fn dump(&self, schema: &str) -> String {
        let output = Command::new(self.bin.join("pg_dump"))
            .args(["-h", self.host(), "-U", Self::USER, "-p", &self.port.to_string()])
            .args([&format!("--schema={schema}"), "postgres"])
            .env("PGPASSWORD", Self::PASSWORD)
            .output()
            .expect("pg_dump starts");
        assert!(output.status.success(), "pg_dump: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("the dump is UTF-8")
    }

    /// A psql that reads statements from its input, as that user; see [`Postgres::sql`].
    pub(crate) fn psql(&self, database: &str, user: &str, password: &str) -> Command {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.args(["-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-f", "-", "-h", self.host()])
            .args(["-U", user, "-p", &self.port.to_string(), "-d", database])
            .env("PGPASSWORD", password);
        psql
    }

    /// Stops the server in an orderly way; every connection is closed.
    pub fn stop(&self) {
        assert!(self.supervisor().tell("stop"), "PostgreSQL did not stop");
    }

    /// Starts a stopped or killed server again, on the same port and files.
    pub fn start_again(&self) {
        let mut supervisor = self.supervisor();
        // After a kill the server refuses to start as long as one of the killed sessions has not
        // quite gone.
        let started = (0..50).any(|_| supervisor.tell("start"));
        assert!(started, "PostgreSQL did not start again; its log ends:\n{}", self.log_tail());
    }

    /// Stops and starts the server.
    pub fn restart(&self) {
        self.stop();
        self.start_again();
    }

    /// Kills the server and all its sessions at once, as a power cut does.
    /// [`Postgres::start_again`] brings it back.
    pub fn kill(&self) {
        let pid_file = self.home.join("data/postmaster.pid");
        let pid = fs::read_to_string(&pid_file).expect("a running server has a pid file");
        let pid = pid.lines().next().expect("the pid file begins with the pid").to_owned();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let killed = Command::new("kill")
            .arg("-9")
            .arg(&pid)
            .args(children.split_whitespace())
            .stderr(Stdio::null())
            .status();
        killed.expect("kill runs");
    }

    /// The last 30 lines of the server's log.
    pub fn log_tail(&self) -> String {
        tail(&self.home.join("log"))
    }

    fn supervisor(&self) -> MutexGuard<'_, Supervisor> {
        self.supervisor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Database<'_> {
    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs statements as superuser; see [`Postgres::sql`].
    pub fn sql(&self, statements: &str) -> String {
        self.server.sql_in(&self.name, statements)
    }

    /// The server that holds it.
    pub fn server(&self) -> &Postgres {
        self.server
    }
}

impl Options {
    /// Lines of `pg_hba.conf` that come before the default ones.
    #[must_use]
    pub fn with_hba(mut self, lines: &[&str]) -> Self {
        self.hba.extend(lines.iter().map(|&line| line.to_owned()));
        self
    }

    /// Offers TLS with this certificate (chain) and private key, both as PEM text.
    #[must_use]
    pub fn with_tls(mut self, certificate_pem: &str, key_pem: &str) -> Self {
        self.tls = Some((certificate_pem.to_owned(), key_pem.to_owned()));
        self
    }

    /// A line of `postgresql.conf`, such as `("fsync", "on")`.
    #[must_use]
    pub fn with_setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Keeps the files in this folder and uses what an earlier start left there.
    #[must_use]
    pub fn in_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.home = Some(folder.into());
        self
    }

    /// Listens on this port instead of a free one; 0 means a free one.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.port = (port != 0).then_some(port);
        self
    }

    /// Starts the server; it takes connections when this returns.
    pub fn start(self) -> Postgres {
        let bin = find_binaries();
        let scratch = self.home.is_none();
        let home = self.home.clone().unwrap_or_else(temporary_folder);
        fs::create_dir_all(&home).expect("the server's folder can be made");
        let home = home.canonicalize().expect("the folder exists");
        let account = Account::for_owner_of(&home);
        let data = home.join("data");
        if !data.join("PG_VERSION").exists() {
            template::copy(&bin, &home, &account);
        }
        if let Some((certificate, key)) = &self.tls {
            write_as(&account, &data.join("server.crt"), certificate);
            write_as(&account, &data.join("server.key"), key);
        }
        write_as(&account, &data.join("pg_hba.conf"), &format!("{}\n{HBA}", self.hba.join("\n")));
        self.launch(bin, home, &account, scratch)
    }

    /// Starts on a free port. Another process may take the port between the choice and the start:
    /// then the next one.
    fn launch(&self, bin: PathBuf, home: PathBuf, account: &Account, scratch: bool) -> Postgres {
        let mut supervisor = supervise(&bin, &home, account, scratch);
        for _ in 0..8 {
            let port = self.port.unwrap_or_else(free_port);
            write_as(account, &home.join("data/postgresql.conf"), &self.configuration(port));
            if supervisor.tell("start") {
                return Postgres { port, home, bin, supervisor: Mutex::new(supervisor) };
            }
            let log = tail(&home.join("log"));
            assert!(log.contains("could not bind"), "PostgreSQL did not start; its log ends:\n{log}");
        }
        panic!("no free port for PostgreSQL; its log ends:\n{}", tail(&home.join("log")))
    }

    fn configuration(&self, port: u16) -> String {
        let mut text = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\nmax_connections = 50\n\
             shared_buffers = '64MB'\nfsync = off\nfull_page_writes = off\nsynchronous_commit = off\n\
             authentication_timeout = '10s'\n\
             timezone = 'UTC'\nlog_timezone = 'UTC'\ndatestyle = 'iso, mdy'\nlc_messages = 'C'\n"
        );
        if self.tls.is_some() {
            text.push_str("ssl = on\n");
        }
        for (name, value) in &self.settings {
            writeln!(text, "{name} = '{}'", value.replace('\'', "''")).expect("a string takes all text");
        }
        text
    }
}
