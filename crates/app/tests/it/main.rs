//! The application layer from outside, as a front end sees it.

mod front_end;
