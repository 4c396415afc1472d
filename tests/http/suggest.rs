//! Suggesting settings: where they come from, in which order, and what is never asked or reached for them.

mod autoconfig;
mod web_server;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shared::dns::Resolver;
use shared::model::network::DialPolicy;
use shared::smtp::Dialer;
use tests::mail_server::dialer;
use tests::name_server::{NameServer, RecordType, Zone};
use tests::world::{Answer, Client, World};
use verify::LookUps;

use self::web_server::{Page, WebServer};
use crate::support::problem;

const SUGGEST: &str = "/v1/connections/suggest";
const EMAIL: &str = "info@example.test";
const SUBMISSIONS: &str = "_submissions._tcp.example.test";
const SUBMISSION: &str = "_submission._tcp.example.test";
/// An address that may be dialled, and is not.
const PUBLIC: &str = "1.1.1.1";
const SUBDOMAIN: &str = "autoconfig.example.test";
const SUBDOMAIN_FILE: &str = "autoconfig.example.test/mail/config-v1.1.xml";
/// Longer than anything takes that is not meant to be late.
const PATIENCE: Duration = Duration::from_secs(20);

/// A tenant of a world that looks things up so.
async fn tenant(dialer: Dialer, https_port: u16, within: Duration) -> Client {
    let world = World::adjusted(dialer, |functions| {
        let verify = Arc::get_mut(&mut functions.verify).expect("nobody shares it yet");
        verify.look_ups = LookUps { within, https_port };
    });
    world.await.tenant("acme")
}

/// A dialer that asks `names` and, of what is internal, reaches `port` of 127.0.0.1 alone.
fn asking(names: &NameServer, port: u16) -> Dialer {
    let here = "127.0.0.1/32".parse().expect("a network");
    Dialer {
        policy: DialPolicy::default().allowing(here, Some(vec![port])),
        resolver: names.resolver(),
        ..dialer()
    }
}

/// What is suggested for [`EMAIL`] by these records and, on 127.0.0.1, this web server.
async fn suggested(zone: Zone, web: &WebServer) -> Vec<String> {
    let names = NameServer::start(zone).await;
    let tenant = tenant(asking(&names, web.port()), web.port(), PATIENCE).await;
    told(&tenant.post(SUGGEST, &json!({"email": EMAIL})).await)
}

/// The suggestions, each in a line.
fn told(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let suggestions = answer.body["suggestions"].as_array().expect("a list");
    let told = suggestions.iter().map(|it| {
        [
            "host",
            "port",
            "encryption",
            "username",
            "source",
            "provider",
        ]
        .map(|field| it[field].to_string())
        .join(" ")
        .replace('"', "")
    });
    told.collect()
}

async fn no_web() -> WebServer {
    WebServer::start(&["nowhere.example.test"], []).await
}

/// A file of autoconfiguration with this server, by STARTTLS.
fn file(host: &str) -> String {
    format!(
        r#"<clientConfig version="1.1"><emailProvider id="example.test"><outgoingServer type="smtp"><hostname>{host}</hostname>
        <port>587</port><socketType>STARTTLS</socketType><username>%EMAILLOCALPART%</username></outgoingServer></emailProvider></clientConfig>"#
    )
}

#[tokio::test]
async fn the_known_provider_of_a_domain_is_suggested_and_nobody_is_asked() {
    let names = NameServer::start(Zone::new()).await;
    let web = no_web().await;
    let tenant = tenant(asking(&names, web.port()), web.port(), PATIENCE).await;
    let email = json!({"email": "someone@GMAIL.com"});
    let told = told(&tenant.post(SUGGEST, &email).await);
    assert_eq!(
        told,
        [
            "smtp.gmail.com 465 implicit_tls someone@GMAIL.com provider Google",
            "smtp.gmail.com 587 starttls someone@GMAIL.com provider Google",
        ]
    );
    assert_eq!(names.questions(), []);
}

