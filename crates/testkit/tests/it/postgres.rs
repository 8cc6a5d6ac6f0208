//! The PostgreSQL server that tests use.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use outflow_testkit::Postgres;

#[test]
fn statements_run_in_a_database_of_their_own() {
    let database = Postgres::shared().database("own");
    database.sql("CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x'), (2, NULL);");
    assert_eq!(database.sql("SELECT a, b FROM t ORDER BY a"), "1|x\n2|");
    let refused = Postgres::shared().try_sql_in("own", "SELECT nothing");
    assert!(refused.as_ref().is_err_and(|error| error.contains("nothing")), "{refused:?}");
}

#[test]
fn each_user_is_asked_for_the_password_in_its_own_way() {
    let server = Postgres::shared();
    let rows = server.sql(
        "SELECT rolname, left(rolpassword, 3) FROM pg_authid \
         WHERE rolname IN ('md5user', 'plain', 'scramuser', 'stranger', 'trusted') ORDER BY 1",
    );
    assert_eq!(rows, "md5user|md5\nplain|SCR\nscramuser|SCR\nstranger|SCR\ntrusted|");
    let methods = server.sql("SELECT auth_method FROM pg_hba_file_rules ORDER BY line_number");
    assert_eq!(methods, "password\nmd5\ntrust\npassword\nscram-sha-256");
}

#[test]
fn a_restart_and_a_kill_keep_the_port_and_the_rows() {
    let server = Postgres::options().with_setting("fsync", "on").start();
    server.sql("CREATE TABLE kept AS SELECT 1 AS a; CHECKPOINT");
    server.restart();
    assert_eq!(server.sql("SELECT a FROM kept"), "1");
    server.kill();
    assert!(server.try_sql_in("postgres", "SELECT 1").is_err());
    server.start_again();
    assert_eq!(server.sql("SELECT a FROM kept"), "1");
}

#[test]
fn a_dropped_server_leaves_neither_process_nor_files() {
    let server = Postgres::start();
    let (port, folder) = (server.port(), server.sql("SHOW data_directory"));
    drop(server);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    assert!(!Path::new(&folder).exists(), "{folder}");
}

#[test]
fn a_server_ends_with_the_process_that_started_it() {
    let mut starter = Command::new(env!("CARGO_BIN_EXE_outflow-testkit"))
        .args(["postgres"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(starter.stdout.take().unwrap()));
    let line = lines.next().expect("it says where it listens").unwrap();
    let port: u16 = line.rsplit(':').next().and_then(|port| port.trim().parse().ok()).expect(&line);
    let mut open = TcpStream::connect(("127.0.0.1", port)).unwrap();
    // An SSLRequest and its answer: now a session of its own serves this connection, and a stop
    // ends it at once.
    open.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).unwrap();
    open.read_exact(&mut [0; 1]).unwrap();
    starter.kill().unwrap();
    starter.wait().unwrap();
    // The open connection ends when the server does: no need to look at the clock.
    let _ = open.read(&mut [0; 64]);
}
