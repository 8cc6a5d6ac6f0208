//! The JSON Schema of a project.

use super::super::schema;

#[test]
fn the_schema_says_what_the_check_says() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let sync = &schema["properties"]["syncs"]["additionalProperties"];
    assert_eq!(sync["additionalProperties"], false);
    assert_eq!(sync["required"], serde_json::json!(["source", "type", "query"]));
    assert_eq!(
        sync["properties"]["guards"]["properties"]["columns"]["enum"],
        serde_json::json!(["ignore", "hold"])
    );
    let destination = &schema["properties"]["destinations"]["additionalProperties"];
    assert_eq!(
        (&destination["type"], &destination["additionalProperties"]),
        (&"object".into(), &true.into())
    );
}
