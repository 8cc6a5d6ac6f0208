//! The script for a service account that reads and can do nothing else. Outflow prints it; an
//! administrator runs it.
//!
//! What always holds: no one but the account loses or gets a right, unless `revoke_public` asks for
//! it; every statement is needed, and a test on a real PostgreSQL leaves each out in
//! turn to show it; names are quoted. What it does not do: hold a password. Its place is no SQL, so
//! that a script in which it was forgotten creates no account.

use std::fmt::Write as _;

use crate::server::kind::ServerKind;

/// The placeholder for the password.
pub const PASSWORD_PLACE: &str = "<password>";

/// Who shall read what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    /// What the server is.
    pub kind: ServerKind,
    /// The database.
    pub database: String,
    /// The account's name.
    pub user: String,
    /// Schemas to read whole, with the tables to come.
    pub schemas: Vec<String>,
    /// Single tables and views: schema and name.
    pub tables: Vec<(String, String)>,
    /// Also take from everybody the rights to make tables that the account has as one of everybody.
    pub revoke_public: bool,
}

impl ServiceAccount {
    /// The statements, each on lines of its own with a comment that says what it is for.
    pub fn script(&self) -> String {
        let (user, database) = (quoted(&self.user), quoted(&self.database));
        let facts = self.kind.facts();
        let mut script = Script(format!(
            "-- A service account for Outflow: it reads, and can do nothing else.\n\
             -- Run this in database {} as a superuser, or as the owner of the database and of the tables.\n",
            line(&database)
        ));
        let (limits, why_limits) = facts.account_limits.unwrap_or_default();
        script.add(
            &format!("Who logs in. Write a password in quotes in place of {PASSWORD_PLACE}, and give Outflow the same one.{why_limits}"),
            &format!("CREATE USER {user} PASSWORD {PASSWORD_PLACE}{limits}"),
        );
        if facts.restricts_sessions {
            script.add(
                "Its transactions begin as read-only ones.",
                &format!("ALTER USER {user} SET default_transaction_read_only = on"),
            );
            script.add(
                "It may connect to this database.",
                &format!("GRANT CONNECT ON DATABASE {database} TO {user}"),
            );
        }
        self.grants(&mut script, &user);
        if !self.revoke_public {
            return script.0;
        }
        script.add(
            "The two statements that follow take a right from everybody, since the account has it as one of everybody.\n\
             Grant it again to those who need it: GRANT CREATE ON SCHEMA public TO …, GRANT TEMP ON DATABASE … TO …\n\
             Nobody makes tables in schema public unasked. (A new PostgreSQL from version 15 on begins like this.)",
            "REVOKE CREATE ON SCHEMA \"public\" FROM PUBLIC",
        );
        script.add("Nor temporary tables.", &format!("REVOKE TEMP ON DATABASE {database} FROM PUBLIC"));
        script.0
    }

    fn grants(&self, script: &mut Script, user: &str) {
        let mut schemas: Vec<&String> =
            self.schemas.iter().chain(self.tables.iter().map(|(schema, _)| schema)).collect();
        let mut seen = std::collections::HashSet::new();
        schemas.retain(|schema| seen.insert(*schema));
        for schema in schemas {
            let name = quoted(schema);
            script.add(
                &format!("It may look up the names in schema {}.", line(&name)),
                &format!("GRANT USAGE ON SCHEMA {name} TO {user}"),
            );
            if self.schemas.contains(schema) {
                script.add(
                    "It may read the tables and views that are there now,",
                    &format!("GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO {user}"),
                );
                script.add(
                    "and those that whoever runs this makes there later. For those that another user makes, repeat it as\n\
                     ALTER DEFAULT PRIVILEGES FOR USER that_user IN SCHEMA …",
                    &format!("ALTER DEFAULT PRIVILEGES IN SCHEMA {name} GRANT SELECT ON TABLES TO {user}"),
                );
            }
        }
        for (schema, table) in self.tables.iter().filter(|(schema, _)| !self.schemas.contains(schema)) {
            script.add(
                "It may read this one. A table that is dropped and created again needs its grant again.",
                &format!("GRANT SELECT ON TABLE {}.{} TO {user}", quoted(schema), quoted(table)),
            );
        }
    }
}

struct Script(String);

impl Script {
    fn add(&mut self, comment: &str, statement: &str) {
        self.0.push('\n');
        for line in comment.lines() {
            let _ = writeln!(self.0, "-- {line}");
        }
        let _ = writeln!(self.0, "{statement};");
    }
}

