//! An OpenID Connect provider on loopback, which signs what a test says.
//!
//! What always holds: it checks what a client has to do (its secret, PKCE, one use of a code, the
//! same `redirect_uri`), and refuses with the words of the standard. What it tells may be wrong in
//! any way that its [`Script`] says. What it does not do: show a page; [`OidcProvider::authorize`]
//! is the person and their browser.

mod answer;
mod form;
mod signer;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use self::signer::Signer;
use crate::http::Connection;

/// The only client.
pub const CLIENT_ID: &str = "outflow";
/// Its secret, with what has to be escaped.
pub const CLIENT_SECRET: &str = "s3cret/:+ canary";

/// How an ID token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// By the published key of P-256.
    Es256,
    /// By the published key of RSA.
    Rs256,
    /// By another key, under the id of the published one.
    AnotherKey,
    /// Not at all: `none`.
    None,
    /// With HMAC, whose key is the public key of RSA.
    Hs256,
}

/// What is wrong with the answer of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It is no JSON.
    Garbage,
    /// It is JSON of another form.
    List,
    /// It has status 500.
    Failure,
    /// It never comes.
    Silence,
    /// It is longer than anybody wants to read.
    Endless,
    /// It leads elsewhere.
    Redirect,
}

/// What the provider says.
#[derive(Clone, Debug)]
pub struct Script {
    /// Members of the ID token; null takes one away.
    pub claims: Value,
    /// Members of its head.
    pub head: Value,
    /// How it is signed.
    pub signature: Signature,
    /// Members of the discovery document; null takes one away.
    pub discovery: Value,
    /// What `userinfo` answers.
    pub userinfo: Value,
    /// Addresses whose answer is wrong.
    pub troubles: HashMap<String, Trouble>,
}

impl Default for Script {
    fn default() -> Self {
        let (signature, troubles) = (Signature::Es256, HashMap::new());
        let nothing = || json!({});
        Self {
            claims: nothing(),
            head: nothing(),
            signature,
            discovery: nothing(),
            userinfo: nothing(),
            troubles,
        }
    }
}

/// A code that was given.
struct Given {
    nonce: String,
    challenge: String,
    redirect_uri: String,
}

struct Inner {
    issuer: String,
    script: Script,
    signer: Signer,
    codes: HashMap<String, Given>,
    requests: Vec<String>,
    next: u64,
}

/// The provider.
pub struct OidcProvider {
    inner: Arc<Mutex<Inner>>,
    accepting: JoinHandle<()>,
}

/// A browser that comes back from the provider.
#[derive(Clone, Debug)]
pub struct Returned {
    /// Where it goes.
    pub callback: String,
    /// Its code.
    pub code: String,
    /// Its state.
    pub state: String,
}

impl Drop for OidcProvider {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl OidcProvider {
    /// Starts it.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port on loopback");
        let address: SocketAddr = listener.local_addr().expect("a listener has an address");
        let inner = Arc::new(Mutex::new(Inner {
            issuer: format!("http://{address}"),
            script: Script::default(),
            signer: Signer::new(1),
            codes: HashMap::new(),
            requests: Vec::new(),
            next: 0,
        }));
        let shared = inner.clone();
        let accepting = tokio::spawn(async move {
            // They end with this task.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(answer::serve(Connection::new(stream), shared.clone()));
            }
        });
        Self { inner, accepting }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// Its address.
    pub fn issuer(&self) -> String {
        self.inner().issuer.clone()
    }

    /// From now on it says what this makes of what it said.
    pub fn script(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.inner().script);
    }

    /// Takes new keys, with new ids.
    pub fn rotate(&self) {
        let mut inner = self.inner();
        inner.signer = Signer::new(inner.signer.number + 1);
    }

    /// How many requests there were to this path.
    pub fn requests(&self, path: &str) -> usize {
        self.inner().requests.iter().filter(|asked| *asked == path).count()
    }

    /// The person signs in at this address, to which their browser was sent.
    pub fn authorize(&self, location: &str) -> Returned {
        let mut inner = self.inner();
        let (address, query) = location.split_once('?').expect("a query");
        assert_eq!(address, format!("{}/authorize", inner.issuer));
        let asked = form::parse(query);
        let of = |name: &str| asked.get(name).cloned().unwrap_or_default();
        assert_eq!((of("response_type"), of("client_id")), ("code".to_owned(), CLIENT_ID.to_owned()));
        assert_eq!(of("code_challenge_method"), "S256");
        assert!(of("scope").split(' ').any(|scope| scope == "openid"), "{location}");
        for random in ["state", "nonce", "code_challenge"] {
            assert!(of(random).len() >= 43, "{random}: {location}");
        }
        inner.next += 1;
        let (code, state) = (format!("code-{}", inner.next), of("state"));
        let (nonce, challenge) = (of("nonce"), of("code_challenge"));
        let redirect_uri = of("redirect_uri");
        let callback = format!("{redirect_uri}?code={code}&state={state}&session_state=x");
        inner.codes.insert(code.clone(), Given { nonce, challenge, redirect_uri });
        Returned { callback, code, state }
    }
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Members put into an object; null takes one away.
fn merged(mut object: Value, members: &Value) -> Value {
    let (Some(into), Some(members)) = (object.as_object_mut(), members.as_object()) else { return object };
    for (name, value) in members {
        match value {
            Value::Null => drop(into.remove(name)),
            value => drop(into.insert(name.clone(), value.clone())),
        }
    }
    object
}
