//! The API through its routers, with all functions and their storage behind it.

mod connections;
mod connections_idempotency;
mod default_role;
mod default_rules;
mod openapi;
mod passwords;
mod problems;
mod smoke;
mod support;
mod tenancy;
