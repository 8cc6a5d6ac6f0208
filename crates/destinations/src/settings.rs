//! Settings: how a manifest describes them, checks of given values, and their JSON Schema.

use std::time::Duration;

use outflow_core::{Code, Error};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A setting of a kind of destination.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Setting {
    pub name: String,
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    pub secret: bool,
    description: String,
    #[serde(default)]
    pub choices: Vec<String>,
    pub default: Option<Value>,
    /// For durations, in seconds.
    minimum: Option<u64>,
    maximum: Option<u64>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    String,
    /// A file or a folder; whoever reads the project makes it complete.
    Path,
    Integer,
    Boolean,
    /// `500ms`, `30s`, `2m`, or seconds as a number.
    Duration,
    /// Names with strings.
    Map,
}

/// Valid settings: with defaults, and durations in milliseconds.
#[derive(Debug)]
pub(crate) struct Values(Map<String, Value>);

impl Values {
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    pub fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }

    pub fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    pub fn duration(&self, name: &str) -> Option<Duration> {
        self.number(name).map(Duration::from_millis)
    }

    pub fn texts(&self, name: &str) -> impl Iterator<Item = (&str, &str)> {
        let members = self.0.get(name).and_then(Value::as_object).into_iter().flatten();
        members.filter_map(|(k, v)| Some((k.as_str(), v.as_str()?)))
    }
}

/// Checks `given` and returns every problem, each at `place.SETTING`. No message contains a value.
pub(crate) fn read(
    settings: &[Setting],
    given: &Map<String, Value>,
    place: &str,
) -> Result<Values, Vec<Error>> {
    let mut problems = Vec::new();
    let known = |name: &String| settings.iter().any(|s| s.name == *name);
    for name in given.keys().filter(|name| !known(name)) {
        let names: Vec<_> = settings.iter().map(|s| s.name.as_str()).collect();
        let error =
            Error::new(Code::UnknownKey, format!("unknown setting {name:?}")).at(format!("{place}.{name}"));
        let plain = |name: &str| name.replace(['_', '-'], "").to_ascii_lowercase();
        let near = names.iter().find(|known| plain(known) == plain(name));
        problems.push(error.help(match near {
            Some(known) => format!("did you mean {known:?}?"),
            None => format!("the settings are {}", names.join(", ")),
        }));
    }
    let mut values = Map::new();
    for setting in settings {
        let at = |e: Error| e.at(format!("{place}.{}", setting.name)).help(setting.description.clone());
        match given.get(&setting.name).filter(|v| !v.is_null()).or(setting.default.as_ref()) {
            Some(value) => match setting.fit(value) {
                Ok(value) => drop(values.insert(setting.name.clone(), value)),
                Err(why) => {
                    problems.push(at(Error::new(Code::InvalidValue, format!("{:?} {why}", setting.name))))
                }
            },
            None if setting.required => {
                problems.push(at(Error::new(Code::MissingKey, format!("{:?} is missing", setting.name))));
            }
            None => {}
        }
    }
    if problems.is_empty() { Ok(Values(values)) } else { Err(problems) }
}

impl Setting {
    /// Whether it is a path.
    pub fn is_path(&self) -> bool {
        self.kind == Kind::Path
    }

    /// Whether it is a text, or a table of texts.
    pub fn is_text(&self) -> bool {
        matches!(self.kind, Kind::String | Kind::Path | Kind::Map)
    }

    /// The value in its canonical form, or what is wrong with it.
    fn fit(&self, value: &Value) -> Result<Value, String> {
        match self.kind {
            Kind::String | Kind::Path => {
                let text = value.as_str().ok_or("must be a text: put it in quotes")?;
                if text.trim().is_empty() {
                    return Err("is empty".into());
                }
                if !self.choices.is_empty() && !self.choices.iter().any(|c| c == text) {
                    return Err(format!("must be one of {}", self.choices.join(", ")));
                }
                Ok(text.into())
            }
            // A reference to an environment variable always gives a string.
            Kind::Integer => {
                let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
                let number = number.ok_or("must be a whole number")?;
                self.within(number, 1, "")?;
                Ok(number.into())
            }
            Kind::Boolean => match value.as_str() {
                Some("true") => Ok(true.into()),
                Some("false") => Ok(false.into()),
                _ => value.as_bool().map(Value::from).ok_or("must be true or false".into()),
            },
            Kind::Duration => {
                let ms = milliseconds(value).ok_or("must be a time such as 500ms, 30s or 2m")?;
                self.within(ms, 1000, " seconds")?;
                Ok(ms.into())
            }
            Kind::Map => match value.as_object() {
                Some(members) if members.values().all(Value::is_string) => Ok(value.clone()),
                Some(_) => Err("must be names with texts, such as { X-Name: value }".into()),
                _ => Err("must be a table of names with texts, such as { X-Name: value }".into()),
            },
        }
    }

    fn within(&self, number: u64, unit: u64, word: &str) -> Result<(), String> {
        let (least, most) = (self.minimum.unwrap_or(0), self.maximum.unwrap_or(u64::MAX / unit));
        if number < least * unit || number > most * unit {
            return Err(format!("must be from {least} to {most}{word}"));
        }
        Ok(())
    }

    fn schema(&self) -> Value {
        let mut schema = match self.kind {
            Kind::String | Kind::Path => json!({"type": "string"}),
            Kind::Integer => json!({"type": "integer"}),
            Kind::Boolean => json!({"type": "boolean"}),
            Kind::Duration => json!({"type": ["string", "integer"], "pattern": "^[0-9]+(ms|s|m)$"}),
            Kind::Map => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        };
        schema["description"] = self.description.clone().into();
        if !self.choices.is_empty() {
            schema["enum"] = self.choices.clone().into();
        }
        for (key, bound) in [("minimum", self.minimum), ("maximum", self.maximum)] {
            if let Some(bound) = bound {
                schema[key] = bound.into();
            }
        }
        if let Some(default) = &self.default {
            schema["default"] = default.clone();
        }
        if self.secret {
            schema["writeOnly"] = true.into();
        }
        schema
    }
}

/// A duration in milliseconds. Numbers are seconds.
fn milliseconds(value: &Value) -> Option<u64> {
    if let Some(seconds) = value.as_u64() {
        return Some(seconds.saturating_mul(1000));
    }
    let text = value.as_str()?.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "ms" => 1,
        "s" | "" => 1000,
        "m" => 60_000,
        _ => return None,
    };
    // What is too long for the type is too long for every setting.
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(factor))
}

/// The JSON Schema of an object with these settings.
pub(crate) fn schema(title: &str, settings: &[Setting]) -> Value {
    let properties: Map<_, _> = settings.iter().map(|s| (s.name.clone(), s.schema())).collect();
    let required: Vec<_> = settings.iter().filter(|s| s.required).map(|s| s.name.clone()).collect();
    json!({
        "title": title,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}
