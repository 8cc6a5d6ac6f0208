//! A real SSH server on loopback, for tunnels: its own key, and one user who may log in with one
//! key.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use outflow_warehouse::Tunnel;
use tempfile::TempDir;

/// Ends the server when its input ends, so that it does not outlive a test that is killed. Sessions
/// end with their clients.
const SHELL: &str = r#""$@" & read -r _; kill "$!"; wait"#;

pub struct Sshd {
    pub port: u16,
    server: TempDir,
    client: TempDir,
    shell: Child,
}

impl Sshd {
    /// Starts a server with these lines in its settings besides the necessary ones.
    pub fn start(settings: &str) -> Sshd {
        let places = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];
        let sshd = places.iter().find(|path| Path::new(path).exists());
        let sshd = sshd.expect("these tests need an SSH server: apt-get install --yes openssh-server");
        let server = tempfile::tempdir().unwrap();
        // A name that must be quoted in whatever is said to ssh.
        let client = tempfile::Builder::new().prefix("a \"b\" %h ").tempdir().unwrap();
        make_key(&server.path().join("host"));
        make_key(&client.path().join("key"));
        let authorized = server.path().join("authorized");
        fs::copy(client.path().join("key.pub"), &authorized).unwrap();
        // As root, sshd wants this folder; elsewhere a service makes it at boot.
        if said(Command::new("id").arg("-u")) == "0" {
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let port = outflow_testkit::free_port();
        let config = server.path().join("config");
        let text = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\n{settings}\n",
            server.path().join("host").display(),
            authorized.display()
        );
        fs::write(&config, text).unwrap();
        let mut shell = Command::new("sh")
            .args(["-c", SHELL, "sshd", sshd, "-D", "-e", "-f"])
            .arg(&config)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(shell.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("Server listening") {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "sshd has ended");
        }
        // It must not stop for want of a reader.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        let sshd = Sshd { port, server, client, shell };
        sshd.know(port);
        sshd
    }

    /// The tunnel through this server, as the user who runs the tests.
    pub fn tunnel(&self) -> Tunnel {
        Tunnel {
            host: "127.0.0.1".into(),
            port: self.port,
            user: Some(said(Command::new("id").arg("-un"))),
            key: Some(self.client.path().join("key")),
            known_hosts: Some(self.known_hosts()),
        }
    }

    pub fn known_hosts(&self) -> PathBuf {
        self.client.path().join("known_hosts")
    }

    /// Says in the file of known hosts that this server is behind that port.
    pub fn know(&self, port: u16) {
        let key = fs::read_to_string(self.server.path().join("host.pub")).unwrap();
        fs::write(self.known_hosts(), format!("[127.0.0.1]:{port} {key}")).unwrap();
    }

    /// Makes another key, which this server has never heard of.
    pub fn other_key(&self) -> PathBuf {
        let path = self.client.path().join("other");
        make_key(&path);
        path
    }

    /// The processes of `ssh` that run for this server's client.
    pub fn clients(&self) -> usize {
        let name =
            self.client.path().file_name().unwrap().to_str().unwrap().rsplit(' ').next().unwrap().to_owned();
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
        lines
            .filter(|line| line.starts_with(b"ssh\0") && String::from_utf8_lossy(line).contains(&name))
            .count()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

fn make_key(path: &Path) {
    said(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"]).arg(path));
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
