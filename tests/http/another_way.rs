//! Where the settings don't work and others do, those are suggested; nobody logs in to find them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shared::dns::Resolver;
use shared::model::encryption::Encryption;
use shared::smtp::Dialer;
use tests::mail_server::{Answer, Certificate, HOST, MailServer, Script, dialer};
use tests::world::{World, connection, merged, reaching};
use verify::Way;

use crate::support::{DRAFT, failure, login, logins};

/// A world in which these ways are the usual ones.
async fn world(dialer: Dialer, usual: &[&MailServer]) -> World {
    let usual: Vec<_> = usual
        .iter()
        .map(|server| Way {
            port: server.address().port(),
            encryption: server.target().encryption,
        })
        .collect();
    World::adjusted(dialer, |functions| {
        let verify = Arc::get_mut(&mut functions.verify).expect("unused");
        verify.usual = usual;
        verify.patience = Duration::from_millis(200);
    })
    .await
}

fn with_login(changes: Value) -> Value {
    merged(connection(login()), changes)
}

fn suggestion(server: &MailServer) -> Value {
    json!({"host": HOST, "port": server.address().port(), "encryption": server.target().encryption})
}

async fn report(world: &World, draft: Value) -> Value {
    let answer = world.tenant("acme").post(DRAFT, &draft).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

#[tokio::test]
async fn the_wrong_encryption_for_a_port_is_turned() {
    let starttls = MailServer::start(Script::new().starttls()).await;
    let world = world(dialer(), &[]).await;
    let draft = with_login(reaching(&starttls, json!({"encryption": "implicit_tls"})));
    let found = report(&world, draft).await;
    assert_eq!(failure(&found), ["tls", "tls_not_spoken", "/encryption"]);
    assert_eq!(found["suggestion"], suggestion(&starttls));
    assert_eq!(logins(&starttls).await, 0);
}

#[tokio::test]
async fn a_silent_port_that_speaks_tls_is_told_so_without_waiting_for_its_greeting() {
    let implicit = MailServer::start(Script::new().implicit_tls()).await;
    let world = world(dialer(), &[]).await;
    let draft = with_login(reaching(&implicit, json!({"encryption": "starttls"})));
    let began = Instant::now();
    let found = report(&world, draft).await;
    // The greeting is given up long before its time is over.
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(failure(&found), ["greeting", "tls_expected", "/encryption"]);
    assert_eq!(found["suggestion"], suggestion(&implicit));
    assert_eq!(logins(&implicit).await, 0);
    let stages = found["stages"].as_array().expect("stages").iter();
    let stages = stages.map(|stage| format!("{} {}", stage["stage"], stage["status"]));
    assert_eq!(
        stages.collect::<Vec<_>>().join(", ").replace('"', ""),
        "resolve passed, connect passed, greeting failed, tls skipped, auth skipped, sender skipped"
    );
}

#[tokio::test]
async fn a_refused_port_leads_to_the_best_usual_way_that_works_and_offers_a_login() {
    let anonymous = MailServer::start(Script::new().implicit_tls().without("AUTH")).await;
    let broken = MailServer::start(Script::new().starttls().greeting(Answer::close())).await;
    let starttls = MailServer::start(Script::new().starttls()).await;
    let implicit = MailServer::start(Script::new().implicit_tls()).await;
    let world = world(dialer(), &[&anonymous, &broken, &starttls, &implicit]).await;
    let nobody = tokio::net::TcpSocket::new_v4().expect("a socket");
    nobody
        .bind((Ipv4Addr::LOCALHOST, 0).into())
        .expect("a port");
    let port = nobody.local_addr().expect("an address").port();
    let draft = with_login(json!({"host": HOST, "port": port}));
    let found = report(&world, draft).await;
    assert_eq!(failure(&found)[1], "connection_refused");
    assert_eq!(found["suggestion"], suggestion(&starttls));
    for server in [&anonymous, &broken, &starttls, &implicit] {
        assert_eq!(logins(server).await, 0);
    }
}

#[tokio::test]
async fn a_port_without_a_login_leads_to_one_that_has_it() {
    let anonymous = MailServer::start(Script::new().starttls().without("AUTH")).await;
    let implicit = MailServer::start(Script::new().implicit_tls()).await;
    let world = world(dialer(), &[&implicit]).await;
    let found = report(&world, with_login(reaching(&anonymous, json!({})))).await;
    assert_eq!(failure(&found)[1], "no_auth_offered");
    assert_eq!(found["suggestion"], suggestion(&implicit));
}

#[tokio::test]
async fn a_certificate_that_names_the_right_host_of_the_same_domain_corrects_it() {
    let script = Script::new().starttls();
    let server = MailServer::start(
        script.certificate(Certificate::For(&["elsewhere.test", "smtp.example.test"])),
    )
    .await;
    let mut dialer = dialer();
    let here = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    let names = [HOST, "smtp.example.test", "elsewhere.test"];
    let names = names.map(|name| (name.to_owned(), here.clone()));
    dialer.resolver = Resolver::fixed(&HashMap::from(names));
    let world = world(dialer, &[]).await;
    let found = report(&world, with_login(reaching(&server, json!({})))).await;
    assert_eq!(failure(&found), ["tls", "certificate_wrong_name", "/host"]);
    let hint = found["failure"]["hint"].as_str().expect("a hint");
    assert!(hint.contains("elsewhere.test, smtp.example.test"), "{hint}");
    let right = json!({"host": "smtp.example.test", "port": server.address().port(), "encryption": "starttls"});
    assert_eq!(found["suggestion"], right);
    assert_eq!(logins(&server).await, 0);
}

#[tokio::test]
async fn nothing_is_suggested_where_nothing_works_or_the_way_is_not_what_is_wrong() {
    let expired =
        MailServer::start(Script::new().starttls().certificate(Certificate::Expired)).await;
    let good = MailServer::start(Script::new().implicit_tls()).await;
    let world_without = world(dialer(), &[&expired]).await;
    let draft = || with_login(reaching(&expired, json!({})));
    let found = report(&world_without, draft()).await;
    assert_eq!(failure(&found)[1], "certificate_expired");
    assert_eq!(found["suggestion"], Value::Null);

    let refusing = Script::new().starttls().on("AUTH", "535 5.7.8 no");
    let blocking = Script::new().starttls().greeting("554 5.7.1 blocked");
    for (script, code) in [
        (refusing, "authentication_rejected"),
        (blocking, "blocked_by_policy"),
    ] {
        let server = MailServer::start(script).await;
        let world = world(dialer(), &[&good]).await;
        let found = report(&world, with_login(reaching(&server, json!({})))).await;
        assert_eq!(failure(&found)[1], code);
        assert_eq!(found["suggestion"], Value::Null);
    }
    assert_eq!(good.connections().await, 0);
}

#[tokio::test]
async fn a_verification_that_waits_looks_for_another_way_meanwhile_and_ends_in_time() {
    let silent = MailServer::start(Script::new().starttls().greeting(Answer::silence())).await;
    let good = MailServer::start(Script::new().implicit_tls()).await;
    let usual = vec![Way {
        port: good.address().port(),
        encryption: Encryption::ImplicitTls,
    }];
    let world = World::adjusted(dialer(), |functions| {
        let verify = Arc::get_mut(&mut functions.verify).expect("unused");
        verify.usual = usual;
        verify.patience = Duration::from_millis(100);
        verify.within = Duration::from_secs(2);
    })
    .await;
    let began = Instant::now();
    let found = report(&world, with_login(reaching(&silent, json!({})))).await;
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(failure(&found)[..2], ["greeting", "timed_out"]);
    assert_eq!(found["suggestion"], suggestion(&good));
}

#[tokio::test]
async fn a_session_that_has_been_greeted_is_left_to_come_to_its_end() {
    // The server takes its time to answer EHLO, and speaks TLS from the start elsewhere.
    let slow = Script::new()
        .starttls()
        .on("EHLO", Answer::drip("550 no", Duration::from_millis(50)));
    let slow = slow.on("HELO", "550 no");
    let slow = MailServer::start(slow).await;
    let good = MailServer::start(Script::new().implicit_tls()).await;
    let world = world(dialer(), &[&good]).await;
    let draft = with_login(reaching(&slow, json!({})));
    let found = report(&world, draft).await;
    assert_eq!(failure(&found)[..2], ["greeting", "ehlo_refused"]);
    let stages = found["stages"].as_array().expect("stages").iter();
    let greetings = stages.filter(|stage| stage["stage"] == "greeting");
    assert_eq!(greetings.count(), 1);
}
