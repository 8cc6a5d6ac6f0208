//! What a connection test says of the account: what it can read, and what it can do besides.
//!
//! The questions use what Redshift has, too, where its catalogue is that of PostgreSQL 8.0: names in place of OIDs in the `has_…_privilege` functions, no
//! savepoints, no `aclexplode`. PostgreSQL is asked for roles as well, since a member of a role may act as it.

use outflow_core::{Code, Dialect, Error, NextStep, Result, Timestamp};
use serde_json::{Map, Value, json};

use super::grants::{Account, Thing, findings};
use super::{Found, OpenSession, answer};
use crate::setup::quoted;

/// Credentials that are good for no longer than this are told, in days.
const SOON: i64 = 14;

/// So many schemas are named in a line.
const NAMED: usize = 8;

/// Schemas of users.
macro_rules! of_users {
    () => {
        "n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'catalog_history')"
    };
}

/// Schema, number of tables.
const READABLE_POSTGRES: &str = concat!(
    "SELECT n.nspname, count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND ",
    of_users!(),
    " AND has_schema_privilege(n.oid, 'usage') AND has_any_column_privilege(c.oid, 'select') \
     GROUP BY n.nspname ORDER BY n.nspname LIMIT 1000"
);

/// A name in a schema that one may not use is an error there; CASE keeps the function from seeing it.
const READABLE_REDSHIFT: &str = concat!(
    "SELECT n.nspname, sum(CASE WHEN NOT has_schema_privilege(n.nspname, 'usage') THEN 0 \
       WHEN has_table_privilege(quote_ident(n.nspname) || '.' || quote_ident(c.relname), 'select') THEN 1 ELSE 0 END) AS readable \
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relkind IN ('r', 'v') AND ",
    of_users!(),
    " GROUP BY n.nspname ORDER BY n.nspname LIMIT 1000"
);

/// Counting the tables of external schemas would ask other services.
const EXTERNAL_REDSHIFT: &str = "SELECT schemaname FROM svv_external_schemas WHERE has_schema_privilege(schemaname, 'usage') ORDER BY 1 LIMIT 1000";

