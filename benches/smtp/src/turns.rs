//! Turns: how often a client waits for the server. Counted, so the machine does not matter.

use tests::mail_server::{MailServer, Script, SeenSession};

use crate::peers::{self, LOGIN, message};
use crate::say;

/// Round trips with TCP's and TLS's own, from nothing to the reply to the dot.
fn cold(seen: &SeenSession) -> usize {
    1 + seen.handshakes + seen.messages[0].turns
}

async fn seen(server: &MailServer, messages: usize) -> SeenSession {
    let arrived = server.until(|ledger| {
        let session = ledger.sessions.first();
        session.is_some_and(|session| session.messages.len() == messages)
    });
    arrived.await.sessions.swap_remove(0)
}

async fn ours(script: Script, batch: usize) -> SeenSession {
    let server = MailServer::start(script).await;
    let mut session = peers::ours(&server.target_as(LOGIN.0, LOGIN.1)).await;
    peers::batch(&mut session, &message(5000), 1).await;
    peers::batch(&mut session, &message(5000), batch).await;
    seen(&server, 1 + batch).await
}

async fn lettre(script: Script, batch: usize) -> SeenSession {
    let server = MailServer::start(script).await;
    let pool = peers::lettre(&server.target_as(LOGIN.0, LOGIN.1));
    peers::through(&pool, &message(5000), 1 + batch).await;
    seen(&server, 1 + batch).await
}

fn a_message(seen: &SeenSession) -> String {
    let warm = &seen.messages[1..];
    let turns: usize = warm.iter().map(|message| message.turns).sum();
    let tenths = turns * 10 / warm.len();
    format!("{}.{}", tenths / 10, tenths % 10)
}

pub(crate) async fn table() {
    let (implicit, starttls) = (|| Script::new().implicit_tls(), || Script::new().starttls());
    let classic = || implicit().without("PIPELINING");
    say("| turns a message | Mittente | lettre's pool |\n| --- | --- | --- |");
    for (what, script, batch) in [
        ("warm, alone", implicit(), 1),
        ("warm, in a batch of ten", implicit(), 10),
        ("warm, alone, without PIPELINING", classic(), 1),
    ] {
        let ours = a_message(&ours(script.clone(), batch).await);
        let lettre = a_message(&lettre(script, batch).await);
        say(&format!("| {what} | {ours} | {lettre} |"));
    }
    for (what, script) in [
        ("cold, TLS from the first byte and a login", implicit()),
        ("cold, STARTTLS and a login", starttls()),
    ] {
        let ours = cold(&ours(script.clone(), 1).await);
        let lettre = cold(&lettre(script, 1).await);
        say(&format!("| {what} | {ours} | {lettre} |"));
    }
}
