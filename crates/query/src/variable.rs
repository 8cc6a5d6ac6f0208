//! `{{last_sync_time}}`: how it is written in a query, and what replaces it when the query is
//! sent.

use outflow_core::{Code, Timestamp};

use crate::dialect::Rules;
use crate::problem::Problem;

/// The names of the one variable; the second is a common slip that the reference product takes too.
const NAMES: [&str; 2] = [NAME, "last_time_sync"];
/// The name of the variable.
pub(crate) const NAME: &str = "last_sync_time";
/// What there is.
pub(crate) const HELP: &str =
    "there is {{last_sync_time}}, alone or with a form: {{last_sync_time | timestamp}}, `date` or `millis`";
/// Names that differ from it by fewer letters are slips of it.
const SLIP: usize = 4;
/// What templates of dbt and its like hold in two braces.
const OF_OTHER_TOOLS: [&str; 9] =
    ["ref", "source", "var", "config", "this", "is_incremental", "env_var", "macro", "ds"];
const FILTERS: [(&str, Form); 3] =
    [("timestamp", Form::Timestamp), ("date", Form::Date), ("millis", Form::Millis)];

/// From this size on a number is taken for milliseconds: as seconds it would be in the year 5138.
const MILLIS_FROM: i128 = 100_000_000_000;
const MICRO: i128 = 1_000_000;

/// The first and the last second that every warehouse has a literal for: years 0001 to 9999.
const FIRST_SECOND: i128 = -62_135_596_800;
const LAST_SECOND: i128 = 253_402_207_200;

/// Where a run begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastSyncTime {
    /// A Unix time in seconds, not below 0, with the lookback already taken off.
    Seconds(i64),
    /// The value of a numeric cursor column, as decimal text. Text that is no finite number counts
    /// as 0.
    Number(String),
}

/// How the value is written into the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Plain,
    Timestamp,
    Date,
    Millis,
}

/// What is wrong with a variable: the unknown word.
#[derive(Debug)]
pub(crate) enum Misuse {
    Name(String),
    Filter(String),
}

/// Whether a name is the variable's, or nearly so.
pub(crate) fn is_near(name: &str) -> bool {
    if name.len() > 4 * NAME.len() {
        return false;
    }
    let plain = name.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let plain = plain.to_ascii_lowercase().replace(['-', ' ', '.'], "_");
    plain.len() + SLIP > NAME.len() && NAMES.iter().any(|known| strsim::osa_distance(&plain, known) < SLIP)
}

impl Misuse {
    /// Whether the variable must have been meant.
    pub(crate) fn is_slip(&self) -> bool {
        const SHORT: [&str; 5] = ["last_sync", "last_run", "last_run_time", "last_synced_at", "last_sync_at"];
        let Self::Name(name) = self else { return false };
        let name = name.split('|').next().unwrap_or_default().trim();
        is_near(name) || SHORT.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    pub(crate) fn problem(&self, at: usize) -> Problem {
        let (what, word, known): (_, _, Vec<&str>) = match self {
            Self::Name(word) => ("variable", word, NAMES.to_vec()),
            Self::Filter(word) => ("form of the variable", word, FILTERS.map(|f| f.0).to_vec()),
        };
        let near = known
            .iter()
            .map(|k| (strsim::osa_distance(&word.to_ascii_lowercase(), k), k))
            .min()
            .filter(|(distance, k)| *distance <= k.len() / 2)
            .map(|(_, k)| format!("did you mean {k:?}? "))
            .unwrap_or_default();
        let first = word.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').find(|w| !w.is_empty());
        let of_another_tool = word.contains('(') || first.is_some_and(|w| OF_OTHER_TOOLS.contains(&w));
        let help = match near.is_empty() && of_another_tool {
            true => format!(
                "Outflow expands no templates of other tools: of a dbt model, take the finished query that \
                 `dbt compile` writes below target/compiled; {HELP}"
            ),
            false => format!("{near}{HELP}"),
        };
        Problem::new(at, Code::UnknownVariable, format!("unknown {what} {:?}", shortened(word)), help)
    }
}

fn shortened(word: &str) -> String {
    let mut short: String = word.chars().take(40).collect();
    if short.len() < word.len() {
        short.push('…');
    }
    short
}

/// Reads the text between the braces.
pub(crate) fn read(inner: &str) -> Result<Form, Misuse> {
    let (name, filter) = match inner.split_once('|') {
        Some((name, filter)) => (name.trim(), Some(filter.trim())),
        None => (inner.trim(), None),
    };
    if !NAMES.contains(&name) {
        return Err(Misuse::Name(name.to_owned()));
    }
    let Some(filter) = filter else { return Ok(Form::Plain) };
    let known = FILTERS.iter().find(|(name, _)| *name == filter);
    known.map(|(_, form)| *form).ok_or_else(|| Misuse::Filter(filter.to_owned()))
}

impl LastSyncTime {
    /// Appends the value. `quoted`: it goes into a string that the query itself opens and closes.
    pub(crate) fn render(&self, form: Form, quoted: bool, rules: &Rules, out: &mut String) {
        let (text, word) = match form {
            Form::Plain => (self.plain(), None),
            Form::Millis => (self.micros().div_euclid(1000).to_string(), None),
            Form::Timestamp => (moment(self.micros(), "%Y-%m-%d %H:%M:%S%.f"), Some("TIMESTAMP ")),
            Form::Date => (moment(self.micros(), "%Y-%m-%d"), Some("DATE ")),
        };
        match word {
            _ if quoted => out.push_str(&text),
            Some(word) => {
                if rules.typed_literals {
                    out.push_str(word);
                }
                out.extend(["'", &text, "'"]);
            }
            // Behind a minus sign of the query, a bare negative number would begin a comment.
            None if text.starts_with('-') => out.extend(["(", &text, ")"]),
            None => out.push_str(&text),
        }
    }