/// What the account can read.
pub(super) async fn schemas(session: &mut OpenSession) -> Result<((), Found)> {
    let is_redshift = session.dialect == Dialect::Redshift;
    let question = if is_redshift { READABLE_REDSHIFT } else { READABLE_POSTGRES };
    let counted = match answer(session, question).await? {
        Ok(rows) => rows,
        Err(error) => return Ok(((), Found::new(format!("not told: {}", error.message())))),
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
    let external =
        if is_redshift { answer(session, EXTERNAL_REDSHIFT).await?.unwrap_or_default() } else { Vec::new() };
    let external: Vec<String> = external.into_iter().filter_map(|row| row.into_iter().next()?).collect();
    Ok(((), readable(&counted, &external)))
}

fn readable(counted: &[(String, u64)], external: &[String]) -> Found {
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
    Found::new(summary)
        .with("tables", json!(tables))
        .with("schemas", Value::Object(by_name))
        .with("external_schemas", json!(external))
        .warn(nothing)
}

fn several(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// Superuser, may create databases, valid until; on PostgreSQL also: may create roles, may replicate.
const ATTRIBUTES_POSTGRES: &str = "SELECT current_user, rolsuper, rolcreatedb, rolvaliduntil, rolcreaterole, rolreplication \
     FROM pg_catalog.pg_roles WHERE rolname = current_user";
const ATTRIBUTES_REDSHIFT: &str = "SELECT current_user, usesuper, usecreatedb, valuntil FROM pg_catalog.pg_user WHERE usename = current_user";

/// Name, and whether the role itself is a way to write.
const THROUGH_POSTGRES: &str = "SELECT rolname, rolsuper OR rolcreatedb OR rolcreaterole OR rolname IN \
     ('pg_write_all_data', 'pg_write_server_files', 'pg_execute_server_program', 'pg_create_subscription') \
     FROM pg_catalog.pg_roles WHERE pg_has_role(oid, 'member') AND rolname <> current_user ORDER BY rolname LIMIT 1000";
const THROUGH_REDSHIFT: &str = "SELECT g.groname, false FROM pg_catalog.pg_group g, pg_catalog.pg_user u \
     WHERE u.usename = current_user AND u.usesysid = ANY (g.grolist) ORDER BY g.groname LIMIT 1000";
/// The system's roles administer; what others may do shows in what they were granted.
const ROLES_REDSHIFT: &str = "SELECT role_name, role_name IN ('sys:superuser', 'sys:dba', 'sys:operator', 'sys:secadmin') \
     FROM svv_user_grants WHERE user_name = current_user ORDER BY role_name LIMIT 1000";

/// Name, owner, access list, CREATE, TEMP.
const DATABASE_POSTGRES: &str = "SELECT d.datname, r.rolname, array_to_string(d.datacl, chr(10)), \
       bool_or(has_database_privilege(m.oid, d.oid, 'create')), bool_or(has_database_privilege(m.oid, d.oid, 'temp')) \
     FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles r ON r.oid = d.datdba, pg_catalog.pg_roles m \
     WHERE d.datname = current_database() AND pg_has_role(m.oid, 'member') GROUP BY 1, 2, 3";
const DATABASE_REDSHIFT: &str = "SELECT d.datname, u.usename, array_to_string(d.datacl, chr(10)), \
       has_database_privilege(d.datname, 'create'), has_database_privilege(d.datname, 'temp') \
     FROM pg_catalog.pg_database d LEFT JOIN pg_catalog.pg_user u ON u.usesysid = d.datdba WHERE d.datname = current_database()";

/// Name, owner, access list of each schema where the account may create.
const CREATE_POSTGRES: &str = concat!(
    "SELECT n.nspname, r.rolname, array_to_string(n.nspacl, chr(10)) \
     FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner WHERE ",
    of_users!(),
    " AND EXISTS (SELECT 1 FROM pg_catalog.pg_roles m WHERE pg_has_role(m.oid, 'member') AND has_schema_privilege(m.oid, n.oid, 'create')) \
     ORDER BY n.nspname LIMIT 200"
);
const CREATE_REDSHIFT: &str = concat!(
    "SELECT n.nspname, u.usename, array_to_string(n.nspacl, chr(10)) \
     FROM pg_catalog.pg_namespace n LEFT JOIN pg_catalog.pg_user u ON u.usesysid = n.nspowner WHERE ",
    of_users!(),
    " AND has_schema_privilege(n.nspname, 'create') ORDER BY n.nspname LIMIT 200"
);

/// Schema, owner, access list, how many tables have these, one of them, and the rights: INSERT, UPDATE, DELETE, TRUNCATE.
const WRITE_POSTGRES: &str = concat!(
    "SELECT n.nspname, r.rolname, array_to_string(c.relacl, chr(10)), count(DISTINCT c.oid), min(c.relname), \
       bool_or(has_table_privilege(m.oid, c.oid, 'insert')), bool_or(has_table_privilege(m.oid, c.oid, 'update')), \
       bool_or(has_table_privilege(m.oid, c.oid, 'delete')), bool_or(has_table_privilege(m.oid, c.oid, 'truncate')) \
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
       JOIN pg_catalog.pg_roles r ON r.oid = c.relowner, pg_catalog.pg_roles m \
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND ",
    of_users!(),
    " AND pg_has_role(m.oid, 'member') AND has_table_privilege(m.oid, c.oid, 'insert, update, delete, truncate') \
     GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT 200"
);
const WRITE_REDSHIFT: &str = concat!(
    "SELECT nspname, usename, acl, count(*), min(relname), ins, upd, del, false FROM ( \
       SELECT n.nspname, u.usename, array_to_string(c.relacl, chr(10)) AS acl, c.relname, \
         CASE WHEN has_schema_privilege(n.nspname, 'usage') THEN has_table_privilege(quote_ident(n.nspname) || '.' || quote_ident(c.relname), 'insert') ELSE false END AS ins, \
         CASE WHEN has_schema_privilege(n.nspname, 'usage') THEN has_table_privilege(quote_ident(n.nspname) || '.' || quote_ident(c.relname), 'update') ELSE false END AS upd, \
         CASE WHEN has_schema_privilege(n.nspname, 'usage') THEN has_table_privilege(quote_ident(n.nspname) || '.' || quote_ident(c.relname), 'delete') ELSE false END AS del \
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         LEFT JOIN pg_catalog.pg_user u ON u.usesysid = c.relowner \
       WHERE c.relkind IN ('r', 'v') AND ",
    of_users!(),
    ") t WHERE ins OR upd OR del GROUP BY nspname, usename, acl, ins, upd, del ORDER BY 1, 2, 3 LIMIT 200"
);

/// What the account can do besides reading, and until when it can log in.
pub(super) async fn privileges(session: &mut OpenSession, now: Timestamp) -> Result<((), Found)> {
    let is_redshift = session.dialect == Dialect::Redshift;
    let mut catalogue = Catalogue { is_redshift, session, silent: Vec::new() };
    let attributes =
        catalogue.ask("the account's attributes", ATTRIBUTES_REDSHIFT, ATTRIBUTES_POSTGRES).await?;
    let attributes = Attributes::read(&attributes, catalogue.session.wire.parameter("session_authorization"));
    let rights = if attributes.is_superuser {
        // It may do everything; how it came to each thing is of no interest.
        Rights { temporary_tables: true, ..Rights::default() }
    } else {
        rights(&mut catalogue, &attributes.user).await?
    };
    let silent = catalogue.silent;
    let mut problems = attributes.findings(is_redshift);
    problems.extend(rights.problems);

    let mut summary = match (problems.len(), silent.as_slice()) {
        (0, []) => "reads only".to_owned(),
        (0, _) => "reads only, as far as is told".to_owned(),
        (n, _) => format!("more than reading, in {}", several(n as u64, "way")),
    };
    if problems.is_empty() && rights.temporary_tables {
        summary += ", but may make temporary tables";
    }
    if !silent.is_empty() {
        summary += &format!("; not told: {}", silent.join(", "));
    }
    problems.extend(attributes.valid_until.and_then(|until| ends_soon(until, now)));
    let found = Found { problems, ..Found::new(summary) }
        .with("user", json!(attributes.user))
        .with("superuser", json!(attributes.is_superuser))
        .with("temporary_tables", json!(rights.temporary_tables))
        .with("roles", json!(rights.roles))
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
}

async fn rights(catalogue: &mut Catalogue<'_>, user: &str) -> Result<Rights> {
    let mut roles = catalogue.ask("roles and groups", THROUGH_REDSHIFT, THROUGH_POSTGRES).await?;
    if catalogue.is_redshift {
        roles.extend(catalogue.ask("roles", ROLES_REDSHIFT, "").await?);
    }
    let database = catalogue.ask("rights on the database", DATABASE_REDSHIFT, DATABASE_POSTGRES).await?;
    let schemas = catalogue.ask("rights on schemas", CREATE_REDSHIFT, CREATE_POSTGRES).await?;
    let tables = catalogue.ask("rights on tables", WRITE_REDSHIFT, WRITE_POSTGRES).await?;

    let account = Account {
        user: user.to_owned(),
        through: roles.iter().map(|row| row.text(0).to_owned()).collect(),
        writes_through_role: roles.iter().any(|row| row.flag(1)),
    };
    let members =
        roles.iter().filter(|row| row.flag(1)).map(|row| member(row.text(0), user, catalogue.is_redshift));
    let databases = database.iter().filter(|row| row.flag(3)).map(|row| creates("database", "DATABASE", row));
    let schemas = schemas.iter().map(|row| creates("schema", "SCHEMA", row));
    let things = databases.chain(schemas).chain(tables.iter().map(writes));
    Ok(Rights {
        problems: members.chain(things.flat_map(|thing| findings(&thing, &account))).collect(),
        temporary_tables: database.iter().any(|row| row.flag(4)),
        roles: account.through.clone(),
    })
}

/// Asks, and keeps what was not answered.
struct Catalogue<'s> {
    is_redshift: bool,
    session: &'s mut OpenSession,
    silent: Vec<String>,
}

impl Catalogue<'_> {
    async fn ask(&mut self, about: &str, redshift: &str, postgres: &str) -> Result<Vec<Row>> {
        let sql = if self.is_redshift { redshift } else { postgres };
        let rows = match answer(self.session, sql).await? {
            Ok(rows) => rows,
            Err(error) => {
                self.silent.push(format!("{about} ({})", error.message()));
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

/// What stands with the account itself.
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
        let nobody = Row(Vec::new());
        let row = rows.first().unwrap_or(&nobody);
        Attributes {
            user: rows.first().map_or(user.unwrap_or_default(), |row| row.text(0)).to_owned(),
            is_superuser: row.flag(1),
            creates_databases: row.flag(2),
            valid_until: row.text(3).parse().ok(),
            creates_roles: row.flag(4),
            replicates: row.flag(5),
        }
    }

    fn findings(&self, is_redshift: bool) -> Vec<Error> {
        let finding = |message: &str, attribute: &str| {
            Error::new(Code::ExcessPrivileges, message)
                .help(format!("ALTER USER {} {attribute};", quoted(&self.user)))
        };
        if self.is_superuser {
            let message = "the account is a superuser: it may read, change and delete everything";
            let attribute = if is_redshift { "NOCREATEUSER" } else { "NOSUPERUSER" };
            let cure = finding(message, attribute);
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

fn member(role: &str, user: &str, is_redshift: bool) -> Error {
    let what = if is_redshift { "ROLE " } else { "" };
    Error::new(
        Code::ExcessPrivileges,
        format!("the account is a member of {role:?}, which may do more than read"),
    )
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

#[cfg(test)]
mod tests {
    use outflow_testkit::Postgres;

    use super::*;

    /// No Redshift can be asked here. PostgreSQL at least takes what is asked of Redshift, but for the views that only Redshift has.
    #[test]
    fn the_questions_for_redshift_are_sound_sql() {
        let database = Postgres::shared().database("questions_for_redshift");
        database.sql(
            "CREATE VIEW svv_external_schemas AS SELECT nspname AS schemaname FROM pg_namespace WHERE nspname = 'public';
             CREATE VIEW svv_user_grants AS SELECT current_user AS user_name, 'sys:dba' AS role_name;
             CREATE TABLE \"Odd. \"\"table\" (id int)",
        );
        assert_eq!(database.sql(READABLE_REDSHIFT), "public|3");
        assert_eq!(database.sql(EXTERNAL_REDSHIFT), "public");
        assert_eq!(database.sql(ATTRIBUTES_REDSHIFT), "postgres|t|t|");
        assert_eq!(database.sql(THROUGH_REDSHIFT), "");
        assert_eq!(database.sql(ROLES_REDSHIFT), "sys:dba|t");
        assert_eq!(database.sql(DATABASE_REDSHIFT), "questions_for_redshift|postgres||t|t");
        assert!(database.sql(CREATE_REDSHIFT).starts_with("public||"));
        assert_eq!(database.sql(WRITE_REDSHIFT), "public|postgres||3|Odd. \"table|t|t|t|f");
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
