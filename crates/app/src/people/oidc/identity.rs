//! What claims say about a person: who it is at the provider, their name here, and their role.
//!
//! What always holds: of several groups the one counts whose role may do most.

use outflow_core::ports::state::{ExternalIdentity, Role};
use outflow_project::oidc::OidcSettings;
use serde_json::Value;

use super::super::names;
use super::id_token::Claims;

/// A person of the provider.
#[derive(Debug)]
pub(super) struct Identity {
    /// Who it is there.
    pub(super) external: ExternalIdentity,
    /// Their name here, or why they have none.
    pub(super) name: Result<String, String>,
    /// What they may do, if they may do something.
    pub(super) role: Option<Role>,
}

impl Identity {
    /// The person whom these claims are about.
    pub(super) fn of(claims: &Claims, settings: &OidcSettings) -> Self {
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default().to_owned();
        let external = ExternalIdentity { issuer: settings.issuer.clone(), subject };
        Self { external, name: name(claims, &settings.name_claim), role: role(claims, settings) }
    }
}

fn name(claims: &Claims, claim: &str) -> Result<String, String> {
    let Some(text) = claims.get(claim).and_then(Value::as_str) else {
        return Err(format!("the provider says nothing in the claim {claim:?}, which gives the name"));
    };
    let is_unverified = claims.get("email_verified").is_some_and(|found| *found != Value::Bool(true));
    if claim == "email" && is_unverified {
        return Err("the provider has not verified the address of e-mail, which gives the name".to_owned());
    }
    names::user_name(text).map_err(|why| format!("the claim {claim:?} gives no name: {why}"))
}

fn role(claims: &Claims, settings: &OidcSettings) -> Option<Role> {
    let groups: Vec<&str> = match claims.get(&settings.groups_claim) {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let given = settings.roles.iter().filter(|(group, _)| groups.contains(&group.as_str()));
    given.map(|(_, role)| *role).max().or(settings.default_role)
}

#[cfg(test)]
mod tests {
    use outflow_core::Secret;
    use serde_json::json;

    use super::*;

    fn settings(default_role: Option<Role>) -> OidcSettings {
        OidcSettings {
            issuer: "https://id.example".to_owned(),
            client_id: "outflow".to_owned(),
            client_secret: Secret::default(),
            redirect_url: None,
            scopes: Vec::new(),
            name_claim: "email".to_owned(),
            groups_claim: "groups".to_owned(),
            roles: vec![("ops".to_owned(), Role::Admin), ("data".to_owned(), Role::Member)],
            default_role,
        }
    }

    fn of(claims: Value, default_role: Option<Role>) -> Identity {
        Identity::of(claims.as_object().unwrap(), &settings(default_role))
    }

    #[test]
    fn the_role_that_may_do_most_counts_and_none_is_none() {
        let (viewer, none) = (Some(Role::Viewer), None);
        for (groups, default_role, expected) in [
            (json!(["data", "ops"]), none, Some(Role::Admin)),
            (json!(["data", "x"]), viewer, Some(Role::Member)),
            (json!("data"), none, Some(Role::Member)),
            (json!(["x", 1, null]), viewer, viewer),
            (json!(["Ops", "ops "]), none, none),
            (json!({ "ops": true }), none, none),
            (json!(null), viewer, viewer),
        ] {
            assert_eq!(of(json!({ "groups": groups }), default_role).role, expected, "{groups}");
        }
        assert_eq!(of(json!({}), none).role, None);
    }

    #[test]
    fn a_name_is_what_a_user_may_be_called_and_was_verified() {
        assert_eq!(of(json!({ "email": "Ada@Example.com" }), None).name.as_deref(), Ok("ada@example.com"));
        assert!(of(json!({ "email": "ada@e.com", "email_verified": true }), None).name.is_ok());
        for claims in [
            json!({ "email": "ada@e.com", "email_verified": false }),
            json!({ "email": "ada@e.com", "email_verified": "false" }),
            json!({ "email": "аda@e.com" }),
            json!({ "email": ["ada@e.com"] }),
            json!({ "name": "ada" }),
        ] {
            assert!(of(claims.clone(), None).name.is_err(), "{claims}");
        }
    }
}
