//! The testkit's servers as a program, for benchmarks and for trying things by hand.
//!
//! Each prints one line that ends in `listening on 127.0.0.1:PORT`, the databases with who may log
//! in before it, and ends when its standard input ends, so it never outlives its starter.

use std::io::{Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use outflow_testkit::redshift::Auth;
use outflow_testkit::{Postgres, Redshift, sink};

const USAGE: &str = "\
usage: outflow-testkit receiver [--port P] [--delay-ms D] [--keep FILE] [--count-only]
       outflow-testkit postgres [--port P] [--dir D] [--set NAME=VALUE]…
       outflow-testkit redshift [--port P] [--user NAME:PASSWORD[:cleartext|md5|sha256]]… [--database NAME]…
                                [--case-sensitive] [--single-node] [--version BUILD] [--tls CERT KEY] [--require-ssl CERT KEY]

All listen on 127.0.0.1, on a free port without --port or with --port 0, and end when their standard
input ends. Each prints one line, which ends in its port: of the databases, it says user and password.
In outflow.yaml, with the password of redshift as REDSHIFT_PASSWORD in the environment:

sources:
  warehouse:
    type: redshift            # postgres: the type is postgres, user and database are postgres, too
    databases:
      main:
        host: 127.0.0.1
        port: 5439            # the port that is printed
        database: dev
        user: awsuser
        password: ${env:REDSHIFT_PASSWORD}
        ssl: disable          # require, with --tls";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let outcome = match args.next().as_deref() {
        Some("receiver") => receiver(args),
        Some("postgres") => postgres(args),
        Some("redshift") => redshift(args),
        Some("--help" | "-h" | "help") => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(if message == USAGE { 2 } else { 1 })
        }
    }
}

/// A port that is taken is a sentence, where the servers would panic.
fn demand_free(port: u16) -> Result<(), String> {
    let tried = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)).map(drop);
    tried.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!("port {port} of 127.0.0.1 is in use: choose another with --port")
        }
        _ => format!("port {port} of 127.0.0.1 cannot be listened on: {error}"),
    })
}

fn receiver(mut args: impl Iterator<Item = String>) -> Result<(), String> {
    let mut options = sink::Options::default();
    while let Some(name) = args.next() {
        match name.as_str() {
            "--port" => options.port = number(args.next())?,
            "--delay-ms" => options.delay = Duration::from_millis(number(args.next())?),
            "--keep" => options.keep = Some(text(args.next())?.into()),
            "--count-only" => options.count_only = true,
            _ => return Err(USAGE.to_owned()),
        }
    }
    // Before the input is watched: it can end first, and the error would be lost.
    demand_free(options.port)?;
    std::thread::spawn(|| {
        until_input_ends();
        std::process::exit(0);
    });
    sink::serve(options, announce).map_err(|error| format!("receiver: {error}"))
}

fn postgres(mut args: impl Iterator<Item = String>) -> Result<(), String> {
    let mut options = Postgres::options();
    let mut port = 0;
    while let Some(name) = args.next() {
        options = match name.as_str() {
            "--port" => {
                port = number(args.next())?;
                options.with_port(port)
            }
            "--dir" => options.in_folder(text(args.next())?),
            "--set" => {
                let setting = text(args.next())?;
                let (name, value) = setting.split_once('=').ok_or(USAGE)?;
                options.with_setting(name, value)
            }
            _ => return Err(USAGE.to_owned()),
        };
    }
    demand_free(port)?;
    let server = options.start();
    println!("{}", introduction(Postgres::USER, Postgres::PASSWORD, "postgres", server.port()));
    let _ = std::io::stdout().flush();
    until_input_ends();
    Ok(())
}

/// Its administrator is `awsuser` with the password of [`Redshift::PASSWORD`], its database `dev`.
fn redshift(mut args: impl Iterator<Item = String>) -> Result<(), String> {
    let mut options = Redshift::options();
    let mut port = 0;
    let mut databases = Vec::new();
    while let Some(name) = args.next() {
        options = match name.as_str() {
            "--port" => {
                port = number(args.next())?;
                options.with_port(port)
            }
            "--user" => {
                let user = text(args.next())?;
                let (user, auth) = match user.rsplit_once(':') {
                    Some((rest, "cleartext")) => (rest, Auth::Cleartext),
                    Some((rest, "md5")) => (rest, Auth::Md5),
                    Some((rest, "sha256")) => (rest, Auth::Sha256Digest),
                    _ => (user.as_str(), Auth::Md5),
                };
                // Names of temporary credentials have a colon of their own.
                let (name, password) = user.rsplit_once(':').ok_or(USAGE)?;
                options.with_user(name, password, auth)
            }
            "--database" => {
                databases.push(text(args.next())?);
                options
            }
            "--case-sensitive" => options.case_sensitive_identifiers(true),
            "--single-node" => options.single_node(true),
            "--version" => options.version(&text(args.next())?),
            "--tls" | "--require-ssl" => {
                let [certificate, key] = [pem(args.next())?, pem(args.next())?];
                if name == "--tls" {
                    options.with_tls(&certificate, &key)
                } else {
                    options.require_ssl(&certificate, &key)
                }
            }
            _ => return Err(USAGE.to_owned()),
        };
    }
    demand_free(port)?;
    let server = options.start();
    for database in &databases {
        server.database(database);
    }
    println!("{}", introduction(Redshift::USER, Redshift::PASSWORD, "dev", server.port()));
    let _ = std::io::stdout().flush();
    until_input_ends();
    Ok(())
}

/// What a person needs who wants to use a database. The port is behind the last colon, for scripts.
fn introduction(user: &str, password: &str, database: &str, port: u16) -> String {
    format!("user {user}, password {password}, database {database}, listening on 127.0.0.1:{port}")
}

fn pem(path: Option<String>) -> Result<String, String> {
    let path = text(path)?;
    std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))
}

fn announce(port: u16) {
    println!("listening on 127.0.0.1:{port}");
    // The starter reads this line from a pipe, where it would otherwise stay in a buffer.
    let _ = std::io::stdout().flush();
}

fn until_input_ends() {
    let mut scrap = [0; 1024];
    while matches!(std::io::stdin().read(&mut scrap), Ok(n) if n > 0) {}
}

fn text(value: Option<String>) -> Result<String, String> {
    value.ok_or_else(|| USAGE.to_owned())
}

fn number<N: std::str::FromStr>(value: Option<String>) -> Result<N, String> {
    text(value)?.parse().map_err(|_| USAGE.to_owned())
}
