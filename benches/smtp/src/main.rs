//! Measures the SMTP session against lettre's pool: turns a message, messages a second, CPU a message. Prints a table.

mod peers;
mod sink;
mod speed;
mod turns;

use std::env::args;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // The sink is this program again, so that its CPU is not counted.
    if args().nth(1).as_deref() == Some("sink") {
        return sink::run().await;
    }
    turns::table().await;
    speed::table().await;
}

#[expect(clippy::print_stdout, reason = "this is what the program is for")]
fn say(line: &str) {
    println!("{line}");
}
