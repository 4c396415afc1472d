//! The tables of codes in `docs/verification.md` and in `openapi.json`.

use serde::Serialize;
use shared::smtp::FailureCode;
use utoipa::ToSchema;
use utoipa::openapi::{OpenApi, RefOr, Schema};

use super::{Words, general};
use crate::deliverability::WarningCode;
use crate::language::Language;
use crate::suggest::Source;

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

/// The codes of warnings as a Markdown table: code, and what it means.
fn warning_table() -> String {
    let rows = WarningCode::ALL
        .iter()
        .map(|&code| (name(&code), code.meaning()));
    meanings("code", rows)
}

/// The sources of suggestions as a Markdown table: source, and what it means.
fn source_table() -> String {
    let rows = Source::ALL
        .iter()
        .map(|&source| (name(&source), source.meaning()));
    meanings("source", rows)
}

fn meanings(what: &str, rows: impl Iterator<Item = (String, &'static str)>) -> String {
    let head = format!("| {what} | what it means |\n| --- | --- |\n");
    let rows = rows.map(|(name, meaning)| format!("| `{name}` | {meaning}. |\n"));
    std::iter::once(head).chain(rows).collect()
}

/// As it is in JSON.
fn name(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// Puts the tables (failures, warnings, sources of suggestions) into the description of the API, where the codes stand.
pub fn describe_codes(openapi: &mut OpenApi) {
    let described = [
        (
            FailureCode::name(),
            "What went wrong: a closed set, the same in every language. `again?` is `retryable`.",
            failure_table(),
        ),
        (
            WarningCode::name(),
            "What may keep mail from arriving: a closed set, the same in every language.",
            warning_table(),
        ),
        (
            Source::name(),
            "Where settings come from, the best first.",
            source_table(),
        ),
    ];
    let schemas = openapi.components.iter_mut().flat_map(|it| &mut it.schemas);
    for (name, schema) in schemas {
        let found = described.iter().find(|(known, ..)| known == name);
        if let (RefOr::T(Schema::Object(object)), Some((_, what, table))) = (schema, found) {
            object.description = Some(format!("{what}\n\n{table}"));
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

    const PAGE: &str = include_str!("../../../../docs/verification.md");

    /// What stands in the page between the markers of this name.
    fn documented(name: &str) -> &'static str {
        let (_, rest) = PAGE
            .split_once(&format!("<!-- {name}: begin -->\n"))
            .expect("the marker before the table");
        let (table, _) = rest
            .split_once(&format!("<!-- {name}: end -->"))
            .expect("the marker after the table");
        table.trim()
    }

    #[test]
    fn the_documentation_holds_the_table_as_the_code_has_it() {
        assert_eq!(
            documented("failure codes"),
            failure_table().trim(),
            "docs/verification.md is stale: put what `cargo run -p verify --example failure_table` prints between its markers"
        );
    }

    #[test]
    fn the_documentation_holds_the_meanings_of_warnings_and_sources_as_the_code_has_them() {
        for (name, table) in [
            ("warning codes", warning_table()),
            ("suggestion sources", source_table()),
        ] {
            assert_eq!(
                documented(name),
                table.trim(),
                "docs/verification.md is stale: put this between its markers\n{table}"
            );
            for line in table.lines() {
                assert_eq!(line.matches('|').count(), 3, "{line}");
            }
        }
    }

    #[test]
    fn every_warning_and_every_source_has_its_meaning_in_the_description_of_the_api() {
        let mut openapi = crate::operations().into_openapi();
        describe_codes(&mut openapi);
        let json = serde_json::to_value(&openapi).expect("JSON");
        for (schema, table) in [
            ("WarningCode", warning_table()),
            ("SuggestionSource", source_table()),
        ] {
            let schema = &json["components"]["schemas"][schema];
            let names = schema["enum"].as_array().expect("a closed set");
            let description = schema["description"].as_str().expect("a description");
            assert!(description.ends_with(&table), "{description}");
            for name in names {
                let cell = format!("| `{}` |", name.as_str().expect("a name"));
                assert!(description.contains(&cell), "{cell}");
            }
        }
    }

    #[test]
    fn no_cell_breaks_the_table() {
        for line in failure_table().lines() {
            assert_eq!(line.matches('|').count(), 6, "{line}");
        }
    }
}
