//! The reference's view of names: where a column goes and what becomes of it there.

use outflow_core::{CallType, Code, Column};

/// What becomes of a member.
#[derive(Clone, Copy, PartialEq)]
pub enum Rule {
    Trait,
    CreatedAt,
    ObjectType,
    Free,
    Text,
    Flag,
    Keywords,
    Channel,
    Device,
    Object,
    Integration,
}

/// Where each column goes, and all problems of the columns.
pub fn place_all(call: CallType, columns: &[Column]) -> (Vec<Vec<String>>, Vec<Code>) {
    let (mut taken, mut problems) = (Vec::<Vec<String>>::new(), Vec::new());
    let mut placed = Vec::new();
    for column in columns {
        let path = place(call, &column.name);
        placed.push(path.clone().unwrap_or_default());
        let Some(path) = path else {
            problems.push(Code::ColumnNotPlaceable);
            continue;
        };
        let nested = |a: &[String], b: &[String]| a.len() > 1 && b.len() > a.len() && b.starts_with(a);
        let mut accept = |path: Vec<String>| {
            if taken.contains(&path) {
                problems.push(Code::FieldFilledTwice);
                return false;
            }
            if taken.iter().any(|t| nested(t, &path) || nested(&path, t)) {
                problems.push(Code::ColumnNotPlaceable);
                return false;
            }
            taken.push(path);
            true
        };
        // A page's category is a property too.
        let category = path == ["category"];
        if accept(path) && category {
            accept(vec!["properties".to_owned(), "category".to_owned()]);
        }
    }
    let has = |names: &[&str]| taken.iter().any(|p| names.contains(&p.join(".").as_str()));
    let person = has(&["userId", "anonymousId"]);
    let missing = match call {
        CallType::Identify => vec![person || has(&["traits", "traits.email"])],
        CallType::Track => vec![has(&["event"]), person],
        CallType::Group => vec![has(&["groupId"])],
        CallType::Page | CallType::Screen => vec![has(&["name"]), person],
        CallType::Alias => vec![has(&["previousId"]), has(&["userId"])],
    };
    problems.extend(missing.into_iter().filter(|there| !there).map(|_| Code::RequiredColumnMissing));
    (placed, problems)
}

pub fn body(call: CallType) -> Option<&'static str> {
    match call {
        CallType::Identify | CallType::Group => Some("traits"),
        CallType::Alias => None,
        _ => Some("properties"),
    }
}

/// The path of a column in the call, in documented case; `None` if it has no place.
fn place(call: CallType, name: &str) -> Option<Vec<String>> {
    if name == "?column?" {
        return None;
    }
    let lower = name.to_ascii_lowercase();
    let mut heads = vec!["messageId", "timestamp", "userId", "anonymousId", "context", "integrations"];
    heads.extend(match call {
        CallType::Identify => vec!["traits"],
        CallType::Track => vec!["event", "properties"],
        CallType::Group => vec!["groupId", "objectTypeId", "traits"],
        CallType::Page => vec!["name", "category", "properties"],
        CallType::Screen => vec!["name", "properties"],
        CallType::Alias => vec!["previousId"],
    });
    if let Some(head) = heads.iter().find(|h| h.to_ascii_lowercase() == lower) {
        return Some(vec![(*head).to_owned()]);
    }
    for part in ["context", "integrations", "traits", "properties"].iter().filter(|p| heads.contains(p)) {
        for separator in [".", "__"] {
            if lower.starts_with(&format!("{part}{separator}")) {
                let rest = &name[part.len() + separator.len()..];
                let rest = if *part == "integrations" { vec![rest] } else { rest.split(separator).collect() };
                return finish(call, part, rest);
            }
        }
    }
    finish(call, body(call)?, name.split('.').collect())
}

fn finish(call: CallType, part: &str, rest: Vec<&str>) -> Option<Vec<String>> {
    if rest.iter().any(|p| p.is_empty()) || rest.len() > 20 {
        return None;
    }
    let mut path = vec![part.to_owned()];
    for name in rest {
        path.push(name.to_owned());
        documented(call, &mut path)?;
    }
    Some(path)
}

/// Puts the last name of a path into its documented case; `None` if there can be no such member.
pub fn documented(call: CallType, path: &mut [String]) -> Option<()> {
    let (last, above) = path.split_last_mut()?;
    let lower = last.to_ascii_lowercase();
    if let Some(name) = known(call, above).iter().find(|n| n.to_ascii_lowercase() == lower) {
        (*name).clone_into(last);
    }
    let free = above.len() < 2 || matches!(rule(call, above), Rule::Object | Rule::Free | Rule::Trait);
    (above[0] != "context" || free).then_some(())
}

/// The documented members of an object.
fn known(call: CallType, above: &[String]) -> &'static [&'static str] {
    match (above.join(".").as_str(), call) {
        ("traits", CallType::Identify) => &["createdAt", "email"],
        ("traits", CallType::Group) => &["object_type_id"],
        ("integrations", _) => &["All"],
        ("context", _) => &[
            "active",
            "channel",
            "ip",
            "locale",
            "userAgent",
            "campaign",
            "page",
            "app",
            "device",
            "network",
            "os",
        ],
        ("context.campaign", _) => &["content", "medium", "name", "source", "term"],
        ("context.page", _) => &["keywords", "name", "path", "referrer", "search", "title", "url"],
        ("context.app", _) => &["build", "name", "namespace", "version"],
        ("context.device", _) => &["advertisingId", "id", "manufacturer", "model", "name", "type", "version"],
        ("context.network", _) => &["bluetooth", "carrier", "cellular", "wifi"],
        ("context.os", _) => &["name", "version"],
        _ => &[],
    }
}

pub fn rule(call: CallType, path: &[String]) -> Rule {
    match (path.join(".").as_str(), call) {
        ("traits.createdAt", CallType::Identify) => Rule::CreatedAt,
        ("traits.object_type_id", CallType::Group) => Rule::ObjectType,
        (
            "context.active"
            | "context.network.bluetooth"
            | "context.network.cellular"
            | "context.network.wifi",
            _,
        ) => Rule::Flag,
        ("context.channel", _) => Rule::Channel,
        ("context.device.type", _) => Rule::Device,
        ("context.page.keywords", _) => Rule::Keywords,
        _ if path.len() == 2 && path[0] == "context" && !known(call, path).is_empty() => Rule::Object,
        ("context.ip" | "context.locale" | "context.userAgent" | "context.network.carrier", _) => Rule::Text,
        _ if path[0] == "integrations" => Rule::Integration,
        _ if path[0] != "context" => Rule::Trait,
        _ if path.len() == 3 && path[1] == "campaign" => Rule::Text,
        _ if path.len() == 3 && known(call, &path[..2]).contains(&path[2].as_str()) => Rule::Text,
        _ => Rule::Free,
    }
}
