//! Who logs in to a database's server, and by which way: `user` and `password`, or `iam`; and `tunnel`.

use outflow_core::{Code, Dialect, Secret};
use outflow_warehouse::Tunnel;
use outflow_warehouse::aws::{DbUser, Endpoint, IamTarget, LONGEST_LIFE, is_region};

use super::document::{Key, Node};
use super::{Iam, Login, Problems};

/// Who logs in; `None` if a problem is in the way.
pub(super) fn read(name: &Key, node: &Node, dialect: Dialect, problems: &mut Problems) -> Option<Login> {
    if let Some(iam) = node.get("iam") {
        return of_aws(name, node, iam, dialect, problems).map(Login::Iam);
    }
    let name = &name.name;
    if node.get("user").is_none() {
        let help = "name the user who reads: `user: outflow_reader`";
        problems.add(&node.place, Code::MissingKey, format!("database {name:?} has no user"), help);
    }
    if dialect == Dialect::Redshift && node.get("password").is_none() {
        let help = "write `password: ${env:REDSHIFT_PASSWORD}` and set that environment variable, or log in with `iam`";
        problems.add(&node.place, Code::MissingKey, format!("database {name:?} has no password"), help);
    }
    let text = |key: &str| node.get(key).and_then(Node::text);
    let password = Secret::new(text("password").unwrap_or_default());
    Some(Login::Password { user: text("user")?.to_owned(), password })
}

/// What AWS is asked for: what `iam` says, and else what the host's name says.
fn of_aws(name: &Key, database: &Node, iam: &Node, dialect: Dialect, problems: &mut Problems) -> Option<Iam> {
    let before = problems.0.len();
    if dialect != Dialect::Redshift {
        problems.add(&iam.place, Code::InvalidValue, "\"iam\" is for redshift", "use `user` and `password`");
    }
    for key in ["user", "password"] {
        if let Some(node) = database.get(key) {
            let help =
                if key == "user" { "name the database user in `iam: { user: … }`" } else { "take it out" };
            problems.add(&node.place, Code::InvalidValue, format!("{key:?} does not go with \"iam\""), help);
        }
    }
    let text = |key: &str| iam.get(key).and_then(Node::text).map(str::to_owned);
    if let (Some(_), Some(workgroup)) = (iam.get("cluster"), iam.get("workgroup")) {
        let help = "a database is on a cluster or in a workgroup: keep one";
        problems.add(
            &workgroup.place,
            Code::InvalidValue,
            "\"workgroup\" does not go with \"cluster\"",
            help,
        );
    }
    if let Some(duration) = iam.get("duration")
        && duration.duration().is_some_and(|d| d > LONGEST_LIFE)
    {
        problems.add(
            &duration.place,
            Code::InvalidValue,
            "\"duration\" is longer than 1h",
            "AWS gives from 15m to 1h",
        );
    }

    if let Some(node) = iam.get("region")
        && node.text().is_some_and(|text| !is_region(text))
    {
        problems.add(
            &node.place,
            Code::InvalidValue,
            "\"region\" is no AWS region",
            "write it like eu-central-1",
        );
    }

    let host = database.get("host").and_then(Node::text)?;
    let known = Endpoint::of_host(host);
    // What is written counts before what the host says.
    let (cluster, workgroup) = match (text("cluster"), text("workgroup")) {
        (None, None) => (known.cluster, known.workgroup),
        written => written,
    };
    let region = text("region").or(known.region);
    let target = target(iam, cluster, workgroup, problems);
    let mut missing = Vec::new();
    if target.is_none() && iam.get("cluster").or(iam.get("workgroup")).is_none() {
        missing.push("cluster or workgroup");
    }
    if region.is_none() && iam.get("region").is_none() {
        missing.push("region");
    }
    if !missing.is_empty() {
        let message = format!("the host of database {:?} does not say {}", name.name, missing.join(" and "));
        let help = "say them in `iam`: `{ cluster: NAME, region: eu-central-1 }` or `{ workgroup: NAME, region: eu-central-1 }`";
        problems.add(&iam.place, Code::MissingKey, message, help);
    }
    let duration = iam.get("duration").and_then(Node::duration);
    let iam = Iam { target: target?, region: region?, profile: text("profile"), duration };
    (problems.0.len() == before).then_some(iam)
}

/// The cluster with its user, or the workgroup, which has no say in who logs in.
fn target(
    iam: &Node,
    cluster: Option<String>,
    workgroup: Option<String>,
    problems: &mut Problems,
) -> Option<IamTarget> {
    let user = iam.get("user").and_then(Node::text);
    let mut refuse = |keys: &[&str], why: &str, help: &str| {
        for (key, node) in keys.iter().filter_map(|key| iam.get(key).map(|node| (key, node))) {
            problems.add(&node.place, Code::InvalidValue, format!("{key:?} {why}"), help);
        }
    };
    if let (Some(name), None) = (&workgroup, &cluster) {
        let help = "take it out: AWS makes a user of the identity";
        refuse(&["user", "groups", "auto_create"], "does not go with a workgroup", help);
        return Some(IamTarget::Workgroup(name.clone()));
    }
    if user.is_none() && iam.get("user").is_none() {
        refuse(&["groups", "auto_create"], "goes with \"user\" only", "name a user, or take it out");
    }
    let groups = iam.get("groups").map(Node::items).unwrap_or_default();
    let user = user.map(|name| DbUser {
        name: name.to_owned(),
        groups: groups.iter().filter_map(Node::text).map(str::to_owned).collect(),
        create: iam.get("auto_create").and_then(Node::flag).unwrap_or_default(),
    });
    Some(IamTarget::Cluster { id: cluster?, user })
}

/// A tunnel; `None` if a problem is in the way.
pub(super) fn tunnel(node: &Node, problems: &mut Problems) -> Option<Tunnel> {
    for key in ["host", "user"] {
        if let Some(value) = node.get(key)
            && value.text().is_some_and(|text| !text.is_empty() && !Tunnel::takes(text))
        {
            let help = "use letters, digits and . _ - : @ +, and no - at the beginning";
            problems.add(&value.place, Code::InvalidValue, format!("{key:?} cannot be a {key} of ssh"), help);
        }
    }
    let text = |key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
    Some(Tunnel {
        host: text("host")?,
        port: node.get("port").map_or(Some(22), |p| u16::try_from(p.whole()?).ok())?,
        user: text("user"),
        key: node.get("key").and_then(Node::path),
        known_hosts: node.get("known_hosts").and_then(Node::path),
    })
}
