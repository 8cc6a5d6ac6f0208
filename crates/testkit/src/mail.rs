//! A mail server on loopback that accepts and stores every message, except those that a test makes
//! it refuse.
//!
//! It knows EHLO, STARTTLS (for a caller that brings the TLS), AUTH PLAIN and LOGIN, MAIL, RCPT,
//! DATA and QUIT, and demands their order.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

use crate::net::Server;

/// A message that was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// The sender of the envelope.
    pub from: String,
    /// The recipients of the envelope.
    pub to: Vec<String>,
    /// User and password, if a client logged in.
    pub login: Option<(String, String)>,
    /// The headers as they came.
    pub headers: String,
    /// The text, decoded from base64.
    pub text: String,
}

/// What the server does besides taking mail.
#[derive(Clone, Debug, Default)]
pub struct Manners {
    /// Words behind `250-` in the answer to EHLO.
    pub abilities: Vec<&'static str>,
    /// The answer to a line that begins with this word, in place of the right one.
    pub answers: Vec<(&'static str, &'static str)>,
}

/// What has been taken.
#[derive(Clone, Debug, Default)]
pub struct Mailbox(Arc<(Mutex<Vec<Mail>>, Condvar)>);

impl Mailbox {
    /// Every message so far.
    pub fn mails(&self) -> Vec<Mail> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Speaks with one client. The stream comes back when the client is to be given TLS.
    ///
    /// # Errors
    /// When the client breaks off or breaks the order.
    pub async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        manners: &Manners,
        greet: bool,
    ) -> io::Result<Option<S>> {
        let mut stream = BufReader::new(stream);
        if greet {
            stream.get_mut().write_all(b"220 kit ready\r\n").await?;
        }
        let (mut mail, mut expected) = (Mail::default(), 0);
        loop {
            let line = line(&mut stream).await?;
            let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            if let Some((_, answer)) = manners.answers.iter().find(|(to, _)| *to == word) {
                stream.get_mut().write_all(format!("{answer}\r\n").as_bytes()).await?;
                continue;
            }
            let path = || line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
            let (answer, next) = match word.as_str() {
                "EHLO" => {
                    let abilities: String =
                        manners.abilities.iter().map(|a| format!("250-{a}\r\n")).collect();
                    (format!("250-kit\r\n{abilities}250 8BITMIME"), 1)
                }
                "STARTTLS" => {
                    stream.get_mut().write_all(b"220 go ahead\r\n").await?;
                    return Ok(Some(stream.into_inner()));
                }
                "AUTH" => {
                    mail.login = Some(login(&mut stream, &line).await?);
                    ("235 welcome".to_owned(), 1)
                }
                "MAIL" if expected == 1 => {
                    mail.from = path();
                    ("250 ok".to_owned(), 2)
                }
                "RCPT" if expected >= 2 => {
                    mail.to.push(path());
                    ("250 ok".to_owned(), 3)
                }
                "DATA" if expected == 3 => {
                    stream.get_mut().write_all(b"354 go on\r\n").await?;
                    self.take(&mut stream, mail.clone()).await?;
                    mail = Mail { login: mail.login, ..Mail::default() };
                    ("250 taken".to_owned(), 1)
                }
                "QUIT" => {
                    stream.get_mut().write_all(b"221 bye\r\n").await?;
                    return Ok(None);
                }
                _ => ("503 bad sequence".to_owned(), expected),
            };
            expected = next;
            stream.get_mut().write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
    }

    async fn take<S: AsyncRead + Unpin>(&self, stream: &mut BufReader<S>, mut mail: Mail) -> io::Result<()> {
        let mut data = String::new();
        loop {
            let line = line(stream).await?;
            if line == "." {
                break;
            }
            data += line.strip_prefix('.').unwrap_or(&line);
            data += "\n";
        }
        let (headers, body) = data.split_once("\n\n").unwrap_or((&data, ""));
        let text = BASE64_STANDARD.decode(body.replace('\n', "")).map_err(io::Error::other)?;
        mail.headers = headers.to_owned();
        mail.text = String::from_utf8(text).map_err(io::Error::other)?.replace("\r\n", "\n");
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).push(mail);
        self.0.1.notify_all();
        Ok(())
    }
}

async fn line<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> io::Result<String> {
    let mut line = String::new();
    match stream.read_line(&mut line).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end_matches(['\r', '\n']).to_owned()),
    }
}

async fn login<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    asked: &str,
) -> io::Result<(String, String)> {
    let text = |base64: &str| {
        let bytes = BASE64_STANDARD.decode(base64).map_err(io::Error::other)?;
        String::from_utf8(bytes).map_err(io::Error::other)
    };
    if let Some(plain) = asked.strip_prefix("AUTH PLAIN ") {
        let plain = text(plain)?;
        let mut parts = plain.split('\0').skip(1).map(str::to_owned);
        return Ok((parts.next().unwrap_or_default(), parts.next().unwrap_or_default()));
    }
    let mut answers = Vec::new();
    for prompt in ["334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n"] {
        stream.get_mut().write_all(prompt.as_bytes()).await?;
        answers.push(text(&line(stream).await?)?);
    }
    let password = answers.pop().unwrap_or_default();
    Ok((answers.pop().unwrap_or_default(), password))
}

/// The server, in plain text.
pub struct MailServer {
    mailbox: Mailbox,
    server: Server,
}

impl MailServer {
    /// Listens on a free port.
    pub fn start(manners: Manners) -> Self {
        let mailbox = Mailbox::default();
        let kept = mailbox.clone();
        let server = Server::start(0, move |listener| async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (mailbox, manners) = (kept.clone(), manners.clone());
                // A client that breaks off is its own test's affair.
                tokio::spawn(async move { drop(mailbox.talk(stream, &manners, true).await) });
            }
        });
        Self { mailbox, server }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// Every message so far.
    pub fn mails(&self) -> Vec<Mail> {
        self.mailbox.mails()
    }

    /// Waits for that many messages. Panics when they do not arrive in time.
    pub fn wait_for(&self, n: usize, limit: Duration) -> Vec<Mail> {
        let (mails, changed) = &*self.mailbox.0;
        let mails = mails.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(mails, limit, |mails| mails.len() < n);
        let (mails, outcome) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!outcome.timed_out(), "{} of {n} messages came: {mails:?}", mails.len());
        mails.clone()
    }
}
