//! What the environment of the process has that Outflow does not act on as others do: a proxy, and
//! certificates that cannot be read.
//!
//! What always holds: nothing is said of a project that sends nothing over HTTP. What it does not
//! do: show what a variable holds.

use outflow_core::Error;
use outflow_egress::{problem_with_store, proxy};
use outflow_project::Project;

/// What there is to say, each once.
pub(crate) fn warnings(project: &Project) -> Vec<Error> {
    let sends = project.destinations.iter().any(|d| d.kind != "file") || !project.receivers.is_empty();
    let proxy = proxy::warning().filter(|_| sends);
    proxy.into_iter().chain(problem_with_store()).collect()
}
