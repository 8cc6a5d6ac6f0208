//! The JSON Schema of the project file, with the settings of each kind of destination.

use serde_json::{Value, json};

/// The schema.
pub fn schema() -> Value {
    let mut schema = outflow_project::schema();
    let kinds: serde_json::Map<String, Value> = outflow_destinations::kinds()
        .iter()
        .filter_map(|kind| outflow_destinations::schema(kind).map(|s| ((*kind).to_owned(), s)))
        .collect();
    let cases: Vec<Value> = kinds
        .keys()
        .map(|kind| {
            json!({
                "if": { "properties": { "type": { "const": kind } } },
                "then": { "$ref": format!("#/$defs/destination-{kind}") },
            })
        })
        .collect();
    for (kind, settings) in kinds {
        schema["$defs"][format!("destination-{kind}")] = settings;
    }
    schema["properties"]["destinations"]["additionalProperties"]["allOf"] = json!(cases);
    schema
}

/// The types of destinations that this version knows, each with the JSON Schema of its settings.
pub fn destination_kinds() -> Vec<(String, Value)> {
    let kinds = outflow_destinations::kinds().iter();
    kinds.filter_map(|kind| Some(((*kind).to_owned(), outflow_destinations::schema(kind)?))).collect()
}
