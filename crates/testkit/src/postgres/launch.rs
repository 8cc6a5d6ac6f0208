//! How a server process comes to be: the installed binaries, the account that it runs under, its
//! files, and the shell that watches over it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Starts and stops the server on command, and stops it for good when its input ends. The server is
/// a child of this shell, which is how a killed one leaves no zombie whose process id would keep
/// the next one from starting.
const SUPERVISOR: &str = r#"
bin=$1 data=$2 log=$3 ending=$4 scratch=$5 pid=
stop() {
  [ -z "$pid" ] && return
  kill "-$1" "$pid" 2>/dev/null
  wait "$pid"
  pid=
}
is_ready() {
  { read -r owner && for line in 2 3 4 5 6 7 8; do read -r state; done; } 2>/dev/null <"$data/postmaster.pid"
  [ "$owner $state" = "$pid ready" ]
}
start() {
  stop KILL
  "$bin/postgres" -D "$data" </dev/null >>"$log" 2>&1 &
  pid=$!
  until is_ready; do
    kill -0 "$pid" 2>/dev/null || return 1
    sleep 0.02
  done
}
while read -r command; do
  case $command in
    start) if start; then echo done; else sleep 0.1; echo failed; fi ;;
    stop) stop INT; echo done ;;
  esac
done
stop "$ending"
[ -z "$scratch" ] || rm -rf "$scratch"
"#;

/// The shell that watches over a server. Dropping it ends the server.
pub(super) struct Supervisor {
    child: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Supervisor {
    /// Says a command and waits until it is carried out. False: it failed.
    pub fn tell(&mut self, command: &str) -> bool {
        let input = self.commands.as_mut().expect("the pipe is open until the drop");
        let mut answer = String::new();
        writeln!(input, "{command}").is_ok()
            && self.answers.read_line(&mut answer).is_ok()
            && answer == "done\n"
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.commands = None;
        let _ = self.child.wait();
    }
}

/// Who the server runs as, where that is not us.
pub(super) struct Account(Option<(u32, u32)>);

impl Account {
    /// We have just made that folder, or own it: its owner says whether we are root.
    pub fn for_owner_of(folder: &Path) -> Account {
        let metadata = fs::metadata(folder).expect("the folder exists");
        let ours = tempfile::tempfile()
            .and_then(|file| file.metadata())
            .expect("a temporary file can be made")
            .uid();
        if ours != 0 {
            return Account(None);
        }
        let accounts = fs::read_to_string("/etc/passwd").expect("/etc/passwd can be read");
        let account = ["postgres", "nobody"].iter().find_map(|name| account_of(&accounts, name));
        let Some((uid, gid)) = account else {
            panic!("PostgreSQL does not run as root: add a user for it, `useradd --system postgres`");
        };
        if metadata.uid() != uid {
            chown(folder, Some(uid), Some(gid)).expect("root may give a folder away");
        }
        Account(Some((uid, gid)))
    }

    /// Its user's number; `None`: our own.
    pub fn uid(&self) -> Option<u32> {
        self.0.map(|(uid, _)| uid)
    }

    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Command {
        let mut command = Command::new(program);
        // Away from our own terminal's Ctrl-C, and in a folder that this user may enter.
        command.current_dir(folder).process_group(0).env("LC_ALL", "C");
        if let Some((uid, gid)) = self.0 {
            command.uid(uid).gid(gid);
        }
        command
    }
}

fn account_of(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let fields =
        passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == name)?;
    Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
}

pub(super) fn find_binaries() -> PathBuf {
    let mut folders: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    folders.sort_by_key(|path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()));
    let installed = folders.into_iter().rev().map(|folder| folder.join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    installed
        .chain(std::env::split_paths(&path))
        .find(|folder| ["initdb", "postgres", "psql"].iter().all(|tool| folder.join(tool).exists()))
        .unwrap_or_else(|| panic!("these tests need PostgreSQL: apt-get install --yes postgresql"))
}

pub(super) fn temporary_folder() -> PathBuf {
    tempfile::Builder::new()
        .prefix("outflow-postgres-")
        .tempdir()
        .expect("a temporary folder can be made")
        .keep()
}

pub(super) fn supervise(bin: &Path, home: &Path, account: &Account, scratch: bool) -> Supervisor {
    let log_path = home.join("log");
    write_as(account, &log_path, "");
    let log = fs::OpenOptions::new().append(true).open(&log_path).expect("the log can be opened");
    let mut child = account
        .command("sh", home)
        .args(["-c", SUPERVISOR, "supervisor"])
        .args([bin, &home.join("data"), &log_path])
        .arg(if scratch { "QUIT" } else { "INT" })
        .arg(if scratch { home.as_os_str() } else { "".as_ref() })
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .expect("sh starts");
    let commands = child.stdin.take();
    let answers = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
    Supervisor { child, commands, answers }
}

pub(super) fn write_as(account: &Account, path: &Path, text: &str) {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file.write_all(text.as_bytes()).expect("a small file can be written");
    if let Some((uid, gid)) = account.0 {
        chown(path, Some(uid), Some(gid)).expect("root may give a file away");
    }
}

pub(super) fn tail(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
