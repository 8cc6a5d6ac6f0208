//! `${env:NAME}`, `${secret:NAME}` and `${file:PATH}`: what stands in a file in place of a secret.
//!
//! References work in every text below `sources`, `destinations`, `alerts`, `server` and `state`,
//! alone or within a longer text. A problem names the reference and never its value.

use outflow_core::{Code, Error, files};

use super::Problems;
use super::document::{Documents, MAX_BYTES, Node, Place, Value};
use super::kept::{self, KeptSecrets};

/// Environment variables by name.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

const FORMS: &str = "write ${env:NAME}, ${secret:NAME} or ${file:/run/secrets/name}";

/// The top-level keys below which references work.
pub(super) const KEYS: [&str; 5] = ["sources", "destinations", "alerts", "server", "state"];

/// What a reference is missing for: a part of the project that cannot be used without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A database of a source.
    Database {
        /// The source.
        source: String,
        /// Its name within the source.
        name: String,
    },
    /// A destination.
    Destination(String),
    /// All else: a source as a whole, the receivers of alerts, the server, the state.
    Rest,
}

/// A reference to something that is not there, or that cannot be used.
#[derive(Debug)]
pub struct Unresolved {
    /// What it belongs to.
    pub part: Part,
    /// C008, or C016.
    pub error: Error,
    pub(super) place: Place,
}

/// The variables that there are, by name.
#[derive(Debug, Default)]
pub(super) struct Variables {
    /// Those of `.env`.
    pub(super) in_file: Vec<String>,
    /// Those of the environment.
    pub(super) in_environment: Vec<String>,
}

impl Variables {
    /// What helps where this one is not set.
    fn help(&self, name: &str) -> String {
        let plain = |name: &str| name.replace('_', "").to_uppercase();
        let wanted = plain(name);
        let distance = |known: &&String| strsim::osa_distance(&plain(known), &wanted);
        let near = |names: &'_ [String]| {
            let nearest = names.iter().min_by_key(distance)?;
            (distance(&nearest) <= (wanted.len() / 5).max(1)).then(|| nearest.clone())
        };
        match (near(&self.in_file), near(&self.in_environment)) {
            (Some(known), _) => format!("did you mean {known} (.env)?"),
            (None, Some(known)) => format!("did you mean {known}, which the environment has?"),
            (None, None) => format!(
                "set the environment variable where Outflow runs, or write {name}=VALUE into a file .env beside \
                 outflow.yaml"
            ),
        }
    }
}