/// Reads names with commas between: `a,b`, or `s.t,"Odd, name".t`. Each name comes as its parts,
/// exactly as written; double quotes hold what has a comma or a dot in it, and a doubled one stands
/// for itself. `None`: a quote is not closed, or a name is empty.
pub fn parse_names(text: &str) -> Option<Vec<Vec<String>>> {
    let mut names = vec![vec![String::new()]];
    let (mut is_quoted, mut chars) = (false, text.chars().peekable());
    while let Some(c) = chars.next() {
        let part = names.last_mut()?.last_mut()?;
        match c {
            '"' if is_quoted && chars.next_if_eq(&'"').is_some() => part.push('"'),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => names.push(vec![String::new()]),
            '.' if !is_quoted => names.last_mut()?.push(String::new()),
            ' ' if !is_quoted && part.is_empty() => {}
            c => part.push(c),
        }
    }
    let is_whole = !is_quoted && names.iter().flatten().all(|part| !part.is_empty());
    is_whole.then_some(names)
}

/// A name as SQL has it, in quotes, whatever is in it.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A name within a comment, which must not end it.
fn line(name: &str) -> String {
    name.chars().map(|c| if outflow_core::steers_terminal(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(kind: ServerKind) -> ServiceAccount {
        ServiceAccount {
            kind,
            database: "shop".into(),
            user: "reader".into(),
            schemas: vec!["sales".into()],
            tables: vec![("crm".into(), "people".into()), ("sales".into(), "orders".into())],
            revoke_public: true,
        }
    }

    fn statements(account: &ServiceAccount) -> Vec<String> {
        account
            .script()
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with("--"))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn a_redshift_gets_its_own_limits_and_no_statement_of_postgresql() {
        let expected = [
            "CREATE USER \"reader\" PASSWORD <password> CONNECTION LIMIT 10 SESSION TIMEOUT 3600;",
            "GRANT USAGE ON SCHEMA \"sales\" TO \"reader\";",
            "GRANT SELECT ON ALL TABLES IN SCHEMA \"sales\" TO \"reader\";",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA \"sales\" GRANT SELECT ON TABLES TO \"reader\";",
            "GRANT USAGE ON SCHEMA \"crm\" TO \"reader\";",
            "GRANT SELECT ON TABLE \"crm\".\"people\" TO \"reader\";",
            "REVOKE CREATE ON SCHEMA \"public\" FROM PUBLIC;",
            "REVOKE TEMP ON DATABASE \"shop\" FROM PUBLIC;",
        ];
        let all = account(ServerKind::Redshift);
        assert_eq!(statements(&all), expected);
        let alone = ServiceAccount { revoke_public: false, ..all };
        assert_eq!(statements(&alone), expected[..6], "nothing that others feel, unless it was asked for");
    }

    #[test]
    fn a_postgresql_gets_read_only_transactions_and_the_right_to_connect() {
        let statements = statements(&account(ServerKind::Postgres));
        assert_eq!(statements[0], "CREATE USER \"reader\" PASSWORD <password>;");
        assert_eq!(statements[1], "ALTER USER \"reader\" SET default_transaction_read_only = on;");
        assert_eq!(statements[2], "GRANT CONNECT ON DATABASE \"shop\" TO \"reader\";");
        assert_eq!(statements.len(), 10);
    }

    #[test]
    fn odd_names_end_neither_their_quotes_nor_a_comment() {
        let odd = ServiceAccount {
            database: "a\"; DROP DATABASE b;\n--".into(),
            user: "x\"y".into(),
            schemas: vec!["new\nline".into()],
            ..account(ServerKind::Postgres)
        };
        let script = odd.script();
        assert!(script.contains("CREATE USER \"x\"\"y\" PASSWORD"), "{script}");
        assert!(script.contains("GRANT USAGE ON SCHEMA \"new\nline\" TO"), "{script}");
        assert!(script.contains("in database \"a\"\"; DROP DATABASE b; --\" as"), "{script}");
        assert!(!script.contains("\nDROP"), "{script}");
    }

    #[test]
    fn names_are_read_with_their_quotes() {
        let read = |text| parse_names(text);
        let owned = |names: &[&[&str]]| {
            Some(names.iter().map(|n| n.iter().map(|p| (*p).to_owned()).collect()).collect())
        };
        assert_eq!(read("a, B"), owned(&[&["a"], &["B"]]));
        assert_eq!(read("s.t,\"odd, \"\"x\"\".y\".t"), owned(&[&["s", "t"], &["odd, \"x\".y", "t"]]));
        for wrong in ["", "a,", "a..b", "\"a", ".a"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
