//! A bare client of the PostgreSQL protocol.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use outflow_testkit::Redshift;
use postgres_protocol::authentication::md5_hash;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};

/// The fields of an error or a notice.
pub type Fields = HashMap<u8, String>;

/// A connection, plain or encrypted.
trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

pub struct Client {
    stream: Box<dyn Stream>,
    /// What the server reported about itself, in order.
    pub statuses: Vec<(String, String)>,
    pub key: [u8; 8],
    /// The codes of authentication that were asked for.
    pub asked: Vec<i32>,
}

/// The messages of an answer, up to its end.
#[derive(Debug, Default)]
pub struct Answer(pub Vec<(u8, Vec<u8>)>);

#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub oid: u32,
    pub modifier: i32,
    pub format: i16,
}

impl Client {
    pub fn admin(redshift: &Redshift, database: &str, extra: &[(&str, &str)]) -> Client {
        Self::login(redshift, redshift.user(), redshift.password(), database, extra).unwrap()
    }

    /// Connects and logs in; the error is the server's.
    pub fn login(
        redshift: &Redshift,
        user: &str,
        password: &str,
        database: &str,
        extra: &[(&str, &str)],
    ) -> Result<Client, Fields> {
        let mut client = Client::connect(redshift.port());
        client.log_in(user, password, database, extra).map(|()| client)
    }

    /// Logs in on this connection.
    pub fn log_in(
        &mut self,
        user: &str,
        password: &str,
        database: &str,
        extra: &[(&str, &str)],
    ) -> Result<(), Fields> {
        let parameters = [("user", user), ("database", database)];
        self.start(&[&parameters[..], extra].concat());
        loop {
            let (tag, body) = self.next().expect("the server answers");
            match tag {
                b'R' => self.authenticate(user, password, &body),
                b'S' => {
                    let texts = texts(&body);
                    self.statuses.push((texts[0].clone(), texts[1].clone()));
                }
                b'K' => self.key = body.try_into().unwrap(),
                b'Z' => return Ok(()),
                b'E' => return Err(fields(&body)),
                other => panic!("{}", other as char),
            }
        }
    }

    /// Connects and says nothing.
    pub fn connect(port: u16) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client::over(Box::new(stream))
    }

    fn over(stream: Box<dyn Stream>) -> Client {
        Client { stream, statuses: Vec::new(), key: [0; 8], asked: Vec::new() }
    }

    /// Connects and encrypts, trusting that certificate.
    pub fn connect_tls(port: u16, certificate_pem: &str) -> Client {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).unwrap();
        let mut answer = [0];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"S");
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(certificate_pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let session =
            rustls::ClientConnection::new(Arc::new(config), "127.0.0.1".try_into().unwrap()).unwrap();
        Client::over(Box::new(rustls::StreamOwned::new(session, stream)))
    }

    fn start(&mut self, parameters: &[(&str, &str)]) {
        let mut body = 196_608_i32.to_be_bytes().to_vec();
        for (name, value) in parameters {
            body.extend_from_slice(&text(name));
            body.extend_from_slice(&text(value));
        }
        body.push(0);
        self.packet(&body);
    }

    /// A message without a tag.
    pub fn packet(&mut self, body: &[u8]) {
        self.stream.write_all(&[&(body.len() as i32 + 4).to_be_bytes(), body].concat()).unwrap();
    }

    fn authenticate(&mut self, user: &str, password: &str, body: &[u8]) {
        let code = i32::from_be_bytes(body[..4].try_into().unwrap());
        self.asked.push(code);
        match code {
            0 => {}
            3 => self.send(b'p', &text(password)),
            5 => {
                let hash = md5_hash(user.as_bytes(), password.as_bytes(), body[4..8].try_into().unwrap());
                self.send(b'p', &text(&hash));
            }
            13 => {
                assert_eq!(body[4..8], [0; 4], "SHA-256");
                let (salt, rest) = counted(&body[8..]);
                let (nonce, rest) = counted(rest);
                assert!(rest.is_empty());
                let own = b"1700000000000";
                let inner = Sha256::new().chain_update(password).chain_update(salt).finalize();
                let outer =
                    Sha256::new().chain_update(inner).chain_update(nonce).chain_update(own).finalize();
                let mut answer = Vec::new();
                for part in [&outer[..], own] {
                    answer.extend_from_slice(&(part.len() as i32).to_be_bytes());
                    answer.extend_from_slice(part);
                }
                self.send(b'd', &answer);
            }
            other => panic!("authentication {other}"),
        }
    }

    pub fn status(&self, name: &str) -> Option<&str> {
        self.statuses.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn send(&mut self, tag: u8, body: &[u8]) {
        let length = (body.len() as i32 + 4).to_be_bytes();
        self.stream.write_all(&[&[tag], &length[..], body].concat()).unwrap();
    }

    /// Reads that many bytes.
    pub fn bytes(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).map(|()| bytes)
    }

    /// The next message; the error is the end of the connection.
    pub fn next(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let head = self.bytes(5)?;
        let length = u32::from_be_bytes(head[1..5].try_into().unwrap()) as usize;
        Ok((head[0], self.bytes(length - 4)?))
    }

    /// Reads up to ReadyForQuery, or to the end of the connection.
    pub fn answer(&mut self) -> Answer {
        let mut answer = Answer::default();
        while let Ok(message) = self.next() {
            answer.0.push(message);
            if answer.0.last().unwrap().0 == b'Z' {
                break;
            }
        }
        answer
    }

    /// A simple query.
    pub fn query(&mut self, sql: &str) -> Answer {
        self.send(b'Q', &text(sql));
        self.answer()
    }

    /// The rows of a simple query that must succeed, columns divided by `|`, NULL as nothing.
    pub fn rows(&mut self, sql: &str) -> Vec<String> {
        let answer = self.query(sql);
        assert!(answer.error().is_none(), "{sql}: {:?}", answer.error());
        answer.rows()
    }

    /// The one field of the one row.
    pub fn one(&mut self, sql: &str) -> String {
        let rows = self.rows(sql);
        assert_eq!(rows.len(), 1, "{sql}: {rows:?}");
        rows[0].clone()
    }

    /// The SQLSTATE and the message of a simple query that must fail.
    pub fn refused(&mut self, sql: &str) -> (String, String) {
        let answer = self.query(sql);
        answer.refusal().unwrap_or_else(|| panic!("{sql}: {:?}", answer.rows()))
    }

    pub fn parse(&mut self, name: &str, sql: &str) {
        self.send(b'P', &[text(name), text(sql), vec![0, 0]].concat());
    }

    /// All result columns in one format, without parameters.
    pub fn bind(&mut self, portal: &str, statement: &str, format: i16) {
        let formats = [&[0, 0, 0, 0, 0, 1], &format.to_be_bytes()[..]].concat();
        self.send(b'B', &[text(portal), text(statement), formats].concat());
    }

    pub fn describe(&mut self, kind: u8, name: &str) {
        self.send(b'D', &[vec![kind], text(name)].concat());
    }

    pub fn execute(&mut self, portal: &str, limit: i32) {
        self.send(b'E', &[text(portal), limit.to_be_bytes().to_vec()].concat());
    }

    pub fn sync(&mut self) -> Answer {
        self.send(b'S', b"");
        self.answer()
    }

    /// Parse, Bind, Describe, Execute, Sync.
    pub fn run(&mut self, sql: &str, format: i16) -> Answer {
        self.parse("", sql);
        self.bind("", "", format);
        self.describe(b'P', "");
        self.execute("", 0);
        self.sync()
    }
}

