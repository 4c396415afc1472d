//! Turns: how often a client waits for the server. Counted by the scripted server, so the machine does not matter.

use tests::mail_server::{Certificate, MailServer, Script, SeenSession};

use crate::bench::{Bench, login, recipients};
use crate::job::Job;
use crate::peers::Peer;
use crate::table::{say_head, say_row};

/// How many messages a warm figure is the mean of.
const WARM: usize = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Situation {
    Alone,
    AloneToTen,
    Batch,
    BatchToTen,
    Classic,
    ColdImplicit,
    ColdStarttls,
}

impl Situation {
    const ALL: [Self; 7] = [
        Self::Alone,
        Self::AloneToTen,
        Self::Batch,
        Self::BatchToTen,
        Self::Classic,
        Self::ColdImplicit,
        Self::ColdStarttls,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Alone => "warm, alone, 1 recipient",
            Self::AloneToTen => "warm, alone, 10 recipients",
            Self::Batch => "warm, in a batch of ten, 1 recipient",
            Self::BatchToTen => "warm, in a batch of ten, 10 recipients",
            Self::Classic => "warm, without PIPELINING, 1 recipient",
            Self::ColdImplicit => "cold, TLS from the first byte (465) and a login",
            Self::ColdStarttls => "cold, STARTTLS (587) and a login",
        }
    }

    const fn is_cold(self) -> bool {
        matches!(self, Self::ColdImplicit | Self::ColdStarttls)
    }

    fn script(self) -> Script {
        // The peers dial an address, and some ask for it in the certificate.
        let script = Script::new().certificate(Certificate::For(&["127.0.0.1"]));
        match self {
            Self::Classic => script.without("PIPELINING"),
            Self::ColdImplicit => script.implicit_tls(),
            Self::ColdStarttls => script.starttls(),
            _ => script,
        }
    }

    fn change(self, job: Job) -> Job {
        let to_ten = matches!(self, Self::AloneToTen | Self::BatchToTen);
        let in_batch = matches!(self, Self::Batch | Self::BatchToTen);
        Job {
            to: recipients(if to_ten { 10 } else { 1 }),
            batch: if in_batch { WARM } else { 1 },
            warm_up: usize::from(!self.is_cold()),
            messages: if self.is_cold() { 1 } else { WARM },
            login: self.is_cold().then(login),
            ..job
        }
    }

    /// Turns a message; of a cold session with the round trips of TCP and TLS 1.3.
    #[expect(clippy::cast_precision_loss, reason = "there are few")]
    fn turns(self, seen: &SeenSession) -> f64 {
        if self.is_cold() {
            return (1 + seen.handshakes + seen.messages[0].turns) as f64;
        }
        let warm = &seen.messages[1..];
        let turns: usize = warm.iter().map(|message| message.turns).sum();
        turns as f64 / warm.len() as f64
    }
}

/// By situation, then by peer.
pub(crate) type Turns = Vec<(Situation, Vec<(Peer, f64)>)>;

pub(crate) async fn measure(bench: &Bench) -> Turns {
    let mut all = Vec::new();
    for situation in Situation::ALL {
        let mut row = Vec::new();
        for peer in bench.peers() {
            let server = MailServer::start(situation.script()).await;
            let mut job = situation.change(bench.job(server.address().port()));
            job.encryption = situation.script().encryption();
            bench.send(peer, &job).await;
            let messages = job.warm_up + job.messages;
            let seen = server.until(|ledger| {
                let session = ledger.sessions.first();
                session.is_some_and(|session| session.messages.len() == messages)
            });
            row.push((peer, situation.turns(&seen.await.sessions[0])));
        }
        all.push((situation, row));
    }
    all
}

pub(crate) fn say(turns: &Turns) {
    let Some((_, first)) = turns.first() else {
        return;
    };
    let names = first.iter().map(|(peer, _)| peer.name());
    say_head(["turns a message"].into_iter().chain(names));
    for (situation, row) in turns {
        let digits = usize::from(!situation.is_cold());
        let cells = row.iter().map(|(_, turns)| format!("{turns:.digits$}"));
        say_row([situation.name().to_owned()].into_iter().chain(cells));
    }
}

/// Ours, in one situation.
pub(crate) fn ours(turns: &Turns, situation: Situation) -> f64 {
    let row = turns.iter().find(|(other, _)| *other == situation);
    let ours = row.and_then(|(_, row)| row.iter().find(|(peer, _)| *peer == Peer::Mittente));
    ours.map_or(f64::NAN, |(_, turns)| *turns)
}
