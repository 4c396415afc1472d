//! The API through its routers, with all functions and their storage behind it.

mod claims;
mod connections;
mod connections_idempotency;
mod default_role;
mod default_rules;
mod deliverability;
mod gateway;
mod internal_addresses;
mod layers;
mod messages;
mod messages_idempotency;
mod openapi;
mod passwords;
mod problems;
mod retries;
mod secrecy;
mod senders;
mod smoke;
mod support;
mod tenancy;
mod verify;
