//! The table of failure codes in `docs/verification.md` and in `openapi.json`.

use shared::smtp::FailureCode;
use utoipa::ToSchema;
use utoipa::openapi::{OpenApi, RefOr, Schema};

use super::{Words, general};
use crate::language::Language;

/// The failure codes as a Markdown table in English: code, title, what to do, the field to look at, and whether trying again can
/// help.
#[must_use]
pub fn failure_table() -> String {
    let head = [
        "| code | title | what to do | field | again? |\n",
        "| --- | --- | --- | --- | --- |\n",
    ];
    let rows = FailureCode::ALL.iter().map(|&code| row(code));
    head.into_iter().map(str::to_owned).chain(rows).collect()
}

/// Puts the table into the description of the API, where the codes stand.
pub fn describe_failure_codes(openapi: &mut OpenApi) {
    let schemas = openapi.components.iter_mut().flat_map(|it| &mut it.schemas);
    for (name, schema) in schemas {
        if let RefOr::T(Schema::Object(object)) = schema
            && *name == FailureCode::name()
        {
            let what = "What went wrong: a closed set, the same in every language. `again?` is `retryable`.";
            object.description = Some(format!("{what}\n\n{}", failure_table()));
        }
    }
}

fn row(code: FailureCode) -> String {
    let Words { title, hint } = general(code, Language::English);
    let field = code
        .pointer()
        .map_or(String::new(), |pointer| format!("`{pointer}`"));
    let again = if code.is_retryable() { "yes" } else { "no" };
    format!("| `{code}` | {title} | {hint} | {field} | {again} |\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_holds_the_table_as_the_code_has_it() {
        let page = include_str!("../../../../docs/verification.md");
        let (_, rest) = page
            .split_once("<!-- failure codes: begin -->\n")
            .expect("the marker before the table");
        let (table, _) = rest
            .split_once("<!-- failure codes: end -->")
            .expect("the marker after the table");
        assert_eq!(
            table.trim(),
            failure_table().trim(),
            "docs/verification.md is stale: put what `cargo run -p verify --example failure_table` prints between its markers"
        );
    }

    #[test]
    fn no_cell_breaks_the_table() {
        for line in failure_table().lines() {
            assert_eq!(line.matches('|').count(), 6, "{line}");
        }
    }
}
