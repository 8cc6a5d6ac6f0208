//! What a process uses, as the kernel says: `/proc/PID`.

/// Memory, open files and threads of a process at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vitals {
    /// Resident memory now, in bytes.
    pub memory: u64,
    /// The largest resident memory so far, in bytes.
    pub peak_memory: u64,
    /// Open files and sockets.
    pub files: u64,
    /// Threads.
    pub threads: u64,
}

impl Vitals {
    /// Those of a process; `None` once it is gone.
    pub fn of(pid: u32) -> Option<Vitals> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().nth(0)?.parse::<u64>().ok()
        };
        let files = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64;
        Some(Vitals {
            memory: field("VmRSS:")? * 1024,
            peak_memory: field("VmHWM:")? * 1024,
            files,
            threads: field("Threads:")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_opened_is_counted_and_a_process_that_never_was_has_none() {
        let before = Vitals::of(std::process::id()).unwrap();
        let _files: Vec<_> = (0..50).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
        let after = Vitals::of(std::process::id()).unwrap();
        assert!(after.files >= before.files + 50 && after.threads >= 1, "{before:?} {after:?}");
        assert!(after.peak_memory >= after.memory / 2 && after.memory > 100_000, "{after:?}");
        assert_eq!(Vitals::of(u32::MAX), None);
    }
}
