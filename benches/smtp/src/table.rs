//! What is printed.

use serde::Serialize;

#[expect(clippy::print_stdout, reason = "this is what the program is for")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

pub(crate) fn say_json(value: &impl Serialize) {
    say(&serde_json::to_string(value).expect("JSON"));
}

/// A line of a table in Markdown.
pub(crate) fn say_row(cells: impl IntoIterator<Item = String>) {
    let cells: Vec<_> = cells.into_iter().collect();
    say(&format!("| {} |", cells.join(" | ")));
}

/// The first two lines.
pub(crate) fn say_head<'a>(cells: impl IntoIterator<Item = &'a str>) {
    say("");
    let cells: Vec<_> = cells.into_iter().map(str::to_owned).collect();
    let rule = vec!["---".to_owned(); cells.len()];
    say_row(cells);
    say_row(rule);
}

/// NaN of nothing.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
