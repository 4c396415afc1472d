//! The API through its routers, with all functions and their storage behind it.

mod another_way;
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
mod sessions;
mod smoke;
mod suggest;
mod support;
mod tenancy;
mod verify;
mod verify_limits;
mod verify_reports;
