//! The SMTP session against servers that are slow, strict, broken or hostile.

mod auth;
mod batch;
mod batch_fences;
mod dial;
mod greeting;
mod harmless;
mod hostile;
mod names;
mod round_trips;
mod support;
mod tls;
mod transaction;
mod verdicts;
