//! What a table and its query are like: the query's text, the columns of its result, and what of a
//! row is in its call.

use outflow_core::{Column, ColumnType, Timestamp};
use serde_json::Value;

use super::{Micros, SECOND, Version};

/// What the compared column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Seconds,
    Millis,
    Timestamp,
    /// 1, 2, 3, … in the order of stamping; for cursors alone.
    Counter,
}

/// What else a query may be like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// What the fields of [`Shape`] say.
    #[default]
    Plain,
    /// The call has a time of the event, which many share; the compared column is not in it.
    Happened,
    /// Two columns are compared, of which the second is NULL in some rows; both are in the call.
    TwoStamps,
    /// Each run reads all rows.
    All,
    /// The sync declares a column that says which event a row is; it is NULL in some rows. A
    /// corrected event is the same one.
    Keyed,
    /// Of people: each version is a row, in the order of their stamps.
    History,
}

/// In which order the columns are, and whether there is one more, which is NULL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Columns {
    #[default]
    AsWritten,
    Reversed,
    OneMore,
}

/// What a table and its query are like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// One row for each person, which changes; else rows that are only added.
    pub people: bool,
    /// The query gives the time of an event.
    pub timed: bool,
    pub cursor: bool,
    pub unit: Unit,
    /// `>=`, else `>`.
    pub at_least: bool,
    /// In seconds; the shortest one, where it changes.
    pub lookback: i64,
    /// The warehouse's clock tells whole seconds, as Redshift's does.
    pub whole_clock: bool,
    pub form: Form,
    pub columns: Columns,
}

