//! `server.oidc`: what is taken, and what is a problem with its place.

use outflow_core::ports::state::Role;
use outflow_core::{Code, Secret};

use super::super::*;
use super::{folder, origin};

/// A project with this provider.
fn load(oidc: &str) -> Result<Project, Vec<Error>> {
    let text = format!("version: 1\nserver:\n  oidc: {oidc}\n");
    let dir = folder(&[("outflow.yaml", &text), ("secret", "canary\n")]);
    Project::load(&origin(dir.path()))
}

const START: &str =
    r#"issuer: "https://id.example/realms/a", client_id: outflow, client_secret: "${file:secret}""#;

#[test]
fn a_provider_has_defaults_and_groups_of_any_names() {
    let project = load(&format!("{{ {START}, roles: {{ /ops team: admin, 0815: viewer }} }}")).unwrap();
    let oidc = project.server.oidc.clone().unwrap();
    assert_eq!(
        (oidc.issuer.as_str(), oidc.client_secret.expose()),
        ("https://id.example/realms/a", "canary")
    );
    assert_eq!((oidc.name_claim.as_str(), oidc.groups_claim.as_str()), ("email", "groups"));
    assert_eq!(oidc.scopes, ["openid", "profile", "email"]);
    assert_eq!(oidc.roles, [("/ops team".to_owned(), Role::Admin), ("0815".to_owned(), Role::Viewer)]);
    assert!(!format!("{project:?}").contains("canary"));
    let other = load(&format!("{{ {START}, default_role: member, scopes: [groups, openid] }}")).unwrap();
    let oidc = other.server.oidc.unwrap();
    assert_eq!(
        (oidc.default_role, oidc.scopes),
        (Some(Role::Member), vec!["openid".into(), "groups".into()])
    );
    let local = load(
        &format!("{{ {START}, default_role: viewer }}").replace("https://id.example", "http://[::1]:80"),
    );
    assert!(local.unwrap().server.oidc.is_some(), "this machine needs no TLS");
}

#[test]
fn what_cannot_be_a_provider_is_a_problem_with_its_place() {
    let given = |more: &str| format!("{{ {START}, {more} }}");
    for (oidc, code) in [
        (format!("{{ {START} }}"), Code::MissingKey),
        (given("roles: {}"), Code::MissingKey),
        (given("roles: { a: owner }"), Code::InvalidValue),
        (given("roles: { a: [admin] }"), Code::InvalidValue),
        (given("default_role: owner"), Code::InvalidValue),
        (given("default_role: viewer, scopes: [a b]"), Code::InvalidValue),
        (given("default_role: viewer, redirect_url: \"https://o.example/\""), Code::InvalidValue),
        (given("default_role: viewer").replace("https:", "http:"), Code::InvalidValue),
        (given("default_role: viewer").replace("https:", "ftp:"), Code::InvalidValue),
        (given("default_role: viewer").replace("realms/a", "?a=b"), Code::InvalidValue),
        (given("default_role: viewer").replace("${file:secret}", "canary"), Code::SecretInFile),
        (given("default_role: viewer").replace("${file:secret}", "${file:none}"), Code::SecretUnresolved),
        (given("default_role: viewer, color: red"), Code::UnknownKey),
        (given("default_role: viewer").replace("client_id: outflow,", ""), Code::MissingKey),
    ] {
        let errors = load(&oidc).unwrap_err();
        assert!(errors.iter().any(|error| error.code() == code), "{oidc}: {errors:?}");
        assert!(errors.iter().all(|error| error.place().is_some()), "{oidc}: {errors:?}");
        assert!(!format!("{errors:?}").contains("canary"), "{errors:?}");
    }
}

#[test]
fn a_secret_of_outflow_goes_to_the_issuer_that_it_was_set_for() {
    let text = format!("version: 1\nserver:\n  oidc: {{ {START}, default_role: viewer }}\n");
    let text = text.replace("${file:secret}", "${secret:oidc}");
    let dir = folder(&[("outflow.yaml", &text)]);
    let uses = Project::secret_uses(&origin(dir.path()));
    let all: Vec<_> = uses.iter().map(|used| format!("{}: {}", used.used_by, used.address)).collect();
    let address = "oidc client_id=outflow issuer=https://id.example/realms/a (client_secret)";
    assert_eq!(all, [format!("sign-in provider: {address}")]);
    let load = |text: &str| {
        let dir = folder(&[("outflow.yaml", text)]);
        let kept = KeptSecret::Value { value: Secret::new("canary"), addresses: [address.to_owned()].into() };
        let secrets = KeptSecrets::new([("oidc".to_owned(), kept)].into());
        Project::load(&Origin { secrets, ..origin(dir.path()) })
    };
    assert_eq!(load(&text).unwrap().server.oidc.unwrap().client_secret.expose(), "canary");
    let errors = load(&text.replace("id.example", "evil.example")).unwrap_err();
    assert_eq!(errors[0].code(), Code::SecretNotForAddress);
}
