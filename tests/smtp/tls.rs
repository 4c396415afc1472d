use shared::model::encryption::Encryption;
use shared::smtp::FailureCode::{
    CertificateExpired, CertificateNotYetValid, CertificateUnknownIssuer, CertificateWrongName,
    ProtocolError, StarttlsNotOffered, StarttlsRefused, TimedOut, TlsExpected, TlsFailed,
    TlsNotSpoken, TlsTooOld,
};
use shared::smtp::Stage::{Greeting, Tls};
use shared::smtp::{FailureCode, Progress, Target};
use tests::mail_server::{Answer, Certificate, MailServer, Script};

use crate::support::{failure, open, short, soon, told};

async fn refused_certificate(certificate: Certificate) -> [FailureCode; 2] {
    let mut codes = [TlsFailed; 2];
    let scripts = [Script::new().implicit_tls(), Script::new().starttls()];
    for (code, script) in codes.iter_mut().zip(scripts) {
        let server = MailServer::start(script.certificate(certificate)).await;
        let target = server.target_as("info@example.com", "s3cret");
        let failure = open(&server, &target).await.expect_err("a failure");
        assert_eq!(failure.stage, Tls);
        assert!(!server.session().await.saw("AUTH"));
        *code = failure.code;
    }
    codes
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    assert_eq!(
        refused_certificate(Certificate::Expired).await,
        [CertificateExpired; 2]
    );
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_yet_is_refused() {
    let codes = refused_certificate(Certificate::NotYetValid).await;
    assert_eq!(codes, [CertificateNotYetValid; 2]);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let codes = refused_certificate(Certificate::WrongName).await;
    assert_eq!(codes, [CertificateWrongName; 2]);
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let codes = refused_certificate(Certificate::UnknownAuthority).await;
    assert_eq!(codes, [CertificateUnknownIssuer; 2]);
}

#[tokio::test]
async fn the_certificate_is_checked_for_the_hosts_name_not_for_its_address() {
    let server = MailServer::start(Script::new().implicit_tls()).await;
    let target = Target {
        host: shared::model::host::Host::parse("127.0.0.1").expect("a host"),
        ..server.target()
    };
    let failure = open(&server, &target).await.expect_err("a failure");
    assert_eq!(told(&failure), (Tls, CertificateWrongName, None));
}

#[tokio::test]
async fn starttls_is_mandatory() {
    let server = MailServer::start(Script::new()).await;
    let target = Target {
        encryption: Encryption::Starttls,
        ..server.target_as("info@example.com", "s3cret")
    };
    let failure = open(&server, &target).await.expect_err("a failure");
    assert_eq!(told(&failure), (Tls, StarttlsNotOffered, None));
    assert_eq!(server.session().await.commands.len(), 1);
}

#[tokio::test]
async fn starttls_refused_is_not_gone_around() {
    let script = Script::new()
        .starttls()
        .on("STARTTLS", "454 4.7.0 TLS not available");
    assert_eq!(failure(script).await, (Tls, StarttlsRefused, Some(454)));
}

#[tokio::test]
async fn a_reply_injected_after_starttls_closes_the_session() {
    for injected in ["220 go\n250-evil\n250 AUTH PLAIN", "220 go\n2"] {
        let script = Script::new().starttls().on("STARTTLS", injected);
        let server = MailServer::start(script).await;
        let target = server.target_as("info@example.com", "s3cret");
        let failure = open(&server, &target).await.expect_err("a failure");
        assert_eq!(told(&failure), (Tls, ProtocolError, None));
        assert!(!server.session().await.saw("AUTH"));
    }
}

#[tokio::test]
async fn what_was_offered_before_tls_is_not_believed_after_it() {
    // The server's EHLO under TLS no longer offers AUTH.
    let script = Script::new().starttls().without("AUTH");
    let server = MailServer::start(script).await;
    let target = server.target_as("info@example.com", "s3cret");
    let failure = open(&server, &target).await.expect_err("a failure");
    assert_eq!(failure.code, FailureCode::NoAuthOffered);
    let seen = server.session().await;
    let ehlos = seen.commands.iter().filter(|line| line.starts_with("EHLO"));
    assert_eq!(ehlos.count(), 2);
}

#[tokio::test]
async fn tls_on_a_plain_port_is_told_apart() {
    let server = MailServer::start(Script::new()).await;
    let target = Target {
        encryption: Encryption::ImplicitTls,
        ..server.target()
    };
    let failure = open(&server, &target).await.expect_err("a failure");
    assert_eq!(told(&failure), (Tls, TlsNotSpoken, None));
    assert_eq!(failure.code.pointer(), Some("/encryption"));
}

#[tokio::test]
async fn plain_text_on_a_tls_port_gets_no_greeting() {
    let server = MailServer::start(Script::new().implicit_tls()).await;
    let mut dialer = server.dialer();
    dialer.deadlines = short();
    let target = Target {
        encryption: Encryption::Starttls,
        ..server.target()
    };
    let failure = dialer
        .open(&target, soon(), &mut Progress::default())
        .await
        .expect_err("a failure");
    assert_eq!(told(&failure), (Greeting, TimedOut, None));
}

#[tokio::test]
async fn a_tls_alert_in_place_of_a_greeting_tells_that_tls_is_expected() {
    let script = Script::new().greeting(Answer::raw(b"\x15\x03\x01\x00\x02\x02\x0a\n"));
    assert_eq!(failure(script).await, (Greeting, TlsExpected, None));
}

#[tokio::test]
async fn a_server_whose_tls_is_too_old_is_told_so() {
    let alert = Answer::raw(b"\x15\x03\x01\x00\x02\x02\x46");
    let server = MailServer::start(Script::new().greeting(alert)).await;
    let target = Target {
        encryption: Encryption::ImplicitTls,
        ..server.target()
    };
    let failure = open(&server, &target).await.expect_err("a failure");
    assert_eq!(told(&failure), (Tls, TlsTooOld, None));
}
