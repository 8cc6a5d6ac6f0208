//! Functions that act: what a read-only transaction does not hold back, by name.
//!
//! These are refused from the text alone, whatever the catalogue says of them: some are marked as
//! harmless there (`crosstab`), and without a database there is no catalogue. What always holds:
//! a name is compared as the server folds it, with its escapes decoded. What it does not do: know
//! functions of users; `functions` judges those, with the catalogue.

/// Functions that do the same.
#[derive(Debug)]
pub(crate) struct Family {
    /// What they do, as the end of a sentence that begins with the function.
    pub(crate) does: &'static str,
    /// Their names in lower case. One that ends in `*` is a beginning.
    pub(crate) names: &'static str,
}

impl Family {
    /// Whether this function, in lower case, is one of them.
    pub(crate) fn has(&self, function: &str) -> bool {
        self.names.split_ascii_whitespace().any(|known| match known.strip_suffix('*') {
            Some(beginning) => function.starts_with(beginning),
            None => function == known,
        })
    }
}

/// Of PostgreSQL up to 18, its contributed extensions and Redshift.
///
/// Sequences and settings are here although the server refuses them, so that it is known before a
/// run.
pub(crate) const OF_SERVERS: &[Family] = &[
    Family { does: "interrupts other sessions", names: "pg_terminate_backend pg_cancel_backend pg_log_*" },
    Family { does: "locks", names: "pg_advisory_* pg_try_advisory_*" },
    Family { does: "sends a message to other sessions", names: "pg_notify" },
    Family { does: "changes settings", names: "set_config" },
    Family { does: "moves a sequence", names: "nextval setval" },
    Family { does: "works on large objects", names: "lo_* lowrite loread" },
    Family {
        does: "works on files of the server",
        names: "pg_file_* pg_read_file* pg_read_binary_file pg_stat_file pg_ls_* pg_logdir_ls pg_current_logfile \
                pg_hba_file_rules pg_ident_file_mappings pg_show_all_file_settings pg_export_snapshot",
    },
    Family {
        does: "acts on the server itself",
        names: "pg_reload_conf pg_rotate_logfile* pg_switch_* pg_promote pg_create_* pg_backup_* pg_start_backup \
                pg_stop_backup pg_wal_replay_* pg_xlog_replay_* pg_import_system_collations \
                pg_extension_config_dump pg_nextoid pg_stop_making_pinned_objects pg_stat_force_next_flush \
                binary_upgrade_* autoprewarm_*",
    },
    Family {
        does: "acts on replication",
        names: "pg_drop_* pg_copy_* pg_logical_* pg_replication_* pg_sync_replication_slots",
    },
    Family {
        does: "changes statistics",
        names: "pg_stat_reset* pg_stat_statements_reset* pg_stat_monitor_reset pg_restore_* pg_clear_* \
                pg_set_relation_stats pg_set_attribute_stats",
    },
    Family {
        does: "works on the pages of tables and indexes",
        names: "brin_* gin_clean_pending_list gin_index_check heap_force_* pg_truncate_visibility_map pg_prewarm \
                pg_buffercache_evict* pg_buffercache_mark_dirty* get_raw_page bt_index_* verify_heapam",
    },
    Family {
        does: "runs SQL that is given as text",
        names: "query_to_xml* cursor_to_xml* table_to_xml* schema_to_xml* database_to_xml* ts_stat ts_rewrite \
                crosstab* connectby xpath_table pg_background_*",
    },
    Family { does: "works on files and addresses that its text names", names: "xslt_process" },
    Family { does: "works through another connection", names: "dblink* postgres_fdw_disconnect*" },
];

/// Of SQLite, its shell and its common extensions. The file is opened without them; a build of the
/// library may have them.
pub(crate) const OF_SQLITE: &[Family] = &[
    Family { does: "runs code from outside", names: "load_extension fts3_tokenizer edit eval" },
    Family { does: "works on files", names: "readfile writefile fsdir zipfile lsdir" },
    Family { does: "opens another file", names: "sqlite_attach sqlite_detach" },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_a_beginning_and_all_else_a_whole_name() {
        let refused = |name: &str| OF_SERVERS.iter().any(|family| family.has(name));
        for name in ["lo_create", "pg_stat_reset_slru", "ts_stat", "crosstab3", "pg_restore_relation_stats"] {
            assert!(refused(name), "{name}");
        }
        for name in ["lower", "ts_stats", "locks", "setval2", "pg_relation_size", "pg_stat_get_numscans"] {
            assert!(!refused(name), "{name}");
        }
    }
}
