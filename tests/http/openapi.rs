//! The checked-in description of the API.

use serde_json::Value;
use tests::world::World;

#[test]
fn the_checked_in_description_is_what_the_code_generates() {
    let generated = local::openapi().to_pretty_json().expect("JSON");
    let checked_in = include_str!("../../openapi.json");
    assert!(
        generated == checked_in.trim_end(),
        "openapi.json is stale: cargo run -p local --example openapi > openapi.json"
    );
}

#[tokio::test]
async fn every_operation_that_is_described_is_there() {
    let described: Value = serde_json::from_str(include_str!("../../openapi.json")).expect("JSON");
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let paths = described["paths"].as_object().expect("paths");
    assert_eq!(paths.len(), 12);
    for (path, operations) in paths {
        let path = path.replace("{id}", "none");
        for method in operations.as_object().expect("operations").keys() {
            let method = method.to_uppercase();
            let answer = tenant.send(&method, &path, &[], String::new()).await;
            assert_ne!(answer.status, 405, "{method} {path}");
            // What has no such path says so in these words.
            assert!(
                !answer.text.contains("nothing at this path"),
                "{method} {path}"
            );
        }
    }
}
