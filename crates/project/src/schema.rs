//! The JSON Schema of `outflow.yaml`, for `outflow schema` and for editors: the tables of `keys` in
//! other words.

use outflow_core::schema::{Key, Kind, Presence, Shape};
use serde_json::{Map, Value, json};

use super::keys;

/// A JSON Schema (draft 2020-12) of a project file. It also fits included files, so it does not
/// demand `version`. The settings of the kinds of destination are not in it.
pub fn schema() -> Value {
    let mut schema = table(&keys::ROOT);
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "outflow.yaml".into();
    schema
}

fn table(shape: &Shape) -> Value {
    let properties: Map<_, _> = shape.keys.iter().map(|k| (k.name.to_owned(), property(k))).collect();
    let required = shape.keys.iter().filter(|k| k.presence == Presence::Required);
    let required: Vec<_> = required.map(|k| k.name).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": shape.open,
    })
}

fn property(key: &Key) -> Value {
    let mut schema = kind(&key.kind);
    schema["description"] = key.about.into();
    schema
}

fn kind(kind_of: &Kind) -> Value {
    let any_of = |kinds: &[Kind]| json!({ "anyOf": kinds.iter().map(kind).collect::<Vec<_>>() });
    match kind_of {
        Kind::Text | Kind::Path => json!({ "type": "string", "pattern": "\\S" }),
        Kind::Secret => json!({ "type": "string", "pattern": "\\$\\{(env|file|secret):[^}]+\\}" }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Whole { min, max } if min == max => json!({ "const": min }),
        Kind::Whole { min, max } => json!({ "anyOf": [
            { "type": "integer", "minimum": min, "maximum": max },
            { "type": "string", "pattern": "^\\$\\{(env|file):[^}]+\\}$" },
        ] }),
        Kind::Duration { .. } => json!({ "type": "string", "pattern": "^([0-9]+[smhd])+$" }),
        Kind::Size => json!({ "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "pattern": "^[0-9]+\\s*([kK]B|[MGT]B|[KMGT]iB|B)?$" },
        ] }),
        Kind::Time => json!({ "type": "string", "pattern": "^[0-9]" }),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Table(shape) => table(shape),
        Kind::Variants(shapes) => json!({ "anyOf": shapes.iter().map(|s| table(s)).collect::<Vec<_>>() }),
        Kind::List(inner) => json!({ "type": "array", "items": kind(inner) }),
        Kind::Named(inner) => json!({
            "type": "object",
            "propertyNames": { "pattern": "^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$" },
            "additionalProperties": kind(inner),
        }),
        Kind::Either(kinds) => any_of(kinds),
    }
}
