//! The default role when many want it at once.

use serde_json::{Value, json};
use tests::world::{Client, World, at_once};

use crate::support::id_of;

/// Lists the connections; the defaults among them.
async fn defaults(tenant: &Client) -> Vec<Value> {
    let list = tenant.get("/v1/connections").await;
    assert_eq!(list.status, 200, "{}", list.text);
    let connections = list.body["connections"].as_array().expect("a list");
    let defaults = connections.iter().filter(|it| it["default"] == true);
    defaults.cloned().collect()
}

#[tokio::test]
async fn while_a_hundred_switch_the_default_every_list_shows_exactly_one() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let mut paths = Vec::new();
    for n in 0..5 {
        let settings = json!({"name": format!("c{n}"), "default": n == 0});
        paths.push(tenant.connection(settings).await);
    }
    let switching = {
        let tenant = tenant.clone();
        tokio::spawn(async move {
            at_once(100, |n| {
                let (tenant, path) = (tenant.clone(), paths[n % 5].clone());
                async move { tenant.patch(&path, &json!({"default": true})).await }
            })
            .await
        })
    };
    let mut seen = std::collections::BTreeSet::new();
    while !switching.is_finished() {
        let defaults = defaults(&tenant).await;
        assert_eq!(defaults.len(), 1, "{defaults:?}");
        assert_eq!(defaults[0]["active"], true);
        seen.insert(defaults[0]["name"].to_string());
    }
    for answer in switching.await.expect("the switches end") {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    assert!(seen.len() > 1, "the reader saw the role move: {seen:?}");
    assert_eq!(defaults(&tenant).await.len(), 1);
}

#[tokio::test]
async fn one_of_deactivating_and_making_default_wins_and_the_default_is_active() {
    let world = World::start().await;
    for round in 0..20 {
        let tenant = world.tenant(&format!("tenant-{round}"));
        let path = tenant.connection(json!({})).await;
        let statuses = at_once(2, |n| {
            let (tenant, path) = (tenant.clone(), path.clone());
            let change = if (n + round) % 2 == 0 {
                json!({"active": false})
            } else {
                json!({"default": true})
            };
            async move { tenant.patch(&path, &change).await.status }
        })
        .await;
        assert!(
            matches!(statuses[..], [200, 409] | [409, 200]),
            "{statuses:?}"
        );
        let defaults = defaults(&tenant).await;
        assert!(
            defaults.iter().all(|it| it["active"] == true),
            "{defaults:?}"
        );
    }
}

#[tokio::test]
async fn the_default_is_handed_over_to_a_connection_or_that_connection_is_deleted() {
    let world = World::start().await;
    for round in 0..20 {
        let tenant = world.tenant(&format!("tenant-{round}"));
        let first = tenant.connection(json!({"name": "a", "default": true}));
        let first = first.await;
        let second = tenant.connection(json!({"name": "b"})).await;
        let hand_over = format!("{first}?replacement={}", id_of(&second));
        let statuses = at_once(2, |n| {
            let tenant = tenant.clone();
            let deletes_first = (n + round) % 2 == 0;
            let path = if deletes_first { &hand_over } else { &second }.clone();
            async move { tenant.delete(&path).await.status }
        })
        .await;
        assert!(
            matches!(statuses[..], [204, 404 | 409] | [404 | 409, 204]),
            "{statuses:?}"
        );
        assert_eq!(defaults(&tenant).await.len(), 1);
    }
}

#[tokio::test]
async fn of_ten_deletions_at_once_one_succeeds() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let path = tenant.connection(json!({})).await;
    let mut statuses = at_once(10, |_| {
        let (tenant, path) = (tenant.clone(), path.clone());
        async move { tenant.delete(&path).await.status }
    })
    .await;
    statuses.sort_unstable();
    assert_eq!(statuses, [[204].as_slice(), &[404; 9]].concat());
}
