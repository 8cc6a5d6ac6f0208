//! A connection test's queries of the catalogue, for each kind of server.
//!
//! The questions use what Redshift has, too, where its catalogue is that of PostgreSQL 8.0: names
//! in place of OIDs in the `has_…_privilege` functions, no savepoints, no `aclexplode`. PostgreSQL
//! is asked for roles as well, since a member of a role may act as it.

use crate::server::ServerKind;

/// The questions, and the words that the answers are phrased with.
pub(super) struct Catalogue {
    /// Schema, number of readable tables.
    pub readable: &'static str,
    /// Readable schemas whose tables another service keeps.
    pub external: Option<&'static str>,
    /// Name, superuser, may create databases, valid until, may create roles, may replicate.
    pub attributes: &'static str,
    /// Name of each role or group, whether it is itself a way to write, and whether it acts on the
    /// server otherwise.
    pub through: &'static str,
    /// The same of roles, where they are listed apart.
    pub roles: Option<&'static str>,
    /// Name, owner, access list, CREATE, TEMP.
    pub database: &'static str,
    /// Name, owner, access list of each schema where the account may create.
    pub create: &'static str,
    /// Schema, owner, access list, number of tables that have these, one of them, and the rights:
    /// INSERT, UPDATE, DELETE, TRUNCATE.
    pub write: &'static str,
    /// What a group of functions is, their owner, access list, number, one of them, and all of
    /// them: functions that act on the server, on its files or through other connections, and that
    /// the account may run.
    pub functions: Option<&'static str>,
    /// The attribute that takes a superuser's rights.
    pub no_superuser: &'static str,
    /// The word before a role's name in REVOKE.
    pub role: &'static str,
}

pub(super) const REDSHIFT: Catalogue = Catalogue {
    readable: READABLE_REDSHIFT,
    external: Some(EXTERNAL_REDSHIFT),
    attributes: ATTRIBUTES_REDSHIFT,
    through: THROUGH_REDSHIFT,
    roles: Some(ROLES_REDSHIFT),
    database: DATABASE_REDSHIFT,
    create: CREATE_REDSHIFT,
    write: WRITE_REDSHIFT,
    functions: None,
    no_superuser: "NOCREATEUSER",
    role: "ROLE ",
};

const POSTGRES: Catalogue = Catalogue {
    readable: READABLE_POSTGRES,
    external: None,
    attributes: ATTRIBUTES_POSTGRES,
    through: THROUGH_POSTGRES,
    roles: None,
    database: DATABASE_POSTGRES,
    create: CREATE_POSTGRES,
    write: WRITE_POSTGRES,
    functions: Some(FUNCTIONS_POSTGRES),
    no_superuser: "NOSUPERUSER",
    role: "",
};

impl Catalogue {
    pub(super) const fn of(kind: ServerKind) -> &'static Catalogue {
        match kind {
            ServerKind::Redshift => &REDSHIFT,
            ServerKind::Postgres => &POSTGRES,
        }
    }
}

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

/// A name in a schema that one may not use is an error there; CASE keeps the function from seeing
/// it.
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

/// Superuser, may create databases, valid until; on PostgreSQL also: may create roles, may
/// replicate.
const ATTRIBUTES_POSTGRES: &str = "SELECT current_user, rolsuper, rolcreatedb, rolvaliduntil, rolcreaterole, rolreplication \
     FROM pg_catalog.pg_roles WHERE rolname = current_user";
const ATTRIBUTES_REDSHIFT: &str = "SELECT current_user, usesuper, usecreatedb, valuntil FROM pg_catalog.pg_user WHERE usename = current_user";

/// Name, and whether the role itself is a way to write.
const THROUGH_POSTGRES: &str = "SELECT rolname, rolsuper OR rolcreatedb OR rolcreaterole OR rolname IN \
     ('pg_write_all_data', 'pg_write_server_files', 'pg_execute_server_program', 'pg_create_subscription'), \
     rolname IN ('pg_signal_backend', 'pg_read_server_files', 'pg_checkpoint', 'pg_maintain', 'pg_signal_autovacuum_worker') \
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

/// Schema, owner, access list, how many tables have these, one of them, and the rights: INSERT,
/// UPDATE, DELETE, TRUNCATE.
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

/// The server's own functions that its installation keeps from everybody, as far as they act or
/// read files, and those of extensions that act outside of the transaction. Their default, without
/// an access list, is that everybody may run them.
const FUNCTIONS_POSTGRES: &str = "SELECT coalesce('extension ' || quote_ident(e.extname), 'the server'), r.rolname, \
       coalesce(array_to_string(p.proacl, chr(10)), '=X/' || quote_ident(r.rolname)), count(*), min(p.oid::regprocedure::text), \
       string_agg(p.oid::regprocedure::text, ', ' ORDER BY p.oid::regprocedure::text) \
     FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_roles r ON r.oid = p.proowner \
       LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' \
         AND d.refclassid = 'pg_catalog.pg_extension'::regclass \
       LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid \
     WHERE p.provolatile = 'v' AND NOT 2281 = ANY (p.proargtypes::oid[]) AND ( \
         (p.pronamespace = 'pg_catalog'::regnamespace AND p.proname IN ('pg_read_file', 'pg_read_binary_file', 'pg_ls_dir', \
           'pg_stat_file', 'lo_import', 'lo_export', 'pg_reload_conf', 'pg_rotate_logfile', 'pg_switch_wal', \
           'pg_create_restore_point', 'pg_promote', 'pg_backup_start', 'pg_backup_stop', 'pg_start_backup', \
           'pg_stop_backup', 'pg_wal_replay_pause', 'pg_wal_replay_resume', 'pg_stat_reset', 'pg_stat_reset_shared', \
           'pg_stat_reset_slru', 'pg_log_backend_memory_contexts', 'pg_replication_origin_create', \
           'pg_replication_origin_drop', 'pg_replication_origin_advance')) \
         OR e.extname IN ('adminpack', 'aws_lambda', 'aws_s3', 'dblink', 'http', 'pg_background', 'pg_buffercache', \
           'pg_cron', 'pg_net', 'pg_prewarm', 'pg_surgery', 'pg_visibility') \
           AND p.proname NOT IN ('pg_buffercache_pages', 'pg_visibility', 'pg_visibility_map', \
             'pg_visibility_map_summary', 'pg_check_frozen', 'pg_check_visible', 'dblink_fdw_validator')) \
       AND EXISTS (SELECT 1 FROM pg_catalog.pg_roles m WHERE pg_has_role(m.oid, 'member') AND has_function_privilege(m.oid, p.oid, 'execute')) \
     GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT 200";