/// What a file refers to, and what of it is not there.
pub(super) struct Resolver<'a> {
    pub(super) env: Env<'a>,
    /// What can be meant by a variable that is not set.
    pub(super) variables: &'a Variables,
    /// The secrets that Outflow keeps.
    pub(super) kept: &'a KeptSecrets,
    pub(super) missing: Vec<Unresolved>,
    /// What is there, and probably not what was meant.
    pub(super) odd: Vec<(Place, Error)>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(env: Env<'a>, variables: &'a Variables, kept: &'a KeptSecrets) -> Self {
        Self { env, variables, kept, missing: Vec::new(), odd: Vec::new() }
    }

    /// Puts values in place of all references below these top-level keys.
    pub(super) fn resolve(&mut self, document: &mut Node, keys: &[&str]) {
        let Value::Table(entries) = &mut document.value else { return };
        for (key, node) in entries.iter_mut().filter(|(k, _)| keys.contains(&k.name.as_str())) {
            match (key.name.as_str(), &mut node.value) {
                ("sources", Value::Table(sources)) => {
                    sources.iter_mut().for_each(|(name, source)| self.source(&name.name, source));
                }
                ("destinations", Value::Table(destinations)) => {
                    for (name, node) in destinations {
                        let address = kept::address(kept::kind_of(node), node);
                        let owner = Owner::new(Part::Destination(name.name.clone()), address);
                        self.below(&name.name, node, &owner);
                    }
                }
                ("alerts", Value::Table(entries)) => {
                    entries.iter_mut().for_each(|(key, node)| self.alerts(&key.name, node));
                }
                ("server", Value::Table(entries)) => {
                    for (key, node) in entries {
                        let owner = match key.name.as_str() {
                            "oidc" => Owner::new(Part::Rest, kept::address("oidc", node)),
                            _ => Owner::rest(),
                        };
                        self.below(&key.name, node, &owner);
                    }
                }
                (key, _) => self.below(key, node, &Owner::rest()),
            }
        }
    }

    /// A part of `alerts`: each receiver has an address of its own.
    fn alerts(&mut self, key: &str, node: &mut Node) {
        let Value::List(receivers) = &mut node.value else { return self.below(key, node, &Owner::rest()) };
        for receiver in receivers {
            let Value::Table(entries) = &mut receiver.value else {
                self.below(key, receiver, &Owner::rest());
                continue;
            };
            for (kind, node) in entries {
                let owner = Owner::new(Part::Rest, kept::address(&kind.name, node));
                self.below(&kind.name, node, &owner);
            }
        }
    }

    fn source(&mut self, source: &str, node: &mut Node) {
        let kind = kept::kind_of(node).to_owned();
        let Value::Table(entries) = &mut node.value else {
            return self.below(source, node, &Owner::rest());
        };
        for (key, node) in entries {
            match (key.name.as_str(), &mut node.value) {
                ("databases", Value::Table(databases)) => {
                    for (name, node) in databases {
                        let part = Part::Database { source: source.to_owned(), name: name.name.clone() };
                        let owner = Owner::new(part, kept::address(&kind, node));
                        self.below(&name.name, node, &owner);
                    }
                }
                (key, _) => self.below(key, node, &Owner::rest()),
            }
        }
    }

    /// `key` is the one that has the value, or the list with it.
    fn below(&mut self, key: &str, node: &mut Node, owner: &Owner) {
        match &mut node.value {
            Value::List(items) => items.iter_mut().for_each(|item| self.below(key, item, owner)),
            Value::Table(entries) => {
                for (key, value) in entries {
                    self.below(&key.name, value, &owner.below(&key.name));
                }
            }
            Value::Text(text) if text.contains("${") => {
                node.value = match self.text(key, text, &node.place, owner) {
                    Some(resolved) => Value::Text(resolved),
                    None => Value::Unresolved(std::mem::take(text)),
                };
                node.referenced = true;
            }
            _ => {}
        }
    }

    /// The text with values in place of its references; `None` if it cannot be used.
    fn text(&mut self, key: &str, text: &str, place: &Place, owner: &Owner) -> Option<String> {
        let part = &owner.part;
        let address = owner.address.as_ref().map(|address| kept::with_setting(address, &owner.setting));
        let Resolver { env, variables, kept, .. } = *self;
        let lookup = Lookup { env, variables, kept, address: address.as_deref() };
        let resolved = match substitute(text, place, lookup) {
            Ok(resolved) => resolved,
            Err((code, message, help)) => {
                let error = Error::new(code, message).at(place.to_string()).help(help);
                self.missing.push(Unresolved { part: part.clone(), error, place: place.clone() });
                return None;
            }
        };
        // Of a host, blanks at its ends are left out.
        if key == "host" {
            return Some(resolved);
        }
        let mut is_usable = true;
        for error in odd_ends(key, text, &resolved, place, lookup) {
            if error.code().is_warning() {
                self.odd.push((place.clone(), error));
            } else {
                is_usable = false;
                self.missing.push(Unresolved { part: part.clone(), error, place: place.clone() });
            }
        }
        is_usable.then_some(resolved)
    }
}

type Failure = (Code, String, String);

/// What a reference belongs to.
struct Owner {
    part: Part,
    /// Where it sends something; `None`: secrets of Outflow cannot stand there.
    address: Option<String>,
    /// The path of the setting with the reference, within what it belongs to.
    setting: String,
}

impl Owner {
    fn new(part: Part, address: String) -> Self {
        Self { part, address: Some(address), setting: String::new() }
    }

