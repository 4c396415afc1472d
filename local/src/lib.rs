//! Mittente in one process: the functions on embedded AWS services, and an inbox to send to.

pub mod embedded;
