//! What two or more of Mittente's functions share: the pure model, the SMTP session, the AWS clients and the web vocabulary.
//!
//! Imports point one way: `model` knows nothing of AWS, axum or tokio, and nothing here knows of the Lambda runtime.

pub mod aws;
pub mod clock;
pub mod config;
pub mod dns;
pub mod metrics;
pub mod model;
pub mod smtp;
pub mod telemetry;
pub mod web;
