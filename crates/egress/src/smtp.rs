//! Sending an e-mail by SMTP (RFC 5321): one message, one connection.
//!
//! What always holds: every wait ends, and all of it within [`TOTAL`]; an answer is read to a
//! limit; a password is sent over TLS only; an error contains only the three digits of the server's
//! answer. What it does not do: queue, repeat, attachments, or addresses beyond ASCII.

mod message;

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use outflow_core::{Code, Error, Result, Secret};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use crate::connect::{dial, resolve};
use crate::deadline::after;
use crate::target::Origin;
use crate::{AddressPolicy, TlsProblem, Verify, client_config};
pub use message::Message;

/// The limit for a whole message.
pub const TOTAL: Duration = Duration::from_secs(60);
/// The limit for a connection.
const CONNECT: Duration = Duration::from_secs(15);
/// A line of an answer has 512 bytes by the standard; this limit is more generous.
const LINE: u64 = 4096;
/// Lines of one answer.
const LINES: usize = 100;

/// How the connection is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte (port 465).
    Implicit,
    /// STARTTLS, and nothing without it (port 587).
    StartTls,
    /// Plain text. A password is then refused.
    Plain,
}

/// A server that relays mail, and our login.
#[derive(Clone, Debug)]
pub struct Mailer {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How the connection is secured.
    pub security: Security,
    /// User name and password, if it needs them.
    pub login: Option<(String, Secret)>,
    /// A PEM file with the certificates to trust in place of the public ones.
    pub ca: Option<std::path::PathBuf>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Mailer {
    /// Checks the settings without sending anything.
    ///
    /// # Errors
    /// C005: the host's name or the CA file is not usable. C012: a password would go over plain
    /// text.
    pub fn check(&self) -> Result<()> {
        if self.login.is_some() && self.security == Security::Plain {
            return Err(Error::new(Code::ConflictingOptions, "a password for mail is sent over TLS only")
                .help("set tls to implicit or starttls, or leave user and password out"));
        }
        self.name()?;
        client_config(Verify::Full, self.ca.as_deref()).map(drop)
    }

    /// Sends one message.
    ///
    /// # Errors
    /// D010 to D013 and D016 to D018, as for destinations; D003 when the server refuses the message
    /// or an address for good; and those of [`Mailer::check`].
    pub async fn send(&self, message: &Message) -> Result<()> {
        match timeout_at(after(TOTAL), self.converse(message)).await {
            Ok(sent) => sent,
            Err(_) => Err(self.failed(Code::DestinationTimeout, "did not take the message in time")),
        }
    }

    async fn converse(&self, message: &Message) -> Result<()> {
        self.check()?;
        let mut session = self.open().await?;
        if let Some((user, password)) = &self.login {
            session.log_in(user, password).await?;
        }
        session.command(&format!("MAIL FROM:<{}>", message.from()), 250).await?;
        for to in message.to() {
            session.command(&format!("RCPT TO:<{to}>"), 250).await?;
        }
        session.command("DATA", 354).await?;
        session.write(&message.data()).await?;
        session.answer(250).await?;
        // The server has the message; its answer to QUIT does not matter.
        let _ = session.command("QUIT", 221).await;
        Ok(())
    }

    /// A connection, secured as configured, with its capabilities.
    async fn open(&self) -> Result<Session<'_>> {
        let origin = Origin { host: self.host.as_str().into(), port: self.port, tls: None };
        let deadline = after(CONNECT);
        let unreachable = |e| self.failed(Code::DestinationUnreachable, "cannot be reached").caused_by(e);
        let late = || self.failed(Code::DestinationTimeout, "cannot be reached in time");
        let addresses =
            timeout_at(deadline, resolve(&origin, &AddressPolicy::default())).await.map_err(|_| late())?;
        let tcp = dial(&addresses.map_err(unreachable)?, deadline).await.map_err(unreachable)?;
        let mut stream: Box<dyn Stream> = Box::new(tcp);
        if self.security == Security::Implicit {
            stream = self.secure(stream, deadline).await?;
        }
        let mut session = Session { mailer: self, stream: BufReader::new(stream), abilities: Vec::new() };
        session.answer(220).await?;
        session.hello().await?;
        if self.security == Security::StartTls {
            if !session.can("STARTTLS") {
                return Err(self.failed(Code::DestinationTlsFailed, "offers no STARTTLS"));
            }
            session.command("STARTTLS", 220).await?;
            // Plain text after the answer may be injected: it is discarded.
            if !session.stream.buffer().is_empty() {
                return Err(self.failed(
                    Code::DestinationTlsFailed,
                    "spoke out of turn before the connection was secure",
                ));
            }
            session.stream = BufReader::new(self.secure(session.stream.into_inner(), deadline).await?);
            session.hello().await?;
        }
        Ok(session)
    }

