//! Who gave a right: from the access lists of the catalogue, as texts, to the statement that takes
//! the right away.
//!
//! PostgreSQL and Redshift write them alike: `grantee=letters/grantor`, an empty grantee for
//! everybody, `group x` for a group. What always holds: a right that no entry explains is reported
//! without a statement, unless it comes from a role that is reported by itself.

use outflow_core::{Code, Error};

use crate::setup::quoted;

/// The account, and what it acts through.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub user: String,
    /// Roles that it is a member of; on Redshift, groups.
    pub through: Vec<String>,
    /// One of them may write everywhere, which is reported by itself.
    pub writes_through_role: bool,
}

/// A thing that the account may do more with than read.
#[derive(Debug)]
pub(super) struct Thing {
    /// As in `schema "x"`, for sentences.
    pub words: String,
    /// As in `REVOKE … ON SCHEMA "x" FROM …`.
    pub clause: String,
    /// As in `ALTER SCHEMA "x" OWNER TO …`.
    pub alter: String,
    pub owner: String,
    /// One entry a line; empty if there is none.
    pub list: String,
    /// The rights beyond reading that the account holds, with the letters of the list.
    pub held: Vec<(char, &'static str)>,
}

/// One finding for each way in which the account came to its rights on a thing.
pub(super) fn findings(thing: &Thing, account: &Account) -> Vec<Error> {
    if thing.owner == account.user || account.through.contains(&thing.owner) {
        let whose = if thing.owner == account.user { "the account" } else { "a role of the account" };
        return vec![
            Error::new(
                Code::ExcessPrivileges,
                format!("{whose} owns {}, and may do anything with it", thing.words),
            )
            .help(format!("give it to another user: {} OWNER TO another_user;", thing.alter)),
        ];
    }
    let mut findings = Vec::new();
    for entry in thing.list.lines().filter_map(entry) {
        let rights: Vec<&str> = thing
            .held
            .iter()
            .filter(|(letter, _)| entry.letters.contains(*letter))
            .map(|(_, word)| *word)
            .collect();
        let Some(from) = entry.grantee.of(account).filter(|_| !rights.is_empty()) else { continue };
        let rights = rights.join(", ");
        let (who, warning) = match entry.grantee {
            Grantee::Everybody => (
                "everybody (PUBLIC), and so the account,",
                " (That takes it from everybody: grant it back to those who need it.)",
            ),
            _ => ("the account", ""),
        };
        findings.push(
            Error::new(Code::ExcessPrivileges, format!("{who} may {rights} on {}", thing.words))
                .help(format!("REVOKE {rights} ON {} FROM {from};{warning}", thing.clause)),
        );
    }
    if findings.is_empty() && !account.writes_through_role {
        let rights: Vec<&str> = thing.held.iter().map(|(_, word)| *word).collect();
        let message = format!("the account may {} on {}", rights.join(", "), thing.words);
        findings.push(
            Error::new(Code::ExcessPrivileges, message)
                .help("no grant of its own says so: look into the roles of the account"),
        );
    }
    findings
}

#[derive(Debug, PartialEq)]
enum Grantee {
    Everybody,
    Group(String),
    /// A user, or a role of PostgreSQL.
    Role(String),
}

impl Grantee {
    /// How REVOKE names it, if it is the account or what that acts through.
    fn of(&self, account: &Account) -> Option<String> {
        match self {
            Self::Everybody => Some("PUBLIC".to_owned()),
            Self::Group(name) => account.through.contains(name).then(|| format!("GROUP {}", quoted(name))),
            Self::Role(name) => {
                (*name == account.user || account.through.contains(name)).then(|| quoted(name))
            }
        }
    }
}

#[derive(Debug, PartialEq)]
struct Entry<'a> {
    grantee: Grantee,
    letters: &'a str,
}

fn entry(text: &str) -> Option<Entry<'_>> {
    let (is_group, rest) = match text.strip_prefix("group ") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (name, rest) = match rest.strip_prefix('"') {
        Some(inside) => unquote(inside)?,
        None => {
            let at = rest.find('=')?;
            (rest[..at].to_owned(), &rest[at..])
        }
    };
    let grantee = match name.as_str() {
        "" => Grantee::Everybody,
        _ if is_group => Grantee::Group(name),
        _ => Grantee::Role(name),
    };
    Some(Entry { grantee, letters: rest.strip_prefix('=')?.split('/').next()? })
}

/// The name up to the closing quote, and what follows it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' if chars.next_if(|(_, next)| *next == '"').is_some() => name.push('"'),
            '"' => return Some((name, &text[at + 1..])),
            c => name.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_with_groups_and_odd_names() {
        let read = |text| entry(text).map(|e| (e.grantee, e.letters));
        assert_eq!(read("=UC/rdsdb"), Some((Grantee::Everybody, "UC")));
        assert_eq!(read("reader=arw*/admin"), Some((Grantee::Role("reader".into()), "arw*")));
        assert_eq!(read("group etl=a/admin"), Some((Grantee::Group("etl".into()), "a")));
        assert_eq!(
            read("group \"my \"\"etl\"\"=x\"=a/admin"),
            Some((Grantee::Group("my \"etl\"=x".into()), "a"))
        );
        for broken in ["", "reader", "\"reader=a/x", "\"reader\"a"] {
            assert_eq!(entry(broken), None, "{broken}");
        }
    }

    fn found(owner: &str, list: &str) -> Vec<(String, String)> {
        let thing = Thing {
            words: "2 tables of schema \"s\"".into(),
            clause: "ALL TABLES IN SCHEMA \"s\"".into(),
            alter: "ALTER TABLE \"s\".\"t\"".into(),
            owner: owner.into(),
            list: list.into(),
            held: vec![('a', "INSERT"), ('w', "UPDATE")],
        };
        let account =
            Account { user: "reader".into(), through: vec!["etl".into()], writes_through_role: false };
        let found = findings(&thing, &account);
        found.iter().map(|e| (e.message().to_owned(), e.help_text().unwrap().to_owned())).collect()
    }

    #[test]
    fn each_way_to_a_right_has_the_statement_that_closes_it() {
        let help = |owner, list| found(owner, list).into_iter().map(|(_, help)| help).collect::<Vec<_>>();
        assert_eq!(
            help("admin", "reader=arw/admin\nother=aw/admin\ngroup etl=w/admin"),
            [
                "REVOKE INSERT, UPDATE ON ALL TABLES IN SCHEMA \"s\" FROM \"reader\";",
                "REVOKE UPDATE ON ALL TABLES IN SCHEMA \"s\" FROM GROUP \"etl\";"
            ]
        );
        assert!(
            help("admin", "=a/admin")[0]
                .starts_with("REVOKE INSERT ON ALL TABLES IN SCHEMA \"s\" FROM PUBLIC; (")
        );
        assert_eq!(
            help("reader", ""),
            ["give it to another user: ALTER TABLE \"s\".\"t\" OWNER TO another_user;"]
        );
        assert_eq!(
            found("etl", "")[0].0,
            "a role of the account owns 2 tables of schema \"s\", and may do anything with it"
        );
        assert!(found("admin", "reader=r/admin")[0].1.contains("roles of the account"));
    }
}
