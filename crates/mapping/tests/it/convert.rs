//! The reference's conversions of single values.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime};
use outflow_core::{Code, ColumnType as Ty};
use serde_json::{Map, Value, json};

/// A text of a column. What is not UTF-8 is replaced, and marked.
pub struct Text {
    pub text: String,
    utf8: bool,
}

pub fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_ascii_whitespace())
}

/// Without what is invisible at the ends.
pub fn seen(text: &str) -> &str {
    text.trim_matches(outflow_core::is_unseen)
}

impl Text {
    pub fn new(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        Self { text, utf8: std::str::from_utf8(bytes).is_ok() }
    }

    pub fn valid(&self) -> Result<(), Code> {
        if self.utf8 { Ok(()) } else { Err(Code::InvalidUtf8) }
    }

    pub fn is_absent(&self, ty: Ty) -> bool {
        let text = trim(&self.text);
        let quoted = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
        let json = text == "null" || quoted.is_some_and(|t| seen(t).is_empty());
        let blank = matches!(ty, Ty::Text | Ty::Char) && seen(text).is_empty();
        text.is_empty() || blank || (ty == Ty::Json && json)
    }

    fn json(&self) -> Result<Value, Code> {
        self.valid()?;
        let word = trim(&self.text);
        let word = word.strip_prefix('-').unwrap_or(word).to_ascii_lowercase();
        if ["nan", "infinity", "inf"].contains(&word.as_str()) {
            return Err(Code::NotFinite);
        }
        let text = without_halves(&self.text).unwrap_or_else(|| self.text.clone());
        let value: Value = serde_json::from_str(&text).map_err(|_| Code::InvalidJson)?;
        if depth(&value) > 100 { Err(Code::InvalidJson) } else { Ok(value) }
    }
}