    fn plain(&self) -> String {
        match self {
            Self::Seconds(seconds) => seconds.to_string(),
            Self::Number(text) if scaled(text).is_some() => text.clone(),
            Self::Number(_) => "0".to_owned(),
        }
    }

    /// The moment in Unix microseconds.
    fn micros(&self) -> i128 {
        match self {
            Self::Seconds(seconds) => i128::from(*seconds) * MICRO,
            Self::Number(text) => {
                let value = scaled(text).unwrap_or(0);
                if value.abs() >= MILLIS_FROM * MICRO { value.div_euclid(1000) } else { value }
            }
        }
    }
}

/// A decimal number times a million, more digits cut off; `None` if the text is no finite number.
fn scaled(text: &str) -> Option<i128> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let well_formed = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.bytes().any(|b| b.is_ascii_digit());
    if !well_formed || !text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) {
        return None;
    }
    // This also refuses what only looks like a number, such as `1-2`.
    let float: f64 = text.parse().ok().filter(|f: &f64| f.is_finite())?;
    if unsigned.contains(['e', 'E']) || unsigned.len() > 24 {
        return Some((float * 1e6).clamp(-1e30, 1e30) as i128);
    }
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits: String =
        whole.chars().chain(fraction.chars().chain(std::iter::repeat('0')).take(6)).collect();
    let value: i128 = digits.parse().ok()?;
    Some(if text.starts_with('-') { -value } else { value })
}

fn moment(micros: i128, format: &str) -> String {
    let clamped = micros.clamp(FIRST_SECOND * MICRO, LAST_SECOND * MICRO) as i64;
    Timestamp::from_microsecond(clamped).unwrap_or(Timestamp::UNIX_EPOCH).strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use outflow_core::Dialect;

    use super::*;
    use crate::dialect::rules;

    fn render(value: &LastSyncTime, form: Form, quoted: bool, dialect: Dialect) -> String {
        let mut out = String::new();
        value.render(form, quoted, rules(dialect), &mut out);
        out
    }

    #[test]
    fn every_form_of_a_unix_time() {
        use Dialect::{Postgres, Redshift, Sqlite};
        let v = LastSyncTime::Seconds(1_767_225_600);
        for (form, quoted, dialect, expected) in [
            (Form::Plain, false, Redshift, "1767225600"),
            (Form::Plain, true, Postgres, "1767225600"),
            (Form::Millis, false, Sqlite, "1767225600000"),
            (Form::Timestamp, false, Redshift, "TIMESTAMP '2026-01-01 00:00:00'"),
            (Form::Timestamp, false, Sqlite, "'2026-01-01 00:00:00'"),
            (Form::Timestamp, true, Redshift, "2026-01-01 00:00:00"),
            (Form::Date, false, Postgres, "DATE '2026-01-01'"),
            (Form::Date, false, Sqlite, "'2026-01-01'"),
            (Form::Date, true, Postgres, "2026-01-01"),
        ] {
            assert_eq!(render(&v, form, quoted, dialect), expected);
        }
    }

    #[test]
    fn a_cursor_number_is_seconds_or_milliseconds_by_its_size() {
        for (text, timestamp, millis, plain) in [
            ("1767225600", "2026-01-01 00:00:00", "1767225600000", "1767225600"),
            ("1767225600.25", "2026-01-01 00:00:00.25", "1767225600250", "1767225600.25"),
            ("1767225600123", "2026-01-01 00:00:00.123", "1767225600123", "1767225600123"),
            ("92.00000000", "1970-01-01 00:01:32", "92000", "92.00000000"),
            ("1.7672256e+12", "2026-01-01 00:00:00", "1767225600000", "1.7672256e+12"),
            ("-5", "1969-12-31 23:59:55", "(-5000)", "(-5)"),
            ("1e300", "9999-12-30 22:00:00", "1000000000000000019884624", "1e300"),
            ("-1e300", "0001-01-01 00:00:00", "(-1000000000000000019884625)", "(-1e300)"),
        ] {
            let v = LastSyncTime::Number(text.into());
            assert_eq!(render(&v, Form::Timestamp, true, Dialect::Postgres), timestamp, "{text}");
            assert_eq!(render(&v, Form::Plain, false, Dialect::Postgres), plain, "{text}");
            assert_eq!(render(&v, Form::Millis, false, Dialect::Postgres), millis, "{text}");
        }
    }

    #[test]
    fn text_that_is_no_number_reads_from_the_beginning() {
        for text in ["", "NaN", "Infinity", "-", "1-2", "1; DROP TABLE t", "0x10", "1e", "+1", ".", "1e999"] {
            let v = LastSyncTime::Number(text.into());
            assert_eq!(render(&v, Form::Plain, false, Dialect::Sqlite), "0", "{text}");
            assert_eq!(render(&v, Form::Millis, false, Dialect::Sqlite), "0", "{text}");
        }
    }
}
