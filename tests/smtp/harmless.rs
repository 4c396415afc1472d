//! What an attacker on the way, or the server itself, gains by what it says: nothing. That endless, dripping and silent servers
//! are neither waited for nor told the login is in `hostile`, step by step.

use shared::model::encryption::Encryption;
use shared::smtp::FailureCode::{
    AuthenticationRejected, ConnectionLost, Intercepted, ProtocolError, StarttlsNotOffered,
    StarttlsRefused, TlsFailed,
};
use shared::smtp::Stage::{Auth, Tls};
use shared::smtp::{Failure, FailureCode, Progress, Target};
use tests::mail_server::{Answer, MailServer, Script, SeenSession};

use crate::support::{
    BLOB, LOGIN, LOGIN_BASE64, PASSWORD, PASSWORD_BASE64, gives_away_the_login, soon,
};

/// What a failed attempt to log in leaves behind: at the client and at the server.
struct Traces {
    failure: Failure,
    progress: Progress,
    seen: SeenSession,
}

/// Logs in with STARTTLS or, where the script has it, implicit TLS.
async fn attempt(script: Script) -> Traces {
    let encryption = match script.encryption() {
        Encryption::None => Encryption::Starttls,
        own => own,
    };
    let server = MailServer::start(script).await;
    let target = Target {
        encryption,
        ..server.target_as(LOGIN, PASSWORD)
    };
    let mut progress = Progress::default();
    let opened = server.dialer().open(&target, soon(), &mut progress).await;
    Traces {
        failure: opened.expect_err("a failure"),
        progress,
        seen: server.session().await,
    }
}

#[tokio::test]
async fn a_reply_injected_after_starttls_is_not_believed_and_no_login_follows() {
    let injected = |bytes: &[u8]| Answer::raw(&[b"220 go\r\n", bytes].concat());
    // Once the client has begun the handshake, the same is no TLS.
    let later = Answer::lines("220 go").then(Answer::listen());
    for (answer, code) in [
        (
            injected(b"250-evil.example.com\r\n250 AUTH PLAIN\r\n"),
            ProtocolError,
        ),
        (
            injected(b"220 2.0.0 ready\r\n250 EVIL\r\n235 2.7.0 welcome\r\n"),
            ProtocolError,
        ),
        (injected(b"2"), ProtocolError),
        (injected(b"\n"), ProtocolError),
        (injected(b"\x16\x03\x03\x00\x01\x02"), ProtocolError),
        (injected(b"250 evil\r\n").then_close(), ProtocolError),
        (
            later.then("250-evil.example.com\n250 AUTH PLAIN".into()),
            TlsFailed,
        ),
    ] {
        let script = Script::new().starttls().without("AUTH");
        let traces = attempt(script.on("STARTTLS", answer)).await;
        assert_eq!(traces.failure, Failure::new(Tls, code));
        // What the server said of itself is what it said before.
        let server = &traces.progress.server;
        assert!(server.auth_mechanisms.is_empty() && server.tls.is_none());
        let said = format!("{:?}", traces.progress).to_lowercase();
        assert!(!said.contains("evil"), "{said}");
        assert!(!gives_away_the_login(&traces.seen));
        assert_eq!(traces.seen.commands[1], "STARTTLS");
    }
}

#[tokio::test]
async fn where_starttls_is_stripped_or_refused_nothing_more_is_said() {
    let blanked = "250-mail.example.test\n250-XXXXXXXA\n250 AUTH PLAIN LOGIN";
    let refused = |answer: Answer| Script::new().starttls().on("STARTTLS", answer);
    let scripts: [(Script, &[&str], FailureCode); 5] = [
        (Script::new(), &["EHLO"], StarttlsNotOffered),
        (Script::new().on("EHLO", blanked), &["EHLO"], Intercepted),
        (
            Script::new().on("EHLO", "502 what?"),
            &["EHLO", "HELO"],
            StarttlsNotOffered,
        ),
        (
            refused("454 4.7.0 not now".into()),
            &["EHLO", "STARTTLS"],
            StarttlsRefused,
        ),
        (
            refused(Answer::close()),
            &["EHLO", "STARTTLS"],
            ConnectionLost,
        ),
    ];
    for (script, verbs, code) in scripts {
        let traces = attempt(script).await;
        assert_eq!((traces.failure.stage, traces.failure.code), (Tls, code));
        let said = traces.seen.commands.iter();
        let said: Vec<_> = said.filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(said, verbs);
    }
}

#[tokio::test]
async fn a_reply_that_echoes_the_login_or_the_password_is_kept_without_its_text() {
    let unpadded = LOGIN_BASE64.trim_end_matches('=');
    let (upper, halves) = (PASSWORD.to_uppercase(), PASSWORD.split_at(4));
    let in_two_lines = format!("{}\n535-5.7.8 {}", halves.0, halves.1);
    let login = || {
        Script::new()
            .implicit_tls()
            .without("AUTH")
            .offering("AUTH LOGIN")
    };
    for echo in [
        LOGIN,
        PASSWORD,
        LOGIN_BASE64,
        unpadded,
        PASSWORD_BASE64,
        BLOB,
        &upper,
        &in_two_lines,
    ] {
        let answer = format!("535-5.7.8 no <{echo}>\n535 5.7.8 no");
        for (script, command) in [
            (Script::new().implicit_tls(), "AUTH"),
            (login(), "AUTH"),
            (login(), "USERNAME"),
            (login(), "PASSWORD"),
        ] {
            let traces = attempt(script.on(command, answer.as_str())).await;
            let reply = traces.failure.reply.expect("a reply");
            assert_eq!(
                (traces.failure.stage, traces.failure.code),
                (Auth, AuthenticationRejected)
            );
            assert_eq!((reply.code, reply.text.as_str()), (535, ""), "{echo}");
            assert_eq!(reply.enhanced.as_deref(), Some("5.7.8"));
            let said = format!("{:?}", traces.progress);
            assert!(
                ![LOGIN, PASSWORD, BLOB]
                    .iter()
                    .any(|secret| said.contains(secret))
            );
        }
    }
}
