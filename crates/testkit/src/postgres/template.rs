//! The files of a new server, made once for each machine and copied for each server: `initdb` costs
//! a second of CPU time, and hundreds of tests start a server.
//!
//! What always holds: a template is whole, because it gets its name when it is; its name has a hash
//! of all that it was made of; and it belongs to the account that the server runs under. What this
//! does not do: remove templates. They lie in the folder for temporary files.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Stdio;

use super::launch::{Account, write_as};
use super::{HBA, Options, Postgres, USERS};

const INITDB: [&str; 12] = [
    "--pgdata",
    "data",
    "--username",
    Postgres::USER,
    "--pwfile",
    "password",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--no-locale",
    "--no-sync",
    "--no-instructions",
    "--wal-segsize=1",
];

/// Makes `home/data`: the files of a server that has never run, with the ready-made users.
pub(super) fn copy(bin: &Path, home: &Path, account: &Account) {
    let mut hasher = DefaultHasher::new();
    let initdb = fs::metadata(bin.join("initdb")).expect("initdb was found");
    (bin, initdb.len(), initdb.mtime(), INITDB, USERS, HBA, account.uid()).hash(&mut hasher);
    let name = format!("outflow-postgres-template-{:016x}", hasher.finish());
    let template = std::env::temp_dir().join(name);
    if !template.exists() {
        make(bin, &template, account);
    }
    let owner = fs::metadata(&template).expect("the template was made").uid();
    assert!(account.uid().is_none_or(|uid| uid == owner), "{} is somebody else's", template.display());
    run(account, home, "cp", &["-R", "--reflink=auto", &template.join("data").to_string_lossy(), "data"]);
}

/// Several processes may do this at once: the first one to end wins.
fn make(bin: &Path, template: &Path, account: &Account) {
    let home = super::launch::temporary_folder();
    let _ = Account::for_owner_of(&home);
    let password = home.join("password");
    write_as(account, &password, Postgres::PASSWORD);
    run(account, &home, &bin.join("initdb").to_string_lossy(), &INITDB);
    Options { home: Some(home.clone()), ..Options::default() }.start().sql(USERS);
    for file in ["password", "log"] {
        fs::remove_file(home.join(file)).expect("our own file can be removed");
    }
    if fs::rename(&home, template).is_err() {
        fs::remove_dir_all(&home).expect("our own folder can be removed");
    }
}

fn run(account: &Account, home: &Path, program: &str, arguments: &[&str]) {
    let output = account.command(program, home).args(arguments).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| {
        let home = home.display();
        panic!("{program} cannot start in {home}: {error}; may its user enter each folder above? `chmod a+x` them")
    });
    assert!(output.status.success(), "{program} failed:\n{}", String::from_utf8_lossy(&output.stderr));
}
