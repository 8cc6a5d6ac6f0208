//! Functions that are known to compute and no more.
//!
//! `HARMLESS` are volatile in the catalogue for another reason than acting: each group says why it
//! passes. `WELL_KNOWN` are those of every database, for accounts that cannot read the catalogue.
//! The tests compare both with a real PostgreSQL.

/// The schema of a server's own functions.
pub(super) const SERVER: &str = "pg_catalog";

/// Volatile functions that pass.
struct Harmless {
    /// The extension that they belong to; empty for the server's own.
    extension: &'static str,
    /// Why they pass, for whoever changes the list.
    #[cfg_attr(not(test), expect(dead_code, reason = "read by the test that wants a reason"))]
    why: &'static str,
    names: &'static str,
}

const HARMLESS: &[Harmless] = &[
    Harmless { extension: "", why: "they read the clock", names: "clock_timestamp timeofday getdate" },
    Harmless {
        extension: "",
        why: "they give random values; setseed is the session's own",
        names: "random random_normal setseed gen_random_uuid uuidv4 uuidv7",
    },
    Harmless {
        extension: "",
        why: "they wait, and the time-out ends them",
        names: "pg_sleep pg_sleep_for pg_sleep_until",
    },
    Harmless {
        extension: "",
        why: "they tell of this session",
        names: "currval lastval current_query pg_stat_clear_snapshot pg_stat_get_xact_blocks_fetched \
                pg_stat_get_xact_blocks_hit pg_stat_get_xact_function_calls pg_stat_get_xact_function_self_time \
                pg_stat_get_xact_function_total_time pg_stat_get_xact_numscans pg_stat_get_xact_tuples_deleted \
                pg_stat_get_xact_tuples_fetched pg_stat_get_xact_tuples_hot_updated \
                pg_stat_get_xact_tuples_newpage_updated pg_stat_get_xact_tuples_inserted \
                pg_stat_get_xact_tuples_returned pg_stat_get_xact_tuples_updated",
    },
    Harmless {
        extension: "",
        why: "they tell how large something is",
        names: "pg_database_size pg_indexes_size pg_relation_size pg_table_size pg_tablespace_size \
                pg_total_relation_size",
    },
    Harmless {
        extension: "",
        why: "they tell how the server stands",
        names: "pg_blocking_pids pg_collation_actual_version pg_control_checkpoint pg_control_init \
                pg_control_recovery pg_control_system pg_current_wal_flush_lsn pg_current_wal_insert_lsn \
                pg_current_wal_lsn pg_database_collation_actual_version pg_get_wal_replay_pause_state \
                pg_get_wal_resource_managers pg_is_in_recovery pg_is_wal_replay_paused pg_jit_available \
                pg_last_committed_xact pg_last_wal_receive_lsn pg_last_wal_replay_lsn \
                pg_last_xact_replay_timestamp pg_lock_status pg_notification_queue_usage pg_partition_ancestors \
                pg_partition_tree pg_prepared_xact pg_safe_snapshot_blocking_pids pg_sequence_last_value \
                pg_stat_get_recovery_prefetch pg_stat_have_stats pg_xact_commit_timestamp \
                pg_xact_commit_timestamp_origin pg_xact_status txid_status",
    },
    Harmless {
        extension: "uuid-ossp",
        why: "they give new identifiers",
        names: "uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4",
    },
    Harmless {
        extension: "pgcrypto",
        why: "they encrypt with random salts",
        names: "gen_random_bytes gen_random_uuid gen_salt pgp_pub_encrypt pgp_pub_encrypt_bytea pgp_sym_encrypt \
                pgp_sym_encrypt_bytea",
    },
    Harmless { extension: "tablefunc", why: "it gives random values", names: "normal_rand" },
    Harmless { extension: "pg_trgm", why: "it sets a limit of this session", names: "set_limit" },
    Harmless {
        extension: "pg_stat_statements",
        why: "they read what is counted",
        names: "pg_stat_statements pg_stat_statements_info",
    },
    Harmless {
        extension: "sslinfo",
        why: "they tell of this connection",
        names: "ssl_cipher ssl_client_cert_present ssl_client_dn ssl_client_dn_field ssl_client_serial \
                ssl_extension_info ssl_is_used ssl_issuer_dn ssl_issuer_field ssl_version",
    },
    Harmless { extension: "pg_buffercache", why: "they read what is cached", names: "pg_buffercache_pages" },
    Harmless { extension: "pg_freespacemap", why: "it reads how full pages are", names: "pg_freespace" },
    Harmless {
        extension: "pgstattuple",
        why: "they read how full tables are",
        names: "pg_relpages pgstatginindex pgstathashindex pgstatindex pgstattuple pgstattuple_approx",
    },
];

