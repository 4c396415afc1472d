//! AWS: concrete SDK clients, and two operations of S3 on their runtime; nothing abstract. Locally and in tests the same clients talk to
//! embedded services.

pub mod attempts;
pub mod batch;
pub mod clients;
pub mod connections;
pub mod content;
pub mod due;
pub mod error;
pub mod event;
pub mod health;
pub mod https;
pub mod item;
pub mod message_list;
pub mod messages;
pub mod places;
pub mod queue;
pub mod rates;
pub mod s3;
pub mod secrets;
pub mod transaction;
