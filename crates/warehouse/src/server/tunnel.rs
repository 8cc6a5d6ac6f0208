//! A way through an SSH server, by the system's own `ssh`.
//!
//! `ssh -W` carries one connection over its standard output, which is one end of a socket pair: no
//! local port is opened that others could use. What always holds: the SSH server's key must be a
//! known one; nothing is ever asked of a person; and `ssh` ends with the connection and with this
//! process, however that ends. A shell stands between the two for that: it ends `ssh` when a pipe
//! from us closes.
//!
//! `ssh` does not say when a tunnel is open. So the first byte from the server says it; where the
//! end comes instead, what `ssh` said is the error.

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Pair;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use outflow_core::{Code, Error, Result, steers_terminal};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::settings::Tunnel;

/// Starts `ssh` with its arguments, and ends it when standard input does. The shell lets go of the
/// other files, so that their ends are those of `ssh` alone.
const SHELL: &str = r#"ssh "$@" <&1 & exec >&- 2>&-; read -r _; kill "$!"; wait "$!""#;

/// The most time that `ssh` may take for its own connection.
const PATIENCE: Duration = Duration::from_secs(20);

/// So much of what `ssh` says is read.
const LONGEST: u64 = 64 << 10;

/// A connection through an SSH server.
pub(crate) struct SshTunnel {
    stream: UnixStream,
    /// Why there is none, as long as nothing has come through it. It comes without an error if the
    /// server itself hung up.
    verdict: Option<oneshot::Receiver<Error>>,
    watch: JoinHandle<()>,
}

impl Drop for SshTunnel {
    fn drop(&mut self) {
        // The pipe that the shell waits on closes with the task.
        self.watch.abort();
    }
}

impl SshTunnel {
    /// Starts a connection to `host`, a name that the SSH server looks up. The SSH server is the
    /// one `at` this address, if it is given. A failure shows when the connection is read.
    pub fn open(
        tunnel: &Tunnel,
        at: Option<IpAddr>,
        host: &str,
        port: u16,
        timeout: Duration,
    ) -> Result<SshTunnel> {
        let (stream, child) = start(arguments(tunnel, at, host, port, timeout)).map_err(|e| {
            Error::new(Code::TunnelFailed, "ssh cannot be started").at(tunnel.address()).caused_by(e)
        })?;
        let (sender, verdict) = oneshot::channel();
        let (tunnel, target) = (tunnel.clone(), format!("{host}:{port}"));
        let watch = tokio::spawn(async move {
            if let Some(error) = end_of(child).await.and_then(|said| said.verdict(&tunnel, &target)) {
                // Without a receiver the tunnel is open already.
                let _ = sender.send(error);
            }
        });
        Ok(SshTunnel { stream, verdict: Some(verdict), watch })
    }

    /// What the end of the stream, or a failure of it, means.
    fn ended(&mut self, cx: &mut Context<'_>, plain: io::Result<()>) -> Poll<io::Result<()>> {
        let Some(verdict) = &mut self.verdict else { return Poll::Ready(plain) };
        let verdict = ready!(Pin::new(verdict).poll(cx));
        self.verdict = None;
        Poll::Ready(verdict.map_or(plain, |error| Err(io::Error::other(error))))
    }
}

fn start(arguments: Vec<String>) -> io::Result<(UnixStream, Child)> {
    let (ours, theirs) = Pair::pair()?;
    ours.set_nonblocking(true)?;
    let child = Command::new("sh")
        .args(["-c", SHELL, "tunnel"])
        .args(arguments)
        .env("LC_ALL", "C")
        // Away from the terminal's Ctrl-C: a stop in good order still needs the tunnel.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(OwnedFd::from(theirs))
        .stderr(Stdio::piped())
        .spawn()?;
    Ok((UnixStream::from_std(ours)?, child))
}

/// What the user's own settings of `ssh` say holds too, save where it would weaken what is promised
/// here.
fn arguments(tunnel: &Tunnel, at: Option<IpAddr>, host: &str, port: u16, timeout: Duration) -> Vec<String> {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let patience = timeout.min(PATIENCE).as_secs().max(1);
    let mut options: Vec<String> = [
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "UpdateHostKeys=no",
        "PermitLocalCommand=no",
        "RemoteCommand=none",
        "ControlMaster=no",
        "ControlPath=none",
        "ServerAliveInterval=30",
        "ServerAliveCountMax=4",
        "LogLevel=INFO",
    ]
    .map(str::to_owned)
    .to_vec();
    options.push(format!("ConnectTimeout={patience}"));
    if let Some(at) = at {
        // Known keys are those of the name, in the form that `ssh` gives it.
        let alias = if tunnel.port == 22 {
            tunnel.host.clone()
        } else {
            format!("[{}]:{}", tunnel.host, tunnel.port)
        };
        options.extend([format!("HostName={at}"), format!("HostKeyAlias={alias}")]);
    }
    options.extend(tunnel.user.iter().map(|user| format!("User={user}")));
    if let Some(key) = &tunnel.key {
        options.extend(["IdentitiesOnly=yes".to_owned(), format!("IdentityFile={}", quoted(key))]);
    }
    if let Some(file) = &tunnel.known_hosts {
        options.extend([
            format!("UserKnownHostsFile={}", quoted(file)),
            "GlobalKnownHostsFile=/dev/null".to_owned(),
        ]);
    }
    let mut arguments: Vec<String> =
        options.into_iter().flat_map(|option| ["-o".to_owned(), option]).collect();
    arguments.extend(["-p".to_owned(), tunnel.port.to_string(), "-W".to_owned(), format!("{host}:{port}")]);
    arguments.extend(["--".to_owned(), tunnel.host.clone()]);
    arguments
}

