//! What the tests that cross functions share.

pub mod mail_server;
pub mod world;
