//! How types that write themselves as JSON stand in the description of the API. Every other type
//! has its description derived beside its `Serialize`.

use std::borrow::Cow;

use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::{Code, Error, ForeignText, NextStep};

impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[A-Z][0-9]{3}$"));
        text.description(Some("A stable code; its page is docs/errors/CODE.md.")).into()
    }
}

impl ToSchema for Code {}

impl PartialSchema for ForeignText {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        text.description(Some("What a server or a service said.")).into()
    }
}

impl ToSchema for ForeignText {}

/// A name, or an object with a name and what goes with it. Which there are is not described:
/// clients meet names that are newer than they, and generators make no code of a union that has
/// objects without a name.
impl PartialSchema for NextStep {
    fn schema() -> RefOr<Schema> {
        let name = ObjectBuilder::new().schema_type(Type::String);
        let either = OneOfBuilder::new().item(name).item(Ref::from_schema_name("NextStepWith"));
        either.description(Some("What helps: `\"validate\"`, or `{\"approve\": {\"run\": 2}}`.")).into()
    }
}

impl ToSchema for NextStep {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        let values = ObjectBuilder::new().additional_properties(Some(AdditionalProperties::FreeForm(true)));
        let named = ObjectBuilder::new().additional_properties(Some(RefOr::T(Schema::from(values))));
        schemas.push(("NextStepWith".to_owned(), named.into()));
    }
}

/// The members that [`Error`] writes.
#[derive(ToSchema)]
#[schema(as = Error)]
#[allow(dead_code, reason = "it describes another type")]
struct ErrorMembers {
    /// The code.
    code: Code,
    /// What happened.
    message: String,
    /// Where.
    #[schema(required = false)]
    place: Option<String>,
    /// How to fix it.
    #[schema(required = false)]
    help: Option<String>,
    /// What can be done about it with Outflow.
    #[schema(required = false)]
    next: Vec<NextStep>,
}

impl PartialSchema for Error {
    fn schema() -> RefOr<Schema> {
        ErrorMembers::schema()
    }
}

impl ToSchema for Error {
    fn name() -> Cow<'static, str> {
        ErrorMembers::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        ErrorMembers::schemas(schemas);
    }
}