    /// The same, one setting further down.
    fn below(&self, key: &str) -> Self {
        let (part, address) = (self.part.clone(), self.address.clone());
        Self { part, address, setting: kept::below(&self.setting, key) }
    }

    fn rest() -> Self {
        Self { part: Part::Rest, address: None, setting: String::new() }
    }
}

/// Where values are looked up.
#[derive(Clone, Copy)]
struct Lookup<'a> {
    env: Env<'a>,
    variables: &'a Variables,
    kept: &'a KeptSecrets,
    address: Option<&'a str>,
}

fn substitute(text: &str, place: &Place, lookup: Lookup<'_>) -> Result<String, Failure> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, reference)) = rest.split_once("${") {
        let Some((reference, behind)) = reference.split_once('}') else {
            return Err((Code::SecretUnresolved, "a reference is not closed".to_owned(), FORMS.to_owned()));
        };
        out.push_str(before);
        out.push_str(&value(reference, place, lookup)?);
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

fn value(reference: &str, place: &Place, lookup: Lookup<'_>) -> Result<String, Failure> {
    let unresolved = |what: &str, help: &str| {
        Err((Code::SecretUnresolved, format!("${{{reference}}} {what}"), help.to_owned()))
    };
    match reference.split_once(':') {
        Some(("env", name)) => match (lookup.env)(name) {
            Some(value) if !value.is_empty() => Ok(value),
            Some(_) => unresolved("is empty", "give the environment variable a value"),
            None => unresolved("is not set", &lookup.variables.help(name)),
        },
        Some(("file", path)) => match files::read_text(&place.path(path), MAX_BYTES) {
            Ok(text) if !text.trim().is_empty() => Ok(text.trim_end_matches(['\n', '\r']).to_owned()),
            Ok(_) => unresolved("is empty", "put the secret into the file"),
            Err(failure) => {
                let help = match path.starts_with('/') {
                    true => {
                        "put the secret into this file where Outflow runs, or write the path of the one that has it"
                    }
                    false => "a relative path begins at the file that it stands in",
                };
                unresolved(&failure.to_string(), help)
            }
        },
        Some(("secret", name)) => lookup.kept.get(name, lookup.address).map(str::to_owned),
        _ => unresolved("is no reference that Outflow knows", FORMS),
    }
}

/// What mostly gets into a secret with the clipboard, or out of the file of another program, and is
/// not shown: at the ends of the whole value, and of each reference in it.
fn odd_ends(key: &str, written: &str, resolved: &str, place: &Place, lookup: Lookup<'_>) -> Vec<Error> {
    let mut found: Vec<(String, End)> = Vec::new();
    let mut rest = written;
    while let Some((reference, behind)) = rest.split_once("${").and_then(|(_, rest)| rest.split_once('}')) {
        rest = behind;
        // It has been resolved once, and is resolved in the same way again.
        if let Ok(value) = value(reference, place, lookup) {
            found.extend(end_of(&value).map(|end| (format!("${{{reference}}}"), end)));
        }
    }
    if found.is_empty() {
        found.extend(end_of(resolved).map(|end| (format!("{key:?}"), end)));
    }
    let error = |(what, End { code, side, character }): (String, End)| {
        let message = format!("{what} {side} with {character}, which is taken as a part of it");
        let help = "take it away where the value is kept; a file may end in line breaks, which are left out";
        Error::new(code, message).at(place.to_string()).help(help)
    };
    found.into_iter().map(error).collect()
}

/// What is odd about an end of a value.
struct End {
    code: Code,
    side: &'static str,
    character: &'static str,
}

fn end_of(value: &str) -> Option<End> {
    let ends = [("begins", value.chars().next()?), ("ends", value.chars().next_back()?)];
    let odd = |(side, c): (&'static str, char)| {
        let (code, character) = odd(c)?;
        Some(End { code, side, character })
    };
    // Quotation marks around it come from a file whose reader would have taken them off.
    ends.into_iter().find_map(odd)
}

/// What a character at the end of a secret is called, if it does not belong there.
fn odd(c: char) -> Option<(Code, &'static str)> {
    let (control, blank) = (Code::SecretWithControlCharacter, Code::SecretWithBlanks);
    Some(match c {
        '\n' | '\r' => (control, "a line break"),
        '\t' => (blank, "a tab"),
        '\u{feff}' => (control, "a byte order mark, which is invisible"),
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' => {
            (control, "an invisible character")
        }
        c if c.is_control() => (control, "a control character"),
        c if c.is_whitespace() => (blank, "a blank"),
        '"' | '\'' | '`' => (blank, "a quotation mark"),
        '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}' => (blank, "a typographic quotation mark"),
        _ => return None,
    })
}

