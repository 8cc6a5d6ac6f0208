//! The schedule that is meant by a text that is none: `hourly`, `every 15 minutes`, `rate(1 day)`.
//!
//! What always holds: a line that is given works as it stands. What it does not do: decide whether
//! a schedule is right.

use outflow_engine::schedule::Cron;

/// The bounds of an interval, in seconds.
pub(in super::super) const SHORTEST: u64 = 60;
/// See [`SHORTEST`].
pub(in super::super) const LONGEST: u64 = 366 * 86_400;

/// What to write in place of a text at `schedule`, or at its `every` or `cron`.
pub(in super::super) fn cure(written: &str) -> String {
    let plain = plain(written);
    if plain.bytes().all(|b| b.is_ascii_digit()) && !plain.is_empty() {
        let fits = |minutes: u64| (1..=LONGEST / 60).contains(&minutes);
        let minutes = plain.parse().ok().filter(|minutes| fits(*minutes)).unwrap_or(15);
        return format!("{plain} what? Write schedule: {{ every: {minutes}m }} for minutes");
    }
    match meant(written) {
        Some(Meant { line, remark }) => format!("write schedule: {line}{remark}"),
        None => {
            "write schedule: { every: 15m }, schedule: { cron: \"0 9 * * *\" }, or schedule: manual".into()
        }
    }
}

/// What to write in place of a text at `cron` that is no calendar.
pub(in super::super) fn of_cron_key(written: &str) -> String {
    let fields = "five fields, for example \"0 9 * * MON-FRI\": minute hour day-of-month month day-of-week";
    match meant(written) {
        Some(Meant { line, remark }) => format!("write schedule: {line}{remark}"),
        None => fields.to_owned(),
    }
}

/// A schedule that works.
struct Meant {
    line: String,
    /// What it does not say by itself.
    remark: String,
}

/// Without the quotes, the name of the schedule's key and the function of other tools around it.
fn plain(written: &str) -> &str {
    let mut plain = written.trim().trim_matches(['"', '\'']).trim();
    for name in ["cron", "rate", "every", "interval"] {
        let inner = plain.strip_prefix(name).map(str::trim_start);
        if let Some(inner) = inner.and_then(|rest| rest.strip_prefix('(')?.strip_suffix(')')) {
            plain = inner.trim();
        }
    }
    plain
}

fn meant(written: &str) -> Option<Meant> {
    let plain = plain(written);
    let lower = plain.to_ascii_lowercase();
    let words = lower.trim_start_matches('@');
    let is = |line: String| Some(Meant { line, remark: String::new() });
    if ["manual", "never", "none", "off", "no", "false", "disabled", "once"].contains(&words) {
        return is("manual".to_owned());
    }
    if let Some(cron) = of_cron(plain).or_else(|| of_word(words)).or_else(|| at_a_time(words)) {
        return is(format!("{{ cron: \"{cron}\" }}"));
    }
    let seconds = seconds(words)?;
    let remark = |what: &str| format!(": that is the {what} interval");
    Some(match seconds {
        _ if seconds < SHORTEST => Meant { line: "{ every: 1m }".into(), remark: remark("shortest") },
        _ if seconds > LONGEST => Meant { line: "{ every: 366d }".into(), remark: remark("longest") },
        _ => Meant { line: format!("{{ every: {} }}", written_out(seconds)), remark: String::new() },
    })
}

/// Five fields that a calendar takes, made of five, six (with seconds) or seven (with a year).
fn of_cron(text: &str) -> Option<String> {
    let fields: Vec<String> = text.split_whitespace().map(|field| field.replace('?', "*")).collect();
    let is_open = |n: usize| text.split_whitespace().nth(n) == Some("?");
    let five = match fields.len() {
        5 => &fields[..],
        // Amazon's form ends in a year, that of Quartz and Spring begins with seconds.
        6 if is_open(2) || is_open(4) => &fields[..5],
        6 | 7 => &fields[1..6],
        _ => return None,
    };
    let five = five.join(" ");
    Cron::parse(&five, "UTC").is_ok().then_some(five)
}

fn of_word(word: &str) -> Option<String> {
    let cron = match word {
        "hourly" => "0 * * * *",
        "daily" | "midnight" | "nightly" | "every night" => "0 0 * * *",
        "weekly" => "0 0 * * 1",
        "monthly" | "every month" => "0 0 1 * *",
        "quarterly" => "0 0 1 1,4,7,10 *",
        "yearly" | "annually" | "every year" => "0 0 1 1 *",
        "weekdays" | "workdays" | "every weekday" => "0 0 * * 1-5",
        "minutely" => "* * * * *",
        _ => return None,
    };
    Some(cron.to_owned())
}

