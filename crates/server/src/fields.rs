//! `?fields=a,b`: documents with these keys alone.
//!
//! What always holds: of a list it is each item that is made smaller, of any other document the
//! document itself. What is not there is left out, and no error. What this does not do: look into
//! nested documents, or save the work of making them.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderValue, Method, StatusCode, Uri, header};
use outflow_core::Code;
use serde_json::{Map, Value};

use crate::problem::Refusal;
use crate::reply;

const NAME: &str = "fields";
/// No more keys than this.
const MOST: usize = 100;
/// Beside these keys, a list has one that holds its items.
const ABOUT: [&str; 2] = ["format_version", "next_cursor"];

/// Which keys are wanted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fields(Vec<String>);

/// Takes the parameter out of a request that reads; `None`: there is none.
///
/// # Errors
/// C005: it names no key, or too many.
pub(crate) fn take(request: &mut Request) -> Result<Option<Fields>, Refusal> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(None);
    }
    let Some((fields, rest)) = request.uri().query().and_then(split) else { return Ok(None) };
    let path = request.uri().path();
    let uri = if rest.is_empty() { path.to_owned() } else { format!("{path}?{rest}") };
    let names: Vec<String> = fields.split(',').map(str::to_owned).collect();
    let is_key = |name: &String| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if names.len() > MOST || !names.iter().all(is_key) {
        let refusal = Refusal::new(Code::InvalidValue, format!("{NAME} takes from 1 to {MOST} keys"));
        return Err(refusal.at(NAME).help("write them with commas between: fields=run,state"));
    }
    if let Ok(uri) = uri.parse::<Uri>() {
        *request.uri_mut() = uri;
    }
    Ok(Some(Fields(names)))
}

/// The value of the parameter, and the query without it.
fn split(query: &str) -> Option<(String, String)> {
    let is_it = |part: &&str| part.split('=').next() == Some(NAME);
    let value = query.split('&').find(is_it)?.split_once('=').map_or("", |(_, value)| value);
    let rest: Vec<&str> = query.split('&').filter(|part| !is_it(part)).collect();
    Some((value.replace("%2C", ",").replace("%2c", ","), rest.join("&")))
}

impl Fields {
    /// The answer with these keys alone, if it is a document.
    pub(crate) async fn of(&self, response: Response) -> Response {
        let kind = response.headers().get(header::CONTENT_TYPE);
        let is_document = kind == Some(&HeaderValue::from_static("application/json"));
        if response.status() != StatusCode::OK || !is_document {
            return response;
        }
        let (mut head, body) = response.into_parts();
        // Documents are in memory as a whole.
        let whole = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
        let Ok(mut document) = serde_json::from_slice::<Value>(&whole) else {
            return Response::from_parts(head, Body::from(whole));
        };
        self.reduce(&mut document);
        let text = serde_json::to_vec(&document).unwrap_or_default();
        head.headers.insert(header::ETAG, reply::etag(&text));
        head.headers.remove(header::CONTENT_LENGTH);
        Response::from_parts(head, Body::from(text))
    }

    fn reduce(&self, document: &mut Value) {
        match items_of(document) {
            Some(items) => items.iter_mut().for_each(|item| self.keep(item)),
            None => self.keep(document),
        }
    }

    fn keep(&self, value: &mut Value) {
        let Value::Object(members) = value else { return };
        let all = std::mem::replace(members, Map::new());
        *members = all.into_iter().filter(|(key, _)| self.0.iter().any(|name| name == key)).collect();
    }
}

/// The items of a list: those under `items`, or under the one key that a document has.
fn items_of(document: &mut Value) -> Option<&mut Vec<Value>> {
    let members = document.as_object_mut()?;
    if members.get("items").is_some_and(Value::is_array) {
        return members.get_mut("items")?.as_array_mut();
    }
    let mut others = members.iter_mut().filter(|(key, _)| !ABOUT.contains(&key.as_str()));
    let (_, only) = others.next()?;
    if others.next().is_some() { None } else { only.as_array_mut() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn taken(uri: &str) -> (Option<Fields>, String) {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri.parse().unwrap();
        let fields = take(&mut request).unwrap();
        (fields, request.uri().to_string())
    }

    #[test]
    fn the_parameter_is_taken_out_and_documents_have_its_keys_alone() {
        assert_eq!(taken("/a?limit=1"), (None, "/a?limit=1".to_owned()));
        let (fields, uri) = taken("/a?x=1&fields=a%2Cb&y=2");
        assert_eq!(uri, "/a?x=1&y=2");
        assert_eq!(taken("/a?fields=a").1, "/a");
        let fields = fields.unwrap();
        let mut list = json!({ "items": [{ "a": 1, "b": { "c": 2 }, "c": 3 }, 4], "next_cursor": null });
        fields.reduce(&mut list);
        assert_eq!(list, json!({ "items": [{ "a": 1, "b": { "c": 2 } }, 4], "next_cursor": null }));
        for (mut document, want) in [
            (json!({ "a": [1], "z": 1 }), json!({ "a": [1] })),
            (json!({ "format_version": 3, "a": [1] }), json!({ "format_version": 3, "a": [1] })),
            (json!({ "format_version": 3, "x": [{ "z": 1 }] }), json!({ "format_version": 3, "x": [{}] })),
            (json!({ "x": [{ "a": 1 }], "alerts": [] }), json!({})),
        ] {
            fields.reduce(&mut document);
            assert_eq!(document, want);
        }
        for wrong in ["/a?fields=", "/a?fields", "/a?fields=a,,b", "/a?fields=a.b"] {
            let mut request = Request::new(Body::empty());
            *request.uri_mut() = wrong.parse().unwrap();
            assert!(take(&mut request).is_err(), "{wrong}");
        }
    }
}
