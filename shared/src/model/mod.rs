//! The domain, pure: no IO, no clock, no AWS, no HTTP. What can be decided without asking anyone is decided here.

pub mod attachment;
pub mod connection;
pub mod email;
pub mod encryption;
pub mod event;
pub mod field;
pub mod health;
pub mod host;
pub mod ids;
pub mod input;
pub mod message;
pub mod network;
pub mod password;
pub mod port;
pub mod provider;
pub mod rate;
pub mod reply;
pub mod retry;
pub mod sender;
pub mod settings;
pub mod submission;
pub mod tenant;
pub mod text;
pub mod timestamp;
