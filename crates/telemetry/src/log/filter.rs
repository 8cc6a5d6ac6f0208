//! Which events are logged: `warn,outflow_engine::delivery=debug`.

use std::fmt;
use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

use super::events;

/// What every target of Outflow begins with.
const OURS: &str = "outflow";

/// Where the engine opens spans. They stay enabled whatever is filtered: an event that passes needs
/// the fields of the spans around it.
const SPANS: &str = "outflow_engine::spans";

const LEVELS: [(&str, LevelFilter); 6] = [
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// Levels for all of Outflow and for parts of it. The empty filter says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    level: Option<LevelFilter>,
    targets: Vec<(String, LevelFilter)>,
}

/// A filter that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError(String);

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FilterError {}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let mut filter = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                None => filter.level = Some(level(part)?),
                Some((target, _)) if !target.trim().starts_with(OURS) => {
                    return Err(FilterError(format!(
                        "{:?} is no part of Outflow; write a crate or a module, such as \
                         outflow_engine=debug or outflow_engine::delivery=debug",
                        target.trim()
                    )));
                }
                Some((target, name)) => {
                    filter.targets.push((target.trim().to_owned(), level(name.trim())?));
                }
            }
        }
        Ok(filter)
    }
}

fn level(name: &str) -> Result<LevelFilter, FilterError> {
    let found = LEVELS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, level)| *level).ok_or_else(|| {
        let known = LEVELS.map(|(known, _)| known).join(", ");
        FilterError(format!("{name:?} is no level; levels are {known}"))
    })
}

impl Filter {
    /// For a command that prints what happens to its runs: the log leaves that out.
    pub fn without_events() -> Self {
        Self { level: None, targets: vec![(events::TARGET.to_owned(), LevelFilter::OFF)] }
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is enabled. Nothing but Outflow's own code is.
    pub(super) fn targets(&self, usual: LevelFilter) -> Targets {
        Targets::new()
            .with_target(OURS, self.level.unwrap_or(usual))
            .with_targets(self.targets.iter().cloned())
            .with_target(SPANS, LevelFilter::ERROR)
    }
}
