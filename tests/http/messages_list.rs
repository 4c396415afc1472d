//! The list of messages: pages, filters, and what a page may cost.

use std::time::Duration;

use serde_json::{Value, json};
use shared::aws::messages::Record;
use shared::model::ids::MessageId;
use shared::model::tenant::Tenant;
use tests::mail_server::{MailServer, Script};
use tests::world::{Client, World, reaching};

use crate::support::{default_connection, id_of, problem, submitted};

async fn start() -> (World, Client, MailServer) {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let server = MailServer::start(Script::new()).await;
    default_connection(&tenant, &server, json!({})).await;
    (world, tenant, server)
}

/// The ids of a page, and the query of the next.
async fn page(tenant: &Client, query: &str) -> (Vec<String>, Option<String>) {
    let answer = tenant.get(&format!("/v1/messages?{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let messages = answer.body["messages"].as_array().expect("a list");
    let ids = messages.iter().map(|it| it["id"].as_str().expect("an id"));
    let cursor = answer.body["next_cursor"].as_str();
    let same = query.split("&cursor=").next().unwrap_or_default();
    let next = cursor.map(|cursor| format!("{same}&cursor={cursor}"));
    (ids.map(str::to_owned).collect(), next)
}

#[tokio::test]
async fn messages_are_listed_newest_first_page_by_page() {
    let (world, tenant, _server) = start().await;
    let mut newest_first = Vec::new();
    for _ in 0..5 {
        let path = submitted(&tenant, json!({})).await;
        newest_first.insert(0, id_of(&path).to_owned());
        world.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(page(&tenant, "").await, (newest_first.clone(), None));
    let (first, second) = page(&tenant, "limit=2").await;
    assert_eq!(first, newest_first[..2]);
    // What comes in between is on no later page.
    submitted(&tenant, json!({})).await;
    let (second, third) = page(&tenant, &second.expect("a second page")).await;
    assert_eq!(second, newest_first[2..4]);
    let third = third.expect("a third page");
    assert_eq!(
        page(&tenant, &third).await,
        (newest_first[4..].to_vec(), None)
    );
    // A full page that is the last is known to be.
    assert_eq!(page(&tenant, "limit=6").await.1, None);
    let path = format!("/v1/messages/{}", newest_first[0]);
    let whole = tenant.get(&path).await.body;
    let listed = tenant.get("/v1/messages?limit=2").await.body;
    assert_eq!(listed["messages"][1], whole);
}

#[tokio::test]
async fn filters_choose_by_state_and_by_the_connection_that_sends() {
    let world = World::start().await;
    let tenant = world.tenant("acme");
    let (good, bad) = (
        MailServer::start(Script::new()).await,
        MailServer::start(Script::new().on("RCPT", "550 5.1.1 no")).await,
    );
    let mut ids = Vec::new();
    let mut connections = Vec::new();
    for (name, server) in [("good", &good), ("bad", &bad)] {
        let email = format!("{name}@example.com");
        let settings = reaching(server, json!({"name": name, "sender_email": email}));
        let connection = tenant.connection(settings).await;
        let named = json!({"connection_id": id_of(&connection)});
        let ended = submitted(&tenant, named.clone()).await;
        assert_eq!(world.deliver().await, 0);
        let queued = submitted(&tenant, named).await;
        world.take_queue().await;
        ids.push([ended, queued].map(|path| id_of(&path).to_owned()));
        connections.push(id_of(&connection).to_owned());
    }
    let [[sent, waits], [failed, waits_too]] = [ids[0].clone(), ids[1].clone()];
    let (good, bad) = (&connections[0], &connections[1]);
    for (query, expected) in [
        ("status=sent".to_owned(), vec![&sent]),
        ("status=failed".to_owned(), vec![&failed]),
        ("status=queued".to_owned(), vec![&waits_too, &waits]),
        ("status=unknown".to_owned(), vec![]),
        (format!("connection_id={good}"), vec![&waits, &sent]),
        (
            format!("connection_id={bad}&status=queued"),
            vec![&waits_too],
        ),
        (format!("status=sent&connection_id={bad}"), vec![]),
        (
            "status=&connection_id=&limit=1".to_owned(),
            vec![&waits_too],
        ),
    ] {
        let (found, _) = page(&tenant, &query).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
    }
    let (first, next) = page(&tenant, "status=queued&limit=1").await;
    let next = page(&tenant, &next.expect("a second page")).await;
    assert_eq!((first, next), (vec![waits_too], (vec![waits], None)));
}

#[tokio::test]
async fn what_a_list_can_not_be_asked_is_said_at_its_parameter() {
    let (_world, tenant, _server) = start().await;
    let other = "Y29ubg";
    for (query, pointer) in [
        ("status=Sent", "/status"),
        ("status=parked", "/status"),
        (
            "connection_id=msg_01KDVDNA0000000000000000ZZ",
            "/connection_id",
        ),
        ("limit=0", "/limit"),
        ("limit=101", "/limit"),
        ("limit=ten", "/limit"),
        ("cursor=!", "/cursor"),
        (&format!("cursor={other}"), "/cursor"),
        ("state=sent", "/state"),
        ("limit=1&limit=2", "/limit"),
    ] {
        let answer = tenant.get(&format!("/v1/messages?{query}")).await;
        assert_eq!(
            answer.problem(),
            problem(422, "validation", &[pointer]),
            "{query}"
        );
    }
    let all = tenant
        .get("/v1/messages?status=x&connection_id=x&limit=x&cursor=x&x=x")
        .await;
    let pointers = ["/status", "/connection_id", "/limit", "/cursor", "/x"];
    assert_eq!(all.problem(), problem(422, "validation", &pointers));
}

#[tokio::test]
async fn a_tenant_lists_its_own_messages_alone() {
    let (world, acme, server) = start().await;
    let connection = default_connection(&world.tenant("globex"), &server, json!({})).await;
    let theirs = submitted(&world.tenant("globex"), json!({})).await;
    let own = submitted(&acme, json!({})).await;
    assert_eq!(page(&acme, "").await, (vec![id_of(&own).to_owned()], None));
    let of_theirs = format!("connection_id={}", id_of(&connection));
    assert_eq!(page(&acme, &of_theirs).await, (Vec::new(), None));
    let (found, _) = page(&world.tenant("globex"), "").await;
    assert_eq!(found, [id_of(&theirs)]);
    assert_eq!(page(&world.tenant("acm"), "").await, (Vec::new(), None));
}

/// Puts `count` older copies of a message beside it.
async fn older_copies(world: &World, path: &str, count: u64) {
    let tenant = Tenant::new("acme").expect("a tenant");
    let id = id_of(path).parse().expect("an id");
    let messages = &world.functions.submit.messages;
    let record = messages
        .find(&tenant, id)
        .await
        .expect("read")
        .expect("there");
    for n in 0..count {
        let mut copy: Record = record.clone();
        copy.message.id = format!("msg_{n:026}").parse::<MessageId>().expect("an id");
        let put = messages.client.put_item().table_name(&messages.name);
        let item = copy.to_item(None).expect("an item");
        put.set_item(Some(item)).send().await.expect("written");
    }
}

#[tokio::test]
async fn a_page_looks_at_a_thousand_messages_and_says_where_to_go_on() {
    let (world, tenant, _server) = start().await;
    let oldest = submitted(&tenant, json!({})).await;
    assert_eq!(world.deliver().await, 0);
    world.clock.advance(Duration::from_secs(1));
    let newest = submitted(&tenant, json!({})).await;
    older_copies(&world, &newest, 1100).await;
    let (found, next) = page(&tenant, "status=failed").await;
    assert!(found.is_empty());
    let (found, next) = page(&tenant, &next.expect("more to look at")).await;
    assert_eq!((found, next), (Vec::new(), None));
    let (found, _) = page(&tenant, "status=sent").await;
    assert_eq!(found, [id_of(&oldest)]);
    let (found, next) = page(&tenant, "").await;
    assert!(found.len() == 100 && next.is_some(), "the usual page");
}

#[tokio::test]
async fn a_page_ends_before_it_is_larger_than_an_answer_may_be() {
    let (_world, tenant, _server) = start().await;
    let notes: serde_json::Map<String, Value> = (0..50)
        .map(|n| (format!("{n}"), json!("👍".repeat(1000))))
        .collect();
    for _ in 0..35 {
        submitted(&tenant, json!({"metadata": notes})).await;
    }
    let mut query = "limit=35".to_owned();
    let mut listed = Vec::new();
    loop {
        let answer = tenant.get(&format!("/v1/messages?{query}")).await;
        assert!(answer.text.len() < 6_000_000);
        let (found, next) = page(&tenant, &query).await;
        listed.extend(found);
        match next {
            Some(next) => query = next,
            None => break,
        }
    }
    let distinct: std::collections::BTreeSet<_> = listed.iter().collect();
    assert_eq!((listed.len(), distinct.len()), (35, 35));
}