#[tokio::test]
async fn both_kinds_of_srv_records_are_suggested_by_priority() {
    let zone = Zone::new()
        .srv(SUBMISSION, 10, 0, 587, "mail.example.test")
        .srv(SUBMISSIONS, 20, 0, 465, "late.example.test")
        .srv(SUBMISSIONS, 10, 5, 465, "light.example.test")
        .srv(SUBMISSIONS, 10, 50, 465, "heavy.example.test")
        .srv(SUBMISSIONS, 0, 0, 443, "web.example.test")
        .srv(SUBMISSIONS, 0, 0, 465, "no_host.example.test")
        .a("mail.example.test", [PUBLIC])
        .a("late.example.test", [PUBLIC])
        .aaaa("light.example.test", ["2606:4700::1111"])
        .cname("heavy.example.test", "mail.example.test");
    assert_eq!(
        suggested(zone, &no_web().await).await,
        [
            "heavy.example.test 465 implicit_tls info@example.test srv null",
            "light.example.test 465 implicit_tls info@example.test srv null",
            "mail.example.test 587 starttls info@example.test srv null",
            "late.example.test 465 implicit_tls info@example.test srv null",
        ]
    );
}

#[tokio::test]
async fn a_server_inside_is_not_named_and_looks_like_one_that_does_not_exist() {
    let web = no_web().await;
    for zone in [
        Zone::new(),
        Zone::new().a("db.corp.test", ["10.0.0.7"]),
        Zone::new().aaaa("db.corp.test", ["fd00::7"]),
        Zone::new().servfail("db.corp.test"),
    ] {
        let zone = zone
            .srv(SUBMISSIONS, 0, 0, 465, "db.corp.test")
            .srv(SUBMISSION, 0, 0, 587, "db.corp.test")
            .srv(SUBMISSION, 9, 0, 587, "mail.example.test")
            .a("mail.example.test", [PUBLIC]);
        assert_eq!(
            suggested(zone, &web).await,
            ["mail.example.test 587 starttls info@example.test srv null"]
        );
    }
}

#[tokio::test]
async fn of_a_provider_that_takes_no_passwords_nothing_is_suggested_and_nobody_is_asked() {
    let names = NameServer::start(Zone::new()).await;
    let web = no_web().await;
    let tenant = tenant(asking(&names, web.port()), web.port(), PATIENCE).await;
    for email in ["someone@outlook.com", "someone@hotmail.it"] {
        let answer = tenant.post(SUGGEST, &json!({"email": email})).await;
        assert!(told(&answer).is_empty(), "{}", answer.text);
    }
    assert_eq!(names.questions(), []);
}

#[tokio::test]
async fn a_domain_that_says_it_has_no_such_service_gets_no_suggestion() {
    let zone = Zone::new()
        .srv(SUBMISSIONS, 0, 0, 0, ".")
        .srv(SUBMISSION, 0, 0, 587, ".");
    assert!(suggested(zone, &no_web().await).await.is_empty());
}

#[tokio::test]
async fn nothing_known_is_an_empty_list() {
    let names = NameServer::start(Zone::new()).await;
    let web = no_web().await;
    let tenant = tenant(asking(&names, web.port()), web.port(), PATIENCE).await;
    let answer = tenant.post(SUGGEST, &json!({"email": EMAIL})).await;
    assert_eq!(
        (answer.status, answer.body),
        (200, json!({"suggestions": []}))
    );
    let mut questions = names.questions();
    questions.sort_by_key(|(name, kind)| (name.clone(), u16::from(*kind)));
    let asked = |name: &str, kind| (name.to_owned(), kind);
    assert_eq!(
        questions,
        [
            asked(SUBMISSION, RecordType::SRV),
            asked(SUBMISSIONS, RecordType::SRV),
            asked(SUBDOMAIN, RecordType::A),
            asked("example.test", RecordType::A),
            asked("example.test", RecordType::MX),
        ]
    );
}

#[tokio::test]
async fn whoever_is_silent_keeps_nobody_else_from_answering() {
    let within = Duration::from_millis(500);
    let web = WebServer::start(&[SUBDOMAIN], [(SUBDOMAIN_FILE, Page::Silence)]).await;
    let zone = Zone::new()
        .a(SUBDOMAIN, ["127.0.0.1"])
        .silent(SUBMISSIONS)
        .silent("example.test")
        .srv(SUBMISSION, 0, 0, 587, "mail.example.test")
        .a("mail.example.test", [PUBLIC])
        .srv(SUBMISSION, 0, 0, 587, "silent.example.test")
        .silent("silent.example.test");
    let names = NameServer::start(zone).await;
    let dialer = Dialer {
        resolver: Resolver::asking(names.address(), PATIENCE),
        ..asking(&names, web.port())
    };
    let tenant = tenant(dialer, web.port(), within).await;
    let asked = json!({"email": EMAIL});
    let answer = tokio::time::timeout(PATIENCE, tenant.post(SUGGEST, &asked)).await;
    assert_eq!(
        told(&answer.expect("an answer in time")),
        ["mail.example.test 587 starttls info@example.test srv null"]
    );
    assert_eq!(web.places(), [SUBDOMAIN_FILE]);
}

