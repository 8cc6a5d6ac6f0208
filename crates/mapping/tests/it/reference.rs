//! The rules once more: slow, obvious, on values, sharing nothing with the crate but its words.
//!
//! A row is judged in the order in which a call is written: messageId, identifiers, event, name,
//! category, what is required, timestamp, context, integrations, traits or properties. The first
//! fault is the row's.

use std::collections::BTreeSet;

use outflow_core::{CallFlags, CallType, Code, Column, ColumnType as Ty};
use serde_json::{Map, Value, json};

use crate::convert::{self, Text};
use crate::placing::{Rule, body, documented, rule};

pub type Fault = (Code, Option<String>);

/// What a row should become.
#[derive(Debug, Default, PartialEq)]
pub struct Expected {
    /// The call. A `timestamp` that the query did not give is `null` here, as is a `messageId`.
    pub call: Map<String, Value>,
    pub flags: u8,
    /// The texts behind `key` and `key2`.
    pub keys: (String, Option<String>),
    pub warnings: BTreeSet<(Code, Option<String>)>,
}

struct Judge<'a> {
    call: CallType,
    columns: &'a [Column],
    paths: &'a [Vec<String>],
    row: &'a [Option<Vec<u8>>],
    flags: CallFlags,
    warnings: BTreeSet<(Code, Option<String>)>,
    /// What `objectTypeId` says, and what the traits say: in a column, or in an object that is
    /// whole.
    object_type: Option<String>,
    type_of_member: Option<String>,
    type_of_whole: Option<String>,
    in_whole: bool,
}

/// What the row should become. The columns have no problems.
pub fn shape(
    call: CallType,
    columns: &[Column],
    paths: &[Vec<String>],
    row: &[Option<Vec<u8>>],
) -> Result<Expected, Fault> {
    let flags = CallFlags::default();
    let (object_type, type_of_member, type_of_whole) = Default::default();
    let warnings = BTreeSet::new();
    Judge {
        call,
        columns,
        paths,
        row,
        flags,
        warnings,
        object_type,
        type_of_member,
        type_of_whole,
        in_whole: false,
    }
    .judge()
}

