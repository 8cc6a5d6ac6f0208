//! Which functions a statement can run, by the server's own catalogue.
//!
//! The question takes the names of the statement and gives the functions behind them that are
//! marked as volatile, whatever runs them: a call, the function of a row behind a dot, an operator,
//! a cast, the check of a domain, a view (through any depth of views), the policy of a table's
//! rows, the parts of an aggregate.
//!
//! What always holds: one question, in a read-only transaction of its own with a time limit. Names
//! go in as texts. It finds too much rather than too little: a name counts for every function that
//! the search path shows under it. What it does not see: inside functions, behind foreign tables,
//! and how types are read and written. On Redshift it sees calls alone.

use outflow_core::{NameUsage, ReferencedName, References, VolatileFunction};

use super::kind::ServerKind;

/// More functions than this need not be named.
const MOST: usize = 50;

/// The question for the functions of a statement with these names; `None` if it has none.
pub(super) fn question(kind: ServerKind, references: &References) -> Option<String> {
    match kind {
        ServerKind::Postgres => Some(of_postgres(references)),
        ServerKind::Redshift => of_redshift(references),
    }
}

/// The functions in its answer.
pub(super) fn answer(rows: Vec<Vec<Option<String>>>) -> Vec<VolatileFunction> {
    let read = |row: Vec<Option<String>>| {
        let mut fields = row.into_iter();
        Some(VolatileFunction {
            schema: fields.next()??,
            name: fields.next()??,
            arguments: fields.next().flatten().unwrap_or_default(),
            extension: fields.next().flatten(),
            via: fields.next().flatten(),
        })
    };
    rows.into_iter().filter_map(read).take(MOST).collect()
}

/// Schema and name of each user's function of those names; on Redshift functions of users
/// only compute, but one may call a service.
fn of_redshift(references: &References) -> Option<String> {
    let names: Vec<String> = references.called().map(|called| escaped_literal(&called.name)).collect();
    if names.is_empty() {
        return None;
    }
    Some(format!(
        "SELECT n.nspname, p.proname FROM pg_catalog.pg_proc p, pg_catalog.pg_namespace n \
         WHERE n.oid = p.pronamespace AND p.provolatile = 'v' AND p.proname IN ({}) \
         AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_internal') GROUP BY 1, 2 LIMIT {MOST}",
        names.join(", ")
    ))
}

