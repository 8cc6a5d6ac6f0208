//! Settings: which Redshift has, which of them PostgreSQL has, and what is said about them at
//! start-up.
//!
//! A setting that Redshift alone has is kept in PostgreSQL under the prefix `redshift.`, so that
//! SET, SET LOCAL, RESET and SHOW work on it as on any other. Everything that is in neither list is
//! refused, although PostgreSQL may have it.

use super::report::Report;
use super::{Options, Startup};

/// Settings that mean the same in both.
const COMMON: &[&str] = &[
    "application_name",
    "client_encoding",
    "datestyle",
    "extra_float_digits",
    "intervalstyle",
    "is_superuser",
    "search_path",
    "session_authorization",
    "statement_timeout",
    "timezone",
    "transaction_isolation",
    "transaction_read_only",
];

/// Settings of Redshift alone, with their defaults: the configuration reference of the Database
/// Developer Guide.
const OWN: &[(&str, &str)] = &[
    ("analyze_threshold_percent", "10"),
    ("cast_super_null_on_error", "on"),
    ("describe_field_name_in_uppercase", "off"),
    ("downcase_delimited_identifier", "on"),
    ("enable_case_sensitive_identifier", "off"),
    ("enable_case_sensitive_super_attribute", "off"),
    ("enable_numeric_rounding", "off"),
    ("enable_result_cache_for_session", "on"),
    ("error_on_nondeterministic_update", "off"),
    ("json_serialization_enable", "off"),
    ("json_serialization_parse_nested_strings", "off"),
    ("max_concurrency_scaling_clusters", "1"),
    ("max_cursor_result_set_size", "0"),
    ("mv_enable_aqmv_for_session", "on"),
    ("navigate_super_null_on_error", "on"),
    ("parse_super_null_on_error", "off"),
    ("query_group", "default"),
    ("server_encoding", "UNICODE"),
    ("server_version", "8.0.2"),
    ("spectrum_query_maxerror", "-1"),
    ("use_fips_ssl", "off"),
    ("wlm_query_slot_count", "1"),
];

/// Keys of the start-up message that Redshift's drivers send and that change nothing here.
const FROM_DRIVERS: &[&str] = &[
    "driver_discovery_version",
    "driver_version",
    "idc_client_display_name",
    "identity_namespace",
    "idp_type",
    "os_version",
    "plugin_name",
    "provider_name",
    "token_type",
];

/// The name under which PostgreSQL keeps a setting. `None`: Redshift has none of that name.
pub(super) fn name_behind(name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    if COMMON.contains(&name.as_str()) {
        Some(name)
    } else if name == "readonly" {
        // What Redshift's JDBC driver sets in place of SET SESSION CHARACTERISTICS.
        Some("default_transaction_read_only".to_owned())
    } else {
        OWN.iter().any(|(own, _)| *own == name).then(|| format!("redshift.{name}"))
    }
}

pub(super) fn unrecognized(name: &str) -> Report {
    Report::error("42704", format!("unrecognized configuration parameter \"{name}\""))
}

/// Redshift allows no more than 2.
pub(super) fn check_float_digits(value: &str) -> Result<(), Report> {
    match value.parse::<i32>() {
        Ok(-15..=2) | Err(_) => Ok(()),
        Ok(_) => Err(Report::error(
            "22023",
            format!("{value} is outside the valid range for parameter \"extra_float_digits\" (-15 .. 2)"),
        )),
    }
}

/// Whether a value of a setting means on.
pub(super) fn is_on(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "on" | "true" | "t" | "yes" | "1")
}

/// The encoding that the server reports. It is called UNICODE unless the client asks for UTF8 by
/// that name.
pub(super) fn encoding(startup: &Startup) -> &'static str {
    let asked = startup.get("client_encoding").unwrap_or("").to_ascii_uppercase();
    if asked == "UTF8" || asked == "UTF-8" { "UTF8" } else { "UNICODE" }
}

/// The settings that PostgreSQL gets at start-up, and the version of Redshift's protocol that the
/// client asks for.
type AtStartup = (Vec<(String, String)>, Option<i32>);

/// Sorts the parameters of the start-up message.
pub(super) fn at_startup(startup: &Startup, options: &Options) -> Result<AtStartup, Report> {
    let mut behind: Vec<(String, String)> =
        OWN.iter().map(|(name, value)| (format!("redshift.{name}"), (*value).to_owned())).collect();
    let mut set = |name: &str, value: &str| behind.push((name.to_owned(), value.to_owned()));
    set("client_encoding", "UTF8");
    set("extra_float_digits", "0");
    set("password_encryption", "md5");
    set("redshift.version", &options.version);
    if options.case_sensitive {
        set("redshift.enable_case_sensitive_identifier", "on");
    }
    let mut protocol = None;
    for (name, value) in &startup.parameters {
        match name.to_ascii_lowercase().as_str() {
            "user" | "database" | "client_encoding" => {}
            "client_protocol_version" => protocol = value.parse().ok(),
            "options" => set("options", value),
            lower if lower.starts_with("_pq_.") || FROM_DRIVERS.contains(&lower) => {}
            lower if lower.starts_with("lc_") => {
                return Err(Report::fatal("42501", format!("permission denied to set parameter \"{name}\"")));
            }
            "extra_float_digits" => {
                check_float_digits(value).map_err(Report::made_fatal)?;
                set("extra_float_digits", value);
            }
            _ => match name_behind(name) {
                Some(name) => set(&name, value),
                None => return Err(unrecognized(name).made_fatal()),
            },
        }
    }
    Ok((behind, protocol))
}
