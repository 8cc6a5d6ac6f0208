//! `server.oidc`: the OpenID Connect provider that people sign in with.
//!
//! What always holds: the provider is asked over TLS, or on this machine itself, and at least one
//! role can come of it. What this does not do: ask the provider.

use std::net::IpAddr;

use outflow_core::ports::state::Role;
use outflow_core::{Code, Secret};
use outflow_egress::Target;

use super::Problems;
use super::document::Node;

/// Where a provider sends browsers back to.
pub const CALLBACK: &str = "/api/v1/session/oidc/callback";

/// A provider, and what people of it may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcSettings {
    /// The provider (`iss`), without a slash that it does not have itself.
    pub issuer: String,
    /// The application as the provider knows it.
    pub client_id: String,
    /// How the application proves who it is.
    pub client_secret: Secret,
    /// The address of [`CALLBACK`] for browsers; otherwise it is made of the request's host.
    pub redirect_url: Option<String>,
    /// What is asked for; `openid` is among it.
    pub scopes: Vec<String>,
    /// The claim with the user's name.
    pub name_claim: String,
    /// The claim with the groups.
    pub groups_claim: String,
    /// What each group gives.
    pub roles: Vec<(String, Role)>,
    /// What those get who are in none of these groups; `None`: they are not let in.
    pub default_role: Option<Role>,
}

/// Whether this host is the machine itself.
pub fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

pub(super) fn read(node: &Node, problems: &mut Problems) -> Option<OidcSettings> {
    // Without its secret it is of no use, which is reported where it is needed.
    if node.is_unresolved() {
        return None;
    }
    let text = |key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
    check_url(node.get("issuer"), None, problems);
    check_url(node.get("redirect_url"), Some(CALLBACK), problems);
    let (roles, default_role) = (roles(node, problems), text("default_role"));
    if roles.is_empty() && default_role.is_none() {
        let help =
            "map groups to roles, `roles: { GROUP: viewer }`, or give everybody one, `default_role: viewer`";
        problems.add(&node.place, Code::MissingKey, "no one of this provider would have a role", help);
    }
    Some(OidcSettings {
        issuer: text("issuer")?,
        client_id: text("client_id")?,
        client_secret: Secret::new(text("client_secret")?),
        redirect_url: text("redirect_url"),
        scopes: scopes(node.get("scopes"), problems),
        name_claim: text("name_claim").unwrap_or_else(|| "email".to_owned()),
        groups_claim: text("groups_claim").unwrap_or_else(|| "groups".to_owned()),
        roles,
        default_role: default_role.and_then(|name| Role::from_name(&name)),
    })
}

fn roles(node: &Node, problems: &mut Problems) -> Vec<(String, Role)> {
    let mut roles = Vec::new();
    for (group, role) in node.get("roles").into_iter().flat_map(Node::entries) {
        match role.text().and_then(Role::from_name) {
            Some(role) => roles.push((group.name.clone(), role)),
            None => {
                let names = Role::ALL.map(Role::name).join(", ");
                let message = format!("what the group {:?} gives is no role", group.name);
                problems.add(&role.place, Code::InvalidValue, message, format!("write one of {names}"));
            }
        }
    }
    roles
}

fn scopes(node: Option<&Node>, problems: &mut Problems) -> Vec<String> {
    let Some(node) = node else { return ["openid", "profile", "email"].map(str::to_owned).to_vec() };
    let mut scopes = vec!["openid".to_owned()];
    for item in node.items() {
        let Some(scope) = item.text() else { continue };
        if scope.chars().any(|c| !c.is_ascii_graphic() || matches!(c, '"' | '\\')) {
            let help = "each item of \"scopes\" is one scope, such as groups";
            problems.add(&item.place, Code::InvalidValue, "this is no scope", help);
        } else if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    scopes
}

/// An address that browsers or Outflow go to: `https`, or this machine.
fn check_url(node: Option<&Node>, path: Option<&str>, problems: &mut Problems) {
    let Some((node, url)) = node.and_then(|node| Some((node, node.text()?))) else { return };
    if let Err(error) = Target::new(url, []) {
        return problems.add_error(&node.place, error.at(node.place.to_string()));
    }
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    };
    let mut refuse = |message: &str, help: &str| {
        problems.add(&node.place, Code::InvalidValue, message, help);
    };
    if !scheme.eq_ignore_ascii_case("https") && !is_loopback(host) {
        refuse("the address is not https", "people sign in over TLS alone: write https://…");
    }
    if url.contains(['?', '#']) {
        refuse("the address has a query or a fragment", "leave out what begins with ? or #");
    }
    if let Some(path) = path.filter(|path| rest.strip_prefix(authority) != Some(*path)) {
        refuse("this is not the address of the callback", &format!("write https://HOST{path}"));
    }
}