/// A path as a value of a setting of `ssh`, which divides it at blanks and reads `%` as the begin
/// of a variable.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string().replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    format!("\"{path}\"")
}

/// How `ssh` ended.
struct Said {
    /// The shell's exit code: that of `ssh`, or 127 if there is none.
    code: Option<i32>,
    text: String,
}

/// Waits for the end of `ssh`, and keeps what it said.
async fn end_of(mut child: Child) -> Option<Said> {
    let mut text = Vec::new();
    // It ends when `ssh` has ended. The pipe that the shell waits on stays open as long as this
    // runs.
    child.stderr.take()?.take(LONGEST).read_to_end(&mut text).await.ok()?;
    drop(child.stdin.take());
    let code = child.wait().await.ok()?.code();
    Some(Said { code, text: String::from_utf8_lossy(&text).into_owned() })
}

impl Said {
    /// What went wrong; `None` if nothing did at this end.
    fn verdict(&self, tunnel: &Tunnel, target: &str) -> Option<Error> {
        let says = |words: &str| self.text.contains(words);
        let refused = |message: &str, help: &str| {
            Error::new(Code::TunnelFailed, format!("the SSH tunnel cannot be opened: {message}")).help(help)
        };
        // The words of `ssh` and of the server behind it are quoted, and so are in no log.
        let quoting = |message: &str, words: String, help: &str| refused(message, help).quoting(words);
        let error = match self.code {
            Some(0) => return None,
            Some(127) => refused(
                "this machine has no ssh",
                "install the OpenSSH client: on Debian and Ubuntu, apt-get install openssh-client",
            ),
            _ if says("HOST IDENTIFICATION HAS CHANGED") => changed(tunnel),
            _ if says("Host key verification failed") => unknown(tunnel),
            _ if says("UNPROTECTED PRIVATE KEY FILE") => refused(
                "others may read the key file, so ssh does not use it",
                "let its owner alone read it: chmod 600 FILE",
            ),
            _ if says("no such identity") => refused(
                "the key file cannot be read",
                "check `key` of the tunnel, and that Outflow's user may read it",
            ),
            _ if says("Permission denied (") => refused(
                "the SSH server refused the key",
                "add the public key to the user's authorized_keys there, and check `user` and `key` of the tunnel; a key with a passphrase must be in an agent",
            ),
            _ if says("administratively prohibited") => refused(
                "the SSH server does not let this user through to the database",
                "allow it in its sshd_config (AllowTcpForwarding yes, PermitOpen) or in the options of the key in authorized_keys",
            ),
            _ if says("open failed") => quoting(
                &format!("the SSH server cannot reach {target}"),
                self.after("open failed: "),
                "check host and port of the database as the SSH server sees them, and that its firewall lets that server in",
            ),
            _ if says("Could not resolve hostname") => refused(
                "the host name of the SSH server does not resolve",
                "check `host` of the tunnel; a private name resolves only inside its network",
            ),
            _ if says("ssh: connect to host") => quoting(
                "the SSH server cannot be reached",
                self.after(&format!("port {}: ", tunnel.port)),
                "check `host` and `port` of the tunnel, and that a firewall or security group lets this machine in",
            ),
            _ => quoting(
                "ssh ended",
                self.last_line(),
                "try it by hand with the same user: ssh -v, and look into the SSH server's log",
            ),
        };
        Some(error.at(tunnel.address()))
    }

    /// The rest of the line behind these words.
    fn after(&self, words: &str) -> String {
        let rest = self.text.split_once(words).map_or_else(|| self.last_line(), |(_, rest)| rest.to_owned());
        clean(rest.lines().next().unwrap_or_default())
    }

    fn last_line(&self) -> String {
        let last = self.text.lines().rev().find(|line| !line.trim().is_empty());
        last.map_or_else(|| "without a word".to_owned(), clean)
    }
}

