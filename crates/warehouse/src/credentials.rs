//! The user and the password of one login.

use outflow_core::Secret;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub user: String,
    pub password: Secret,
}
