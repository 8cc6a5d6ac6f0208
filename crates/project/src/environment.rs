//! What a project takes from the environment: variables of the process, and those that `.env`
//! beside the project gives where the process has none.
//!
//! What always holds: references and whatever else looks for a variable by its name find the same
//! value. No value is shown.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// The variables of a project. Equal if `.env` says the same.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    dotenv: Arc<HashMap<String, String>>,
}

impl Environment {
    pub(crate) fn new(dotenv: HashMap<String, String>) -> Self {
        Self { dotenv: Arc::new(dotenv) }
    }

    /// The value of a variable: that of the process, or else that of `.env`.
    pub fn get(&self, name: &str) -> Option<String> {
        self.or(std::env::var(name).ok(), name)
    }

    /// The first value, or else that of `.env`.
    pub(crate) fn or(&self, value: Option<String>, name: &str) -> Option<String> {
        value.or_else(|| self.dotenv.get(name).cloned())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.dotenv.keys()).finish()
    }
}