impl Shape {
    /// The columns of the result by their names, in order.
    fn names(&self) -> Vec<&'static str> {
        let mut names = vec!["userid", if self.people { "plan" } else { "event" }];
        if self.timed || self.form == Form::Happened {
            names.push("timestamp");
        }
        if self.cursor || self.form == Form::TwoStamps {
            names.push("stamp");
        }
        match self.form {
            Form::TwoStamps => names.push("fixed"),
            Form::Keyed => names.push("n"),
            Form::Plain | Form::Happened | Form::All | Form::History => {}
        }
        match self.columns {
            Columns::AsWritten => {}
            Columns::Reversed => names.reverse(),
            Columns::OneMore => names.push("coupon"),
        }
        names
    }

    /// The query as a user would write it.
    pub fn query(&self) -> String {
        let item = |name: &&str| match *name {
            "userid" => "id AS userId".to_owned(),
            "timestamp" if self.form == Form::Happened => "happened AS \"timestamp\"".to_owned(),
            "timestamp" => "stamp AS \"timestamp\"".to_owned(),
            name => name.to_owned(),
        };
        let columns: Vec<String> = self.names().iter().map(item).collect();
        let columns = columns.join(", ");
        let form = match self.unit {
            Unit::Seconds | Unit::Counter => "",
            Unit::Millis if self.cursor => "",
            Unit::Millis => " | millis",
            Unit::Timestamp => " | timestamp",
        };
        let operator = if self.at_least { ">=" } else { ">" };
        let start = format!("{operator} {{{{last_sync_time{form}}}}}");
        match self.form {
            Form::All => format!("SELECT {columns} FROM t"),
            Form::TwoStamps => format!("SELECT {columns} FROM t WHERE stamp {start} OR fixed {start}"),
            Form::History => format!("SELECT {columns} FROM t WHERE stamp {start} ORDER BY stamp, number"),
            Form::Plain | Form::Happened | Form::Keyed => {
                format!("SELECT {columns} FROM t WHERE stamp {start}")
            }
        }
    }

    pub(super) fn columns(&self) -> Vec<Column> {
        let stamp = if self.unit == Unit::Timestamp { ColumnType::Timestamp } else { ColumnType::Int };
        let ty = |name: &str| match name {
            "userid" | "n" => ColumnType::Int,
            "timestamp" | "stamp" | "fixed" => stamp,
            _ => ColumnType::Text,
        };
        let column = |name: &str| Column { name: name.to_owned(), ty: ty(name), declared: String::new() };
        self.names().into_iter().map(column).collect()
    }

    /// A row as the query gives it: one with ` -- form X` adds the X to its value.
    pub(super) fn fields(&self, version: &Version, sql: &str) -> Vec<Option<String>> {
        let form = sql.split_once(" -- form ").and_then(|(_, form)| form.split_whitespace().next());
        let value = form.map_or(version.value.to_owned(), |form| format!("{} {form}", version.value));
        let moment = |stamp| {
            let at = Timestamp::from_microsecond(stamp).unwrap();
            at.strftime("%Y-%m-%d %H:%M:%S%.6f").to_string()
        };
        let stamp = |stamp| match self.unit {
            Unit::Timestamp => moment(stamp),
            _ => self.value(stamp).to_string(),
        };
        let field = |name: &str| match name {
            "userid" => version.good.then(|| version.key.to_string()),
            "plan" | "event" => Some(value.clone()),
            "timestamp" if self.form == Form::Happened => Some(stamp(version.happened())),
            "timestamp" | "stamp" => Some(stamp(version.stamp)),
            "fixed" => version.has_second().then(|| stamp(version.stamp)),
            "n" => version.has_second().then(|| version.event.to_string()),
            _ => None,
        };
        self.names().into_iter().map(field).collect()
    }

    /// The column's value for a stamp.
    pub(super) fn value(&self, stamp: i64) -> i64 {
        match self.unit {
            Unit::Seconds => stamp.div_euclid(SECOND),
            Unit::Millis => stamp.div_euclid(1_000),
            Unit::Timestamp | Unit::Counter => stamp,
        }
    }

    /// The moment that the column's value stands for.
    pub fn moment(&self, stamp: i64) -> Micros {
        self.value(stamp) * (SECOND / self.second())
    }

    /// How much a second is in the column's values.
    fn second(&self) -> i64 {
        match self.unit {
            Unit::Seconds | Unit::Counter => 1,
            Unit::Millis => 1_000,
            Unit::Timestamp => SECOND,
        }
    }

    /// How long after its stamp a row may be committed, so that no run may miss it, where runs
    /// read back that many seconds. A comparison with `>` costs one unit of the column.
    pub fn longest_lag(&self, lookback: i64) -> Micros {
        let lost = match (self.at_least, self.unit) {
            (false, Unit::Seconds) => SECOND,
            (false, Unit::Millis) => 1_000,
            _ => 0,
        };
        (lookback * SECOND - lost).max(0)
    }

    /// Whether a row is in the result of a query that begins at this second.
    pub fn reads(&self, stamp: i64, second: i64) -> bool {
        self.compares(self.value(stamp), second * self.second())
    }

    pub(super) fn compares(&self, value: i64, start: i64) -> bool {
        if self.at_least { value >= start } else { value > start }
    }

    /// Whether the row's call says which event it is, so that each run gives it the same id.
    pub fn distinguishes(&self, version: &Version) -> bool {
        match self.form {
            Form::Plain | Form::All => self.timed || self.cursor,
            Form::TwoStamps | Form::Keyed => version.has_second(),
            Form::Happened | Form::History => false,
        }
    }

    /// Which event a row is, as far as its call says. [`Shape::said`] gives the same of the call.
    pub fn told(&self, version: &Version) -> String {
        if self.form == Form::Keyed && version.has_second() {
            return format!("n {}", version.event);
        }
        let moment = |stamp| self.moment(stamp).to_string();
        let time = match (self.form, self.timed) {
            (Form::Happened, _) => moment(version.happened()),
            (_, true) => moment(version.stamp),
            (_, false) => String::new(),
        };
        let stamp =
            if self.cursor || self.form == Form::TwoStamps { moment(version.stamp) } else { String::new() };
        let second = self.form == Form::TwoStamps && version.has_second();
        format!("{} {} {time} {stamp} {second}", version.key, version.value)
    }

    /// Which event a call is.
    pub fn said(&self, call: &Value) -> String {
        let properties = &call["properties"];
        if self.form == Form::Keyed && !properties["n"].is_null() {
            return format!("n {}", properties["n"]);
        }
        let moment = |value: &Value| match value {
            Value::String(text) => text.parse::<Timestamp>().unwrap().as_microsecond().to_string(),
            Value::Number(n) => (n.as_i64().unwrap() * (SECOND / self.second())).to_string(),
            _ => String::new(),
        };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (user, event) = (text(&call["userId"]), text(&call["event"]));
        let time = if self.timed || self.form == Form::Happened {
            moment(&call["timestamp"])
        } else {
            String::new()
        };
        let second = self.form == Form::TwoStamps && !properties["fixed"].is_null();
        format!("{user} {event} {time} {} {second}", moment(&properties["stamp"]))
    }
}