/// JSON with U+FFFD in place of each half of a surrogate pair; `None`: it has none.
pub fn without_halves(json: &str) -> Option<String> {
    let unit = |at: usize| {
        let hex = json.get(at..at + 6)?.strip_prefix("\\u")?;
        u32::from_str_radix(hex, 16).ok()
    };
    let (mut out, mut at, mut found) = (String::new(), 0, false);
    while let Some(c) = json[at..].chars().next() {
        let length = match (unit(at), unit(at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                out.push_str("\\ufffd");
                (at, found) = (at + 6, true);
                continue;
            }
            _ if c == '\\' => 1 + json[at + 1..].chars().next().map_or(0, char::len_utf8),
            _ => c.len_utf8(),
        };
        out.push_str(&json[at..at + length]);
        at += length;
    }
    found.then_some(out)
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

pub fn natural(ty: Ty, text: &Text) -> Result<Value, Code> {
    Ok(match ty {
        Ty::Json => text.json()?,
        Ty::Bool => Value::Bool(truth(&text.text)?),
        Ty::Int | Ty::Numeric | Ty::Float => {
            number(&text.text)?;
            serde_json::from_str(&text.text).map_err(|_| Code::WrongType)?
        }
        _ => {
            let string = string(ty, text)?;
            text.valid()?;
            Value::String(string)
        }
    })
}

fn number(text: &str) -> Result<(), Code> {
    let word = text.strip_prefix('-').unwrap_or(text).to_ascii_lowercase();
    if ["nan", "infinity", "inf"].contains(&word.as_str()) {
        return Err(Code::NotFinite);
    }
    let bare = !text.contains(|c: char| c.is_ascii_whitespace());
    match serde_json::from_str::<serde_json::Number>(text) {
        Ok(_) if bare => Ok(()),
        _ => Err(Code::WrongType),
    }
}

fn truth(text: &str) -> Result<bool, Code> {
    match trim(text).to_ascii_lowercase().as_str() {
        "t" | "true" | "1" | "yes" => Ok(true),
        "f" | "false" | "0" | "no" => Ok(false),
        _ => Err(Code::WrongType),
    }
}

/// The value as a string, whatever it is. It may hold characters that stand for bytes that are not
/// UTF-8.
fn string(ty: Ty, text: &Text) -> Result<String, Code> {
    let plain = text.text.clone();
    Ok(match ty {
        Ty::Text | Ty::Time | Ty::Interval | Ty::Opaque => plain,
        // Arrays and hstore have a test of their own.
        Ty::Array(_) | Ty::Hstore => return Err(Code::WrongType),
        Ty::Char => plain.trim_end_matches(' ').to_owned(),
        Ty::Bytes => plain.strip_prefix("\\x").unwrap_or(&plain).to_owned(),
        Ty::Bool => truth(&plain)?.to_string(),
        Ty::Int | Ty::Numeric | Ty::Float => {
            number(&plain)?;
            plain
        }
        Ty::Date => {
            day(&plain).ok_or(Code::InvalidTime)?;
            plain
        }
        Ty::Timestamp | Ty::TimestampTz => iso(&plain).ok_or(Code::InvalidTime)?,
        Ty::TimeTz => {
            let at = plain.find(['+', '-']).unwrap_or(plain.len());
            let (time, zone) = plain.split_at(at);
            if plain.contains(|c: char| !"0123456789+-:.".contains(c)) {
                return Err(Code::InvalidTime);
            }
            match zone {
                "+00" | "-00" => format!("{time}Z"),
                _ if zone.len() == 3 => format!("{plain}:00"),
                _ => plain,
            }
        }
        Ty::Json => match text.json()? {
            Value::String(string) => string,
            Value::Object(_) | Value::Array(_) => return Err(Code::WrongType),
            // As written: a parsed number may be spelt otherwise.
            _ => trim(&plain).to_owned(),
        },
    })
}

/// The string unless it is blank.
pub fn content_unchecked(ty: Ty, text: &Text) -> Result<Option<String>, Code> {
    if ty == Ty::Json && text.json()?.is_null() {
        return Ok(None);
    }
    Ok(Some(string(ty, text)?).filter(|s| !seen(s).is_empty()))
}

pub fn content(ty: Ty, text: &Text) -> Result<Option<String>, Code> {
    let content = content_unchecked(ty, text)?;
    if content.is_some() {
        text.valid()?;
    }
    Ok(content)
}

pub fn flag(ty: Ty, text: &Text) -> Result<Option<bool>, Code> {
    content_unchecked(ty, text)?.map(|word| truth(&word)).transpose()
}

/// Digits of a whole number, with or without a fraction of zeros.
fn whole(text: &str) -> Option<String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let good = !digits.is_empty()
        && digits.chars().all(|c| c.is_ascii_digit())
        && fraction.chars().all(|c| c == '0');
    good.then(|| whole.to_owned())
}

pub fn identifier(ty: Ty, text: &Text) -> Result<Option<String>, Code> {
    let id = match ty {
        Ty::Int => text.text.clone(),
        Ty::Numeric | Ty::Float => whole(trim(&text.text)).ok_or(Code::InvalidIdentifier)?,
        Ty::Json => match text.json()? {
            Value::Number(number) => whole(&number.to_string()).ok_or(Code::InvalidIdentifier)?,
            Value::Array(_) | Value::Object(_) => return Err(Code::InvalidIdentifier),
            _ => string(ty, text)?,
        },
        _ => string(ty, text)?,
    };
    let id = match ty {
        // A server writes digits there and nothing else.
        Ty::Int => id,
        _ if text.valid().is_ok() => seen(&id).to_owned(),
        _ => trim(&id).to_owned(),
    };
    if id.is_empty() {
        return Ok(None);
    }
    text.valid()?;
    Ok(Some(id))
}

/// What is to be said about an identifier that is there.
pub fn identifier_warning(ty: Ty, text: &Text) -> Option<Code> {
    if matches!(ty, Ty::Int | Ty::Numeric | Ty::Float) || text.valid().is_err() {
        return None;
    }
    let id = string(ty, text).ok()?;
    let (plain, kept) = (trim(&id), seen(&id));
    let within = |c: char| outflow_core::is_unseen(c) && !matches!(c, ' ' | '\u{200c}' | '\u{200d}');
    if plain != kept || kept.contains(within) {
        return Some(Code::UnseenCharacters);
    }
    let word = kept.to_lowercase();
    ["null", "undefined", "nan", "none"].contains(&word.as_str()).then_some(Code::PlaceholderIdentifier)
}

