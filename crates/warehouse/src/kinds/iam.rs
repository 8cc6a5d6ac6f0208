//! The settings of a login by AWS: what `iam` says, and otherwise what the host's name says.

use std::time::Duration;

use outflow_core::Code;
use outflow_core::schema::{Key, Kind, Shape};

use super::{Input, SettingProblem, Values, problem};
use crate::ServerKind;
use crate::aws::{DbUser, Endpoint, Iam, IamTarget, LONGEST_LIFE, SHORTEST_LIFE, is_region};

pub(super) const SHAPE: Shape = Shape {
    what: "iam",
    keys: &[
        Key::new(
            "cluster",
            Kind::Text,
            "the identifier of a provisioned cluster, if the host does not say it",
        ),
        Key::new("workgroup", Kind::Text, "the name of a serverless workgroup, if the host does not say it"),
        Key::new("region", Kind::Text, "the AWS region, if the host does not say it"),
        Key::new(
            "user",
            Kind::Text,
            "the database user to log in as, on a cluster; without it, one that AWS makes of the identity",
        ),
        Key::new("groups", Kind::List(&Kind::Text), "database groups that the named user joins"),
        Key::new(
            "auto_create",
            Kind::Flag,
            "whether the named user is made if there is none; false by default",
        ),
        Key::new("profile", Kind::Text, "the AWS profile whose keys are used, in place of the usual chain"),
        Key::new(
            "duration",
            Kind::Duration { min: SHORTEST_LIFE.as_secs(), max: LONGEST_LIFE.as_secs() },
            "how long a password is good for, from 15m to 1h; 15m by default",
        ),
    ],
    open: false,
};

pub(super) fn read(kind: ServerKind, input: &Input<'_>, problems: &mut Vec<SettingProblem>) -> Option<Iam> {
    if !kind.facts().has_iam {
        let help = "use `user` and `password`";
        problems.push(problem("iam", Code::InvalidValue, "\"iam\" is for redshift", help));
    }
    for (key, help) in [("user", "name the database user in `iam: { user: … }`"), ("password", "take it out")]
    {
        if input.values.has(key) {
            let message = format!("{key:?} does not go with \"iam\"");
            problems.push(problem(key, Code::InvalidValue, message, help));
        }
    }
    let iam = input.values.table("iam")?;
    check_values(iam, problems);

    let known = Endpoint::of_host(input.values.text("host")?);
    // The settings override what the host says.
    let text = |key: &str| iam.text(key).map(str::to_owned);
    let (cluster, workgroup) = match (text("cluster"), text("workgroup")) {
        (None, None) => (known.cluster, known.workgroup),
        written => written,
    };
    let region = text("region").or(known.region);
    let target = target(iam, cluster, workgroup, problems);
    let mut missing = Vec::new();
    if target.is_none() && !iam.has("cluster") && !iam.has("workgroup") {
        missing.push("cluster or workgroup");
    }
    if region.is_none() && !iam.has("region") {
        missing.push("region");
    }
    if !missing.is_empty() {
        let message = format!("the host of database {:?} does not say {}", input.name, missing.join(" and "));
        let help = "say them in `iam`: `{ cluster: NAME, region: eu-central-1 }` or `{ workgroup: NAME, \
                    region: eu-central-1 }`";
        problems.push(problem("iam", Code::MissingKey, message, help));
    }
    let duration = iam.number("duration").map_or(SHORTEST_LIFE, Duration::from_secs);
    Some(Iam { target: target?, region: region?, profile: text("profile"), duration })
}

/// What is wrong with single values, and with two that exclude each other.
fn check_values(iam: Values<'_>, problems: &mut Vec<SettingProblem>) {
    let mut wrong = |setting, message: &str, help: &str| {
        problems.push(problem(setting, Code::InvalidValue, message, help));
    };
    if iam.has("cluster") && iam.has("workgroup") {
        let help = "a database is on a cluster or in a workgroup: keep one";
        wrong("iam.workgroup", "\"workgroup\" does not go with \"cluster\"", help);
    }
    if iam.text("region").is_some_and(|region| !is_region(region)) {
        wrong("iam.region", "\"region\" is no AWS region", "write it like eu-central-1");
    }
}

/// The cluster with its user, or the workgroup, which has no say in who logs in.
fn target(
    iam: Values<'_>,
    cluster: Option<String>,
    workgroup: Option<String>,
    problems: &mut Vec<SettingProblem>,
) -> Option<IamTarget> {
    const OF_A_USER: [(&str, &str); 2] = [("groups", "iam.groups"), ("auto_create", "iam.auto_create")];
    let mut refuse = |keys: &[(&str, &'static str)], why: &str, help: &str| {
        for (key, setting) in keys.iter().filter(|(key, _)| iam.has(key)) {
            problems.push(problem(setting, Code::InvalidValue, format!("{key:?} {why}"), help));
        }
    };
    if let (Some(name), None) = (&workgroup, &cluster) {
        let help = "take it out: AWS makes a user of the identity";
        refuse(&[("user", "iam.user")], "does not go with a workgroup", help);
        refuse(&OF_A_USER, "does not go with a workgroup", help);
        return Some(IamTarget::Workgroup(name.clone()));
    }
    if !iam.has("user") {
        refuse(&OF_A_USER, "goes with \"user\" only", "name a user, or take it out");
    }
    let user = iam.text("user").map(|name| DbUser {
        name: name.to_owned(),
        groups: iam.texts("groups"),
        create: iam.flag("auto_create").unwrap_or_default(),
    });
    Some(IamTarget::Cluster { id: cluster?, user })
}