    async fn secure(&self, stream: Box<dyn Stream>, deadline: Instant) -> Result<Box<dyn Stream>> {
        let name = self.name()?;
        let connector = TlsConnector::from(client_config(Verify::Full, self.ca.as_deref())?);
        match timeout_at(deadline, connector.connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(e)) => {
                let problem = TlsProblem::of(&e);
                let what = format!("offers no secure connection: {}", problem.why());
                Err(self.failed(Code::DestinationTlsFailed, &what).quoting(problem.names()).caused_by(e))
            }
            Err(_) => Err(self.failed(Code::DestinationTimeout, "cannot be reached in time")),
        }
    }

    fn name(&self) -> Result<ServerName<'static>> {
        ServerName::try_from(self.host.clone()).map_err(|e| {
            Error::new(Code::InvalidValue, "the mail server's name is not valid")
                .help("write a host name or an address alone, such as smtp.example.com, and its port as port")
                .caused_by(e)
        })
    }

    fn failed(&self, code: Code, what: &str) -> Error {
        Error::new(code, format!("the mail server {}:{} {what}", self.host, self.port))
    }
}

struct Session<'a> {
    mailer: &'a Mailer,
    stream: BufReader<Box<dyn Stream>>,
    abilities: Vec<String>,
}

impl Session<'_> {
    async fn hello(&mut self) -> Result<()> {
        // An address literal is always valid; the name of this machine may not resolve.
        self.write(b"EHLO [127.0.0.1]\r\n").await?;
        self.abilities = self.answer(250).await?;
        Ok(())
    }

    fn can(&self, ability: &str) -> bool {
        self.abilities
            .iter()
            .any(|line| line.split(' ').next().is_some_and(|w| w.eq_ignore_ascii_case(ability)))
    }

    /// PLAIN in one step, else LOGIN in three.
    async fn log_in(&mut self, user: &str, password: &Secret) -> Result<()> {
        let refused = |e: Error| match e.code() {
            Code::CallRefused => bad_login(self.mailer),
            _ => e,
        };
        let offers = |way: &str| {
            self.abilities.iter().any(|line| {
                let mut words = line.split([' ', '=']);
                words.next().is_some_and(|w| w.eq_ignore_ascii_case("AUTH"))
                    && words.any(|w| w.eq_ignore_ascii_case(way))
            })
        };
        if offers("PLAIN") || !offers("LOGIN") {
            let plain = BASE64_STANDARD.encode(format!("\0{user}\0{}", password.expose()));
            return self.command(&format!("AUTH PLAIN {plain}"), 235).await.map_err(refused);
        }
        self.command("AUTH LOGIN", 334).await.map_err(refused)?;
        self.command(&BASE64_STANDARD.encode(user), 334).await.map_err(refused)?;
        self.command(&BASE64_STANDARD.encode(password.expose()), 235).await.map_err(refused)
    }

    async fn command(&mut self, line: &str, wanted: u16) -> Result<()> {
        self.write(format!("{line}\r\n").as_bytes()).await?;
        self.answer(wanted).await.map(drop)
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let broke =
            |e| self.mailer.failed(Code::DestinationUnreachable, "closed the connection").caused_by(e);
        self.stream.get_mut().write_all(bytes).await.map_err(broke)?;
        self.stream.get_mut().flush().await.map_err(broke)
    }

    /// The lines of an answer with this code. Of any other answer only the code is reported: its
    /// text may repeat what was sent.
    async fn answer(&mut self, wanted: u16) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        loop {
            let mut line = Vec::new();
            let read = (&mut self.stream).take(LINE).read_until(b'\n', &mut line).await;
            let read = read.map_err(|e| {
                self.mailer.failed(Code::DestinationUnreachable, "closed the connection").caused_by(e)
            })?;
            if read == 0 {
                return Err(self.mailer.failed(Code::DestinationUnreachable, "closed the connection"));
            }
            let text = String::from_utf8_lossy(&line);
            let code = text.get(..3).and_then(|c| c.parse::<u16>().ok());
            let (Some(code), true, true) = (code, line.ends_with(b"\n"), lines.len() < LINES) else {
                return Err(self.mailer.failed(Code::DestinationAnswerInvalid, "does not speak SMTP"));
            };
            lines.push(text.get(4..).unwrap_or_default().trim_end().to_owned());
            if text.as_bytes().get(3) == Some(&b'-') {
                continue;
            }
            let said = format!("answered {code} where {wanted} was expected");
            return match code {
                _ if code == wanted || (wanted == 250 && code == 251) => Ok(lines),
                400..500 => Err(self.mailer.failed(Code::DestinationServerError, &said)),
                _ => Err(self.mailer.failed(Code::CallRefused, &said)),
            };
        }
    }
}

fn bad_login(mailer: &Mailer) -> Error {
    mailer
        .failed(Code::DestinationAuthFailed, "refused user name or password")
        .help("check user and password of the mail server")
}
