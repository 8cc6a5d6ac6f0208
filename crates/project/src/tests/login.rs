//! `iam` and `tunnel`: what may be said, and what each mistake gives.

use std::path::Path;
use std::time::Duration;

use outflow_warehouse::aws::{DbUser, IamTarget, SHORTEST_LIFE};
use outflow_warehouse::{DatabaseSettings, Iam, Login, ServerSettings, Tunnel};

use super::{folder, load, load_text, problems};

const CLUSTER: &str = "c-1.abc.eu-central-1.redshift.amazonaws.com";
const WORKGROUP: &str = "wg.123456789012.us-east-1.redshift-serverless.amazonaws.com";

/// A project whose database has these lines.
fn project(kind: &str, lines: &str) -> String {
    let lines = lines.replace("CLUSTER", CLUSTER).replace("WORKGROUP", WORKGROUP);
    format!(
        "version: 1\nsources:\n  w:\n    type: {kind}\n    databases:\n      main:\n        database: dev\n{lines}"
    )
}

fn database(text: &str) -> (Login, Option<Tunnel>) {
    let project = load(folder(&[("outflow.yaml", text)]).path()).unwrap();
    match project.databases.into_iter().next().unwrap().settings {
        DatabaseSettings::Server(ServerSettings { login, tunnel, .. }) => (login, tunnel),
        other => panic!("{other:?}"),
    }
}

