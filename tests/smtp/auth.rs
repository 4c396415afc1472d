use shared::smtp::Failure;
use shared::smtp::FailureCode::{
    AuthNeedsEncryption, AuthenticationRejected, NoAuthOffered, NoCommonMechanism,
};
use shared::smtp::Stage::Auth;
use tests::mail_server::{MailServer, Script, SeenSession};

use crate::support::{BLOB, LOGIN, LOGIN_BASE64, PASSWORD, PASSWORD_BASE64, open, told};

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
    let script = script().on("AUTH", "535 5.7.8 Username and Password not accepted");
    let (opened, _) = log_in(script).await;
    let failure = opened.expect_err("a failure");
    assert_eq!(told(&failure), (Auth, AuthenticationRejected, Some(535)));
    assert!(failure.is_refused_login());
    assert_eq!(failure.code.pointer(), Some("/password"));
    let reply = failure.reply.expect("a reply");
    assert_eq!(reply.enhanced.as_deref(), Some("5.7.8"));
    assert_eq!(reply.text, "Username and Password not accepted");
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
