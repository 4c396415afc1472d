//! The vocabulary of the HTTP API: problems, bodies, callers, pages and idempotency keys.

pub mod app;
pub mod body;
pub mod caller;
pub mod idempotency;
pub mod page;
pub mod path;
pub mod problem;
pub mod query;