/// `09:00`, `daily at 9am`, `every day at 17:30`.
fn at_a_time(text: &str) -> Option<String> {
    let mut days = "*";
    let mut rest = text;
    for (words, on) in [("every day", "*"), ("daily", "*"), ("every weekday", "1-5"), ("weekdays", "1-5")] {
        if let Some(behind) = text.strip_prefix(words) {
            (days, rest) = (on, behind);
        }
    }
    let rest = rest.trim().trim_start_matches("at ").trim();
    let (rest, noon) = match rest.strip_suffix("pm").or_else(|| rest.strip_suffix("am")) {
        Some(time) => (time.trim(), Some(rest.ends_with("pm"))),
        None => (rest, None),
    };
    let (hour, minute) = match rest.split_once(':') {
        Some((hour, minute)) => (hour, minute),
        None if noon.is_some() || rest.len() < text.len() => (rest, "0"),
        None => return None,
    };
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    let hour = match noon {
        Some(true) if hour < 12 => hour.checked_add(12)?,
        Some(false) if hour == 12 => 0,
        _ => hour,
    };
    (hour < 24 && minute < 60).then(|| format!("{minute} {hour} * * {days}"))
}

/// `15m`, `1h 30m`, `1.5h`, `every 2 days`, `PT15M`, `90 seconds` in seconds.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let lower = text.trim().to_ascii_lowercase();
    let mut rest = lower.trim_start_matches('@').trim_start_matches("every").trim_start_matches(':').trim();
    if let Some(iso) =
        rest.strip_prefix('p').filter(|iso| iso.starts_with(|c: char| c == 't' || c.is_ascii_digit()))
    {
        rest = iso;
    }
    let mut total = 0_f64;
    let mut is_first = true;
    while !rest.is_empty() {
        rest = rest.trim_start_matches([' ', ',']).trim_start_matches('t');
        rest = rest.strip_prefix("and ").unwrap_or(rest);
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, behind) = rest.split_at(end);
        let behind = behind.trim_start();
        let end = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(end);
        let number = match number {
            "" if is_first => 1.0,
            number => number.parse::<f64>().ok()?,
        };
        let unit = match unit {
            "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3_600.0,
            "d" | "day" | "days" => 86_400.0,
            "w" | "wk" | "week" | "weeks" => 604_800.0,
            "month" | "months" => 30.0 * 86_400.0,
            "y" | "year" | "years" => 365.0 * 86_400.0,
            _ => return None,
        };
        total += number * unit;
        is_first = false;
        rest = behind.trim_start_matches('.').trim();
    }
    (!is_first).then_some(total.ceil() as u64)
}

/// Seconds in the largest unit in which they are whole.
pub(super) fn written_out(seconds: u64) -> String {
    let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')];
    let fits = units.iter().find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit));
    let (unit, name) = fits.copied().unwrap_or((1, 's'));
    format!("{}{name}", seconds / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_that_is_written_as_a_text_is_shown_as_a_table() {
        for (written, table) in [
            ("15m", "{ every: 15m }"),
            ("1h30m", "{ every: 90m }"),
            ("1h 30m", "{ every: 90m }"),
            ("1.5h", "{ every: 90m }"),
            ("PT15M", "{ every: 15m }"),
            ("15 minutes", "{ every: 15m }"),
            ("every 2 hours", "{ every: 2h }"),
            ("@every 15m", "{ every: 15m }"),
            ("every: 15m", "{ every: 15m }"),
            ("every day", "{ every: 1d }"),
            ("1 week", "{ every: 7d }"),
            ("rate(5 minutes)", "{ every: 5m }"),
            ("30s", "{ every: 1m }: that is the shortest"),
            ("500d", "{ every: 366d }: that is the longest"),
            ("*/15 * * * *", "{ cron: \"*/15 * * * *\" }"),
            ("0 9 * * MON-FRI", "{ cron: \"0 9 * * MON-FRI\" }"),
            ("0 */15 * * * *", "{ cron: \"*/15 * * * *\" }"),
            ("cron(0 9 * * ? *)", "{ cron: \"0 9 * * *\" }"),
            ("0 0 9 ? * MON-FRI *", "{ cron: \"0 9 * * MON-FRI\" }"),
            ("hourly", "{ cron: \"0 * * * *\" }"),
            ("@daily", "{ cron: \"0 0 * * *\" }"),
            ("daily at 9am", "{ cron: \"0 9 * * *\" }"),
            ("every day at 17:30", "{ cron: \"30 17 * * *\" }"),
            ("09:00", "{ cron: \"0 9 * * *\" }"),
            ("weekdays at 12 pm", "{ cron: \"0 12 * * 1-5\" }"),
            ("15", "{ every: 15m }"),
            ("never", "manual"),
            ("off", "manual"),
            ("sometimes", "{ every: 15m }, schedule: { cron: \"0 9 * * *\" }, or schedule: manual"),
        ] {
            let told = cure(written);
            assert!(told.contains(&format!("schedule: {table}")), "{written}: {told}");
        }
    }
}
