//! What the simulator knows about Redshift. A test compares this table with the tests that there
//! are.

use Basis::{Documented, Inferred, Observed};

/// What a behaviour rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Documented by AWS, or read in the source of one of its drivers.
    Documented,
    /// Seen by others: issues, logs, captures.
    Observed,
    /// Inferred by us; to be tested against a cluster before relying on it.
    Inferred,
}

/// One behaviour.
#[derive(Clone, Copy, Debug)]
pub struct Behaviour {
    /// A name for it.
    pub name: &'static str,
    /// What Redshift does.
    pub what: &'static str,
    /// How sure that is. Where `what` or `source` says of a part that it is inferred, that part is.
    pub basis: Basis,
    /// Where it is known from.
    pub source: &'static str,
    /// The function that tests it, in `crates/testkit/tests/it/redshift`.
    pub test: &'static str,
}

const fn row(
    name: &'static str,
    what: &'static str,
    basis: Basis,
    source: &'static str,
    test: &'static str,
) -> Behaviour {
    Behaviour { name, what, basis, source, test }
}

/// All of them.
#[rustfmt::skip]
pub const BEHAVIOURS: &[Behaviour] = &[
    row("client_encoding", "Without an explicit UTF8 at start-up the server reports the encoding UNICODE", Observed, "psycopg/psycopg#122, mfenniak/pg8000#33", "startup::client_encoding"),
    row("parameter_status", "server_version is 8.0.2; the build is padb_version; session_id is a UUID; standard_conforming_strings is not reported", Observed, "aws/amazon-redshift-jdbc-driver#6, #38, #39, #115", "startup::parameter_status"),
    row("float_digits_at_start_up", "extra_float_digits above 2 is FATAL 22023", Observed, "Developer Guide extra_float_digits; transact-rs/sqlx#956", "startup::start_up_settings"),
    row("locale_at_start_up", "lc_* is FATAL 42501", Observed, "npgsql/npgsql#210", "startup::start_up_settings"),
    row("unknown_at_start_up", "A setting that Redshift has not is FATAL 42704", Inferred, "from the error of SHOW", "startup::start_up_settings"),
    row("authentication_cleartext", "Code 3 is used", Documented, "amazon-redshift-python-driver core.py", "startup::ways_to_log_in"),
    row("authentication_md5", "Code 5 is used, and for users that CREATE USER makes", Documented, "amazon-redshift-python-driver core.py", "startup::users_that_sql_makes_can_log_in"),
    row("authentication_digest", "Code 13 asks for SHA256(SHA256(password, salt), server's nonce, client's nonce) in a message d", Documented, "amazon-redshift-python-driver extensible_digest.py", "startup::ways_to_log_in"),
    row("wrong_password", "A wrong password is 28000 and not 28P01", Observed, "aws/amazon-redshift-python-driver#237", "startup::wrong_password"),
    row("unknown_database", "An unknown database is 3D000", Inferred, "text from PostHog's error map, code from PostgreSQL", "startup::unknown_database"),
    row("permission_denied", "Missing rights read `permission denied for relation x`", Observed, "PostHog's error map", "startup::a_user_has_its_own_rights_only"),
    row("require_ssl", "Without TLS where it is required: 28000, no pg_hba.conf entry … SSL off", Inferred, "Management Guide connecting-ssl-support for the rule; the text is that of PostgreSQL", "startup::tls_is_required"),
    row("tls_request", "SSLRequest is answered with S or N, and plain connections are taken unless require_ssl", Documented, "Management Guide connecting-ssl-support", "startup::tls_is_offered"),
    row("iam_users", "Users of temporary credentials (IAM:…) need TLS; without it the password fails", Documented, "Management Guide generating-iam-credentials-cli-api; brianc/node-postgres#1528", "startup::temporary_credentials_need_tls"),
    row("protocol_version", "client_protocol_version is answered with server_protocol_version, which may be lower", Documented, "amazon-redshift-python-driver core.py handle_PARAMETER_STATUS", "startup::protocol_version"),
    row("start_up_protocol", "Protocols above 3.0 are refused", Inferred, "PostgreSQL 8.0", "startup::newer_protocols_are_refused"),
    row("row_description", "From protocol 1 on each column has schema, table, column, catalog and flags after it", Documented, "amazon-redshift-python-driver core.py handle_ROW_DESCRIPTION", "session::extended_row_description"),
    row("select_tag", "The tag of a SELECT has no count", Observed, "gravitational/teleport#29417; amazon-redshift-python-driver core.py", "session::the_tag_of_a_select_has_no_count"),
    row("version", "version() tells PostgreSQL 8.0.2 and Redshift's build", Observed, "t8y2/dbx#5239", "session::version_text"),
    row("padding", "Text of the leader node, such as version(), may end in NULs", Observed, "one capture, binary form: gravitational/teleport#29417; for the text form inferred", "session::version_text"),
    row("folding", "Labels and names fold to lower case, quoted or not, ASCII letters alone", Documented, "Developer Guide names", "session::labels_fold"),
    row("case_sensitive", "enable_case_sensitive_identifier keeps the case of quoted names; sessions may set it", Documented, "Developer Guide enable_case_sensitive_identifier", "session::labels_fold"),
    row("uppercase_labels", "describe_field_name_in_uppercase makes labels upper case", Documented, "Developer Guide describe_field_name_in_uppercase", "session::labels_fold"),
    row("unnamed_outputs", "Outputs without a name: ?column?, the function's name, pgdate_part, timestamp", Documented, "Developer Guide DATE_PART, SYSDATE", "session::unnamed_outputs"),
    row("missing_settings", "standard_conforming_strings, server_version_num and others are 42704", Observed, "sqlalchemy/sqlalchemy#9494, stripe-archive/mosql#38", "session::settings_that_are_missing"),
    row("backslashes", "A backslash escapes in ordinary literals", Documented, "sqlparser's dialect; sqlalchemy/sqlalchemy#9494", "sql::functions_of_values"),
    row("refused_statements", "DISCARD, LISTEN, UNLISTEN, DEALLOCATE ALL and SAVEPOINT do not exist; their SQLSTATEs are inferred", Documented, "Developer Guide unsupported features; npgsql/npgsql#5926; PostHog/posthog#18677", "session::statements_that_are_refused"),
    row("copy", "COPY TO STDOUT and FROM STDIN are syntax errors", Observed, "duckdb/duckdb-postgres#373, pola-rs/polars#2003", "session::statements_that_are_refused"),
    row("missing_catalogue", "pg_enum, pg_range and pg_type.typcategory do not exist", Observed, "rust-postgres/rust-postgres#167, spiceai/spiceai#10136", "session::statements_that_are_refused"),
    row("missing_functions", "pg_sleep, clock_timestamp, json_build_object and to_timestamp of a number do not exist", Documented, "Developer Guide unsupported functions, TO_TIMESTAMP", "session::statements_that_are_refused"),
    row("unsupported_syntax", "VALUES as a table and IS DISTINCT FROM do not exist; their errors are inferred", Documented, "Developer Guide unsupported features", "session::statements_that_are_refused"),
    row("reserved_words", "Words such as TAG cannot be names without quotes", Documented, "Developer Guide reserved words", "session::statements_that_are_refused"),
    row("timestamp_reserved", "TIMESTAMP is in the list of reserved words, yet published examples use it bare: a switch, off by default", Inferred, "Developer Guide reserved words against the reference page's examples", "session::the_reserved_word_timestamp"),
    row("aborted_transaction", "After any error the transaction is 25P02 until ROLLBACK", Observed, "aws/amazon-redshift-python-driver#113", "session::a_refusal_aborts_the_transaction"),
    row("error_fields", "Errors have the fields of protocol 8.0; a position comes with syntax errors alone", Inferred, "PostgreSQL 8.0", "session::fields_of_errors"),
    row("read_only", "A write in a transaction that is READ ONLY is 25006", Inferred, "PostgreSQL 8.0; BEGIN READ ONLY is in the grammar", "session::fields_of_errors"),
    row("snapshot", "A transaction sees one snapshot of its tables from its beginning to its end", Documented, "Developer Guide serial isolation", "session::a_transaction_sees_one_snapshot"),
    row("explain", "EXPLAIN has no options; steps of compute nodes are marked XN", Documented, "Developer Guide EXPLAIN", "session::plans"),
    row("row_limit", "The row limit of Execute holds on named portals only, and the portal ends with the transaction", Observed, "brianc/node-pg-cursor#14, #44; dbeaver/dbeaver#11277", "session::the_row_limit_holds_on_named_portals_only"),
    row("portal_suspended", "Parse while a portal is suspended is XX000", Observed, "brianc/node-pg-cursor#55, metabase/metabase#29680", "session::the_row_limit_holds_on_named_portals_only"),
    row("single_node_fetch", "A single node refuses more than 1,000 rows at a time, and FETCH ALL", Documented, "Developer Guide FETCH; microsoft/vscode-postgresql#91", "session::fetch_size_of_a_single_node"),
    row("declare", "DECLARE by Parse is cancelled, of all things", Observed, "r-dbi/RPostgres#148", "session::cursors"),
    row("one_cursor", "One cursor is open per session; the text is inferred", Documented, "Developer Guide DECLARE", "session::cursors"),
    row("parameters", "At most 32,767 parameters, and none in SET", Observed, "aws/amazon-redshift-python-driver#165, #59", "session::parameters"),
    row("leader_only", "Functions of the leader node fail on tables, with an INFO for each; found by planning, not by Parse (inferred)", Documented, "Developer Guide leader-node functions", "session::leader_node_only_functions"),
    row("compute_only", "LISTAGG and MEDIAN fail without a table", Documented, "Developer Guide LISTAGG; the text is inferred", "session::leader_node_only_functions"),
    row("streaming", "One result streams at the client's pace", Observed, "PostHog/posthog#79500; JDBC driver's ring buffer", "session::a_large_result_streams"),
    row("types", "OIDs and texts of all types; SUPER 4000 is JSON, VARBYTE 6551 is hexadecimal without \\x, CHAR is padded, numerics have a fixed scale", Documented, "amazon-redshift-python-driver oids.py; JDBC driver Oid.java", "sql::types_and_their_texts"),
    row("binary_numeric", "A numeric in binary form is a scaled integer of 8 or 16 bytes, also for clients that asked for no protocol", Observed, "npgsql/npgsql#3843; aws/amazon-redshift-python-driver#61, #207", "sql::binary_values"),
    row("time_and_number", "A time compared with a number is 42883", Inferred, "Developer Guide type compatibility for the rule; the text is that of PostgreSQL", "sql::comparison_of_times_with_numbers"),
    row("text_and_number", "A text compared with a whole number is compared as text, silently", Documented, "Developer Guide type compatibility", "sql::comparison_of_texts_with_numbers"),
    row("extract_epoch", "EXTRACT(epoch) of a TIMESTAMP is a 32-bit integer without fraction; beyond it is XX000", Documented, "Developer Guide EXTRACT; datafold/data-diff#786", "sql::extract_epoch"),
    row("clock", "GETDATE() knows whole seconds, SYSDATE is the start of the transaction; both have no zone", Documented, "Developer Guide GETDATE, SYSDATE", "sql::the_clock"),
    row("dates", "DATEADD, DATEDIFF (counting boundaries) and the rest of the functions of dates", Documented, "Developer Guide date functions", "sql::functions_of_dates"),
    row("values", "NVL, NVL2, DECODE, STRTOL, SHA2 and others", Documented, "Developer Guide functions", "sql::functions_of_values"),
    row("json", "JSON_PARSE, JSON_SERIALIZE, OBJECT, ARRAY and the rest; that a missing path is an empty text is inferred", Documented, "Developer Guide JSON and SUPER functions", "sql::functions_of_json"),
    row("qualify", "QUALIFY; a table right in front of it needs an alias", Documented, "Developer Guide \"QUALIFY clause\"", "sql::the_first_rows_by_qualify"),
    row("syntax", "TOP, MINUS, LISTAGG … WITHIN GROUP, APPROXIMATE COUNT, MEDIAN", Documented, "Developer Guide SQL reference", "sql::syntax_of_queries"),
    row("newer_syntax", "DISTINCT ON and DISTINCT in a window function are 0A000; FILTER, LATERAL and WITH TIES are syntax errors (inferred)", Observed, "jazzband/django-redshift-backend#14; Developer Guide unsupported PostgreSQL features", "session::statements_that_are_refused"),
    row("system_views", "svv_* views, pg_user, has_*_privilege", Documented, "Developer Guide system tables", "sql::system_views"),
    row("definitions", "DISTKEY, SORTKEY, ENCODE, IDENTITY(s, i); TEXT is VARCHAR(256)", Documented, "Developer Guide CREATE TABLE, character types", "sql::definitions_through_the_database"),
    row("internal_errors", "Internal errors are XX000, with the code in the many lines of the detail: 1016, 1020, 1023 and others", Observed, "aws/amazon-redshift-python-driver#59; awslabs/aws-lambda-redshift-loader#68; estuary/connectors#5218", "trouble::failures_of_queries"),
    row("failing_amid_rows", "A query may fail after it gave rows", Inferred, "how results stream", "trouble::a_failure_strikes_at_execution_and_amid_rows"),
    row("connection_limit", "Over the limit: connection limit \"500\" exceeded for non-bootstrap users", Observed, "brianc/node-postgres#1155; the SQLSTATE is inferred", "trouble::failures_of_logins"),
    row("waking", "A restored serverless session cancels its first query: 57014, routine NFTSetupSessionStateOnRestore; or the handshake hangs", Observed, "aws/amazon-redshift-python-driver#150; exmergo/dex#97", "trouble::waking"),
    row("paused", "A paused cluster lets connections hang", Inferred, "nothing resumes it on connect", "trouble::paused"),
    row("restarting", "A restart is 57P01, or the end of the connection", Observed, "PostHog/posthog#98089, fujiwara/Rin#16", "trouble::restarting"),
    row("cancel", "A CancelRequest is 57014, Query (n) cancelled on user's request", Observed, "metabase/metabase#36770", "trouble::cancel"),
    row("statement_timeout", "statement_timeout has the same text as a cancel", Documented, "Developer Guide statement_timeout", "trouble::statement_timeout"),
];
