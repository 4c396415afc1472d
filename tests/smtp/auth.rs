use shared::smtp::FailureCode::{
    AuthNeedsEncryption, AuthenticationRejected, AuthenticationTemporarilyFailed, ConnectionLost,
    NoAuthOffered, NoCommonMechanism, ProtocolError, TemporarilyUnavailable,
};
use shared::smtp::Stage::Auth;
use shared::smtp::{Failure, FailureCode, Stage};
use tests::mail_server::{Answer, MailServer, Script, SeenSession};

use crate::support::{open, told};

const LOGIN: &str = "info@example.com";
const PASSWORD: &str = "Canary-42";
const LOGIN_BASE64: &str = "aW5mb0BleGFtcGxlLmNvbQ==";
const PASSWORD_BASE64: &str = "Q2FuYXJ5LTQy";
const BLOB: &str = "AGluZm9AZXhhbXBsZS5jb20AQ2FuYXJ5LTQy";

async fn log_in(script: Script) -> (Result<(), Failure>, SeenSession) {
    let server = MailServer::start(script).await;
    let opened = match open(&server, &server.target_as(LOGIN, PASSWORD)).await {
        Ok(session) => {
            session.quit().await;
            Ok(())
        }
        Err(failure) => Err(failure),
    };
    (opened, server.session().await)
}

async fn refused(script: Script) -> (Stage, FailureCode, Option<u16>) {
    told(&log_in(script).await.0.expect_err("a failure"))
}

fn script() -> Script {
    Script::new().implicit_tls()
}

#[tokio::test]
async fn plain_goes_with_its_initial_response_in_one_line() {
    let (opened, seen) = log_in(script()).await;
    assert_eq!(opened, Ok(()));
    assert_eq!(seen.commands[1], format!("AUTH PLAIN {BLOB}"));
}

#[tokio::test]
async fn a_server_that_offers_login_alone_is_logged_in_to_line_by_line() {
    let (opened, seen) = log_in(script().without("AUTH").offering("AUTH LOGIN XOAUTH2")).await;
    assert_eq!(opened, Ok(()));
    assert_eq!(
        seen.commands[1..4],
        ["AUTH LOGIN", LOGIN_BASE64, PASSWORD_BASE64]
    );
}

#[tokio::test]
async fn the_old_form_of_auth_with_an_equals_sign_is_an_offer_too() {
    let (opened, seen) = log_in(script().without("AUTH").offering("auth=plain")).await;
    assert_eq!(opened, Ok(()));
    assert!(seen.saw("AUTH PLAIN "));
}

#[tokio::test]
async fn a_535_is_a_refused_login_with_its_enhanced_status_code() {
    let script = script().on("AUTH", "535 5.7.139 Authentication unsuccessful");
    let (opened, _) = log_in(script).await;
    let failure = opened.expect_err("a failure");
    assert_eq!(told(&failure), (Auth, AuthenticationRejected, Some(535)));
    assert!(failure.is_refused_login());
    assert_eq!(failure.code.pointer(), Some("/password"));
    let reply = failure.reply.expect("a reply");
    assert_eq!(reply.enhanced.as_deref(), Some("5.7.139"));
    assert_eq!(reply.text, "Authentication unsuccessful");
}

#[tokio::test]
async fn a_535_to_the_password_of_login_is_a_refused_login() {
    let script = script()
        .without("AUTH")
        .offering("AUTH LOGIN")
        .on("PASSWORD", "535 5.7.8 no");
    assert_eq!(
        refused(script).await,
        (Auth, AuthenticationRejected, Some(535))
    );
}

#[tokio::test]
async fn a_454_or_a_503_is_no_judgement_of_the_password() {
    for (answer, code) in [("454 4.7.0 later", 454), ("503 5.5.1 bad sequence", 503)] {
        let told = refused(script().on("AUTH", answer)).await;
        assert_eq!(told, (Auth, AuthenticationTemporarilyFailed, Some(code)));
    }
}

#[tokio::test]
async fn a_421_or_a_432_means_not_this_connection_now() {
    for (answer, code) in [("421 4.7.0 closing", 421), ("432 4.7.12 change it", 432)] {
        let told = refused(script().on("AUTH", answer)).await;
        assert_eq!(told, (Auth, TemporarilyUnavailable, Some(code)));
    }
}

#[tokio::test]
async fn only_235_is_a_success() {
    for answer in ["250 2.0.0 ok", "220 ok", "334 dGVsbCBtZSBtb3Jl", "354 go"] {
        let (stage, code, _) = refused(script().on("AUTH PLAIN", answer)).await;
        assert_eq!((stage, code), (Auth, ProtocolError), "{answer}");
    }
    let early = script()
        .without("AUTH")
        .offering("AUTH LOGIN")
        .on("AUTH", "235 ok");
    assert_eq!(refused(early).await, (Auth, ProtocolError, None));
}

#[tokio::test]
async fn a_reply_that_echoes_the_login_or_the_password_is_kept_without_its_text() {
    for echo in [LOGIN, PASSWORD, LOGIN_BASE64, PASSWORD_BASE64, BLOB] {
        let script = script().on(
            "AUTH",
            format!("535-5.7.8 no {echo}\n535 5.7.8 no").as_str(),
        );
        let failure = log_in(script).await.0.expect_err("a failure");
        let shown = format!("{failure:?}");
        assert!(!shown.contains(echo), "{shown}");
        let reply = failure.reply.expect("a reply");
        assert_eq!((reply.code, reply.text.as_str()), (535, ""));
        assert_eq!(reply.enhanced.as_deref(), Some("5.7.8"));
    }
}

#[tokio::test]
async fn a_login_without_an_offer_of_auth_is_a_failure_not_a_silent_pass() {
    let (opened, seen) = log_in(script().without("AUTH")).await;
    assert_eq!(
        told(&opened.expect_err("a failure")),
        (Auth, NoAuthOffered, None)
    );
    assert_eq!(seen.commands.len(), 1);
}

#[tokio::test]
async fn a_server_that_offers_only_cram_md5_gets_no_login() {
    let (opened, seen) = log_in(script().without("AUTH").offering("AUTH CRAM-MD5")).await;
    assert_eq!(
        told(&opened.expect_err("a failure")),
        (Auth, NoCommonMechanism, None)
    );
    assert!(!seen.saw("AUTH"));
}

#[tokio::test]
async fn no_login_goes_over_a_session_that_is_not_encrypted() {
    let (opened, seen) = log_in(Script::new()).await;
    assert_eq!(
        told(&opened.expect_err("a failure")),
        (Auth, AuthNeedsEncryption, None)
    );
    assert!(!seen.saw("AUTH"));
}

#[tokio::test]
async fn a_server_that_hangs_up_on_auth_lost_the_connection() {
    let told = refused(script().on("AUTH", Answer::close())).await;
    assert_eq!(told, (Auth, ConnectionLost, None));
}
