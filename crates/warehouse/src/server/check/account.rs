//! What a connection test says of the account: what it can read, and what it can do besides.

use outflow_core::{Code, Error, NextStep, Result, Timestamp};
use serde_json::{Map, Value, json};

use super::catalogue::Catalogue;
use super::grants::{Account, Thing, findings};
use super::{OpenSession, StepResult, answer};
use crate::setup::quoted;

/// Credentials that expire within this number of days are reported.
const SOON: i64 = 14;

/// A line names at most this many schemas.
const NAMED: usize = 8;

/// What the account can read.
pub(super) async fn schemas(session: &mut OpenSession) -> Result<((), StepResult)> {
    let catalogue = Catalogue::of(session.kind);
    let counted = match answer(session, catalogue.readable).await? {
        Ok(rows) => rows,
        Err(error) => {
            return Ok(((), StepResult::new(format!("unknown: {}", error.full_message().reveal()))));
        }
    };
    let mut counted: Vec<(String, u64)> = counted
        .into_iter()
        .filter_map(|row| {
            let mut fields = row.into_iter();
            Some((fields.next()??, fields.next()??.parse().ok()?))
        })
        .filter(|(_, tables)| *tables > 0)
        .collect();
    counted.sort_by_key(|(_, tables)| std::cmp::Reverse(*tables));
    let external = match catalogue.external {
        Some(question) => answer(session, question).await?.unwrap_or_default(),
        None => Vec::new(),
    };
    let external: Vec<String> = external.into_iter().filter_map(|row| row.into_iter().next()?).collect();
    Ok(((), readable(&counted, &external)))
}

fn readable(counted: &[(String, u64)], external: &[String]) -> StepResult {
    let tables: u64 = counted.iter().map(|(_, tables)| tables).sum();
    let local = counted.iter().map(|(name, tables)| format!("{name} ({tables})"));
    let names: Vec<String> = local.chain(external.iter().map(|name| format!("{name} (external)"))).collect();
    let mut summary = format!("{} in {}", several(tables, "table"), several(names.len() as u64, "schema"));
    if !names.is_empty() {
        let more = names.len().saturating_sub(NAMED);
        summary += &format!(": {}", names[..names.len() - more].join(", "));
        if more > 0 {
            summary += &format!(" and {more} more");
        }
    }
    let by_name: Map<String, Value> =
        counted.iter().map(|(name, tables)| (name.clone(), json!(tables))).collect();
    let nothing = names.is_empty().then(|| {
        Error::new(Code::NoReadableTable, "the account can read no table")
            .help("grant it USAGE on a schema and SELECT on its tables")
            .next_step(NextStep::PrintSetupSql)
    });
    StepResult::new(summary)
        .with("tables", json!(tables))
        .with("schemas", Value::Object(by_name))
        .with("external_schemas", json!(external))
        .warn(nothing)
}