#[tokio::test]
async fn the_provider_that_a_domains_mail_goes_to_is_suggested() {
    let zone = Zone::new().mx("example.test", 20, "aspmx.l.google.com").mx(
        "example.test",
        10,
        "filter.example.test",
    );
    assert_eq!(
        suggested(zone, &no_web().await).await,
        [
            "smtp.gmail.com 465 implicit_tls info@example.test mx Google",
            "smtp.gmail.com 587 starttls info@example.test mx Google",
        ]
    );
}

#[tokio::test]
async fn the_better_source_comes_first_and_settings_come_once() {
    let page = Page::File(file("mail.example.test").replace(
        "</emailProvider>",
        r#"<outgoingServer type="smtp"><hostname>smtp.gmail.com</hostname><port>587</port><socketType>STARTTLS</socketType></outgoingServer>
        <outgoingServer type="smtp"><hostname>other.example.test</hostname><port>465</port><socketType>SSL</socketType></outgoingServer>
        </emailProvider>"#,
    ));
    let web = WebServer::start(&[SUBDOMAIN], [(SUBDOMAIN_FILE, page)]).await;
    let zone = Zone::new()
        .a(SUBDOMAIN, ["127.0.0.1"])
        .srv(SUBMISSION, 0, 0, 587, "mail.example.test")
        .a("mail.example.test", [PUBLIC])
        .mx("example.test", 10, "aspmx.l.google.com");
    assert_eq!(
        suggested(zone, &web).await,
        [
            "mail.example.test 587 starttls info@example.test srv null",
            "smtp.gmail.com 587 starttls info@example.test autoconfig Google",
            "other.example.test 465 implicit_tls info@example.test autoconfig null",
            "smtp.gmail.com 465 implicit_tls info@example.test mx Google",
        ]
    );
}

#[tokio::test]
async fn an_internationalised_domain_is_looked_up_by_its_a_labels() {
    let zone = Zone::new()
        .srv(
            "_submissions._tcp.xn--bcher-kva.test",
            0,
            0,
            465,
            "mail.xn--bcher-kva.test",
        )
        .a("mail.xn--bcher-kva.test", [PUBLIC]);
    let names = NameServer::start(zone).await;
    let web = no_web().await;
    let tenant = tenant(asking(&names, web.port()), web.port(), PATIENCE).await;
    let email = json!({"email": "info@BÜCHER.test"});
    assert_eq!(
        told(&tenant.post(SUGGEST, &email).await),
        ["mail.bücher.test 465 implicit_tls info@BÜCHER.test srv null"]
    );
}

#[tokio::test]
async fn a_request_without_a_good_address_or_with_an_unknown_field_is_refused() {
    let tenant = World::start().await.tenant("acme");
    for (body, pointers) in [
        (json!({}), &["/email"][..]),
        (json!({"email": null}), &["/email"]),
        (json!({"email": 1}), &["/email"]),
        (json!({"email": "info"}), &["/email"]),
        (json!({"email": "a@[127.0.0.1]"}), &["/email"]),
        (
            json!({"email": "info", "domain": "x"}),
            &["/domain", "/email"],
        ),
        (json!({"email": EMAIL, "domain": "x"}), &["/domain"]),
        (json!([]), &[""]),
    ] {
        let answer = tenant.post(SUGGEST, &body).await;
        let expected = problem(422, "validation", pointers);
        assert_eq!(answer.problem(), expected, "{body}");
    }
    let query = format!("{SUGGEST}?email={EMAIL}");
    let answer = tenant.post(&query, &json!({"email": EMAIL})).await;
    assert_eq!(answer.problem(), problem(422, "validation", &["/email"]));
    let nobody = World::start().await.nobody();
    let answer = nobody.post(SUGGEST, &Value::Null).await;
    assert_eq!(answer.problem().0, 401);
}