/// Reports passwords in the URLs of databases. References must be as they are written.
pub(super) fn refuse_passwords(documents: &Documents, problems: &mut Problems) {
    let sources = documents.all.iter().filter_map(|d| d.get("sources")).flat_map(Node::entries);
    let databases = sources.filter_map(|(_, source)| source.get("databases")).flat_map(Node::entries);
    for node in databases.filter_map(|(_, database)| database.get("url")) {
        if node.text().is_some_and(has_password) {
            let message = "the password of a database is written into the file";
            let help = "keep the URL in an environment variable, \"${env:DATABASE_URL}\", or only the password, \
                        postgres://USER:${env:NAME}@HOST/DATABASE; change the password if others can read this file";
            problems.add(&node.place, Code::SecretInFile, message, help);
        }
    }
}

/// Whether a URL has a password that is not a reference alone.
pub(super) fn has_password(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let rest = without_references(rest);
    let (authority, parameters) = rest.split_once(['?', ';']).unwrap_or((&rest, ""));
    let is_password = |parameter: &str| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        ["password", "pwd"].iter().any(|p| name.eq_ignore_ascii_case(p)) && !value.is_empty()
    };
    if parameters.split(['&', ';']).any(is_password) {
        return true;
    }
    let login = authority.rsplit_once('@').map_or("", |(login, _)| login);
    login.split_once(':').is_some_and(|(_, password)| !password.is_empty())
}

fn without_references(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, reference)) = rest.split_once("${") {
        out.push_str(before);
        rest = reference.split_once('}').map_or("", |(_, behind)| behind);
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_a_reference_or_is_refused() {
        for url in [
            "${env:URL}",
            "postgres://me@db/x",
            "postgres://${env:USER}@db:5432/x?host=a:b@c",
            "postgres://${env:USER}:${env:PASSWORD}@${file:/host}/x",
        ] {
            assert!(!has_password(url), "{url}");
        }
        assert!(!has_password("jdbc:redshift://c:5439/dev?user=me&password=${env:P}"));
        assert!(has_password("jdbc:redshift://c:5439/dev;UID=me;PWD=x"));
        for url in ["postgres://me:a@db/x", "postgres://me:a/b:c@db/x", "postgres://me:a${env:P}@db"] {
            assert!(has_password(url), "{url}");
        }
    }

    #[test]
    fn the_ends_of_a_secret_are_looked_at() {
        for (value, want) in [
            ("abc\n", Some("ends with a line break")),
            ("abc\r\n", Some("ends with a line break")),
            (" abc", Some("begins with a blank")),
            ("abc\u{a0}", Some("ends with a blank")),
            ("\tabc", Some("begins with a tab")),
            ("\"abc\"", Some("begins with a quotation mark")),
            ("abc'", Some("ends with a quotation mark")),
            ("\u{201c}abc\u{201d}", Some("begins with a typographic quotation mark")),
            ("\u{feff}abc", Some("begins with a byte order mark, which is invisible")),
            ("abc\u{200b}", Some("ends with an invisible character")),
            ("abc\0", Some("ends with a control character")),
            ("a b\"c", None),
            ("p@ss!", None),
        ] {
            let told = end_of(value).map(|end| format!("{} with {}", end.side, end.character));
            assert_eq!(told.as_deref(), want, "{value:?}");
        }
    }
}
