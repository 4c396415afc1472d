//! The default role: taken, given up, handed over, never silently lost.

use serde_json::json;
use tests::world::{Client, World, connection};

use crate::support::{id_of, problem};

async fn two(tenant: &Client) -> (String, String) {
    let first = tenant.connection(json!({"name": "first", "default": true}));
    let first = first.await;
    (first, tenant.connection(json!({"name": "second"})).await)
}

async fn is_default(tenant: &Client, path: &str) -> bool {
    tenant.get(path).await.body["default"] == true
}

#[tokio::test]
async fn a_new_default_takes_the_role_from_the_old_one() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let (first, second) = two(&tenant).await;
    let taken = tenant.patch(&second, &json!({"default": true})).await;
    assert_eq!((taken.status, &taken.body["default"]), (200, &json!(true)));
    assert!(!is_default(&tenant, &first).await && is_default(&tenant, &second).await);
    let third = tenant.connection(json!({"name": "third", "default": true}));
    let third = third.await;
    assert!(!is_default(&tenant, &second).await && is_default(&tenant, &third).await);
}

#[tokio::test]
async fn the_default_can_be_neither_deactivated_nor_deleted() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let (first, _) = two(&tenant).await;
    let refused = problem(409, "default_in_use", &[]);
    let deactivate = tenant.patch(&first, &json!({"active": false})).await;
    assert_eq!(deactivate.problem(), refused);
    let renamed = json!({"active": false, "name": "x"});
    assert_eq!(tenant.patch(&first, &renamed).await.problem(), refused);
    assert_eq!(tenant.delete(&first).await.problem(), refused);
    let still = tenant.get(&first).await.body;
    assert_eq!(
        (&still["default"], &still["active"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(still["name"], "first");
}

#[tokio::test]
async fn the_default_may_give_the_role_up_and_be_deactivated_in_one_request() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let (first, second) = two(&tenant).await;
    let both = json!({"active": false, "default": false});
    let answer = tenant.patch(&first, &both).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        (&answer.body["active"], &answer.body["default"]),
        (&json!(false), &json!(false))
    );
    // Nothing is promoted silently.
    assert!(!is_default(&tenant, &second).await);
}

#[tokio::test]
async fn having_no_default_is_legal() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let (first, second) = two(&tenant).await;
    assert_eq!(
        tenant
            .patch(&first, &json!({"default": false}))
            .await
            .status,
        200
    );
    assert!(!is_default(&tenant, &first).await && !is_default(&tenant, &second).await);
    assert_eq!(tenant.delete(&first).await.status, 204);
    assert_eq!(
        tenant
            .patch(&second, &json!({"active": false}))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_deleted_default_hands_its_role_to_the_replacement() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let (first, second) = two(&tenant).await;
    let path = format!("{first}?replacement={}", id_of(&second));
    assert_eq!(tenant.delete(&path).await.status, 204);
    assert_eq!(tenant.get(&first).await.status, 404);
    assert!(is_default(&tenant, &second).await);
}

#[tokio::test]
async fn a_replacement_must_be_another_active_connection_of_the_tenant() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let (first, second) = two(&tenant).await;
    assert_eq!(
        tenant
            .patch(&second, &json!({"active": false}))
            .await
            .status,
        200
    );
    let foreign = world.tenant("globex").connection(json!({})).await;
    let at = ["/replacement"].as_slice();
    for (replacement, expected) in [
        (id_of(&second), problem(409, "connection_inactive", at)),
        (id_of(&foreign), problem(404, "not_found", at)),
        (
            "conn_01KDVDNA0000000000000000ZZ",
            problem(404, "not_found", at),
        ),
        (id_of(&first), problem(422, "validation", at)),
        ("nonsense", problem(422, "validation", at)),
    ] {
        let path = format!("{first}?replacement={replacement}");
        let answer = tenant.delete(&path);
        assert_eq!(answer.await.problem(), expected, "{replacement}");
    }
    assert!(is_default(&tenant, &first).await);
}

#[tokio::test]
async fn an_inactive_connection_does_not_become_the_default() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let both = json!({"active": false, "default": true});
    let create = tenant
        .post("/v1/connections", &connection(both.clone()))
        .await;
    assert_eq!(create.problem(), problem(422, "validation", &["/default"]));
    let path = tenant.connection(json!({"active": false})).await;
    let update = tenant.patch(&path, &both).await;
    assert_eq!(update.problem(), problem(422, "validation", &["/default"]));
    let take = tenant.patch(&path, &json!({"default": true})).await;
    assert_eq!(take.problem(), problem(409, "connection_inactive", &[]));
    let activate = json!({"active": true, "default": true});
    let activated = tenant.patch(&path, &activate).await;
    assert_eq!(
        (activated.status, &activated.body["default"]),
        (200, &json!(true))
    );
}

#[tokio::test]
async fn a_tenants_default_is_nothing_to_another_tenant() {
    let world = World::start().await;
    let (acme, globex) = (world.tenant("acme"), world.tenant("globex"));
    let ours = acme.connection(json!({"default": true})).await;
    let theirs = globex.connection(json!({"default": true})).await;
    assert!(is_default(&acme, &ours).await && is_default(&globex, &theirs).await);
}
