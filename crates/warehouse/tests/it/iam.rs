//! IAM: a stand-in for AWS on loopback hands out credentials of a real PostgreSQL with TLS.

mod chain;
mod refusals;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use outflow_core::ports::warehouse::{Step, Warehouse};
use outflow_core::{Clock, Code, Error, Result, Timestamp};
use outflow_testkit::{Postgres, Receiver, Reply, Request};
use outflow_warehouse::aws::{DbUser, IamTarget, SHORTEST_LIFE};
use outflow_warehouse::{Aws, Iam, Login, Server, ServerSettings, Tls, TlsMode};
use tempfile::TempDir;

use crate::{settings, values};

const ID: &str = "AKIDENVIRONMENT";
const SECRET: &str = "the-secret-of-the-environment";
const TOKEN: &str = "the-token-of-the-environment";

/// A clock that stands until it is moved.
struct Hands(Mutex<Timestamp>);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// AWS as it looks from a machine with these environment variables and this home.
struct World {
    aws: Receiver,
    home: TempDir,
    env: HashMap<String, String>,
    clock: Arc<Hands>,
}

impl World {
    /// Nothing to find but the way to the stand-in.
    async fn empty() -> World {
        let aws = Receiver::start().await;
        let home = tempfile::tempdir().unwrap();
        let clock = Arc::new(Hands(Mutex::new("2026-01-31T10:00:00Z".parse().unwrap())));
        let env = [
            ("AWS_ENDPOINT_URL", aws.url()),
            ("HOME", home.path().display().to_string()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
        ];
        let env = env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        World { aws, home, env, clock }
    }

    /// With keys in the environment.
    async fn with_keys() -> World {
        Self::empty()
            .await
            .set("AWS_ACCESS_KEY_ID", ID)
            .set("AWS_SECRET_ACCESS_KEY", SECRET)
            .set("AWS_SESSION_TOKEN", TOKEN)
    }

    fn set(mut self, name: &str, value: &str) -> World {
        self.env.insert(name.into(), value.into());
        self
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// AWS with nothing kept of earlier logins.
    fn client(&self) -> Aws {
        let env = self.env.clone();
        Aws::new(move |name| env.get(name).cloned(), Arc::<Hands>::clone(&self.clock))
    }

    fn through(&self, target: IamTarget) -> Server {
        through(&self.client(), self.iam(target))
    }

    fn iam(&self, target: IamTarget) -> Iam {
        Iam { target, region: "eu-central-1".into(), profile: None, duration: SHORTEST_LIFE }
    }

    fn move_clock(&self, seconds: i64) {
        let mut now = self.clock.0.lock().unwrap();
        *now += Duration::from_secs(seconds as u64);
    }

    /// What was asked, as `GetClusterCredentials` with the key that signed it; `-` without one.
    fn asked(&self) -> Vec<String> {
        self.aws.requests().iter().map(|request| format!("{} {}", action(request), signer(request))).collect()
    }
}

fn action(request: &Request) -> String {
    if let Some(target) = request.header("x-amz-target") {
        return target.to_owned();
    }
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let action = body.strip_prefix("Action=").and_then(|rest| rest.split('&').next()).map(str::to_owned);
    action.unwrap_or_else(|| format!("{} {}", request.method, request.path))
}

/// The access key that signed a request, whose signature must have the right shape.
fn signer(request: &Request) -> String {
    let Some(authorization) = request.header("authorization").filter(|a| a.starts_with("AWS4")) else {
        return "-".into();
    };
    let rest = authorization.strip_prefix("AWS4-HMAC-SHA256 Credential=").unwrap();
    let (credential, rest) = rest.split_once(", SignedHeaders=").unwrap();
    let (names, signature) = rest.split_once(", Signature=").unwrap();
    let [id, date, region, service, "aws4_request"] = credential.split('/').collect::<Vec<_>>()[..] else {
        panic!("{credential}")
    };
    assert_eq!((region, signature.len()), ("eu-central-1", 64));
    assert!(matches!(service, "redshift" | "redshift-serverless" | "sts"), "{service}");
    assert!(request.header("x-amz-date").unwrap().starts_with(date));
    for name in ["host", "content-type", "x-amz-date", "x-amz-security-token", "x-amz-target"] {
        let signed = names.split(';').any(|n| n == name);
        assert_eq!(signed, request.header(name).is_some(), "{name} in {names}");
    }
    id.to_owned()
}

/// What AWS answers when it gives these credentials until then.
fn gives(user: &str, password: &str, until: &str) -> Reply {
    let name = "GetClusterCredentials";
    let body = format!(
        "<{name}Response xmlns=\"http://redshift.amazonaws.com/doc/2012-12-01/\"><{name}Result><DbUser>{user}</DbUser>\
         <Expiration>{until}</Expiration><DbPassword>{password}</DbPassword></{name}Result></{name}Response>"
    );
    Reply::status(200).header("content-type", "text/xml").body(body)
}

fn usual() -> Reply {
    gives("scramuser", Postgres::USER_PASSWORD, "2026-01-31T10:15:00Z")
}

fn cluster() -> IamTarget {
    IamTarget::Cluster { id: "c-1".into(), user: None }
}

/// One server with TLS for the tests of a process.
fn encrypted() -> &'static Postgres {
    static SERVER: std::sync::OnceLock<Postgres> = std::sync::OnceLock::new();
    SERVER.get_or_init(|| crate::tls::postgres(&crate::tls::authority(), 2049))
}

fn through(aws: &Aws, iam: Iam) -> Server {
    let tls = Tls { mode: TlsMode::Require, ..Tls::default() };
    Server::new(ServerSettings { login: Login::Iam(iam), tls, ..settings(encrypted()) }, aws).unwrap()
}

async fn user(server: &Server) -> String {
    values(server, "SELECT current_user").await.remove(0).remove(0)
}

async fn refused(server: &Server) -> Error {
    match server.connect().await {
        Err(error) => {
            let all = format!("{error} {error:?} {:?}", error.help_text());
            assert!(!all.contains(SECRET) && !all.contains(TOKEN), "{all}");
            error
        }
        Ok(_) => panic!("there is no way in"),
    }
}

#[tokio::test]
async fn a_cluster_is_entered_as_who_aws_says() {
    let world = World::with_keys().await;
    world.aws.always(usual());
    assert_eq!(user(&world.through(cluster())).await, "scramuser");
    assert_eq!(world.asked(), [format!("GetClusterCredentialsWithIAM {ID}")]);
    let request = &world.aws.requests()[0];
    assert_eq!(request.header("x-amz-security-token"), Some(TOKEN));
    let body = String::from_utf8_lossy(&request.body);
    assert!(body.ends_with("DbName=postgres&ClusterIdentifier=c-1&DurationSeconds=900"), "{body}");
}

#[tokio::test]
async fn a_cluster_is_entered_as_a_named_user() {
    let world = World::with_keys().await;
    world.aws.always(usual());
    let named = DbUser { name: "etl".into(), groups: vec!["readers".into()], create: true };
    assert_eq!(
        user(&world.through(IamTarget::Cluster { id: "c-1".into(), user: Some(named) })).await,
        "scramuser"
    );
    assert_eq!(world.asked(), [format!("GetClusterCredentials {ID}")]);
    let body = String::from_utf8_lossy(&world.aws.requests()[0].body).into_owned();
    assert!(
        body.contains("&DbUser=etl&") && body.ends_with("AutoCreate=true&DbGroups.DbGroup.1=readers"),
        "{body}"
    );
}

#[tokio::test]
async fn a_connection_test_begins_with_the_credentials() {
    let world = World::with_keys().await;
    world.aws.always(usual());
    let lines = crate::check::test(&world.through(cluster())).await;
    assert_eq!(lines[0].step, Step::Credentials);
    assert_eq!(lines[0].summary, "from AWS for cluster c-1 in eu-central-1");
    let login = crate::check::line(&lines, Step::Authentication);
    assert!(login.summary.ends_with("as scramuser"), "{login:?}");

    let world = World::with_keys().await;
    world.aws.always(
        Reply::status(403).body("<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"),
    );
    let lines = crate::check::test(&world.through(cluster())).await;
    assert_eq!(
        (lines.len(), lines[0].step, crate::check::codes(&lines)),
        (1, Step::Credentials, vec![Code::AwsCredentialsRefused])
    );
}

#[tokio::test]
async fn a_workgroup_is_entered_as_who_aws_says() {
    let world = World::with_keys().await;
    let answer = r#"{"dbUser":"scramuser","dbPassword":"secret","expiration":1.7698545E9,"nextRefreshTime":1.7698545E9}"#;
    world.aws.always(Reply::status(200).body(answer));
    assert_eq!(user(&world.through(IamTarget::Workgroup("wg".into()))).await, "scramuser");
    assert_eq!(world.asked(), [format!("RedshiftServerless.GetCredentials {ID}")]);
}

#[tokio::test]
async fn credentials_are_kept_and_renewed_before_they_expire() {
    let world = World::with_keys().await;
    world.aws.always(usual());
    let (aws, iam) = (world.client(), world.iam(cluster()));
    let (one, other) = (through(&aws, iam.clone()), through(&aws, iam));
    for seconds in [0, 100, 574] {
        world.move_clock(seconds);
        assert_eq!(user(&one).await, "scramuser");
        assert_eq!(user(&other).await, "scramuser");
        assert_eq!(world.asked().len(), 1, "a quarter of fifteen minutes is left at 675 s");
    }
    world.aws.always(gives("scramuser", Postgres::USER_PASSWORD, "2026-01-31T11:11:15Z"));
    world.move_clock(1);
    user(&one).await;
    assert_eq!(world.asked().len(), 2);
    // An hour, of which five minutes are left at the end.
    world.move_clock(3299);
    user(&other).await;
    assert_eq!(world.asked().len(), 2);
    world.move_clock(1);
    user(&other).await;
    assert_eq!(world.asked().len(), 3);
}

#[tokio::test]
async fn each_database_and_user_has_credentials_of_its_own() {
    let world = World::with_keys().await;
    world.aws.always(usual());
    let (aws, iam) = (world.client(), world.iam(cluster()));
    user(&through(&aws, iam.clone())).await;
    user(&through(&aws, Iam { target: IamTarget::Cluster { id: "c-2".into(), user: None }, ..iam.clone() }))
        .await;
    let named = DbUser { name: "etl".into(), groups: Vec::new(), create: false };
    user(&through(
        &aws,
        Iam { target: IamTarget::Cluster { id: "c-1".into(), user: Some(named) }, ..iam.clone() },
    ))
    .await;
    user(&through(&aws, iam)).await;
    assert_eq!(world.asked().len(), 3);
}

#[tokio::test]
async fn many_who_ask_at_once_get_one_answer() {
    let world = World::with_keys().await;
    world.aws.always(usual().after(Duration::from_millis(100)));
    let (aws, iam) = (world.client(), world.iam(cluster()));
    let all: Vec<_> = (0..8)
        .map(|_| through(&aws, iam.clone()))
        .map(|s| tokio::spawn(async move { user(&s).await }))
        .collect();
    for one in all {
        assert_eq!(one.await.unwrap(), "scramuser");
    }
    assert_eq!(world.asked().len(), 1);
}

#[tokio::test]
async fn kept_credentials_that_the_server_refuses_are_replaced_once() {
    let world = World::with_keys().await;
    let postgres = encrypted();
    postgres.sql(
        "DROP ROLE IF EXISTS changing; CREATE ROLE changing LOGIN PASSWORD 'old' IN ROLE pg_read_all_data",
    );
    world.aws.always(gives("changing", "old", "2026-01-31T10:15:00Z"));
    let server = world.through(cluster());
    assert_eq!(user(&server).await, "changing");
    postgres.sql("ALTER ROLE changing PASSWORD 'new'");
    world.aws.always(gives("changing", "new", "2026-01-31T10:15:00Z"));
    assert_eq!(user(&server).await, "changing");
    assert_eq!(world.asked().len(), 2);
    // Now nothing helps; one more is asked for, and no more.
    postgres.sql("ALTER ROLE changing PASSWORD 'other'");
    assert_eq!(refused(&server).await.code(), Code::SourceAuthFailed);
    assert_eq!(world.asked().len(), 3);
}

#[tokio::test]
async fn new_credentials_that_the_server_refuses_are_not_requested_again() {
    let world = World::with_keys().await;
    world.aws.always(gives("IAM:nobody", "pw", "2026-01-31T10:15:00Z"));
    let error = refused(&world.through(cluster())).await;
    assert_eq!(error.code(), Code::SourceAuthFailed);
    assert!(error.help_text().unwrap().contains("auto_create"));
    assert_eq!(world.asked().len(), 1);
}

#[tokio::test]
async fn passwords_of_aws_may_hold_any_character() {
    let world = World::with_keys().await;
    encrypted().sql("DROP ROLE IF EXISTS odd; CREATE ROLE odd LOGIN PASSWORD '<a&b>\"c é'");
    world.aws.always(gives("odd", "&lt;a&amp;b&gt;&quot;c &#233;", "2026-01-31T10:15:00Z"));
    assert_eq!(user(&world.through(cluster())).await, "odd");
}

#[tokio::test]
async fn plain_text_is_out_of_the_question() {
    let world = World::with_keys().await;
    for mode in [TlsMode::Disable, TlsMode::Prefer] {
        let tls = Tls { mode, ..Tls::default() };
        let login = Login::Iam(world.iam(cluster()));
        let made: Result<Server> =
            Server::new(ServerSettings { login, tls, ..settings(Postgres::shared()) }, &world.client());
        assert_eq!(made.err().unwrap().code(), Code::InvalidValue);
    }
    assert!(world.asked().is_empty());
}
