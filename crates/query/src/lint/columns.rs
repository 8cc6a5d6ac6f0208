//! Findings about the columns of the result: Q101, Q103, Q105, Q109, Q110, Q111, Q201.

use std::collections::HashMap;

use outflow_core::{CallType, Code, Dialect};

use super::{Finding, Lint};
use crate::dialect::{Folding, Rules, rules};
use crate::outline::Name;
use crate::scan::Kind;

/// From here on a result is worth a second look.
const MANY: usize = 200;
/// Segment's reverse ETL takes no more columns than this.
const MOST_FOR_SEGMENT: usize = 512;

/// Known names with capitals: calls have them as documented, in whatever case they come.
const FIELDS: &[&str] =
    &["userId", "anonymousId", "previousId", "groupId", "objectTypeId", "messageId", "createdAt"];

/// Names of events that make Customer.io do something; see its documentation of semantic events.
const COMMANDS: &[&str] = &[
    "User Deleted",
    "User Suppressed",
    "User Unsuppressed",
    "Device Created or Updated",
    "Device Deleted",
    "Relationship Deleted",
    "Object Deleted",
    "Report Delivery Event",
    "Report Content Event",
];

pub(super) fn all(lint: &Lint<'_>) -> Vec<Finding> {
    let mut found = every_column(lint);
    found.extend(duplicates(lint));
    found.extend(secrets(lint));
    found.extend(folded(lint));
    found.extend(commands(lint));
    let Some(select) = lint.output else { return found };
    let list = select.at..select.at + 1;
    if !lint.names.contains(&Name::Wildcard)
        && let Some((message, help)) = too_many_by(lint.names.len(), lint.rules())
    {
        found.push(lint.at(list.clone(), Code::ManyColumns, message, help));
    }
    let is_person = |name: &str| ["userid", "anonymousid"].contains(&name.to_ascii_lowercase().as_str());
    if lint.context.call_type == CallType::Group
        && lint.is_complete()
        && !lint.named().any(|(_, n)| is_person(&n))
    {
        let message = "the group query has no userId, so its calls add no person to a group";
        let help = "add the people who belong to the group, one row each: `person_id AS userId`; leave it so if only the groups' traits are meant";
        found.push(lint.at(list, Code::GroupWithoutUserId, message, help));
    }
    found
}

/// The finding about a result with this number of columns: a sentence, and what to do.
pub fn too_many(columns: usize, dialect: Dialect) -> Option<(String, &'static str)> {
    too_many_by(columns, rules(dialect))
}

fn too_many_by(columns: usize, rules: &Rules) -> Option<(String, &'static str)> {
    let limit = match (columns, rules.max_columns) {
        (..=MANY, _) => return None,
        (n, Some(most)) if n > most => format!(", and {} gives at most {most}", rules.name),
        (n, _) if n > MOST_FOR_SEGMENT => {
            format!(", more than the {MOST_FOR_SEGMENT} that some destinations take")
        }
        _ => String::new(),
    };
    let message = format!("the result has {columns} columns, and each becomes a trait or property{limit}");
    Some((message, "name the columns that the destination makes use of"))
}

fn every_column(lint: &Lint<'_>) -> Vec<Finding> {
    let items = lint.output.map_or(&[][..], |s| &s.items);
    let wildcards = items.iter().zip(&lint.names).filter(|(_, name)| **name == Name::Wildcard);
    let message = "`*` selects every column: each becomes a trait or property, also those that are added to the table later";
    let help = "name the columns that are meant to leave the warehouse";
    wildcards.map(|(item, _)| lint.at(item.clone(), Code::SelectStar, message, help)).collect()
}

fn duplicates(lint: &Lint<'_>) -> Vec<Finding> {
    let mut seen: HashMap<String, String> = HashMap::new();
    let mut found = Vec::new();
    for (token, name) in lint.named() {
        let Some(first) = seen.insert(name.to_ascii_lowercase(), name.clone()) else { continue };
        let (message, help) = if (lint.context.same_field)(lint.context.call_type, &first, &name) {
            (
                format!("the columns {first} and {name} fill the same field"),
                "give one of them another name with AS, or leave it out",
            )
        } else {
            two_cases(&first, &name)
        };
        found.push(lint.at(token..token + 1, Code::DuplicateColumn, message, help));
    }
    found
}

/// What is said about two columns that are two fields, and the help.
pub fn two_cases(first: &str, name: &str) -> (String, &'static str) {
    (
        format!("the columns {first} and {name} become two fields that differ in case alone"),
        "give one of them another name with AS, as people and some destinations take them for one",
    )
}

fn secrets(lint: &Lint<'_>) -> Vec<Finding> {
    let items = lint.output.map_or(&[][..], |s| &s.items);
    let mut found = Vec::new();
    for (item, name) in items.iter().zip(&lint.names) {
        let of_column = lint.outline.own(item).find(|&i| {
            lint.outline.is_name(i)
                && !lint.outline.is_symbol(i + 1, b'(')
                && is_secret(&lint.outline.name(i))
        });
        let (Name::Alias(_) | Name::Column(_)) = name else { continue };
        let Some(token) = of_column else { continue };
        let message = format!(
            "the name {} looks like a secret, and its values go to every destination",
            lint.outline.name(token)
        );
        let help = "leave the column out; if it holds no secret, leave it as it is";
        found.push(lint.at(token..token + 1, Code::SecretLikeColumn, message, help));
    }
    found
}

