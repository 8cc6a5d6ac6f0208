//! The test kit as a program.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use outflow_testkit::{Postgres, Redshift};

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_outflow-testkit"));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn a_server_prints_one_line_that_ends_in_its_port_and_a_port_in_use_is_a_sentence() {
    let redshift = format!("user {}, password {}, database dev, ", Redshift::USER, Redshift::PASSWORD);
    let postgres = format!("user {}, password {}, database postgres, ", Postgres::USER, Postgres::PASSWORD);
    for (kind, login) in [("redshift", redshift.as_str()), ("postgres", postgres.as_str()), ("receiver", "")]
    {
        let mut first = program(&[kind, "--port", "0"]).spawn().unwrap();
        let mut output = BufReader::new(first.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let port = line.trim_end().rsplit(':').next().unwrap();
        assert!(port.parse::<u16>().is_ok_and(|port| port > 0), "{kind}: {line}");
        assert_eq!(line.trim_end(), format!("{login}listening on 127.0.0.1:{port}"));

        let second = program(&[kind, "--port", port]).output().unwrap();
        let said = String::from_utf8(second.stderr).unwrap();
        assert_eq!(second.status.code(), Some(1), "{kind}: {said}");
        assert!(said.contains("in use") && said.lines().count() == 1, "{kind}: {said}");
        drop(first.stdin.take());
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "{kind}");
        assert!(first.wait().unwrap().success(), "{kind}");
    }
    let help = program(&["--help"]).output().unwrap();
    let said = String::from_utf8_lossy(&help.stdout);
    assert!(
        help.status.success() && said.contains("type: redshift") && said.contains("user: awsuser"),
        "{said}"
    );
}
