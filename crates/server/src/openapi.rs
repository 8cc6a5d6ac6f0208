//! `openapi.json`: the description of the API, made from the same table as the router.

use utoipa::openapi::path::{HttpMethod, Operation, Parameter, ParameterBuilder, ParameterIn, Paths};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    Components, Content, Info, InfoBuilder, License, Object, OpenApi, OpenApiBuilder, Ref, RefOr, Required,
    Response, ResponseBuilder, Schema,
};
use utoipa::{PartialSchema as _, ToSchema as _};

use crate::problem::{Problem, ProblemEntry};
use crate::routes::Route;
use crate::{api, cookies};

/// What can go wrong with any request that needs a permission.
const REFUSALS: &[(&str, &str)] = &[
    ("400", "the request cannot be read"),
    ("401", "the request does not say who asks, or not by what is valid"),
    ("403", "the permission is missing"),
    ("404", "there is no such thing"),
    ("408", "the request took too long"),
    ("409", "it does not go together with how things are"),
    ("412", "it is not as the header If-Match says"),
    ("422", "a value is not what it has to be"),
    ("429", "too many attempts to sign in"),
    ("424", "a warehouse or a destination refuses or cannot be reached"),
    ("500", "a bug of Outflow"),
    ("503", "Outflow is busy, about to stop, or has no state"),
];

/// And with one that has a body.
const REFUSALS_OF_BODIES: &[(&str, &str)] =
    &[("413", "the body is too large"), ("415", "the body is not JSON")];

/// The description of the API.
pub fn document() -> OpenApi {
    describe(api::routes().routes)
}

/// The description of these routes.
pub(crate) fn describe(routes: Vec<Route>) -> OpenApi {
    let mut schemas = Vec::new();
    Problem::schemas(&mut schemas);
    ProblemEntry::schemas(&mut schemas);
    schemas.push((Problem::name().into_owned(), Problem::schema()));
    schemas.push((ProblemEntry::name().into_owned(), ProblemEntry::schema()));
    let mut paths = Paths::new();
    for route in routes {
        schemas.extend(route.schemas);
        let mut operation = route.operation;
        let has_body = operation.request_body.is_some();
        operation.request_body.iter_mut().for_each(make_optional);
        let refusals = REFUSALS.iter().chain(REFUSALS_OF_BODIES.iter().filter(|_| has_body));
        if let Some(permission) = route.permission {
            let extensions = operation.extensions.get_or_insert_default();
            extensions.insert("x-permission".to_owned(), permission.name().into());
            operation.security = Some(vec![
                SecurityRequirement::new("token", Vec::<String>::new()),
                SecurityRequirement::new("session", Vec::<String>::new()),
            ]);
        }
        if route.method == HttpMethod::Get && gives_document(&operation) {
            operation.parameters.get_or_insert_default().push(RefOr::T(fields()));
        }
        // Whoever signs in needs no permission, and can be refused all the same.
        if route.permission.is_some() || has_body || route.path.starts_with("/api/") {
            for (status, description) in refusals {
                let refusal = || problem(description).into();
                operation.responses.responses.entry((*status).to_owned()).or_insert_with(refusal);
            }
        }
        for (status, response) in &mut operation.responses.responses {
            describe_success(status, response);
        }
        paths.add_path_operation(route.path, vec![route.method], operation);
    }
    schemas.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut components = Components::new();
    components.schemas.extend(schemas);
    let token = SecurityScheme::Http(Http::builder().scheme(HttpAuthScheme::Bearer).build());
    components.add_security_scheme("token", token);
    let session = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(cookies::SESSION)));
    components.add_security_scheme("session", session);
    OpenApiBuilder::new().info(info()).paths(paths).components(Some(components)).build()
}

/// Whether the operation answers with a document, of which some keys can be asked for.
fn gives_document(operation: &Operation) -> bool {
    let found = operation.responses.responses.get("200");
    matches!(found, Some(RefOr::T(response)) if response.content.contains_key("application/json"))
}

fn fields() -> Parameter {
    let text = Object::with_type(Type::String);
    ParameterBuilder::new()
        .name("fields")
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some("only these keys of the document, or of each item of a list: `run,state`"))
        .schema(Some(text))
        .build()
}

fn info() -> Info {
    let description = "Outflow's REST API. Every error is a problem (RFC 9457) with a code; the page of a \
                       code is docs/errors/CODE.md.";
    InfoBuilder::new()
        .title("Outflow")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(description))
        .license(Some(License::new("Apache-2.0")))
        .build()
}

/// A body that may be missing is not one that may be `null`, as generators of clients take it.
fn make_optional(body: &mut RefOr<RequestBody>) {
    let RefOr::T(body) = body else { return };
    for content in body.content.values_mut() {
        if let RefOr::T(content) = content
            && let Some(RefOr::T(Schema::OneOf(either))) = &content.schema
            && let [_, RefOr::Ref(to)] | [RefOr::Ref(to), _] = either.items.as_slice()
        {
            content.schema = Some(RefOr::Ref(to.clone()));
        }
    }
}

/// Every response has a description, or the document is no OpenAPI.
fn describe_success(status: &str, response: &mut RefOr<Response>) {
    let RefOr::T(response) = response else { return };
    if response.description.is_empty() {
        response.description = match status {
            "201" => "it was made",
            "202" => "it has begun",
            "204" => "it was done",
            "304" => "it has not changed",
            _ => "done",
        }
        .to_owned();
    }
}

fn problem(description: &str) -> Response {
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new().description(description).content("application/problem+json", content).build()
}
