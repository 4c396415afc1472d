//! Connections: created, listed, read, changed and deleted.

use axum::body::Body;
use serde_json::{Value, json};
use tests::world::{Answer, Client, World, connection};

use crate::support::problem;

const PATH: &str = "/v1/connections";

async fn patch_if(tenant: &Client, path: &str, tag: &str, body: &Value) -> Answer {
    let headers = [("content-type", "application/json"), ("if-match", tag)];
    tenant.send("PATCH", path, &headers, body.to_string()).await
}

async fn delete_if(tenant: &Client, path: &str, tag: &str) -> Answer {
    let headers = [("if-match", tag)];
    tenant.send("DELETE", path, &headers, Body::empty()).await
}

fn names(list: &Answer) -> Vec<&str> {
    let connections = list.body["connections"].as_array().expect("a list");
    let names = connections.iter().map(|it| it["name"].as_str());
    names.map(Option::unwrap_or_default).collect()
}

#[tokio::test]
async fn a_new_connection_is_answered_whole_with_its_location_and_entity_tag() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let request = connection(
        json!({"sender_name": "Acme", "host": " SMTP.Example.com. ", "username": "info@example.com", "password": "s3cr3t"}),
    );
    let answer = tenant.post(PATH, &request).await;
    assert_eq!(answer.status, 201);
    assert_eq!(
        answer.body,
        json!({
            "id": "conn_01KDVDNA000000000000000002",
            "name": "SMTP Ufficio",
            "sender_email": "info@example.com",
            "sender_name": "Acme",
            "reply_to": null,
            "host": "smtp.example.com",
            "port": 587,
            "encryption": "starttls",
            "username": "info@example.com",
            "has_password": true,
            "active": true,
            "default": false,
            "limits": {"per_minute": null, "per_day": null, "concurrency": null},
            "verification": {"status": "never", "checked_at": null, "failure": null},
            "health": {"status": "ok", "since": "2026-01-01T00:00:00.000Z", "reason": null, "next_attempt_at": null},
            "version": 1,
            "created_at": "2026-01-01T00:00:00.000Z",
            "updated_at": "2026-01-01T00:00:00.000Z",
        })
    );
    let location = format!("{PATH}/{}", answer.id());
    assert_eq!(answer.header("location"), Some(location.as_str()));
    assert_eq!(answer.header("etag"), Some("\"1\""));
    let read = tenant.get(&location).await;
    assert_eq!((read.status, &read.body), (200, &answer.body));
    assert_eq!(read.header("etag"), answer.header("etag"));
}

#[tokio::test]
async fn a_connection_that_is_created_as_the_default_has_the_role_in_its_answer_and_its_entity_tag()
{
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let request = connection(json!({"default": true}));
    let answer = tenant.post(PATH, &request).await;
    assert_eq!(answer.body["default"], true);
    let read = tenant.get(&format!("{PATH}/{}", answer.id())).await;
    assert_eq!(read.body, answer.body);
    assert_eq!(read.header("etag"), answer.header("etag"));
}

#[tokio::test]
async fn the_list_is_in_the_order_of_folded_names_and_pages_through_all_of_it() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    for name in ["delta", "Bravo", "ALPHA", "charlie", "echo"] {
        tenant.connection(json!({"name": name})).await;
    }
    let all = tenant.get(PATH).await;
    assert_eq!(names(&all), ["ALPHA", "Bravo", "charlie", "delta", "echo"]);
    assert_eq!(all.body["next_cursor"], Value::Null);

    let mut seen = Vec::new();
    let mut path = format!("{PATH}?limit=2");
    let mut pages = 0;
    loop {
        let page = tenant.get(&path).await;
        seen.extend(names(&page).into_iter().map(str::to_owned));
        pages += 1;
        let Some(cursor) = page.body["next_cursor"].as_str() else {
            break;
        };
        path = format!("{PATH}?limit=2&cursor={cursor}");
    }
    assert_eq!(
        (seen, pages),
        (names(&all).iter().map(|&n| n.to_owned()).collect(), 3)
    );
    let exact = tenant.get(&format!("{PATH}?limit=5")).await;
    assert_eq!(exact.body["next_cursor"], Value::Null);
}

#[tokio::test]
async fn a_page_continues_where_the_last_ended_though_connections_came_and_went() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let mut paths = Vec::new();
    for name in ["a", "b", "d"] {
        paths.push(tenant.connection(json!({"name": name})).await);
    }
    let first = tenant.get(&format!("{PATH}?limit=2")).await;
    let cursor = first.body["next_cursor"].as_str().expect("a cursor");
    tenant.delete(&paths[1]).await;
    tenant.connection(json!({"name": "c"})).await;
    let second = tenant.get(&format!("{PATH}?cursor={cursor}")).await;
    assert_eq!(names(&second), ["c", "d"]);
}

#[tokio::test]
async fn the_list_can_be_narrowed_to_active_or_inactive_connections() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    tenant.connection(json!({"name": "on"})).await;
    let off = json!({"name": "off", "active": false});
    tenant.connection(off).await;
    let list = |query: &'static str| {
        let tenant = tenant.clone();
        async move { tenant.get(&format!("{PATH}{query}")).await }
    };
    assert_eq!(names(&list("?active=true").await), ["on"]);
    assert_eq!(names(&list("?active=false").await), ["off"]);
    assert_eq!(names(&list("").await), ["off", "on"]);
}

