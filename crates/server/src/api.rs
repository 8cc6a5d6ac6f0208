//! The handlers, one file for each kind of thing, and the table of their routes.

mod about;
mod audit;
mod connections;
mod definitions;
mod events;
mod installation;
mod people;
mod project;
mod provider;
mod runs;
mod secrets;
mod session;
mod syncs;
mod upkeep;

use axum::Router;
use axum::middleware::from_fn_with_state;
use outflow_core::Code;

use crate::context::Context;
use crate::envelope::{Envelope, envelope};
use crate::patience::Patience::{Long, Usual};
use crate::problem::Refusal;
use crate::routes::Routes;
use crate::web;

/// Every route.
pub(crate) fn routes() -> Routes {
    Routes::default()
        .open(about::__path_alive, about::alive)
        .open(about::__path_ready, about::ready)
        .add(Usual, about::__path_metrics, about::metrics)
        .add(Usual, about::__path_version, about::version)
        .add(Usual, about::__path_health, about::health)
        .add(Usual, about::__path_openapi, about::openapi)
        .add(Usual, installation::__path_status, installation::status)
        .add(Usual, installation::__path_usage, installation::usage)
        .add(Usual, installation::__path_alerts, installation::alerts)
        .add(Long, installation::__path_test_alerts, installation::test_alerts)
        .add(Long, installation::__path_validate, installation::validate)
        .add(Usual, installation::__path_reload, installation::reload)
        .add(Long, installation::__path_verify, installation::verify)
        .add(Usual, installation::__path_project_schema, installation::project_schema)
        .add(Usual, events::__path_all, events::all)
        .with(projects)
        .with(of_definitions)
        .with(of_projects)
        .with(upkeep)
        .with(of_people)
        .with(of_runs)
        .with(of_secrets)
}

fn projects(routes: Routes) -> Routes {
    routes
        .add(Usual, syncs::__path_list, syncs::list)
        .add(Usual, syncs::__path_get, syncs::get)
        .add(Usual, syncs::__path_pause, syncs::pause)
        .add(Usual, syncs::__path_resume, syncs::resume)
        .add(Long, syncs::__path_run, syncs::run)
        .add(Long, syncs::__path_preview, syncs::preview)
        .add(Long, syncs::__path_estimate, syncs::estimate)
        .add(Usual, connections::__path_sources, connections::sources)
        .add(Long, connections::__path_test_source, connections::test_source)
        .add(Long, connections::__path_catalogue, connections::catalogue)
        .add(Usual, connections::__path_destinations, connections::destinations)
        .add(Long, connections::__path_test_destination, connections::test_destination)
        .add(Usual, connections::__path_pause, connections::pause)
        .add(Usual, connections::__path_resume, connections::resume)
        .add(Usual, connections::__path_cancel, connections::cancel)
        .add(Usual, connections::__path_types, connections::types)
        .add(Usual, connections::__path_one_type, connections::one_type)
}

fn of_definitions(routes: Routes) -> Routes {
    routes
        .add(Usual, definitions::__path_list, definitions::list)
        .add(Usual, definitions::__path_problems, definitions::problems)
        .add(Long, definitions::__path_enable, definitions::enable)
        .add(Long, definitions::__path_rename, definitions::rename)
        .with(definitions::of_kind::syncs::routes)
        .with(definitions::of_kind::sources::routes)
        .with(definitions::of_kind::destinations::routes)
        .with(definitions::of_kind::settings::routes)
}

fn of_projects(routes: Routes) -> Routes {
    routes
        .add(Usual, project::__path_export, project::export)
        .add(Long, project::__path_plan, project::plan)
        .add(Long, project::__path_apply, project::apply)
        .add(Usual, project::__path_connections, project::connections)
        .add(Long, project::__path_connect, project::connect)
        .add(Long, project::__path_disconnect, project::disconnect)
        .add(Usual, project::__path_schedule, project::schedule)
}

fn upkeep(routes: Routes) -> Routes {
    routes
        .add(Usual, upkeep::__path_gaps, upkeep::gaps)
        .add(Long, upkeep::__path_backfill, upkeep::backfill)
        .add(Long, upkeep::__path_purge, upkeep::purge)
        .add(Usual, upkeep::__path_setup_sql, upkeep::setup_sql)
        .add(Usual, upkeep::__path_receivers, upkeep::receivers)
        .add(Usual, audit::__path_list, audit::list)
        .add(Usual, audit::__path_export, audit::export)
        .add(Long, audit::__path_verify, audit::verify)
}

fn of_people(routes: Routes) -> Routes {
    routes
        .open(session::__path_sign_in, session::sign_in)
        .open(session::__path_set_up, session::set_up)
        .open(session::__path_follow_link, session::follow_link)
        .open(provider::__path_ways, provider::ways)
        .open(provider::__path_begin, provider::begin)
        .open(provider::__path_end, provider::end)
        .add(Usual, session::__path_sign_out, session::sign_out)
        .add(Usual, session::__path_me, session::me)
        .add(Usual, session::__path_password, session::password)
        .add(Usual, session::__path_sessions, session::sessions)
        .add(Usual, session::__path_end_session, session::end_session)
        .add(Usual, people::__path_users, people::users)
        .add(Usual, people::__path_create_user, people::create_user)
        .add(Usual, people::__path_user, people::user)
        .add(Usual, people::__path_change_user, people::change_user)
        .add(Usual, people::__path_reset_password, people::reset_password)
        .add(Usual, people::__path_user_sessions, people::user_sessions)
        .add(Usual, people::__path_end_user_sessions, people::end_user_sessions)
        .add(Usual, people::__path_tokens, people::tokens)
        .add(Usual, people::__path_create_token, people::create_token)
        .add(Usual, people::__path_revoke_token, people::revoke_token)
}

fn of_runs(routes: Routes) -> Routes {
    routes
        .add(Usual, runs::__path_list, runs::list)
        .add(Usual, runs::__path_get, runs::get)
        .add(Usual, runs::__path_rejected, runs::rejected)
        .add(Usual, runs::__path_dead_letters, runs::dead_letters)
        .add(Long, runs::__path_replay, runs::replay)
        .add(Usual, runs::__path_approve, runs::approve)
        .add(Usual, runs::__path_reject, runs::reject)
        .add(Long, runs::__path_verify, runs::verify)
        .add(Usual, events::__path_of_run, events::of_run)
}

fn of_secrets(routes: Routes) -> Routes {
    routes
        .add(Usual, secrets::__path_list, secrets::list)
        .add(Long, secrets::__path_set, secrets::set)
        .add(Usual, secrets::__path_remove, secrets::remove)
        .add(Long, secrets::__path_rotate, secrets::rotate)
        .add(Long, secrets::__path_check, secrets::check)
}

/// The service that answers.
pub(crate) fn service(context: Context, surroundings: Envelope) -> Router {
    routes()
        .router
        .fallback(web::page)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn_with_state(surroundings, envelope))
        .with_state(context)
}

async fn no_such_method() -> Refusal {
    Refusal::new(Code::MethodNotAllowed, "this address has other methods").help("see /api/v1/openapi.json")
}
