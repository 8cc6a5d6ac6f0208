//! The ways in besides user and password, from the project file to the error that a user sees:
//! `iam` and `tunnel` reach the parts that act on them.

use outflow_testkit::{Receiver, Reply, free_port};

use crate::support::{Project, one_source};

fn project(source: &str, database: &str) -> Project {
    let database = format!("main: {{ database: dev, {database} }}");
    Project::new(&one_source("w", source, &database, "SELECT 1 AS \"userId\""))
}

const CLUSTER: &str =
    "host: c-1.abc.eu-central-1.redshift.amazonaws.com, iam: { user: etl, profile: reader }";

#[test]
fn iam_asks_aws_with_the_keys_of_this_machine() {
    let receiver = Receiver::start_blocking();
    let denied =
        "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
    receiver.always(Reply::status(403).body(denied));
    let project = project("redshift", CLUSTER);
    project.write(
        "home/.aws/credentials",
        "[reader]\naws_access_key_id = ID\naws_secret_access_key = canary-secret\n",
    );
    let home = project.path().join("home").display().to_string();
    let exit =
        project.program(&["run", "users"]).env("HOME", &home).env("AWS_ENDPOINT_URL", receiver.url()).run();
    exit.assert_code(5);
    assert!(
        exit.stderr.contains("S022") && exit.stderr.contains("allow redshift:GetClusterCredentials"),
        "{exit:?}"
    );
    assert!(!format!("{exit:?}").contains("canary-secret"));
    let body = String::from_utf8_lossy(&receiver.requests()[0].body).into_owned();
    assert!(body.contains("DbUser=etl") && body.contains("ClusterIdentifier=c-1"), "{body}");

    let exit = project.program(&["run", "users"]).env("HOME", "/nowhere").run();
    exit.assert_code(5);
    assert!(exit.stderr.contains("S021") && exit.stderr.contains("/nowhere/.aws/credentials"), "{exit:?}");
}

#[test]
fn a_tunnel_that_cannot_be_opened_is_told() {
    let port = free_port();
    let project =
        project("postgres", &format!("host: db, user: u, tunnel: {{ host: 127.0.0.1, port: {port} }}"));
    let exit = project.run(&["preview", "users"]);
    exit.assert_code(5);
    assert!(exit.stderr.contains("S023") && exit.stderr.contains(&format!("127.0.0.1:{port}")), "{exit:?}");
}

#[test]
fn validate_finds_what_iam_lacks_without_asking_anybody() {
    project("redshift", CLUSTER).run(&["validate"]).assert_code(0);
    let exit = project("redshift", "host: db.example.com, iam: {}").run(&["validate"]);
    exit.assert_code(2);
    assert!(exit.stderr.contains("C006") && exit.stderr.contains("outflow.yaml:6:"), "{exit:?}");
}
