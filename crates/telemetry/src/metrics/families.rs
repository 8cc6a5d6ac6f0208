//! Every metric that there is. `docs/OPERATING.md` has the same table.

/// Samples of one name. A name that ends in `_total` is a counter, any other a gauge.
#[derive(Debug)]
pub struct Family {
    /// The name.
    pub name: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub meaning: &'static str,
}

const fn family(name: &'static str, labels: &'static [&'static str], meaning: &'static str) -> Family {
    Family { name, labels, meaning }
}

const SYNC: &[&str] = &["sync"];
const QUEUE: &[&str] = &["sync", "destination"];
const DESTINATION: &[&str] = &["destination"];

/// The table.
pub const FAMILIES: &[Family] = &[
    family("outflow_build_info", &["version"], "1; the version is its label"),
    family("outflow_runs_total", &["sync", "state"], "runs that ended, and slots that were skipped"),
    family(
        "outflow_rows_total",
        &["sync", "outcome"],
        "rows read, by what became of them: calls, rejected, unchanged",
    ),
    family(
        "outflow_calls_total",
        &["sync", "destination", "outcome"],
        "calls settled: delivered, dead_letter, filtered, cancelled, discarded",
    ),
    family("outflow_requests_total", QUEUE, "requests sent, repeats included"),
    family("outflow_request_retries_total", QUEUE, "requests that were repeats"),
    family("outflow_request_bytes_total", QUEUE, "bytes of their bodies, before compression"),
    family("outflow_last_extraction_seconds", SYNC, "how long the last extraction of this process took"),
    family("outflow_last_delivery_seconds", QUEUE, "how long the last delivery took that this process ended"),
    family(
        "outflow_last_success_timestamp_seconds",
        SYNC,
        "when a run last ended with every call settled, in Unix seconds",
    ),
    family("outflow_failed_runs_in_a_row", SYNC, "runs that failed since the last one that was extracted"),
    family("outflow_run_awaiting_approval", SYNC, "1 while a run awaits approval"),
    family("outflow_calls_pending", QUEUE, "calls of committed runs that are not settled"),
    family("outflow_backlog_runs", QUEUE, "runs that wait for the destination, the one in delivery included"),
    family("outflow_backlog_bytes", QUEUE, "bytes of their segments"),
    family(
        "outflow_destination_degraded",
        QUEUE,
        "1 while the destination keeps the sync busy no longer; only where runs wait",
    ),
    family("outflow_destination_up", DESTINATION, "1 while it takes requests, as far as is known"),
    family(
        "outflow_destination_paused",
        DESTINATION,
        "1 while nothing is sent until a person fixes the cause, or resumes it",
    ),
    family("outflow_disk_free_bytes", &[], "free bytes on the spool's disk"),
    family("outflow_disk_reserve_bytes", &[], "free bytes that extractions leave alone"),
    family("outflow_alerts_firing", &["alert"], "alerts that fire, by kind"),
    family("outflow_async_tasks", &[], "tasks of the process that are alive"),
    family("process_start_time_seconds", &[], "when the process started, in Unix seconds"),
    family("process_resident_memory_bytes", &[], "memory of the process that is in RAM (Linux)"),
    family("process_open_fds", &[], "open file descriptors (Linux)"),
    family("process_threads", &[], "threads (Linux)"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of the table in the documents.
    fn lines() -> String {
        let line = |f: &Family| format!("| `{}` | {} | {} |\n", f.name, f.labels.join(", "), f.meaning);
        FAMILIES.iter().map(line).collect()
    }

    #[test]
    fn the_page_on_operating_has_this_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/OPERATING.md");
        let head = "| metric | labels | meaning |\n| --- | --- | --- |\n";
        let page = std::fs::read_to_string(path).unwrap();
        let (before, rest) = page.split_once(head).unwrap();
        let (kept, after) = rest.split_once("\n\n").unwrap();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, format!("{before}{head}{}\n{after}", lines())).unwrap();
        } else {
            let hint = "docs/OPERATING.md is behind: UPDATE_DOCS=1 cargo test -p outflow-telemetry the_page";
            assert_eq!(format!("{kept}\n"), lines(), "{hint}");
        }
    }

    #[test]
    fn names_are_those_that_prometheus_wants_and_come_once() {
        for (n, f) in FAMILIES.iter().enumerate() {
            assert!(f.name.starts_with("outflow_") || f.name.starts_with("process_"), "{}", f.name);
            assert!(f.name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{}", f.name);
            assert!(FAMILIES[n + 1..].iter().all(|other| other.name != f.name), "{} comes twice", f.name);
        }
    }
}