fn iam(lines: &str) -> Iam {
    match database(&project("redshift", lines)).0 {
        Login::Iam(iam) => iam,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_the_host_says_need_not_be_written() {
    let known = iam("        host: CLUSTER\n        iam: {}\n");
    assert_eq!(known.target, IamTarget::Cluster { id: "c-1".into(), user: None });
    assert_eq!((&*known.region, known.profile, known.duration), ("eu-central-1", None, SHORTEST_LIFE));
    let known = iam("        host: WORKGROUP\n        iam: { profile: etl, duration: 1h }\n");
    assert_eq!(known.target, IamTarget::Workgroup("wg".into()));
    assert_eq!((&*known.region, known.profile.as_deref()), ("us-east-1", Some("etl")));
    assert_eq!(known.duration, Duration::from_secs(3600));
}

#[test]
fn what_is_written_counts_before_what_the_host_says() {
    let user = "user: etl, groups: [readers, b], auto_create: true";
    let named = iam(&format!(
        "        host: CLUSTER\n        iam: {{ cluster: other, region: eu-west-1, {user} }}\n"
    ));
    let user = DbUser { name: "etl".into(), groups: vec!["readers".into(), "b".into()], create: true };
    assert_eq!(named.target, IamTarget::Cluster { id: "other".into(), user: Some(user) });
    assert_eq!(named.region, "eu-west-1");
    let alias = iam("        host: db.example.com\n        iam: { workgroup: wg, region: cn-north-1 }\n");
    assert_eq!((alias.target, &*alias.region), (IamTarget::Workgroup("wg".into()), "cn-north-1"));
    // A cluster behind a name that looks like a workgroup's, and the other way round.
    let other = iam("        host: WORKGROUP\n        iam: { cluster: c }\n");
    assert_eq!(other.target, IamTarget::Cluster { id: "c".into(), user: None });
}

#[test]
fn each_mistake_of_a_login_gives_one_problem_at_its_place() {
    let mut differ = Vec::new();
    for (lines, expected) in [
        ("        host: CLUSTER\n        user: u\n        iam: {}\n", "C005 outflow.yaml:9:15"),
        (
            "        host: CLUSTER\n        password: ${env:REDSHIFT_PASSWORD}\n        iam: {}\n",
            "C005 outflow.yaml:9:19",
        ),
        ("        host: CLUSTER\n        ssl: prefer\n        iam: {}\n", "C005 outflow.yaml:9:14"),
        (
            "        host: CLUSTER\n        ssl: { mode: disable }\n        iam: {}\n",
            "C005 outflow.yaml:9:14",
        ),
        ("        host: CLUSTER\n        iam: yes\n", "C005 outflow.yaml:9:14"),
        ("        host: CLUSTER\n        iam: { groups: [a] }\n", "C005 outflow.yaml:9:24"),
        ("        host: CLUSTER\n        iam: { auto_create: true }\n", "C005 outflow.yaml:9:29"),
        ("        host: CLUSTER\n        iam: { duration: 10m }\n", "C005 outflow.yaml:9:26"),
        ("        host: CLUSTER\n        iam: { duration: 2h }\n", "C005 outflow.yaml:9:26"),
        ("        host: CLUSTER\n        iam: { role: x }\n", "C003 outflow.yaml:9:16"),
        ("        host: CLUSTER\n        iam: { cluster: a, workgroup: b }\n", "C005 outflow.yaml:9:39"),
        ("        host: CLUSTER\n        iam: { region: EU }\n", "C005 outflow.yaml:9:24"),
        ("        host: WORKGROUP\n        iam: { user: u }\n", "C005 outflow.yaml:9:22"),
        ("        host: db.example.com\n        iam: {}\n", "C006 outflow.yaml:9:14"),
        ("        host: db.example.com\n        iam: { cluster: c }\n", "C006 outflow.yaml:9:14"),
        ("        host: db.example.com\n        iam: { region: eu-west-1 }\n", "C006 outflow.yaml:9:14"),
        (
            "        host: 123456789012.us-east-1.redshift-serverless.amazonaws.com\n        iam: {}\n",
            "C006 outflow.yaml:9:14",
        ),
        ("        iam: {}\n", "C006 outflow.yaml:7:9"),
        ("        host: h\n        password: ${env:REDSHIFT_PASSWORD}\n", "C006 outflow.yaml:7:9"),
        ("        host: h\n        user: u\n", "C006 outflow.yaml:7:9"),
        ("        host: CLUSTER\n        iam: {}\n        tunnel: { port: 22 }\n", "C006 outflow.yaml:10:17"),
        ("        host: CLUSTER\n        iam: {}\n        tunnel: bastion\n", "C005 outflow.yaml:10:17"),
        (
            "        host: CLUSTER\n        iam: {}\n        tunnel: { host: b, port: 0 }\n",
            "C005 outflow.yaml:10:34",
        ),
        (
            "        host: CLUSTER\n        iam: {}\n        tunnel: { host: b, password: x }\n",
            "C003 outflow.yaml:10:28",
        ),
        (
            "        host: CLUSTER\n        iam: {}\n        tunnel: { host: -oProxyCommand=x }\n",
            "C005 outflow.yaml:10:25",
        ),
        (
            "        host: CLUSTER\n        iam: {}\n        tunnel: { host: b, user: a b }\n",
            "C005 outflow.yaml:10:34",
        ),
        (
            "        host: CLUSTER\n        iam: {}\n        tunnel: { host: \"b:22\" }\n",
            "C005 outflow.yaml:10:25",
        ),
    ] {
        let found = problems(&project("redshift", lines));
        if found != [expected] {
            differ.push((lines, expected, found));
        }
    }
    assert!(differ.is_empty(), "{differ:#?}");
}

#[test]
fn iam_is_for_redshift() {
    let text = project(
        "postgres",
        "        host: h\n        ssl: require\n        iam: { cluster: c, region: eu-west-1 }\n",
    );
    assert_eq!(problems(&text), ["C005 outflow.yaml:10:14"]);
}

#[test]
fn what_cannot_be_known_is_named() {
    let text = project("redshift", "        host: db.example.com\n        iam: { user: x }\n");
    let errors = load_text(&text).unwrap_err();
    assert_eq!(
        errors[0].message(),
        "the host of database \"main\" does not say cluster or workgroup and region"
    );
    assert!(errors[0].help_text().unwrap().contains("region: eu-central-1"));
}

#[test]
fn a_tunnel_is_read_with_paths_beside_its_file() {
    let lines = "        host: 10.0.0.5\n        user: u\n        tunnel: { host: bastion, port: 2222, user: ec2-user, key: keys/id, known_hosts: hosts }\n";
    let dir = folder(&[("outflow.yaml", &project("postgres", lines))]);
    let found = load(dir.path()).unwrap();
    let DatabaseSettings::Server(ServerSettings { tunnel: Some(tunnel), .. }) = &found.databases[0].settings
    else {
        panic!()
    };
    let Tunnel { host, port, user, key, known_hosts } = tunnel;
    assert_eq!((&**host, *port, user.as_deref()), ("bastion", 2222, Some("ec2-user")));
    let beside = |name: &str| dir.path().join(name);
    assert_eq!(
        (key.as_deref(), known_hosts.as_deref()),
        (Some(&*beside("keys/id")), Some(&*beside("hosts")))
    );

    let (_, plain) =
        database(&project("postgres", "        host: h\n        user: u\n        tunnel: { host: b }\n"));
    let plain = plain.unwrap();
    assert_eq!((plain.port, plain.user, plain.key.as_deref()), (22, None, None::<&Path>));
}
