//! The same addresses for each kind of definition.
//!
//! What always holds: whoever reads needs `project.read`; whoever changes a setting needs
//! `settings.write`, and for all else `project.write`. What this does not do: decide anything; the
//! handlers call those of `definitions`.

/// The handlers of a kind, and their routes.
macro_rules! of_kind {
    ($kind:ident, $name:tt, $path:tt, $tag:tt, $write:ident) => {
        use axum::response::Response;
        use outflow_app::{Comparison, DefinitionDocument, DefinitionEdit, DefinitionId, DefinitionKind};
        use serde_json::Value;

        use super::super::{IfMatch, NewDefinition, Versions};
        use crate::access::{May, to};
        use crate::api::definitions;
        use crate::extract::{Json, Patch, Path, Query};
        use crate::page::{Page, PageRequest};
        use crate::patience::Patience::{Long, Usual};
        use crate::precondition::Precondition;
        use crate::reply::{Answer, Document};
        use crate::routes::Routes;

        fn id(name: String) -> DefinitionId {
            DefinitionId::new(DefinitionKind::$kind, name)
        }

        /// Makes one that the server owns.
        #[utoipa::path(post, path = $path, tag = $tag, operation_id = concat!("create_", $name),
                    request_body = NewDefinition, responses((status = 201, body = DefinitionDocument)))]
        pub(crate) async fn create(may: May<to::$write>, Json(new): Json<NewDefinition>) -> Answer<Response> {
            definitions::create(&may, DefinitionKind::$kind, new).await
        }

        /// What it says, with its version as the `ETag`: a draft, too.
        #[utoipa::path(get, path = concat!($path, "/{", $name, "}/definition"), tag = $tag,
                    operation_id = concat!($name, "_definition"),
                    params(($name = String, Path, description = "its name")),
                    responses((status = 200, body = DefinitionDocument)))]
        pub(crate) async fn one(may: May<to::ReadProject>, Path(name): Path<String>) -> Answer<Response> {
            definitions::one(&may, id(name)).await
        }

        /// Says this in place of all that it said. If there is none, it is made.
        #[utoipa::path(put, path = concat!($path, "/{", $name, "}"), tag = $tag,
                    operation_id = concat!("replace_", $name), request_body = BTreeMap<String, Value>,
                    params(($name = String, Path, description = "its name"), IfMatch),
                    responses((status = 200, body = DefinitionDocument),
                        (status = 201, description = "it is new", body = DefinitionDocument)))]
        pub(crate) async fn replace(
            may: May<to::$write>,
            condition: Precondition,
            Path(name): Path<String>,
            Json(value): Json<Value>,
        ) -> Answer<Response> {
            definitions::change(&may, id(name), DefinitionEdit::Put(value), condition).await
        }

        /// Changes some of its keys: a JSON merge patch (RFC 7396), in which `null` removes a key.
        /// It may be sent as `application/merge-patch+json`, too.
        #[utoipa::path(patch, path = concat!($path, "/{", $name, "}"), tag = $tag,
                    operation_id = concat!("change_", $name),
                    request_body = BTreeMap<String, Value>,
                    params(($name = String, Path, description = "its name"), IfMatch),
                    responses((status = 200, body = DefinitionDocument)))]
        pub(crate) async fn patch(
            may: May<to::$write>,
            condition: Precondition,
            Path(name): Path<String>,
            Patch(value): Patch,
        ) -> Answer<Response> {
            definitions::change(&may, id(name), DefinitionEdit::Patch(value), condition).await
        }

        /// Removes it. Its versions stay.
        #[utoipa::path(delete, path = concat!($path, "/{", $name, "}"), tag = $tag,
                    operation_id = concat!("delete_", $name),
                    params(($name = String, Path, description = "its name"), IfMatch),
                    responses((status = 200, body = DefinitionDocument)))]
        pub(crate) async fn delete(
            may: May<to::$write>,
            condition: Precondition,
            Path(name): Path<String>,
        ) -> Answer<Response> {
            definitions::change(&may, id(name), DefinitionEdit::Delete, condition).await
        }

        /// Its versions, the newest first.
        #[utoipa::path(get, path = concat!($path, "/{", $name, "}/versions"), tag = $tag,
                    operation_id = concat!($name, "_versions"),
                    params(($name = String, Path, description = "its name"), PageRequest),
                    responses((status = 200, body = Page<DefinitionDocument>)))]
        pub(crate) async fn versions(
            may: May<to::ReadProject>,
            Path(name): Path<String>,
            Query(page): Query<PageRequest>,
        ) -> Answer<Document<Page<DefinitionDocument>>> {
            definitions::versions(&may, id(name), page).await
        }

        /// One version.
        #[utoipa::path(get, path = concat!($path, "/{", $name, "}/versions/{version}"), tag = $tag,
                    operation_id = concat!($name, "_version"),
                    params(($name = String, Path, description = "its name"),
                        ("version" = u64, Path, description = "its number")),
                    responses((status = 200, body = DefinitionDocument)))]
        pub(crate) async fn version(
            may: May<to::ReadProject>,
            Path((name, version)): Path<(String, u64)>,
        ) -> Answer<Response> {
            definitions::version(&may, id(name), version).await
        }

        /// Says again what this version said: a new version.
        #[utoipa::path(post, path = concat!($path, "/{", $name, "}/versions/{version}/restore"), tag = $tag,
                    operation_id = concat!("restore_", $name),
                    params(($name = String, Path, description = "its name"),
                        ("version" = u64, Path, description = "its number"), IfMatch),
                    responses((status = 200, body = DefinitionDocument),
                        (status = 201, description = "it had been removed", body = DefinitionDocument)))]
        pub(crate) async fn restore(
            may: May<to::$write>,
            condition: Precondition,
            Path((name, version)): Path<(String, u64)>,
        ) -> Answer<Response> {
            let edit = DefinitionEdit::Restore(definitions::numbered(version)?);
            definitions::change(&may, id(name), edit, condition).await
        }

        /// What differs between two versions.
        #[utoipa::path(get, path = concat!($path, "/{", $name, "}/compare"), tag = $tag,
                    operation_id = concat!("compare_", $name),
                    params(($name = String, Path, description = "its name"), Versions),
                    responses((status = 200, body = Comparison)))]
        pub(crate) async fn compare(
            may: May<to::ReadProject>,
            Path(name): Path<String>,
            Query(which): Query<Versions>,
        ) -> Answer<Document<Comparison>> {
            definitions::compare(&may, id(name), which).await
        }

        /// The routes.
        pub(crate) fn routes(routes: Routes) -> Routes {
            routes
                .add(Long, __path_create, create)
                .add(Usual, __path_one, one)
                .add(Long, __path_replace, replace)
                .add(Long, __path_patch, patch)
                .add(Long, __path_delete, delete)
                .add(Usual, __path_versions, versions)
                .add(Usual, __path_version, version)
                .add(Long, __path_restore, restore)
                .add(Usual, __path_compare, compare)
        }
    };
}

/// Syncs.
pub(crate) mod syncs {
    of_kind!(Sync, "sync", "/api/v1/syncs", "syncs", WriteProject);
}

/// Sources, each with its databases.
pub(crate) mod sources {
    of_kind!(Source, "source", "/api/v1/sources", "sources", WriteProject);
}

/// Destinations.
pub(crate) mod destinations {
    of_kind!(Destination, "destination", "/api/v1/destinations", "destinations", WriteProject);
}

/// The keys of a project that hold no named things: `limits`, `alerts`.
pub(crate) mod settings {
    of_kind!(Setting, "setting", "/api/v1/settings", "settings", ManageSettings);
}