fn several(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// What the account can do besides reading, and until when it can log in.
pub(super) async fn privileges(session: &mut OpenSession, now: Timestamp) -> Result<((), StepResult)> {
    let catalogue = Catalogue::of(session.kind);
    let mut questions = Questions { session, unanswered: Vec::new() };
    let attributes = questions.ask("the account's attributes", catalogue.attributes).await?;
    let attributes = Attributes::read(&attributes, questions.session.wire.parameter("session_authorization"));
    let rights = if attributes.is_superuser {
        // It may do everything; how it came to each thing is of no interest.
        Rights { temporary_tables: true, powers: Powers::all(), ..Rights::default() }
    } else {
        rights(&mut questions, catalogue, &attributes.user).await?
    };
    let silent = questions.unanswered;
    let mut problems = attributes.findings(catalogue);
    problems.extend(rights.problems);

    let mut summary = match (problems.len(), silent.as_slice()) {
        (0, []) => "reads only".to_owned(),
        (0, _) => "reads only, as far as is known".to_owned(),
        (n, _) => format!("more than reading, in {}", several(n as u64, "way")),
    };
    if problems.is_empty() && rights.temporary_tables {
        summary += ", but may make temporary tables";
    }
    if !silent.is_empty() {
        summary += &format!("; unknown: {}", silent.join(", "));
    }
    problems.extend(attributes.valid_until.and_then(|until| ends_soon(until, now)));
    let found = StepResult { problems, ..StepResult::new(summary) }
        .with("user", json!(attributes.user))
        .with("superuser", json!(attributes.is_superuser))
        .with("temporary_tables", json!(rights.temporary_tables))
        .with("roles", json!(rights.roles))
        .with("ends_sessions", json!(rights.powers.ends_sessions))
        .with("reads_server_files", json!(rights.powers.reads_files))
        .with("writes_server_files", json!(rights.powers.writes_files))
        .with("runs_programs", json!(rights.powers.runs_programs))
        .with("acting_functions", json!(rights.functions))
        .with("valid_until", json!(attributes.valid_until.map(|until| until.to_string())))
        .with("not_told", json!(silent));
    Ok(((), found))
}

/// What the account may do by grants, ownership and roles.
#[derive(Default)]
struct Rights {
    problems: Vec<Error>,
    /// What it acts through; on Redshift, groups too.
    roles: Vec<String>,
    temporary_tables: bool,
    powers: Powers,
    /// Functions that act and that it may run, by where they come from.
    functions: Map<String, Value>,
}

/// What the account may do on the server beyond the database.
#[derive(Default)]
struct Powers {
    /// Of other users; any account can end sessions of its own.
    ends_sessions: bool,
    reads_files: bool,
    writes_files: bool,
    runs_programs: bool,
}

impl Powers {
    fn all() -> Powers {
        Powers { ends_sessions: true, reads_files: true, writes_files: true, runs_programs: true }
    }

    fn of(roles: &[Row]) -> Powers {
        let has = |role: &str| roles.iter().any(|row| row.text(0) == role);
        Powers {
            ends_sessions: has("pg_signal_backend"),
            reads_files: has("pg_read_server_files"),
            writes_files: has("pg_write_server_files"),
            runs_programs: has("pg_execute_server_program"),
        }
    }
}

async fn rights(questions: &mut Questions<'_>, catalogue: &Catalogue, user: &str) -> Result<Rights> {
    let mut roles = questions.ask("roles and groups", catalogue.through).await?;
    if let Some(question) = catalogue.roles {
        roles.extend(questions.ask("roles", question).await?);
    }
    let database = questions.ask("rights on the database", catalogue.database).await?;
    let schemas = questions.ask("rights on schemas", catalogue.create).await?;
    let tables = questions.ask("rights on tables", catalogue.write).await?;
    let functions = match catalogue.functions {
        Some(question) => questions.ask("rights on functions", question).await?,
        None => Vec::new(),
    };

    let account = Account {
        user: user.to_owned(),
        through: roles.iter().map(|row| row.text(0).to_owned()).collect(),
        writes_through_role: roles.iter().any(|row| row.flag(1)),
    };
    let members =
        roles.iter().filter(|row| row.flag(1) || row.flag(2)).map(|row| member(row.text(0), user, catalogue));
    let databases = database.iter().filter(|row| row.flag(3)).map(|row| creates("database", "DATABASE", row));
    let schemas = schemas.iter().map(|row| creates("schema", "SCHEMA", row));
    let things = databases.chain(schemas).chain(tables.iter().map(writes)).chain(functions.iter().map(acts));
    Ok(Rights {
        problems: members.chain(things.flat_map(|thing| findings(&thing, &account))).collect(),
        temporary_tables: database.iter().any(|row| row.flag(4)),
        roles: account.through.clone(),
        powers: Powers::of(&roles),
        functions: by_origin(&functions),
    })
}

/// Asks the questions and records those that the server did not answer.
struct Questions<'s> {
    session: &'s mut OpenSession,
    unanswered: Vec<String>,
}

impl Questions<'_> {
    async fn ask(&mut self, about: &str, sql: &str) -> Result<Vec<Row>> {
        let rows = match answer(self.session, sql).await? {
            Ok(rows) => rows,
            Err(error) => {
                self.unanswered.push(format!("{about} ({})", error.full_message().reveal()));
                Vec::new()
            }
        };
        Ok(rows.into_iter().map(Row).collect())
    }
}