fn clean(line: &str) -> String {
    let line: String = line.chars().take(300).map(|c| if steers_terminal(c) { ' ' } else { c }).collect();
    line.trim_matches([' ', '.']).to_owned()
}

fn known_hosts(tunnel: &Tunnel) -> String {
    tunnel
        .known_hosts
        .as_ref()
        .map_or_else(|| "~/.ssh/known_hosts".to_owned(), |file| file.display().to_string())
}

fn unknown(tunnel: &Tunnel) -> Error {
    Error::new(Code::TunnelHostKeyUnknown, "the key of the SSH server is not known here").help(format!(
        "get it with `ssh-keyscan -p {} {}`, compare its fingerprint (… | ssh-keygen -lf -) with what the server's administrator says, and add the lines to {}",
        tunnel.port, tunnel.host, known_hosts(tunnel)
    ))
}

fn changed(tunnel: &Tunnel) -> Error {
    let (host, port) = (&tunnel.host, tunnel.port);
    let entry = if port == 22 { host.clone() } else { format!("[{host}]:{port}") };
    Error::new(Code::TunnelHostKeyUnknown, "the key of the SSH server is not the one that is known here; it may be another server").help(format!(
        "ask its administrator whether it was changed. If so, take the old one out (ssh-keygen -R '{entry}' -f {file}), get the new one with \
         `ssh-keyscan -p {port} {host}`, compare its fingerprint, and add the lines to {file}",
        file = known_hosts(tunnel)
    ))
}

impl AsyncRead for SshTunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match ready!(Pin::new(&mut self.stream).poll_read(cx, buf)) {
            Ok(()) if buf.filled().len() > before => {
                self.verdict = None;
                Poll::Ready(Ok(()))
            }
            ended => self.ended(cx, ended),
        }
    }
}

impl AsyncWrite for SshTunnel {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match ready!(Pin::new(&mut self.stream).poll_write(cx, buf)) {
            Ok(written) => Poll::Ready(Ok(written)),
            Err(cause) => self.ended(cx, Err(cause)).map_ok(|()| 0),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tunnel() -> Tunnel {
        Tunnel { host: "bastion".into(), port: 22, user: None, key: None, known_hosts: None }
    }

    /// The texts are those of OpenSSH 9.2; those that a real server can be made to cause are in
    /// `tests/it/tunnel.rs`.
    #[test]
    fn what_ssh_says_has_its_meaning() {
        for (code, text, want, words) in [
            (127, "", Code::TunnelFailed, "this machine has no ssh"),
            (
                255,
                "Permissions 0644 for 'k' are too open.\nWARNING: UNPROTECTED PRIVATE KEY FILE!\nu@h: Permission denied (publickey).\n",
                Code::TunnelFailed,
                "others may read",
            ),
            (
                255,
                "ssh: connect to host bastion port 22: Connection timed out\r\n",
                Code::TunnelFailed,
                "cannot be reached: Connection timed out",
            ),
            (
                255,
                "kex_exchange_identification: Connection closed by remote host\r\nConnection closed by 127.0.0.1 port 22\r\n",
                Code::TunnelFailed,
                "Connection closed by 127.0.0.1 port 22",
            ),
            (
                255,
                "channel 0: open failed: connect failed: No route to host\r\nstdio forwarding failed\r\n",
                Code::TunnelFailed,
                "reach db:5439: connect failed: No route to host",
            ),
            (
                255,
                "No ED25519 host key is known for bastion and you have requested strict checking.\r\nHost key verification failed.\r\n",
                Code::TunnelHostKeyUnknown,
                "not known here",
            ),
            (255, "", Code::TunnelFailed, "ssh ended: without a word"),
            (255, "\u{1b}[31mred\n", Code::TunnelFailed, "opened: ssh ended: [31mred"),
        ] {
            let error = Said { code: Some(code), text: text.into() }.verdict(&tunnel(), "db:5439").unwrap();
            assert_eq!((error.code(), error.place()), (want, Some("bastion:22")), "{text}");
            assert!(error.full_message().reveal().contains(words), "{words}: {error}");
        }
        assert!(Said { code: Some(0), text: "a banner".into() }.verdict(&tunnel(), "db:5439").is_none());
    }

    #[test]
    fn paths_are_quoted_as_ssh_reads_them() {
        assert_eq!(quoted(Path::new("/a b/100%/\"x\"/c\\d")), r#""/a b/100%%/\"x\"/c\\d""#);
        let host = |host: &str| arguments(&tunnel(), None, host, 5439, Duration::from_secs(75)).join(" ");
        assert!(host("::1").ends_with("-p 22 -W [::1]:5439 -- bastion"));
        assert!(
            host("db").contains("-o ConnectTimeout=20 ") && host("db").ends_with("-W db:5439 -- bastion")
        );
    }
}
