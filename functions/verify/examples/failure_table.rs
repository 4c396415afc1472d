//! Prints the table of failure codes that stands in `docs/verification.md`: `cargo run -p verify --example failure_table`.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout()
        .lock()
        .write_all(verify::failure_table().as_bytes())
}
