//! What delivery promises while processes die, networks fail, AWS throttles and the queue repeats itself.
//!
//! The functions are the real ones, on the embedded AWS services and a scripted mail server. After every run the server's ledger is
//! compared with the records: nothing is lost, nothing arrives twice without its mark, and no record says what isn't so.
//!
//! `cargo test` runs a sample. All of it, which takes some twenty minutes on two cores:
//!
//! ```text
//! FAULTS=whole cargo test --profile load -p tests --test faults -- --nocapture
//! ```

mod broken;
mod calls;
mod chance;
mod cuts;
mod duplicates;
mod extent;
mod kills;
mod pauses;
mod process;
mod proxy;
mod queue;
mod requests;
mod requeues;
mod scene;
mod steps;
mod tamper;
mod verdicts;
mod way;
mod wire;