/// A row of the catalogue.
struct Row(Vec<Option<String>>);

impl Row {
    /// The text of that field; empty where there is none.
    fn text(&self, at: usize) -> &str {
        self.0.get(at).and_then(Option::as_deref).unwrap_or_default()
    }

    fn flag(&self, at: usize) -> bool {
        self.text(at) == "t"
    }
}

/// Findings about the account itself.
struct Attributes {
    user: String,
    is_superuser: bool,
    creates_databases: bool,
    creates_roles: bool,
    replicates: bool,
    /// When its password ends.
    valid_until: Option<Timestamp>,
}

impl Attributes {
    /// `user`: who it is if the catalogue does not say.
    fn read(rows: &[Row], user: Option<&str>) -> Attributes {
        let empty = Row(Vec::new());
        let row = rows.first().unwrap_or(&empty);
        Attributes {
            user: rows.first().map_or(user.unwrap_or_default(), |row| row.text(0)).to_owned(),
            is_superuser: row.flag(1),
            creates_databases: row.flag(2),
            valid_until: row.text(3).parse().ok(),
            creates_roles: row.flag(4),
            replicates: row.flag(5),
        }
    }

    fn findings(&self, catalogue: &Catalogue) -> Vec<Error> {
        let finding = |message: &str, attribute: &str| {
            Error::new(Code::ExcessPrivileges, message)
                .help(format!("ALTER USER {} {attribute};", quoted(&self.user)))
        };
        if self.is_superuser {
            let message = "the account is a superuser: it may read, change and delete everything";
            let cure = finding(message, catalogue.no_superuser);
            let help = format!(
                "make an account of its own for Outflow, or {}",
                cure.help_text().unwrap_or_default()
            );
            return vec![cure.help(help).next_step(NextStep::PrintSetupSql)];
        }
        let mut findings = Vec::new();
        if self.creates_databases {
            findings.push(finding("the account may create databases", "NOCREATEDB"));
        }
        if self.creates_roles {
            findings.push(finding("the account may create and change other accounts", "NOCREATEROLE"));
        }
        if self.replicates {
            findings.push(finding("the account may start and stop replication", "NOREPLICATION"));
        }
        findings
    }
}

fn ends_soon(until: Timestamp, now: Timestamp) -> Option<Error> {
    let days = until.duration_since(now).as_secs().div_euclid(86_400);
    (days < SOON).then(|| {
        Error::new(Code::CredentialsExpiring, format!("the account's password is valid until {until}, {days} days from now"))
            .help("change the password and its end: ALTER USER … PASSWORD … VALID UNTIL …, and set the new one here")
    })
}

fn member(role: &str, user: &str, catalogue: &Catalogue) -> Error {
    let what = catalogue.role;
    let power = match role {
        "pg_signal_backend" => "end sessions of other users",
        "pg_read_server_files" => "read every file that the server can read",
        "pg_write_server_files" => "write every file that the server can write",
        "pg_execute_server_program" => "run programs on the server",
        "pg_maintain" => "maintain and lock every table",
        _ => "do more than read",
    };
    Error::new(Code::ExcessPrivileges, format!("the account is a member of {role:?}, which may {power}"))
        .help(format!("REVOKE {what}{} FROM {};", quoted(role), quoted(user)))
}

/// From a row of name, owner and access list.
fn creates(words: &str, keyword: &str, row: &Row) -> Thing {
    let name = quoted(row.text(0));
    Thing {
        words: format!("{words} {name}"),
        clause: format!("{keyword} {name}"),
        alter: format!("ALTER {keyword} {name}"),
        owner: row.text(1).to_owned(),
        list: row.text(2).to_owned(),
        held: vec![('C', "CREATE")],
    }
}

