//! The test kit as a program.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use outflow_testkit::Redshift;

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_outflow-testkit"));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn the_simulator_says_who_may_log_in_and_a_port_in_use_is_a_sentence() {
    let mut first = program(&["redshift", "--port", "0"]).spawn().unwrap();
    let mut output = BufReader::new(first.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let port = line.strip_prefix("listening on 127.0.0.1:").and_then(|rest| rest.split(',').next()).unwrap();
    let login = format!("user {}, password {}, database dev", Redshift::USER, Redshift::PASSWORD);
    assert!(line.trim_end().ends_with(&login), "{line}");

    for kind in ["redshift", "postgres", "receiver"] {
        let second = program(&[kind, "--port", port]).output().unwrap();
        let said = String::from_utf8(second.stderr).unwrap();
        assert_eq!(second.status.code(), Some(1), "{kind}: {said}");
        assert!(said.contains("in use") && said.lines().count() == 1, "{kind}: {said}");
    }
    drop(first.stdin.take());
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(rest.contains(&format!("        port: {port}\n")) && rest.contains("type: redshift"), "{rest}");
    assert!(first.wait().unwrap().success());
    let help = program(&["--help"]).output().unwrap();
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("awsuser"));
}
