//! The settings of a SQLite database.

use outflow_core::schema::{Key, Kind, Shape};

use super::{DatabaseSettings, Input, MAX_QUERIES, SettingProblem};

pub(super) const SHAPE: Shape = Shape {
    what: "a SQLite database",
    keys: &[Key::new("path", Kind::Path, "the file").required(), MAX_QUERIES],
    open: false,
};

pub(super) fn read(input: &Input<'_>, _: &mut Vec<SettingProblem>) -> Option<DatabaseSettings> {
    Some(DatabaseSettings::Sqlite { path: input.values.path("path")? })
}
