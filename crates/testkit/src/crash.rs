//! Programs that are started, killed and started again.
//!
//! A kill is SIGKILL: the program gets no chance to tidy up. Output is collected on threads, so a
//! program never blocks on a full pipe; what it says on standard error can be heard line by line
//! while it runs.

use std::ffi::OsString;
use std::fmt;
use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::random::Rng;

/// A program with its arguments, environment and folder.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
}

/// A program at work. Dropping it kills it.
pub struct Running {
    child: Child,
    ended: Receiver<()>,
    said: Receiver<String>,
    readers: Option<[std::thread::JoinHandle<Vec<u8>>; 2]>,
    started: Instant,
}

/// How a program ended.
#[derive(Clone)]
pub struct Exit {
    /// The exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// What it wrote on standard output.
    pub stdout: String,
    /// What it wrote on standard error.
    pub stderr: String,
    /// How long it ran.
    pub ran: Duration,
}

/// What [`kill_often`] saw.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// How many starts were really killed.
    pub kills: usize,
    /// Every start in order; the last one ran to its end undisturbed.
    pub exits: Vec<Exit>,
}

impl Program {
    /// A program, by default with our own environment and folder.
    pub fn new(path: impl Into<PathBuf>) -> Program {
        Program { path: path.into(), args: Vec::new(), env: Vec::new(), folder: None }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Program {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Program {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Runs it in this folder.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Program {
        self.folder = Some(folder.into());
        self
    }

    /// This program under strace, which kills it with SIGKILL as one of its threads begins its
    /// `n`th call of one of these system calls.
    #[must_use]
    pub fn killed_at(&self, calls: &str, n: usize) -> Program {
        let inject = format!("inject={calls}:signal=KILL:when={n}");
        // As a grandchild (-D) it leaves the program our own child, with its id, signals and exit.
        let args =
            ["-D", "-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={calls}"), "-e", &inject, "--"];
        self.within("strace", &args, &[])
    }

    /// This program as the last arguments of another one, such as `strace` or `unshare`, in the
    /// same folder and environment.
    #[must_use]
    pub fn within(&self, path: &str, options: &[&str], command: &[&str]) -> Program {
        let mut args: Vec<OsString> = options.iter().chain(command).map(OsString::from).collect();
        args.push(self.path.clone().into());
        args.extend(self.args.iter().cloned());
        Program { path: path.into(), args, env: self.env.clone(), folder: self.folder.clone() }
    }

    /// Starts it, without standard input.
    pub fn spawn(&self) -> Running {
        let mut command = Command::new(&self.path);
        command.args(&self.args).envs(self.env.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        let started = Instant::now();
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", self.path.display()));
        let (sender, ended) = channel::<()>();
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let stderr = child.stderr.take().expect("stderr is a pipe");
        let (tell, said) = channel();
        let readers = Some([collect(stdout, sender.clone()), listen(stderr, tell, sender)]);
        Running { child, ended, said, readers, started }
    }

    /// Runs it to its end.
    pub fn run(&self) -> Exit {
        self.spawn().wait()
    }
}

/// Reads to the end, and lets go of `alive` there: when both outputs have ended, so has the
/// program.
fn collect(
    mut output: impl Read + Send + 'static,
    alive: std::sync::mpsc::Sender<()>,
) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // A pipe fails to read only in ways that end it; what came before is kept.
        let _ = output.read_to_end(&mut bytes);
        drop(alive);
        bytes
    })
}

/// As [`collect`], and reports each line as it comes.
fn listen(
    output: impl Read + Send + 'static,
    tell: std::sync::mpsc::Sender<String>,
    alive: std::sync::mpsc::Sender<()>,
) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let (mut bytes, mut output) = (Vec::new(), BufReader::new(output));
        loop {
            let before = bytes.len();
            if !matches!(output.read_until(b'\n', &mut bytes), Ok(n) if n > 0) {
                break;
            }
            // Who does not listen does not need to hear.
            let _ = tell.send(String::from_utf8_lossy(&bytes[before..]).trim_end().to_owned());
        }
        drop(alive);
        bytes
    })
}

impl Running {
    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next unread line on standard error. `None`: there is none within `limit`, or the end is
    /// reached.
    pub fn next_line(&self, limit: Duration) -> Option<String> {
        self.said.recv_timeout(limit).ok()
    }

    /// Whether it has closed both outputs, as it does at its end.
    pub fn has_ended(&self) -> bool {
        self.ended.try_recv() == Err(std::sync::mpsc::TryRecvError::Disconnected)
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Exit {
        self.finish()
    }

    /// Kills it now, unless it has ended.
    pub fn kill(mut self) -> Exit {
        self.child.kill().expect("our own child can be killed");
        self.finish()
    }

    /// Kills it after `delay`, unless it ends before.
    pub fn kill_after(self, delay: Duration) -> Exit {
        match self.ended.recv_timeout(delay) {
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => self.kill(),
            _ => self.wait(),
        }
    }

    /// Sends it that signal, such as `INT` or `STOP`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status();
        assert!(status.expect("kill runs").success(), "signal {name} to {}", self.id());
    }

    fn finish(&mut self) -> Exit {
        let status: ExitStatus = self.child.wait().expect("our own child can be waited for");
        let ran = self.started.elapsed();
        let [stdout, stderr] = self.readers.take().expect("a program ends once").map(|reader| {
            String::from_utf8_lossy(&reader.join().expect("a reader does not panic")).into_owned()
        });
        Exit { code: status.code(), signal: status.signal(), stdout, stderr, ran }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.readers.is_some() {
            // It may have ended by itself; either way it is gone after the wait.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Exit {
    /// Whether SIGKILL ended it.
    pub fn was_killed(&self) -> bool {
        self.signal == Some(9)
    }

    /// Panics, with all output, unless it exited with `code`.
    #[track_caller]
    pub fn assert_code(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{self:?}");
    }
}

impl fmt::Debug for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "code {:?}, signal {:?}, after {:?}", self.code, self.signal, self.ran)?;
        write!(f, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr)
    }
}

/// Panics in plain words unless [`Program::killed_at`] can work here.
pub fn assert_can_trace() {
    let exit = std::process::Command::new("strace").args(["-f", "-qq", "-o", "/dev/null", "true"]).output();
    match exit {
        Ok(output) if output.status.success() => {}
        Ok(output) => panic!(
            "this test needs ptrace, which this machine forbids (in a container: --cap-add SYS_PTRACE): {}",
            String::from_utf8_lossy(&output.stderr)
        ),
        Err(error) => panic!("this test needs strace (apt-get install strace): {error}"),
    }
}

/// Starts `program` until `kills` starts were killed, each at a random instant within `span` of its
/// start, then lets it run to its end. A start that ends before its instant counts for nothing;
/// `again` is called after it and says whether to go on (by giving the program new work) or to stop
/// killing.
pub fn kill_often(
    program: &Program,
    kills: usize,
    span: Duration,
    rng: &mut Rng,
    mut again: impl FnMut(&Exit) -> bool,
) -> Campaign {
    let mut campaign = Campaign { kills: 0, exits: Vec::new() };
    while campaign.kills < kills {
        let exit = program.spawn().kill_after(rng.duration(span));
        let killed = exit.was_killed();
        campaign.kills += usize::from(killed);
        campaign.exits.push(exit);
        if !killed && campaign.exits.last().is_some_and(|exit| !again(exit)) {
            break;
        }
    }
    campaign.exits.push(program.run());
    campaign
}
