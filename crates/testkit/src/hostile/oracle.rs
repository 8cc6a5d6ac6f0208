//! What no table shows: a session that another one could end, interrupt or notify.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use super::fingerprint;
use crate::Database;

/// A session of the same role as the attempts, which waits and listens, and how all was before.
pub struct Oracle<'a> {
    database: &'a Database<'a>,
    psql: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    before: String,
}

impl<'a> Oracle<'a> {
    /// Begins to watch. `user` is the role that the attempts log in as.
    pub fn start(database: &'a Database<'a>, user: &str, password: &str) -> Oracle<'a> {
        let mut psql = database
            .server()
            .psql(database.name(), user, password)
            .env("PGAPPNAME", "canary")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("psql starts");
        let input = psql.stdin.take().expect("stdin is a pipe");
        let output = BufReader::new(psql.stdout.take().expect("stdout is a pipe"));
        let mut oracle = Oracle { database, psql, input, output, before: String::new() };
        // A lock of its own shows whether the session is still the same one.
        oracle.says("LISTEN somebody; SELECT pg_advisory_lock(4711);");
        oracle.before = oracle.now();
        oracle
    }

    /// What has changed since the start: nothing, or the two states.
    pub fn change(&mut self) -> Option<String> {
        let now = self.now();
        (now != self.before).then(|| format!("before:\n{}\nafter:\n{now}", self.before))
    }

    fn now(&mut self) -> String {
        let heard = self.says("SELECT 'here';");
        let sessions = self.database.sql(
            "SELECT 'session', pid, backend_start FROM pg_stat_activity WHERE application_name = 'canary'",
        );
        format!("{}\n{sessions}\nheard {heard:?}", fingerprint(self.database))
    }

    /// Runs statements in the session; its lines, notifications included. Empty if it has ended.
    fn says(&mut self, statements: &str) -> Vec<String> {
        let mut lines = Vec::new();
        if writeln!(self.input, "{statements} SELECT 'end of this';").is_err() {
            return lines;
        }
        loop {
            let mut line = String::new();
            match self.output.read_line(&mut line) {
                Ok(0) | Err(_) => return lines,
                Ok(_) if line.trim() == "end of this" => break,
                Ok(_) => lines.push(line.trim().to_owned()),
            }
        }
        lines
    }
}

impl Drop for Oracle<'_> {
    fn drop(&mut self) {
        let _ = self.psql.kill();
        let _ = self.psql.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Postgres;
    use crate::hostile::target;

    /// Each kind of effect is seen, so that "no change" means something.
    #[test]
    fn each_kind_of_effect_is_seen() {
        let server =
            Postgres::options().with_setting("shared_preload_libraries", "pg_stat_statements").start();
        let database = target(&server, "seen");
        let acts = [
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'canary'",
            "SELECT pg_notify('somebody', 'x')",
            "SELECT lo_create(424242)",
            "SELECT lo_export(515151, 'outflow-loot')",
            "SELECT pg_file_write('outflow-hostile', 'y', false)",
            "SELECT nextval('counter')",
            "DELETE FROM people WHERE id = 1",
            "SELECT heap_force_kill('people'::regclass, ARRAY['(0,2)']::tid[])",
            "SELECT pg_stat_reset()",
            "SELECT pg_stat_reset_shared('bgwriter')",
            "SELECT pg_create_physical_replication_slot('loot')",
            "SELECT pg_replication_origin_create('loot')",
            "SELECT pg_reload_conf(); SELECT pg_sleep(0.2)",
        ];
        for act in acts {
            let mut oracle = Oracle::start(&database, Postgres::USER, Postgres::PASSWORD);
            assert_eq!(oracle.change(), None, "before {act}");
            database.sql(act);
            assert!(oracle.change().is_some(), "{act} is not seen");
        }
    }
}