pub fn object_type(ty: Ty, text: &Text) -> Result<Option<String>, Code> {
    let number = match ty {
        Ty::Int | Ty::Numeric | Ty::Float => text.text.clone(),
        Ty::Json if !matches!(text.json()?, Value::Object(_) | Value::Array(_)) => string(ty, text)?,
        Ty::Json => return Err(Code::InvalidObjectType),
        _ => string(ty, text)?,
    };
    let number = if text.valid().is_ok() { seen(&number) } else { trim(&number) };
    if number.is_empty() {
        return Ok(None);
    }
    let digits = whole(number).filter(|d| !d.starts_with('-')).ok_or(Code::InvalidObjectType)?;
    let bare = digits.trim_start_matches('0');
    Ok(Some(if bare.is_empty() { "0".to_owned() } else { bare.to_owned() }))
}

pub fn object(ty: Ty, text: &Text) -> Result<Map<String, Value>, Code> {
    if !matches!(ty, Ty::Json | Ty::Text | Ty::Char) {
        return Err(Code::WrongType);
    }
    match text.json()? {
        Value::Object(object) => Ok(object),
        _ => Err(Code::WrongType),
    }
}

pub fn keywords(ty: Ty, text: &Text) -> Result<Vec<String>, Code> {
    let array = match (ty, text.json()) {
        (Ty::Json | Ty::Text | Ty::Char, Ok(Value::Array(items))) => Some(items),
        _ => None,
    };
    let Some(items) = array else {
        let Some(content) = content_unchecked(ty, text)? else { return Ok(vec![]) };
        let words: Vec<String> =
            content.split(',').map(|w| trim(w).to_owned()).filter(|w| !w.is_empty()).collect();
        if !words.is_empty() {
            text.valid()?;
        }
        return Ok(words);
    };
    let mut words = Vec::new();
    for item in items {
        words.extend(content(Ty::Json, &Text::new(item.to_string().as_bytes()))?);
    }
    Ok(words)
}

pub fn integration(ty: Ty, text: &Text) -> Result<Option<Value>, Code> {
    if ty == Ty::Json {
        match text.json()? {
            Value::Object(options) => return Ok(Some(Value::Object(options))),
            Value::Array(_) => return Err(Code::WrongType),
            _ => {}
        }
    }
    Ok(flag(ty, text)?.map(Value::Bool))
}

pub fn moment(ty: Ty, text: &Text) -> Result<String, Code> {
    let moment = match ty {
        Ty::Date | Ty::Timestamp | Ty::TimestampTz | Ty::Text | Ty::Char => iso(&text.text),
        Ty::Int | Ty::Numeric | Ty::Float => unix(trim(&text.text)),
        Ty::Json => match text.json()? {
            Value::String(text) => iso(&text),
            Value::Number(number) => unix(&number.to_string()),
            _ => None,
        },
        _ => None,
    };
    moment.ok_or(Code::InvalidTime)
}

fn digits(text: &str, count: usize) -> Option<i64> {
    let good = text.len() == count && text.chars().all(|c| c.is_ascii_digit());
    if good { text.parse().ok() } else { None }
}

fn day(text: &str) -> Option<Date> {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return None };
    let date = Date::new(digits(year, 4)? as i16, digits(month, 2)? as i8, digits(day, 2)? as i8);
    date.ok().filter(|date| date.year() > 0)
}

fn iso(text: &str) -> Option<String> {
    let text = trim(text);
    let (date, rest) = text.split_at_checked(10)?;
    let date = day(date)?;
    if rest.is_empty() {
        return utc(date.at(0, 0, 0, 0), 0, "");
    }
    let rest = rest.strip_prefix([' ', 'T', 't'])?;
    let (time, zone) = rest.split_at(rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len()));
    let (time, fraction) = match time.split_once('.') {
        Some((_, "")) => return None,
        Some((time, fraction)) => (time, fraction),
        None => (time, ""),
    };
    let parts: Vec<&str> = time.split(':').collect();
    let seconds = match parts.len() {
        2 if fraction.is_empty() => 0,
        3 => digits(parts[2], 2)?,
        _ => return None,
    };
    digits(fraction, fraction.len()).or((fraction.is_empty() || fraction.len() > 18).then_some(0))?;
    if fraction.contains(|c: char| !c.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = (digits(parts[0], 2)?, digits(parts[1], 2)?);
    let clock = date.to_datetime(jiff::civil::Time::new(hours as i8, minutes as i8, seconds as i8, 0).ok()?);
    utc(clock, offset(zone)?, &fraction[..fraction.len().min(9)])
}

fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "" | "Z" | "z") {
        return Some(0);
    }
    let (sign, zone) = zone.split_at(1);
    let zone = match zone.len() {
        4 if !zone.contains(':') => format!("{}:{}", &zone[..2], &zone[2..]),
        _ => zone.to_owned(),
    };
    let mut seconds = 0;
    let parts: Vec<&str> = zone.split(':').collect();
    if parts.len() > 3 {
        return None;
    }
    for (part, (unit, most)) in parts.iter().zip([(3600, 23), (60, 59), (1, 59)]) {
        seconds += digits(part, 2).filter(|n| *n <= most)? * unit;
    }
    match sign {
        "+" => Some(seconds),
        "-" => Some(-seconds),
        _ => None,
    }
}

fn utc(clock: DateTime, offset: i64, fraction: &str) -> Option<String> {
    let clock = clock.checked_sub(SignedDuration::from_secs(offset)).ok()?;
    let dot = if fraction.is_empty() { "" } else { "." };
    let text = clock.strftime("%Y-%m-%dT%H:%M:%S");
    (1..=9999).contains(&clock.year()).then(|| format!("{text}{dot}{fraction}Z"))
}

/// Seconds since 1970, milliseconds from 1e11 on, microseconds from 1e14, nanoseconds from 1e17, by
/// moving the point in the written number.
fn unix(text: &str) -> Option<String> {
    number(text).ok()?;
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text),
    };
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let mut point = whole.len() as i64;
    if all.trim_start_matches('0').is_empty() {
        return utc(DateTime::constant(1970, 1, 1, 0, 0, 0, 0), 0, "");
    }
    point += exponent.parse::<i64>().ok()?;
    let leading = (all.len() - all.trim_start_matches('0').len()) as i64;
    point -= match point - leading {
        ..=11 => 0,
        12..=14 => 3,
        15..=17 => 6,
        18..=20 => 9,
        _ => return None,
    };
    let digit =
        |at: i64| usize::try_from(at).ok().and_then(|at| all.as_bytes().get(at)).map_or(0, |d| d - b'0');
    let first = point.min(0) - 1;
    let nanos: i128 =
        (first.max(point - 20)..point + 9).fold(0, |sum, at| sum * 10 + i128::from(digit(at))) * sign;
    let seconds = nanos.div_euclid(1_000_000_000) as i64;
    let mut fraction = format!("{:09}", nanos.rem_euclid(1_000_000_000));
    while fraction.ends_with('0') && (fraction.len() > 3 || fraction.trim_matches('0').is_empty()) {
        fraction.pop();
        if fraction.is_empty() {
            break;
        }
    }
    let clock =
        DateTime::constant(1970, 1, 1, 0, 0, 0, 0).checked_add(SignedDuration::from_secs(seconds)).ok()?;
    utc(clock, 0, &fraction)
}

/// Whether a number without an exponent lies beyond 2^53.
pub fn is_beyond_exact(text: &str) -> bool {
    if text.contains(['e', 'E']) {
        return false;
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    match whole.parse::<i128>() {
        Ok(n) => {
            n.unsigned_abs() > 1 << 53
                || (n.unsigned_abs() == 1 << 53 && !fraction.trim_matches('0').is_empty())
        }
        Err(_) => whole.len() > 18,
    }
}

/// Whether a number beyond 2^53 stands anywhere in a JSON value.
pub fn has_beyond_exact(value: &Value) -> bool {
    match value {
        Value::Number(number) => is_beyond_exact(&number.to_string()),
        Value::Array(items) => items.iter().any(has_beyond_exact),
        Value::Object(members) => members.values().any(has_beyond_exact),
        _ => false,
    }
}

/// What every JSON value of the reference looks like once it went through text.
pub fn settled(value: &Map<String, Value>) -> Value {
    serde_json::from_str(&json!(value).to_string()).unwrap()
}
