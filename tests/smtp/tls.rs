use shared::model::encryption::Encryption;
use shared::smtp::FailureCode::{self, CertificateInvalid, CertificateWrongName, TlsNotSpoken};
use shared::smtp::Stage::Tls;
use shared::smtp::{self, Dialer, Progress, Target};
use tests::mail_server::{Certificate, MailServer, Script, limited_root};

use crate::support::{open, soon, told};

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
async fn an_authority_is_believed_about_no_names_but_those_that_its_certificate_allows() {
    let script = Script::new().implicit_tls();
    let server = MailServer::start(script.certificate(Certificate::BeyondItsNames)).await;
    let dialer = Dialer {
        tls: smtp::Tls::new(&[limited_root()]).expect("an authority"),
        ..server.dialer()
    };
    let mut progress = Progress::default();
    let opened = dialer.open(&server.target(), soon(), &mut progress).await;
    let failure = opened.expect_err("a failure");
    assert_eq!(told(&failure), (Tls, CertificateInvalid, None));
}

#[tokio::test]
async fn what_was_offered_before_tls_is_not_believed_after_it() {
    let without_auth = "250-mail.example.test\n250 PIPELINING";
    let script = Script::new().starttls().under_tls("EHLO", without_auth);
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