impl Judge<'_> {
    fn judge(mut self) -> Result<Expected, Fault> {
        for column in 0..self.columns.len() {
            if self.columns[column].ty == Ty::Json
                && let Some(text) = self.given(column)
                && text.valid().is_ok()
                && convert::without_halves(&text.text).is_some()
            {
                self.warn(Code::LoneSurrogate, column);
            }
        }
        let mut call = Map::new();
        let message = self.identifier("messageId")?;
        call.insert("messageId".to_owned(), message.map_or(Value::Null, Value::String));
        call.insert("type".to_owned(), json!(self.call.name()));
        let mut ids = Vec::new();
        for name in ["userId", "anonymousId", "previousId", "groupId"] {
            ids.push(self.identifier(name)?);
        }
        let object_type = self.head("objectTypeId", convert::object_type)?;
        self.object_type.clone_from(&object_type);
        let mut all: Vec<(&str, Option<String>)> = vec![
            ("userId", ids[0].clone()),
            ("anonymousId", ids[1].clone()),
            ("previousId", ids[2].clone()),
            ("groupId", ids[3].clone()),
            ("objectTypeId", object_type),
        ];
        for name in ["event", "name", "category"] {
            all.push((name, self.head(name, convert::content)?));
        }
        for (name, value) in &all {
            if let Some(value) = value {
                call.insert((*name).to_owned(), json!(value));
            }
        }
        let person = ids[0].is_some() || ids[1].is_some();
        if !person {
            self.flags.set(CallFlags::NO_PERSON);
        }
        self.required(&call, person)?;
        let timestamp = self.head("timestamp", |ty, text| convert::moment(ty, text).map(Some))?;
        call.insert("timestamp".to_owned(), timestamp.map_or(Value::Null, Value::String));
        for part in ["context", "integrations", "traits", "properties"] {
            if let Some(object) = self.part(part)? {
                if part == "integrations" {
                    self.flags.set(CallFlags::INTEGRATIONS);
                }
                call.insert(part.to_owned(), Value::Object(object));
            }
        }
        let mut key = match self.call {
            CallType::Group => ids[3].clone(),
            CallType::Alias => ids[0].clone(),
            _ => ids[0].clone().or(ids[1].clone()),
        };
        if key.is_none() {
            key = self.email(&mut call);
            self.flags.set(CallFlags::EMAIL_ONLY);
        }
        let key = key.ok_or_else(|| {
            (Code::MissingField, self.first(&["userId", "anonymousId", "traits.email", "traits"]))
        })?;
        if self.call == CallType::Group {
            if self.object_type.is_none() && self.type_of_member.is_none() && self.type_of_whole.is_none() {
                self.flags.set(CallFlags::NO_OBJECT_TYPE);
            }
            if !person {
                self.warnings.insert((Code::GroupWithoutPerson, self.first(&["userId"])));
            }
        }
        let keys = (key, ids[2].clone());
        Ok(Expected { call, flags: self.flags.0, keys, warnings: self.warnings })
    }

    fn required(&self, call: &Map<String, Value>, person: bool) -> Result<(), Fault> {
        let both = &["userId", "anonymousId"][..];
        let needs = match self.call {
            CallType::Identify => vec![],
            CallType::Track => vec![(call.contains_key("event"), &["event"][..]), (person, both)],
            CallType::Group => vec![(call.contains_key("groupId"), &["groupId"][..])],
            CallType::Page | CallType::Screen => {
                vec![(call.contains_key("name"), &["name"][..]), (person, both)]
            }
            CallType::Alias => vec![
                (call.contains_key("previousId"), &["previousId"][..]),
                (call.contains_key("userId"), &["userId"][..]),
            ],
        };
        match needs.into_iter().find(|(met, _)| !met) {
            Some((_, names)) => Err((Code::MissingField, self.first(names))),
            None => Ok(()),
        }
    }

    fn at(&self, path: &str) -> Option<usize> {
        self.paths.iter().position(|p| p.join(".") == path)
    }

    /// The name of the first column that exists of these.
    fn first(&self, paths: &[&str]) -> Option<String> {
        paths.iter().find_map(|path| Some(self.columns[self.at(path)?].name.clone()))
    }

    fn fault(&self, column: usize) -> impl Fn(Code) -> Fault {
        let name = self.columns[column].name.clone();
        move |code| (code, Some(name.clone()))
    }

    fn head(
        &self,
        path: &str,
        convert: impl Fn(Ty, &Text) -> Result<Option<String>, Code>,
    ) -> Result<Option<String>, Fault> {
        let Some(column) = self.at(path) else { return Ok(None) };
        let ty = self.columns[column].ty;
        match self.given(column) {
            Some(text) => convert(ty, &text).map_err(self.fault(column)),
            None => Ok(None),
        }
    }

    fn identifier(&mut self, name: &str) -> Result<Option<String>, Fault> {
        let id = self.head(name, convert::identifier)?;
        if let (Some(_), Some(column)) = (&id, self.at(name))
            && let Some(text) = self.given(column)
            && let Some(code) = convert::identifier_warning(self.columns[column].ty, &text)
        {
            self.warn(code, column);
        }
        Ok(id)
    }

    /// Two object types are a contradiction.
    fn agree(&self, of_traits: Option<&String>) -> Result<(), Code> {
        match (&self.object_type, of_traits) {
            (Some(one), Some(other)) if one != other => Err(Code::ContradictoryObjectTypes),
            _ => Ok(()),
        }
    }

    /// The text of a column unless it is absent: NULL, blank, JSON null or a JSON string of blanks.
    fn given(&self, column: usize) -> Option<Text> {
        let text = Text::new(self.row[column].as_ref()?);
        (!text.is_absent(self.columns[column].ty)).then_some(text)
    }

    /// The object of a part; `None` if it is absent.
    fn part(&mut self, part: &str) -> Result<Option<Map<String, Value>>, Fault> {
        let mut object = Map::new();
        let mut whole = None;
        let is_body = Some(part) == body(self.call);
        if let Some(column) = self.at(part)
            && let Some(text) = self.given(column)
        {
            let ty = self.columns[column].ty;
            self.in_whole = true;
            let read = convert::object(ty, &text).map_err(self.fault(column))?;
            if is_body && read.values().any(convert::has_beyond_exact) {
                self.warn(Code::LargeInteger, column);
            }
            let documented = self.documented_object(&[part.to_owned()], read, column);
            object = documented.map_err(self.fault(column))?;
            self.in_whole = false;
            whole = Some(column);
        }
        let mut members: Vec<usize> = (0..self.columns.len())
            .filter(|c| self.paths[*c].len() > 1 && self.paths[*c][0] == part)
            .collect();
        let category = self.at("category").filter(|_| is_body);
        members.extend(category);
        let path = |c: usize| match self.paths[c].len() {
            1 => vec!["properties".to_owned(), "category".to_owned()],
            _ => self.paths[c].clone(),
        };
        // Members of one object stand together, at the place of the first.
        let place = |c: usize| -> Vec<usize> {
            let path = path(c);
            let first = |depth: usize| {
                members.iter().filter(|m| self.paths_start(**m, &path[..depth])).min().copied()
            };
            (1..=path.len()).filter_map(first).collect()
        };
        let mut ordered: Vec<(Vec<usize>, usize, Vec<String>)> =
            members.iter().map(|c| (place(*c), *c, path(*c))).collect();
        ordered.sort();
        for (_, column, path) in ordered {
            let rule = if Some(column) == category { Rule::Text } else { rule(self.call, &path) };
            let value = match (rule, &self.row[column]) {
                (Rule::Trait, None) => Some(self.null()),
                (Rule::Trait, Some(text)) => {
                    Some(self.any(column, &Text::new(text)).map_err(self.fault(column))?)
                }
                _ => match self.given(column) {
                    Some(text) => {
                        let ty = self.columns[column].ty;
                        let value = self.typed(rule, &path, ty, &text, column).map_err(self.fault(column))?;
                        if whole.is_none() {
                            self.agree(self.type_of_member.as_ref()).map_err(self.fault(column))?;
                        }
                        value
                    }
                    None if rule == Rule::CreatedAt => Some(self.null()),
                    None => None,
                },
            };
            if let Some(value) = value {
                put(&mut object, &path[1..], value);
            }
        }
        if let (Some(column), true) = (whole, is_body) {
            let of_traits = self.type_of_member.as_ref().or(self.type_of_whole.as_ref());
            self.agree(of_traits).map_err(self.fault(column))?;
        }
        Ok((!object.is_empty() || (whole.is_some() && is_body)).then_some(object))
    }

    fn paths_start(&self, column: usize, with: &[String]) -> bool {
        match self.paths[column].len() {
            1 => ["properties".to_owned(), "category".to_owned()].starts_with(with),
            _ => self.paths[column].starts_with(with),
        }
    }

    fn null(&mut self) -> Value {
        self.flags.set(CallFlags::NULLS);
        Value::Null
    }

    fn any(&mut self, column: usize, text: &Text) -> Result<Value, Code> {
        let ty = self.columns[column].ty;
        let value = convert::natural(ty, text)?;
        self.count_beyond(ty, text, &value, column);
        if value.is_null() {
            return Ok(self.null());
        }
        Ok(value)
    }

    fn count_beyond(&mut self, ty: Ty, text: &Text, value: &Value, column: usize) {
        let is_beyond = match ty {
            Ty::Int | Ty::Numeric => convert::is_beyond_exact(&text.text),
            Ty::Json => convert::has_beyond_exact(value),
            _ => false,
        };
        if is_beyond {
            self.warn(Code::LargeInteger, column);
        }
    }

    fn warn(&mut self, code: Code, column: usize) {
        self.warnings.insert((code, Some(self.columns[column].name.clone())));
    }

    fn typed(
        &mut self,
        rule: Rule,
        path: &[String],
        ty: Ty,
        text: &Text,
        column: usize,
    ) -> Result<Option<Value>, Code> {
        let choice = match rule {
            Rule::Channel => &["browser", "server", "mobile"][..],
            _ => &["android", "ios"],
        };
        Ok(match rule {
            Rule::Trait | Rule::Free => {
                let value = convert::natural(ty, text)?;
                self.count_beyond(ty, text, &value, column);
                Some(value)
            }
            Rule::CreatedAt => Some(json!(convert::moment(ty, text)?)),
            Rule::ObjectType => {
                let digits = convert::object_type(ty, text)?;
                let place = if self.in_whole { &mut self.type_of_whole } else { &mut self.type_of_member };
                if digits.is_some() {
                    place.clone_from(&digits);
                }
                digits.map(Value::String)
            }
            Rule::Text => convert::content(ty, text)?.map(Value::String),
            Rule::Flag => convert::flag(ty, text)?.map(Value::Bool),
            Rule::Channel | Rule::Device => {
                let Some(word) = convert::content_unchecked(ty, text)? else { return Ok(None) };
                let known = choice.iter().find(|k| convert::trim(&word).eq_ignore_ascii_case(k));
                if known.is_none() {
                    text.valid()?;
                    self.warn(Code::UnknownChannel, column);
                }
                Some(json!(known.map_or(word, |k| (*k).to_owned())))
            }
            Rule::Keywords => {
                let words = convert::keywords(ty, text)?;
                (!words.is_empty()).then(|| json!(words))
            }
            Rule::Integration => convert::integration(ty, text)?,
            Rule::Object => {
                let object = self.documented_object(path, convert::object(ty, text)?, column)?;
                (!object.is_empty()).then_some(Value::Object(object))
            }
        })
    }

    /// An object that came whole, with the types and names of its known members.
    fn documented_object(
        &mut self,
        path: &[String],
        object: Map<String, Value>,
        column: usize,
    ) -> Result<Map<String, Value>, Code> {
        let mut result = Map::new();
        for (name, value) in object {
            let mut path = path.to_vec();
            let traits = path[0] != "context" && path[0] != "integrations";
            if traits && !(self.call == CallType::Group && path.len() == 1 && name == "object_type_id") {
                result.insert(name, value);
                continue;
            }
            path.push(name);
            documented(self.call, &mut path);
            let rule = rule(self.call, &path);
            let name = path[path.len() - 1].clone();
            let text = Text::new(value.to_string().as_bytes());
            if rule == Rule::Free {
                result.insert(name, value);
            } else if !text.is_absent(Ty::Json)
                && let Some(value) = self.typed(rule, &path, Ty::Json, &text, column)?
            {
                result.insert(name, value);
            }
        }
        Ok(result)
    }

    /// The email of a call that has no identifier: a string among the traits that is not blank. It
    /// is cleaned as identifiers are.
    fn email(&mut self, call: &mut Map<String, Value>) -> Option<String> {
        let given = call.get("traits")?.get("email")?.as_str()?.to_owned();
        let email = convert::seen(&given).to_owned();
        if email.is_empty() {
            return None;
        }
        let column = self.first(&["traits.email", "traits"]);
        if let Some(code) = convert::identifier_warning(Ty::Text, &Text::new(given.as_bytes())) {
            self.warnings.insert((code, column));
        }
        call["traits"]["email"] = json!(email);
        Some(email)
    }
}

/// Puts a value at a path. Objects are joined; what else is there already is replaced.
fn put(object: &mut Map<String, Value>, path: &[String], value: Value) {
    let [name, below @ ..] = path else { return };
    if !below.is_empty() && !object.get(name).is_some_and(Value::is_object) {
        object.insert(name.clone(), json!({}));
    }
    match (object.get_mut(name), value) {
        (Some(Value::Object(inner)), value) if !below.is_empty() => put(inner, below, value),
        (Some(Value::Object(inner)), Value::Object(members)) => {
            for (name, value) in members {
                put(inner, &[name], value);
            }
        }
        (_, value) => drop(object.insert(name.clone(), value)),
    }
}
