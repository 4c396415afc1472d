//! The checked-in description of the API.

#[test]
fn the_checked_in_description_is_what_the_code_generates() {
    let generated = local::openapi().to_pretty_json().expect("JSON");
    let checked_in = include_str!("../../openapi.json");
    assert!(
        generated == checked_in.trim_end(),
        "openapi.json is stale: cargo run -p local --example openapi > openapi.json"
    );
}
