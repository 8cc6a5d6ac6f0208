//! The guards and budgets that a user configures.

use serde::{Deserialize, Serialize};

/// The guards of a sync. One that is `None` checks nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Guards {
    /// Rows that a result may have (G001).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rows: Option<u64>,
    /// The percentage of the rows that may be rejected (G002).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rejected_percent: Option<u8>,
    /// How many times more or fewer rows than the median of the last runs a result may have (G003).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_row_change: Option<u64>,
    /// A column that is gone, or has another type than in the last run (G004).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hold_columns: bool,
    /// The percentage of the rows that may have no identifier (G005).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_null_identifier_percent: Option<u8>,
    /// Calls that the sync may send, over all its destinations (G006).
    #[serde(skip_serializing_if = "Budget::is_unlimited")]
    pub budget: Budget,
}

impl Guards {
    /// Whether no guard is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How many calls may be sent in a time. Days and months are those of UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// In a day; `None`: no limit.
    pub per_day: Option<u64>,
    /// In a month; `None`: no limit.
    pub per_month: Option<u64>,
}

impl Budget {
    /// Whether it allows everything.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }
}