/// From a row of tables that are alike.
fn writes(row: &Row) -> Thing {
    let (schema, table, count) = (quoted(row.text(0)), quoted(row.text(4)), row.text(3));
    let name = format!("{schema}.{table}");
    let rights = [('a', "INSERT"), ('w', "UPDATE"), ('d', "DELETE"), ('D', "TRUNCATE")];
    let held = rights.into_iter().zip(5..).filter(|&(_, at)| row.flag(at)).map(|(right, _)| right);
    let (words, clause) = match count {
        "1" => (format!("table {name}"), format!("TABLE {name}")),
        _ => (
            format!("{count} tables of schema {schema}, {table} among them"),
            format!("ALL TABLES IN SCHEMA {schema}"),
        ),
    };
    Thing {
        words,
        clause,
        alter: format!("ALTER TABLE {name}"),
        owner: row.text(1).to_owned(),
        list: row.text(2).to_owned(),
        held: held.collect(),
    }
}

/// Where functions come from, and their names.
fn by_origin(functions: &[Row]) -> Map<String, Value> {
    let mut origins = Map::new();
    for row in functions {
        let names = origins.entry(row.text(0)).or_insert_with(|| json!([]));
        if let Value::Array(names) = names {
            names.push(json!(row.text(5)));
        }
    }
    origins
}

/// From a row of functions that are alike.
fn acts(row: &Row) -> Thing {
    let (origin, count, one, all) = (row.text(0), row.text(3), row.text(4), row.text(5));
    let words = match count {
        "1" => format!("function {one} of {origin}, which acts beyond its transaction"),
        _ => format!("{count} functions of {origin} that act beyond their transaction, {one} among them"),
    };
    Thing {
        words,
        clause: format!("FUNCTION {all}"),
        alter: format!("ALTER FUNCTION {one}"),
        owner: row.text(1).to_owned(),
        list: row.text(2).to_owned(),
        held: vec![('X', "EXECUTE")],
    }
}

#[cfg(test)]
mod tests {
    use outflow_testkit::Postgres;

    use super::*;
    use crate::server::check::catalogue::REDSHIFT;

    /// No Redshift can be asked here. PostgreSQL at least takes what is asked of Redshift, but for
    /// the views that only Redshift has.
    #[test]
    fn the_questions_for_redshift_are_sound_sql() {
        let database = Postgres::shared().database("questions_for_redshift");
        database.sql(
            "CREATE VIEW svv_external_schemas AS SELECT nspname AS schemaname FROM pg_namespace WHERE nspname = 'public';
             CREATE VIEW svv_user_grants AS SELECT current_user AS user_name, 'sys:dba' AS role_name;
             CREATE TABLE \"Odd. \"\"table\" (id int)",
        );
        assert_eq!(database.sql(REDSHIFT.readable), "public|3");
        assert_eq!(database.sql(REDSHIFT.external.unwrap()), "public");
        assert_eq!(database.sql(REDSHIFT.attributes), "postgres|t|t|");
        assert_eq!(database.sql(REDSHIFT.through), "");
        assert_eq!(database.sql(REDSHIFT.roles.unwrap()), "sys:dba|t");
        assert_eq!(database.sql(REDSHIFT.database), "questions_for_redshift|postgres||t|t");
        assert!(database.sql(REDSHIFT.create).starts_with("public||"));
        assert_eq!(database.sql(REDSHIFT.write), "public|postgres||3|Odd. \"table|t|t|t|f");
    }

    #[test]
    fn a_line_names_the_largest_schemas() {
        let counted: Vec<(String, u64)> = (0..10).map(|n| (format!("s{n}"), 10 - n)).collect();
        let summary = readable(&counted, &["spectrum".into()]).summary;
        assert!(summary.starts_with("55 tables in 11 schemas: s0 (10), s1 (9)"), "{summary}");
        assert!(summary.ends_with("s7 (3) and 3 more"), "{summary}");
        assert!(readable(&[], &["spectrum".into()]).problems.is_empty());
        assert_eq!(readable(&[], &[]).problems[0].code(), Code::NoReadableTable);
    }

    #[test]
    fn a_password_is_due_for_renewal_14_days_before_its_end() {
        let now = "2026-12-01T00:00:00Z".parse().unwrap();
        assert!(ends_soon("2026-12-15T00:00:00Z".parse().unwrap(), now).is_none());
        assert_eq!(
            ends_soon("2026-12-14T23:59:59Z".parse().unwrap(), now).unwrap().code(),
            Code::CredentialsExpiring
        );
    }
}
