use super::FailureCode::{
    AppPasswordRequired, AuthenticationRejected, AuthenticationRequired,
    AuthenticationTemporarilyFailed, BlockedByPolicy, EncryptionRequired, GreetingRefused,
    HttpServer, ImapServer, MessageRefused, NoCommonMechanism, NotAMailServer,
    PasswordLoginDisabled, Pop3Server, RecipientRefused, SenderNotOwned, SenderRefused,
    TemporarilyUnavailable, TlsExpected, TooManyConnections, TooManyLogins,
};
use super::*;

fn reply(line: &str) -> Reply {
    let (code, text) = line.split_at(3);
    Reply::from_lines(
        code.parse().expect("a code"),
        &[text.trim_start().to_owned()],
    )
}

#[test]
fn logins_are_told_apart_as_the_big_providers_refuse_them() {
    for (line, code) in [
        (
            "535 5.7.8 Username and Password not accepted.",
            AuthenticationRejected,
        ),
        (
            "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect.",
            AuthenticationRejected,
        ),
        (
            "535 5.7.3 Authentication unsuccessful",
            AuthenticationRejected,
        ),
        ("535 authentication failed (#5.7.1)", AuthenticationRejected),
        ("550 5.7.1 no", AuthenticationRejected),
        (
            "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
            PasswordLoginDisabled,
        ),
        (
            "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.",
            PasswordLoginDisabled,
        ),
        ("535 5.7.139", PasswordLoginDisabled),
        (
            "550 5.7.30 Basic authentication is not supported for Client Submission.",
            PasswordLoginDisabled,
        ),
        (
            "534 5.7.9 Application-specific password required.",
            AppPasswordRequired,
        ),
        ("534 5.7.9", AppPasswordRequired),
        (
            "534 5.7.9 Authentication mechanism is too weak",
            NoCommonMechanism,
        ),
        ("538 5.7.11 Encryption required", EncryptionRequired),
        (
            "534 5.7.14 Please log in via your web browser and then try again.",
            AppPasswordRequired,
        ),
        ("535 5.7.8 please use an app password", AppPasswordRequired),
        (
            "504 5.7.4 Unrecognized authentication type",
            NoCommonMechanism,
        ),
        (
            "454 4.7.0 Too many login attempts, please try again later.",
            TooManyLogins,
        ),
        (
            "535 5.7.0 (#AUTH005) Too many bad auth attempts.",
            TooManyLogins,
        ),
        (
            "454 4.7.0 Temporary authentication failure",
            AuthenticationTemporarilyFailed,
        ),
        (
            "421 4.7.0 Try again later, closing connection.",
            TemporarilyUnavailable,
        ),
        (
            "432 4.3.2 Concurrent connections limit exceeded.",
            TooManyConnections,
        ),
    ] {
        assert_eq!(login(&reply(line)), code, "{line}");
    }
}

#[test]
fn a_greeting_that_refuses_tells_a_policy_from_a_server_that_takes_no_mail() {
    for (line, code) in [
        ("554 no SMTP service here", GreetingRefused),
        (
            "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
            BlockedByPolicy,
        ),
        ("554 5.7.0 no", BlockedByPolicy),
        ("550 your address has a poor reputation", BlockedByPolicy),
        ("521 5.3.2 this host never takes mail", GreetingRefused),
        (
            "421 4.7.0 Too many connections from your address",
            TooManyConnections,
        ),
        ("421 4.3.2 closing", TemporarilyUnavailable),
        ("450 4.7.1 Greylisted", TemporarilyUnavailable),
        ("354 go on", NotAMailServer),
    ] {
        assert_eq!(greeting(&reply(line)), code, "{line}");
    }
}

#[test]
fn a_sender_that_is_somebody_elses_is_told_from_one_that_is_refused() {
    for (line, code) in [
        (
            "553 5.7.1 <b@example.com>: Sender address rejected: not owned by user a",
            SenderNotOwned,
        ),
        (
            "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
            SenderNotOwned,
        ),
        ("554 5.2.252 SendAsDenied", SenderNotOwned),
        (
            "554 Message rejected: Email address is not verified.",
            SenderNotOwned,
        ),
        (
            "550 5.1.8 <b@example.com>: Sender address rejected: Domain not found",
            SenderRefused,
        ),
        ("451 4.3.0 later", TemporarilyUnavailable),
        (
            "530 5.7.0 Must issue a STARTTLS command first",
            EncryptionRequired,
        ),
        ("530 5.7.0 Authentication required", AuthenticationRequired),
        ("550 authentication required", AuthenticationRequired),
        ("503 5.5.4 Error: send AUTH first", AuthenticationRequired),
        ("503 5.5.1 bad sequence", TemporarilyUnavailable),
        (
            "554 5.7.1 Client host blocked using zen.spamhaus.org",
            BlockedByPolicy,
        ),
    ] {
        assert_eq!(sender(&reply(line)), code, "{line}");
    }
    assert_eq!(
        message(&reply("550 5.1.1 no such user"), RecipientRefused),
        RecipientRefused
    );
    assert_eq!(
        message(&reply("554 5.6.0 spam"), MessageRefused),
        MessageRefused
    );
    let delayed = reply("553 5.7.1 Sender address rejected: not owned by user a");
    assert_eq!(message(&delayed, RecipientRefused), SenderNotOwned);
}

#[test]
fn other_protocols_are_recognised_by_their_first_words() {
    for (banner, code) in [
        ("HTTP/1.1 400 Bad Request", HttpServer),
        ("<!doctype html>", HttpServer),
        ("* OK [CAPABILITY IMAP4rev1]", ImapServer),
        ("+OK POP3 ready", Pop3Server),
        ("SSH-2.0-OpenSSH_9.6", NotAMailServer),
        ("\u{15}\u{3}\u{1}", TlsExpected),
        ("", NotAMailServer),
    ] {
        assert_eq!(stranger(banner.as_bytes(), false), code, "{banner}");
    }
    assert_eq!(stranger(b"\x15\x03\x01", true), NotAMailServer);
}

#[test]
fn a_blanked_greeting_or_extension_gives_a_middlebox_away() {
    let lines = |line: &str| vec![line.to_owned()];
    assert!(is_masked("********************2*****", &[]));
    assert!(is_masked("mail.example.com ESMTP", &lines("XXXXXXXA")));
    assert!(!is_masked(
        "mail.example.com *** ESMTP ready",
        &lines("XCLIENT NAME")
    ));
}
