//! Writers of values: text of a column in, bytes of JSON out. They know types and not fields.

pub(crate) mod email;
pub(crate) mod identifier;
pub(crate) mod json;
pub(crate) mod number;
pub(crate) mod object;
pub(crate) mod text;
pub(crate) mod time;
pub(crate) mod unseen;
pub(crate) mod value;
