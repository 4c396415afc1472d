//! Exhaustive models of the protocols that keep mail, passwords and the default role right whatever crashes when, and the proof that the
//! code's writes are the models'.
//!
//! Each protocol has a file with its model and properties (`delivery.rs`, `secret.rs`, `default_role.rs`), in which designs that were
//! rejected are shown to fail, so that a model that proves nothing can't look green. Beside it, `conformance.rs` puts every abstract
//! state into the embedded DynamoDB, makes every write of the code on it, and compares what is there afterwards with the model.

mod default_role;
mod delivery;
mod items;
mod reach;
mod replay;
mod secret;
