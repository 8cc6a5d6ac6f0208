//! An installation that serves, and a client of its API.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use outflow_app::people::How;
use outflow_app::{
    App, Caller, Event, FrontEnd, Listener, Listening, ServeRequest, ServerSettings, StateLocation,
};
use outflow_core::{Actor, ActorKind, BoxFuture, Code, Error};
use outflow_server::{Authenticator, Permission, Principal, Server};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};

/// A token `all` has every permission, `none` has none, and the name of a permission has that one.
struct Tokens;

impl Authenticator for Tokens {
    fn authenticate<'a>(&'a self, _: &'a App, head: &'a Parts) -> BoxFuture<'a, Result<Principal, Error>> {
        let sent = head.headers.get("authorization").and_then(|sent| sent.to_str().ok());
        let token = sent.and_then(|sent| sent.strip_prefix("Bearer ")).map(str::to_owned);
        Box::pin(async move {
            let unknown = || Error::new(Code::NotSignedIn, "nobody is signed in");
            let name = token.ok_or_else(unknown)?;
            let has = |p: &Permission| name == "all" || p.name() == name;
            let permissions = Permission::ALL.iter().copied().filter(has).collect();
            let (actor, how) = (Actor::new(ActorKind::Token, &name), How::Token { id: name });
            Ok(Principal { actor, permissions, how })
        })
    }
}

/// The server, which says at which address it listens.
struct Told {
    server: Server,
    address: Mutex<Option<oneshot::Sender<SocketAddr>>>,
}

impl FrontEnd for Told {
    fn listen(&self, app: App, settings: ServerSettings) -> BoxFuture<'_, Result<Box<dyn Listening>, Error>> {
        Box::pin(async move {
            let listening = self.server.listen(app, settings).await?;
            let told = self.address.lock().unwrap().take().unwrap();
            told.send(listening.address()).unwrap();
            Ok(listening)
        })
    }
}

/// The installation.
pub struct Served {
    pub address: SocketAddr,
    pub dir: tempfile::TempDir,
    stop: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<()>,
}

/// What the API answered.
#[derive(Debug)]
pub struct Answered {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answered {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {:?}", self.body))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Served {
    /// With the tokens of these tests.
    pub async fn start() -> Self {
        Self::with_files(project).await
    }

    /// With the tokens of these tests and what this writes into the project's folder.
    pub async fn with_files(write: impl FnOnce(&Path)) -> Self {
        Self::of(Server::with_authenticator(Arc::new(Tokens)), Arc::new(|_| {}), write, None).await
    }

    /// With the tokens of these tests, the database of all of them, and this project.
    pub async fn with_project(text: &str) -> Self {
        let write = |dir: &Path| {
            database(dir);
            std::fs::write(dir.join("outflow.yaml"), text).unwrap();
        };
        Self::with_files(write).await
    }

    /// With the people of the installation. The set-up token comes along.
    pub async fn with_people() -> (Self, String) {
        Self::with_people_of(project, None).await
    }

    /// The same, with what this writes into the project's folder, and a state that is there.
    pub async fn with_people_of(write: impl FnOnce(&Path), state: Option<StateLocation>) -> (Self, String) {
        let set_up = Arc::new(Mutex::new(None));
        let kept = set_up.clone();
        let listener: Listener = Arc::new(move |event| {
            if let Event::SetUp { token, .. } = event {
                *kept.lock().unwrap() = Some(token.expose().to_owned());
            }
        });
        let served = Self::of(Server::new(), listener, write, state).await;
        let token = set_up.lock().unwrap().take();
        (served, token.unwrap())
    }

    async fn of(
        server: Server,
        listener: Listener,
        write: impl FnOnce(&Path),
        state: Option<StateLocation>,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path());
        let (told, address) = oneshot::channel();
        let front_end = Arc::new(Told { server, address: Mutex::new(Some(told)) });
        let request = ServeRequest {
            wait: false,
            metrics: None,
            listen: Some("127.0.0.1:0".parse().unwrap()),
            front_end: Some(front_end),
        };
        let app = App::new(dir.path().to_owned(), state);
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(async move {
            let (_hang_up, hang_ups) = mpsc::channel(1);
            let caller = Caller { stop: stopped, listener };
            app.serve(request, hang_ups, &caller).await.unwrap();
        });
        let served = Self { address: address.await.unwrap(), dir, stop, serving };
        served.wait_until_ready().await;
        served
    }

    async fn wait_until_ready(&self) {
        let ready = async {
            while self.get("none", "/readyz").await.status != StatusCode::OK {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), ready).await.unwrap();
    }

    pub async fn stop(self) {
        self.stop.send(true).unwrap();
        self.serving.await.unwrap();
    }

    pub async fn get(&self, token: &str, path: &str) -> Answered {
        self.send(Self::request(Method::GET, token, path, None)).await
    }

    pub async fn post(&self, token: &str, path: &str, body: Option<&str>) -> Answered {
        self.send(Self::request(Method::POST, token, path, body)).await
    }

    pub fn request(method: Method, token: &str, path: &str, body: Option<&str>) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(method).uri(path).header("host", "outflow");
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        request.body(Full::from(body.unwrap_or_default().to_owned())).unwrap()
    }

    /// Sends a request on a connection of its own.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Answered {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut client, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let response = client.send_request(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        connection.abort();
        Answered { status: head.status, headers: head.headers, body }
    }
}

/// A project that reads an embedded database and writes files.
fn project(dir: &Path) {
    database(dir);
    write_project(dir);
}

/// The database `warehouse.db` in this folder.
pub fn database(dir: &Path) {
    let database = rusqlite::Connection::open(dir.join("warehouse.db")).unwrap();
    database
        .execute_batch(
            "CREATE TABLE users (id TEXT, email TEXT, city TEXT, updated INTEGER);
             INSERT INTO users VALUES ('u1', 'ada@example.com', 'London', 10),
                 ('u2', 'bob@example.com', 'Paris', 20), (NULL, NULL, 'Atlantis', 30);",
        )
        .unwrap();
}

fn write_project(dir: &Path) {
    let text = r#"
version: 1
secrets: { key: { file: ./secrets.key } }
sources:
  warehouse:
    type: sqlite
    databases:
      main: { path: ./warehouse.db }
destinations:
  archive: { type: file, path: ./out }
syncs:
  users:
    source: warehouse
    type: identify
    query: SELECT id AS "userId", email, city FROM users WHERE updated >= {{last_sync_time}}
    destinations: [archive]
"#;
    std::fs::write(dir.join("secrets.key"), "01".repeat(32)).unwrap();
    std::fs::write(dir.join("outflow.yaml"), text).unwrap();
}
