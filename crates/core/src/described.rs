//! How types that write themselves as JSON stand in the description of the API. Every other type
//! has its description derived beside its `Serialize`.

use std::borrow::Cow;

use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
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