/// Whether a column of that name is likely to hold a secret itself, and not something about one, as
/// `password_changed_at` does.
fn is_secret(name: &str) -> bool {
    const SECRET: &[&str] = &[
        "password",
        "passwd",
        "pwd",
        "passphrase",
        "secret",
        "token",
        "api key",
        "apikey",
        "access key",
        "private key",
        "secret key",
        "ssn",
        "social security number",
        "card number",
        "cardnumber",
        "credit card",
        "creditcard",
        "cvv",
        "cvc",
        "iban",
    ];
    const ABOUT_ONE: &[&str] = &[
        "at",
        "on",
        "date",
        "time",
        "count",
        "set",
        "is",
        "has",
        "needs",
        "changed",
        "expires",
        "expiry",
        "last4",
        "four",
        "type",
        "brand",
        "device",
        "push",
        "fcm",
        "apns",
        "loyalty",
        "gift",
        "membership",
        "member",
        "santa",
        "length",
        "enabled",
        "status",
        "hint",
        "used",
    ];
    let words = words_of(name);
    let padded = format!(" {} ", words.join(" "));
    let has = |list: &[&str]| list.iter().any(|w| padded.contains(&format!(" {w} ")));
    has(SECRET) && !has(ABOUT_ONE)
}

/// `apiKey`, `API_KEY` and `api-key` are the words `api` and `key`.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && before_lower) {
            words.push(String::new());
        }
        before_lower = c.is_lowercase() || c.is_numeric();
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|w| !w.is_empty());
    words
}

fn folded(lint: &Lint<'_>) -> Option<Finding> {
    let (note, quoted_too) = match lint.rules().folding {
        Folding::All(note) => (note, true),
        Folding::Unquoted(note) => (note, false),
        Folding::Never => return None,
    };
    let folds = |token: usize| quoted_too || lint.outline.token(token).is_some_and(|t| t.kind == Kind::Word);
    let is_field = |name: &str| FIELDS.iter().any(|f| f.eq_ignore_ascii_case(name));
    let names: Vec<(usize, String)> = lint
        .named()
        .filter(|(token, name)| {
            folds(*token) && name.bytes().any(|b| b.is_ascii_uppercase()) && !is_field(name)
        })
        .collect();
    let (first, _) = names.first()?;
    // Where two places spell a name differently, it is not known which one is meant.
    let called = lint.named().map(|(token, _)| token).zip(&lint.called);
    let called: HashMap<usize, &String> = called.collect();
    let is_lost = |(token, name): &&(usize, String)| called.get(token).is_some_and(|c| *c != name);
    if let Some((token, name)) = names.iter().find(is_lost) {
        let lost: Vec<_> = names.iter().filter(is_lost).map(|(_, name)| name.to_ascii_lowercase()).collect();
        // The text output shows notes without their help.
        let message = format!(
            "{}; calls have {} in lower case, as the query spells {name} in several ways: spell it alike",
            note.what,
            lost.join(", ")
        );
        let help = format!(
            "spell {name} alike everywhere, or name it once more in an outer list: SELECT {} AS \"{name}\" FROM (…)",
            name.to_ascii_lowercase()
        );
        return Some(lint.at(*token..token + 1, Code::CaseFolded, message, &help));
    }
    let list = names.iter().map(|(_, name)| name.as_str()).take(5).collect::<Vec<_>>().join(", ");
    let more = if names.len() > 5 { format!(" and {} more", names.len() - 5) } else { String::new() };
    let message = format!("{}; calls have them as the query does: {list}{more}", note.what);
    Some(lint.at(*first..first + 1, Code::CaseFolded, message, note.help))
}

fn commands(lint: &Lint<'_>) -> Vec<Finding> {
    if lint.context.call_type != CallType::Track || !lint.context.customer_io {
        return Vec::new();
    }
    let items = lint.output.map_or(&[][..], |s| &s.items);
    let outline = lint.outline;
    let mut found = Vec::new();
    for (item, name) in items.iter().zip(&lint.names) {
        let (Name::Alias(token) | Name::Column(token)) = *name else { continue };
        if !outline.name(token).eq_ignore_ascii_case("event") {
            continue;
        }
        for i in outline.own(item) {
            let is_result = i == item.start || outline.is_any(i - 1, &["THEN", "ELSE"]);
            let Some(event) = outline.text(i).strip_prefix('\'').and_then(|t| t.strip_suffix('\'')) else {
                continue;
            };
            if is_result && COMMANDS.contains(&event) {
                let message = format!(
                    "Customer.io does not record '{event}' as an event but acts on it: it is a command"
                );
                let help = "give the event another name, unless the command is what you want";
                found.push(lint.at(i..i + 1, Code::EventNameIsCommand, message, help));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn names_of_secrets_differ_from_names_about_them() {
        for name in [
            "password",
            "PASSWORD_HASH",
            "userPassword",
            "api_key",
            "apiKey",
            "access_token",
            "client_secret",
            "ssn",
            "card_number",
            "creditCardNumber",
            "cvv",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "password_changed_at",
            "passwordChangedAt",
            "has_password",
            "device_token",
            "tokens_used",
            "tokenized",
            "loyalty_card_number",
            "card_last4",
            "credit_card_type",
            "secretary",
            "key",
            "session",
            "email",
            "gift_card_number",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