/// Functions that PostgreSQL has and marks as stable or immutable, in all their forms, of those
/// that queries use. Words of the language that a parenthesis follows are here, too.
const WELL_KNOWN: &str = "
    abs acos age any array array_agg array_append array_cat array_dims array_length array_lower array_ndims
    array_position array_positions array_prepend array_remove array_replace array_to_json array_to_string
    array_upper as asin atan atan2 avg between bit_and bit_length bit_or bit_xor bool_and bool_or btrim by
    cardinality case cast ceil ceiling char char_length character_length chr coalesce concat concat_ws
    convert_from convert_to corr cos cot count covar_pop covar_samp cube cume_dist current_database
    current_schema current_setting current_user date date_bin date_part date_trunc decimal decode degrees
    dense_rank distinct div else encode enum_range every except exists exp extract filter first_value float floor
    format from generate_series generate_subscripts get_bit get_byte greatest group grouping having host hypothetical
    in initcap inner int int4 int8 integer intersect interval isfinite join json_agg json_array_elements
    json_array_elements_text json_array_length json_build_array json_build_object json_each json_each_text
    json_extract_path json_extract_path_text json_object json_object_agg json_object_keys json_populate_record
    json_populate_recordset json_strip_nulls json_to_record json_to_recordset json_typeof jsonb_agg
    jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object
    jsonb_each jsonb_each_text jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object
    jsonb_object_agg jsonb_object_keys jsonb_path_exists jsonb_path_match jsonb_path_query
    jsonb_path_query_array jsonb_path_query_first jsonb_populate_record jsonb_pretty jsonb_set
    jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_typeof justify_days justify_hours
    justify_interval lag last_value lateral lead least left length like limit ln log log10 lower lower_inc lpad
    ltrim make_date make_interval make_time make_timestamp make_timestamptz masklen materialized max md5 min
    mod mode not now nth_value ntile nullif num_nonnulls num_nulls numeric octet_length on or over overlaps
    overlay partition percent_rank percentile_cont percentile_disc pg_typeof pi plainto_tsquery position power
    quote_ident quote_literal quote_nullable radians range_agg rank regexp_count regexp_instr regexp_like
    regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table regexp_substr
    regr_count regr_slope repeat replace reverse right rollup round row row_number row_to_json rpad rtrim
    select session_user sets sha224 sha256 sha384 sha512 sign sin split_part sqrt starts_with
    statement_timestamp stddev stddev_pop stddev_samp string_agg string_to_array string_to_table strpos substr
    substring sum tan then time timestamp timestamptz to_ascii to_char to_date to_hex to_json to_jsonb to_number
    to_timestamp to_tsquery to_tsvector transaction_timestamp translate trim trim_array trunc ts_headline
    ts_rank union unnest upper using values var_pop var_samp varchar variance version when where width_bucket with
    within xmlagg xmlelement xmlforest xpath
    add_months charindex datediff dateadd dateparse getdate isnull json_extract_array_element_text json_parse
    json_serialize last_day len listagg median months_between next_day nvl nvl2 ratio_to_report regexp_substr
    replicate sysdate convert_timezone date_diff can_json_parse is_valid_json approximate
    ";

/// Whether a volatile function of this extension (of the server, if empty) passes.
pub(super) fn is_harmless(extension: &str, name: &str) -> bool {
    let groups = HARMLESS.iter().filter(|group| group.extension == extension);
    groups.flat_map(|group| group.names.split_ascii_whitespace()).any(|known| known == name)
}

/// Whether every database has it, and only as what computes.
pub(super) fn is_well_known(name: &str) -> bool {
    crate::words::contains(WELL_KNOWN, name)
}

#[cfg(test)]
mod tests {
    use outflow_testkit::Postgres;

    use super::*;
    use crate::acting::OF_SERVERS;

    /// Every function of the server that its catalogue marks as volatile is either known to act or
    /// known to be harmless, so that the lists are complete for this version.
    #[test]
    fn each_volatile_function_of_the_server_is_refused_by_name_or_known_to_be_harmless() {
        let volatile = Postgres::shared().sql(
            "SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND provolatile = 'v'
               AND NOT 2281 = ANY (proargtypes::oid[])
               AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype, 'language_handler'::regtype)",
        );
        // Of no use in a query: they judge definitions.
        let rest = ["amvalidate", "currtid2", "plpgsql_validator", "pg_isolation_test_session_is_blocked"];
        let rest = [
            &rest[..],
            &[
                "pg_get_backend_memory_contexts",
                "pg_get_multixact_members",
                "pg_get_shmem_allocations",
                "pg_show_replication_origin_status",
            ],
        ]
        .concat();
        for name in volatile.lines() {
            let acts = OF_SERVERS.iter().any(|family| family.has(name));
            let harmless = is_harmless("", name);
            assert!(acts != harmless || rest.contains(&name), "{name}: acts {acts}, harmless {harmless}");
        }
    }

    #[test]
    fn what_is_well_known_is_nowhere_volatile() {
        let volatile = Postgres::shared().sql("SELECT DISTINCT proname FROM pg_proc WHERE provolatile = 'v'");
        for name in volatile.lines().filter(|name| !is_harmless("", name)) {
            assert!(!is_well_known(name), "{name}");
        }
        for name in WELL_KNOWN.split_ascii_whitespace() {
            assert!(!OF_SERVERS.iter().any(|family| family.has(name)), "{name}");
        }
    }

    #[test]
    fn each_harmless_function_has_a_reason() {
        for group in HARMLESS {
            assert!(!group.why.is_empty() && !group.names.is_empty());
            let acting = |name: &&str| OF_SERVERS.iter().any(|family| family.has(name));
            assert_eq!(group.names.split_ascii_whitespace().find(acting), None);
        }
    }
}
