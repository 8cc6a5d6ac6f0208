//! The day of `docs/API.md`: its blocks, typed into a shell one after the other, against the real
//! binary, on both stores; and the same day by clients that stock generators make of
//! `openapi.json`. Only the API and the command that makes a token are used.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use outflow_testkit::{Receiver, free_port};
use serde_json::{Value, json};

use super::Login;
use crate::support::{Project, Store, binary, state_url, tools};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/API.md");

/// The blocks of the page that are typed.
fn script() -> String {
    let page = fs::read_to_string(PAGE).unwrap();
    let blocks: Vec<&str> =
        page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() > 5, "the page has {} blocks", blocks.len());
    blocks.concat()
}

/// The documents that the page has the reader write, with these settings in place of an example's.
fn write_documents(project: &Project, database: &Value, base_url: &str) {
    let page = fs::read_to_string(PAGE).unwrap();
    let blocks = page.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut documents = blocks.map(|block| serde_json::from_str::<Value>(block).unwrap());
    let mut source = documents.next().unwrap();
    for (key, value) in database.as_object().unwrap() {
        source["value"]["databases"]["main"][key] = value.clone();
    }
    let mut destination = documents.next().unwrap();
    destination["value"]["base_url"] = base_url.into();
    destination["value"].as_object_mut().unwrap().remove("region");
    project.write("source.json", &source.to_string());
    project.write("destination.json", &destination.to_string());
}

/// What stands for a person who fixes the row: it says so, and waits until that is done.
const FIX: &str = "fix_the_row() { echo fix > wanted; read -r _ < fixed; }\n";

fn the_day(store: Store, name: &str, script: &str) {
    let server = store.server();
    let database = super::database(name);
    database.sql(
        "CREATE TABLE users (id INTEGER, email_address VARCHAR, fname VARCHAR, last_updated BIGINT);
         INSERT INTO users VALUES (7, 'ada@example.com', 'Ada', 10), (8, 'bob@example.com', 'Bob', 20),
                                  (NULL, NULL, 'Nobody', 30);",
    );
    let login = Login::default();
    let receiver = Receiver::start_blocking();
    let mut project = Project::new("version: 1\ndefinitions: { allow: [env] }\n");
    if let Some(server) = &server {
        project.set_state(&state_url(server.port()));
    }
    let redshift = super::shared();
    let settings = json!({ "host": redshift.host(), "port": redshift.port(), "database": name,
        "user": login.user, "ssl": "disable", "allow_cleartext_password": true });
    write_documents(&project, &settings, &receiver.url());
    let port = free_port();
    let serving = project.program(&["serve", "--no-wait", "--listen", &format!("127.0.0.1:{port}")]);
    let serving = serving.env("REDSHIFT_PASSWORD", login.password).spawn();
    while !serving.next_line(Duration::from_secs(60)).expect("it serves").contains("serving") {}

    let folder = project.path();
    let state =
        server.as_ref().map(|server| format!("--state {}", state_url(server.port()))).unwrap_or_default();
    let outflow =
        format!("#!/bin/sh\nexec {} --project {} {state} \"$@\"\n", binary().display(), folder.display());
    let command = folder.join("outflow");
    fs::write(&command, outflow).unwrap();
    fs::set_permissions(&command, fs::Permissions::from_mode(0o755)).unwrap();
    for fifo in ["wanted", "fixed"] {
        assert!(Command::new("mkfifo").arg(folder.join(fifo)).status().unwrap().success());
    }
    let typed = format!("set -euo pipefail\nPATH={}:$PATH\n{FIX}{script}", folder.display());
    let typing = Command::new("timeout")
        .args(["120", "bash", "-xc", &typed])
        .current_dir(folder)
        .env("URL", format!("http://127.0.0.1:{port}"))
        .env("REDSHIFT_PASSWORD", login.password)
        .env("TOOLS", tools("clients"))
        .env("TESTS", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (wanted, fixed) = (folder.join("wanted"), folder.join("fixed"));
    std::thread::scope(|scope| {
        // A script that fails before is ended by `timeout`, and then the fix is not asked for.
        let fixing = scope.spawn(|| {
            let asked = fs::read_to_string(&wanted).unwrap();
            if asked.trim() == "fix" {
                database.sql("UPDATE users SET id = 9 WHERE id IS NULL");
                fs::write(&fixed, "fixed\n").unwrap();
            }
        });
        let typed = typing.wait_with_output().unwrap();
        if !fixing.is_finished() {
            // The fix is not wanted any more.
            fs::OpenOptions::new().read(true).write(true).open(&wanted).unwrap();
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(typed.status.success(), "{}\n{}", text(&typed.stdout), text(&typed.stderr));
    });
    assert_eq!(receiver.calls().len(), 3);
    serving.signal("TERM");
    serving.wait().assert_code(0);
}

#[test]
fn the_day_of_the_page_works_with_a_state_in_a_folder() {
    the_day(Store::Sqlite, "api_day_sqlite", &script());
}

#[test]
fn the_day_of_the_page_works_with_a_state_on_postgresql() {
    the_day(Store::Postgres, "api_day_postgres", &script());
}

/// A stock generator that drops an operation warns and goes on: what it may warn of are lines and
/// texts that have no type.
#[test]
fn a_generated_client_in_python_does_the_day() {
    let script = r#"
export TOKEN=$(outflow tokens create tutorial --role member --quiet)
PATH=$TOOLS/bin:$PATH
openapi-python-client generate --path $TESTS/../../../../openapi.json --meta none --output-path outflow_client
PYTHONPATH=. python $TESTS/day.py
"#;
    the_day(Store::Sqlite, "api_day_python", script);
}

#[test]
fn a_generated_client_in_typescript_does_the_day() {
    let script = r#"
export TOKEN=$(outflow tokens create tutorial --role member --quiet)
ln -s $TOOLS/node_modules . && cp $TESTS/day.ts $TESTS/package.json .
PATH=$TOOLS/node_modules/.bin:$PATH
openapi-typescript $TESTS/../../../../openapi.json --default-non-nullable false --output openapi.d.ts
tsc --strict --noUncheckedIndexedAccess --skipLibCheck --module nodenext --target es2022 day.ts
node day.js
"#;
    the_day(Store::Sqlite, "api_day_typescript", script);
}
