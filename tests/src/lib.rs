//! What the tests that cross functions share.

pub mod canaries;
pub mod mail_server;
pub mod name_server;
pub mod world;