impl Answer {
    /// The tags in order, such as `TDCZ`.
    pub fn tags(&self) -> String {
        self.0.iter().map(|(tag, _)| *tag as char).collect()
    }

    fn first(&self, tag: u8) -> Option<&[u8]> {
        self.0.iter().find(|(found, _)| *found == tag).map(|(_, body)| &body[..])
    }

    pub fn error(&self) -> Option<Fields> {
        self.first(b'E').map(fields)
    }

    /// SQLSTATE and message.
    pub fn refusal(&self) -> Option<(String, String)> {
        self.error().map(|error| (error[&b'C'].clone(), error[&b'M'].clone()))
    }

    pub fn notices(&self) -> Vec<Fields> {
        self.0.iter().filter(|(tag, _)| *tag == b'N').map(|(_, body)| fields(body)).collect()
    }

    /// The tags of CommandComplete.
    pub fn complete(&self) -> Vec<String> {
        self.0.iter().filter(|(tag, _)| *tag == b'C').map(|(_, body)| texts(body)[0].clone()).collect()
    }

    pub fn status(&self) -> u8 {
        self.first(b'Z').map_or(0, |body| body[0])
    }

    /// The body of the RowDescription.
    pub fn description(&self) -> &[u8] {
        self.first(b'T').expect("a RowDescription")
    }

    pub fn columns(&self) -> Vec<Column> {
        let body = self.description();
        let mut rest = &body[2..];
        let mut columns = Vec::new();
        while !rest.is_empty() {
            let end = rest.iter().position(|&byte| byte == 0).unwrap();
            let name = String::from_utf8(rest[..end].to_vec()).unwrap();
            let fixed = &rest[end + 1..end + 19];
            let number = |at: usize| i32::from_be_bytes(fixed[at..at + 4].try_into().unwrap());
            let format = i16::from_be_bytes([fixed[16], fixed[17]]);
            columns.push(Column { name, oid: number(6) as u32, modifier: number(12), format });
            rest = &rest[end + 19..];
        }
        columns
    }

    pub fn names(&self) -> Vec<String> {
        self.columns().into_iter().map(|column| column.name).collect()
    }

    /// The fields of each row.
    pub fn values(&self) -> Vec<Vec<Option<Vec<u8>>>> {
        let rows = self.0.iter().filter(|(tag, _)| *tag == b'D');
        rows.map(|(_, body)| {
            let mut rest = &body[2..];
            let mut row = Vec::new();
            while !rest.is_empty() {
                if rest[..4] == [0xff; 4] {
                    row.push(None);
                    rest = &rest[4..];
                } else {
                    let (value, after) = counted(rest);
                    row.push(Some(value.to_vec()));
                    rest = after;
                }
            }
            row
        })
        .collect()
    }

    pub fn rows(&self) -> Vec<String> {
        let text = |field: Option<Vec<u8>>| String::from_utf8(field.unwrap_or_default()).unwrap();
        self.values().into_iter().map(|row| row.into_iter().map(text).collect::<Vec<_>>().join("|")).collect()
    }
}

pub fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), b"\0"].concat()
}

/// Bytes with their length in front, and what follows.
fn counted(bytes: &[u8]) -> (&[u8], &[u8]) {
    let length = i32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
    bytes[4..].split_at(length)
}

fn texts(body: &[u8]) -> Vec<String> {
    body.split(|&byte| byte == 0).map(|text| String::from_utf8(text.to_vec()).unwrap()).collect()
}

fn fields(body: &[u8]) -> Fields {
    let fields = body.split(|&byte| byte == 0).filter(|field| !field.is_empty());
    fields.map(|field| (field[0], String::from_utf8(field[1..].to_vec()).unwrap())).collect()
}
