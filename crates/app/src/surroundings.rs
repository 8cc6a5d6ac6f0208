//! What the environment has that cannot be used: proxies of another kind, and certificates that
//! cannot be read.
//!
//! What always holds: nothing is said of a project that sends nothing over HTTP. What it does not
//! do: show what a variable holds.

use outflow_core::Error;
use outflow_egress::{Proxies, problem_with_store};
use outflow_project::Project;

/// What there is to say, each once.
pub(crate) fn warnings(project: &Project) -> Vec<Error> {
    let sends = project.destinations.iter().any(|d| d.kind != "file") || !project.receivers.is_empty();
    let (_, unusable) = Proxies::of(&|name| project.environment.get(name));
    unusable.into_iter().filter(|_| sends).chain(problem_with_store()).collect()
}