/// A string for a server where a backslash escapes.
fn escaped_literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// A string for a server where it does not.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// An array as a string.
fn array(items: impl Iterator<Item = Option<String>>) -> String {
    let items: Vec<String> = items
        .map(|item| match item {
            Some(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
            None => "NULL".to_owned(),
        })
        .collect();
    literal(&format!("{{{}}}", items.join(",")))
}

fn of_postgres(references: &References) -> String {
    let column = |field: fn(&ReferencedName) -> Option<String>| array(references.names.iter().map(field));
    let usage: fn(&ReferencedName) -> Option<String> = |name| {
        let letter = match name.usage {
            NameUsage::Called => "c",
            NameUsage::Field => "f",
            NameUsage::Plain => "p",
        };
        Some(letter.to_owned())
    };
    // Put together piece by piece: a name may hold anything, the marks of a template included.
    format!(
        "BEGIN READ ONLY; SET LOCAL statement_timeout TO 20000; \
         WITH RECURSIVE word AS (SELECT schema, name, usage \
         FROM unnest({}::text[], {}::text[], {}::text[]) AS w(schema, name, usage)), \
         symbols AS (SELECT run FROM unnest({}::text[]) AS s(run)), {VOLATILE} LIMIT {MOST}; COMMIT",
        column(|name| name.schema.clone()),
        column(|name| Some(name.name.clone())),
        column(usage),
        array(references.operators.iter().cloned().map(Some)),
    )
}

/// Every function and every relation is known to the stored form of a view or a policy by its
/// number: there, the server's own functions show as well, which its list of dependencies leaves
/// out. The server's own views are not looked into. 16384 is the first number that the server does
/// not use itself; 2281 is the type `internal`, whose functions no query can call.
const VOLATILE: &str = r"
called AS (
  SELECT p.oid FROM word w JOIN pg_catalog.pg_proc p ON p.proname = w.name
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  WHERE w.usage = 'c' AND CASE WHEN w.schema IS NULL THEN n.nspname = ANY (current_schemas(true))
    WHEN w.schema = 'pg_temp' THEN n.oid = pg_my_temp_schema() ELSE n.nspname = w.schema END
  UNION
  SELECT p.oid FROM word w JOIN pg_catalog.pg_proc p ON p.proname = w.name
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    JOIN pg_catalog.pg_type t ON t.oid = p.proargtypes[0]
  WHERE w.usage = 'f' AND n.nspname = ANY (current_schemas(true)) AND p.pronargs - p.pronargdefaults <= 1
    AND t.typtype IN ('c', 'd', 'p')
), relation AS (
  SELECT c.oid FROM word w JOIN pg_catalog.pg_class c ON c.relname = w.name
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE (n.nspname = w.schema OR (w.schema IS NULL AND n.nspname = ANY (current_schemas(true)))
      OR (w.schema = 'pg_temp' AND n.oid = pg_my_temp_schema()))
    AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  UNION
  SELECT c.oid FROM relation JOIN pg_catalog.pg_rewrite r ON r.ev_class = relation.oid AND r.ev_type = '1'
    CROSS JOIN LATERAL regexp_matches(r.ev_action::text, ':relid ([0-9]+)', 'g') AS m
    JOIN pg_catalog.pg_class c ON c.oid = m[1]::oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
), stored AS (
  SELECT 'view ' || r.ev_class::regclass AS via, r.ev_action::text AS tree
    FROM relation JOIN pg_catalog.pg_rewrite r ON r.ev_class = relation.oid AND r.ev_type = '1'
  UNION ALL
  SELECT 'a row policy of ' || p.polrelid::regclass, p.polqual::text
    FROM relation JOIN pg_catalog.pg_policy p ON p.polrelid = relation.oid WHERE p.polqual IS NOT NULL
  UNION ALL
  SELECT 'a check of type ' || t.oid::regtype, c.conbin::text
    FROM word w JOIN pg_catalog.pg_type t ON t.typname = w.name AND t.typtype = 'd'
    JOIN pg_catalog.pg_constraint c ON c.contypid = t.oid WHERE c.conbin IS NOT NULL
), reached AS (
  SELECT oid, NULL::text AS via FROM called
  UNION
  SELECT m[1]::oid, via FROM stored
    CROSS JOIN LATERAL regexp_matches(tree, ':(?:funcid|opfuncid|aggfnoid|winfnoid) ([0-9]+)', 'g') AS m
  UNION
  SELECT o.oprcode::oid, 'operator ' || o.oprname FROM pg_catalog.pg_operator o
  WHERE o.oid >= 16384 AND EXISTS (SELECT 1 FROM symbols WHERE position(o.oprname::text IN run) > 0)
  UNION
  SELECT c.castfunc, 'a cast to ' || c.casttarget::regtype FROM pg_catalog.pg_cast c
    JOIN pg_catalog.pg_type t ON t.oid = c.casttarget
  WHERE c.oid >= 16384 AND c.castfunc <> 0 AND (c.castcontext = 'i' OR EXISTS (SELECT 1 FROM word w WHERE w.name = t.typname))
), run AS (
  SELECT oid, via FROM reached
  UNION
  SELECT part, coalesce(via, 'aggregate ' || r.oid::regproc) FROM reached r JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = r.oid
    CROSS JOIN LATERAL unnest(ARRAY[a.aggtransfn::oid, a.aggfinalfn::oid, a.aggcombinefn::oid, a.aggserialfn::oid,
      a.aggdeserialfn::oid, a.aggmtransfn::oid, a.aggminvtransfn::oid, a.aggmfinalfn::oid]) AS part
  WHERE part <> 0
)
SELECT DISTINCT n.nspname, p.proname, oidvectortypes(p.proargtypes), e.extname, run.via
FROM run JOIN pg_catalog.pg_proc p ON p.oid = run.oid JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
    AND d.refclassid = 'pg_catalog.pg_extension'::regclass
  LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
WHERE p.provolatile = 'v' AND NOT 2281 = ANY (p.proargtypes::oid[])
ORDER BY 5 NULLS FIRST, 1, 2, 3";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_in_as_texts_whatever_they_hold() {
        assert_eq!(array([Some("a\"b\\c'".to_owned()), None].into_iter()), r#"'{"a\"b\\c''",NULL}'"#);
        assert_eq!(escaped_literal(r"a\'b"), r"'a\\''b'");
        let name = |name: &str| ReferencedName { schema: None, name: name.into(), usage: NameUsage::Called };
        let references = References { names: vec![name("x'); DROP TABLE y; --")], operators: Vec::new() };
        let question = of_redshift(&references).unwrap();
        assert!(question.contains("IN ('x''); DROP TABLE y; --')"), "{question}");
        assert!(of_redshift(&References::default()).is_none());
    }
}