#[tokio::test]
async fn a_query_that_means_nothing_is_refused_with_every_parameter() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    for (query, pointers) in [
        ("limit=0", ["/limit"].as_slice()),
        ("limit=101", &["/limit"]),
        ("limit=ten", &["/limit"]),
        ("cursor=!", &["/cursor"]),
        ("active=yes", &["/active"]),
        ("actve=true", &["/actve"]),
        ("limit=1&limit=2", &["/limit"]),
        ("active=1&limit=-1&x=y", &["/active", "/limit", "/x"]),
    ] {
        let answer = tenant.get(&format!("{PATH}?{query}")).await;
        assert_eq!(
            answer.problem(),
            problem(422, "validation", pointers),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_patch_changes_what_it_names_null_removes_and_the_rest_stays() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let settings =
        json!({"sender_name": "Acme", "reply_to": "help@example.com", "limits": {"per_minute": 5}});
    let path = tenant.connection(settings).await;
    let before = tenant.get(&path).await;
    let changes = json!({"sender_name": null, "port": 2525, "limits": {"per_day": 9}});
    let after = tenant.patch(&path, &changes).await;
    assert_eq!(after.status, 200);
    let mut expected = before.body.clone();
    expected["sender_name"] = Value::Null;
    expected["port"] = json!(2525);
    expected["limits"]["per_day"] = json!(9);
    expected["version"] = json!(2);
    assert_eq!(after.body, expected);
    assert_eq!(tenant.get(&path).await.body, expected);
    assert_ne!(after.header("etag"), before.header("etag"));
}

#[tokio::test]
async fn a_patch_that_changes_nothing_keeps_version_and_entity_tag() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let path = tenant.connection(json!({"sender_name": "Acme"})).await;
    let before = tenant.get(&path).await;
    world.clock.advance(std::time::Duration::from_mins(1));
    for patch in [
        json!({}),
        json!({"sender_name": "Acme", "port": 587, "default": false}),
        json!({"reply_to": null}),
    ] {
        let after = tenant.patch(&path, &patch).await;
        assert_eq!((after.status, &after.body), (200, &before.body), "{patch}");
        assert_eq!(after.header("etag"), before.header("etag"));
    }
}

#[tokio::test]
async fn a_change_is_carried_out_only_on_the_entity_tag_it_names() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let path = tenant.connection(json!({})).await;
    let first = tenant
        .get(&path)
        .await
        .header("etag")
        .expect("a tag")
        .to_owned();
    let rename = |name: &str| json!({"name": name});
    let matched = patch_if(&tenant, &path, &first, &rename("b")).await;
    assert_eq!(matched.status, 200);
    let second = matched.header("etag").expect("a tag").to_owned();
    let stale = patch_if(&tenant, &path, &first, &rename("c")).await;
    assert_eq!(stale.problem(), problem(412, "stale", &[]));
    let stale = delete_if(&tenant, &path, &first).await;
    assert_eq!(stale.problem(), problem(412, "stale", &[]));
    assert_eq!(tenant.get(&path).await.body["name"], "b");
    let any = patch_if(&tenant, &path, "*", &rename("d")).await;
    assert_eq!(any.status, 200);
    let third = any.header("etag").expect("a tag");
    let list = format!("{first}, {second},{third}");
    assert_eq!(
        patch_if(&tenant, &path, &list, &rename("e")).await.status,
        200
    );
    assert_eq!(delete_if(&tenant, &path, &list).await.status, 412);
    assert_eq!(delete_if(&tenant, &path, "*").await.status, 204);
    assert_eq!(tenant.get(&path).await.status, 404);
    assert_eq!(delete_if(&tenant, &path, "*").await.status, 404);
}

#[tokio::test]
async fn losing_the_default_role_makes_an_entity_tag_stale() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let path = tenant.connection(json!({"default": true})).await;
    let tag = tenant
        .get(&path)
        .await
        .header("etag")
        .expect("a tag")
        .to_owned();
    tenant
        .connection(json!({"name": "other", "default": true}))
        .await;
    let answer = patch_if(&tenant, &path, &tag, &json!({"name": "late"})).await;
    assert_eq!(answer.problem(), problem(412, "stale", &[]));
}

#[tokio::test]
async fn a_name_is_taken_in_any_case_and_composition_until_it_is_changed_or_deleted() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let cafe = tenant.connection(json!({"name": "Caffè Straße"})).await;
    let other = tenant.connection(json!({"name": "other"})).await;
    let taken = problem(409, "name_taken", &["/name"]);
    for name in ["caffè straße", "CAFFE\u{300} STRASSE", " Caffè Straße "] {
        let create = tenant.post(PATH, &connection(json!({"name": name}))).await;
        assert_eq!(create.problem(), taken, "{name}");
        let rename = tenant.patch(&other, &json!({"name": name})).await;
        assert_eq!(rename.problem(), taken, "{name}");
    }
    // Its own name in another case is free for itself.
    let own = tenant.patch(&cafe, &json!({"name": "CAFFÈ STRASSE"})).await;
    assert_eq!(
        (own.status, &own.body["name"]),
        (200, &json!("CAFFÈ STRASSE"))
    );
    let moved = tenant.patch(&cafe, &json!({"name": "new"})).await;
    assert_eq!(moved.status, 200);
    let freed = tenant.connection(json!({"name": "caffè straße"})).await;
    assert_eq!(tenant.delete(&freed).await.status, 204);
    assert_eq!(
        tenant
            .patch(&other, &json!({"name": "Caffè Straße"}))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn of_ten_who_want_a_name_at_once_one_gets_it() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let statuses = tests::world::at_once(10, |_| {
        let tenant = tenant.clone();
        async move { tenant.post(PATH, &connection(json!({}))).await.status }
    });
    let mut statuses = statuses.await;
    statuses.sort_unstable();
    assert_eq!(statuses, [[201].as_slice(), &[409; 9]].concat());
}
