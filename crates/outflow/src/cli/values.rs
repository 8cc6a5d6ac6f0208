//! Values of options: from the text that is typed to what it means.

use std::time::Duration;

/// The longest duration, in seconds.
const LONGEST: u64 = 365 * 86_400;

/// Names, each with its parts.
#[derive(Clone, Debug)]
pub struct Names(pub Vec<Vec<String>>);

pub(super) fn schemas(text: &str) -> Result<Names, String> {
    names(text, 1, "use names with commas between: sales,public")
}

pub(super) fn tables(text: &str) -> Result<Names, String> {
    names(text, 2, "use SCHEMA.TABLE with commas between: sales.orders,sales.people")
}

fn names(text: &str, parts: usize, help: &str) -> Result<Names, String> {
    let names = outflow_app::parse_names(text).filter(|names| names.iter().all(|n| n.len() == parts));
    names.map(Names).ok_or_else(|| help.to_owned())
}

/// A duration as in the project file: `90s`, `10m`, `2h`, `1d`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "s" | "" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err("use a number with s, m, h or d, for example 10m".to_owned()),
    };
    let number: u64 =
        number.parse().map_err(|_| "use a number with s, m, h or d, for example 10m".to_owned())?;
    let seconds = number.checked_mul(seconds).filter(|seconds| *seconds <= LONGEST);
    seconds.map(Duration::from_secs).ok_or_else(|| "too long: 365d at most".to_owned())
}
