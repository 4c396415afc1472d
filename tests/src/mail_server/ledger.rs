//! What the fake mail server saw.

use std::net::SocketAddr;

/// A message that came to its final dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenMessage {
    /// The address in MAIL FROM.
    pub from: String,
    /// The addresses of the accepted RCPT TO.
    pub to: Vec<String>,
    /// The message, its dots unstuffed.
    pub body: Vec<u8>,
    /// Whether the server answered the dot with 2xx.
    pub accepted: bool,
    /// How often the client waited for the server since the message before, or since the session began.
    pub turns: usize,
}

/// One connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenSession {
    /// Where it came from.
    pub peer: Option<SocketAddr>,
    /// The lines of the client but for bodies.
    pub commands: Vec<String>,
    /// What each was answered, first line first.
    pub answers: Vec<String>,
    /// The messages.
    pub messages: Vec<SeenMessage>,
    /// Bytes of bodies, whether or not their dot came.
    pub body_bytes: usize,
    /// How often the client waited for the server to speak, QUIT left out.
    pub turns: usize,
    /// TLS handshakes that succeeded.
    pub handshakes: usize,
    /// Whether it is over.
    pub ended: bool,
}

impl SeenSession {
    /// Round trips of the network, with TCP's and TLS 1.3's.
    #[must_use]
    pub fn round_trips(&self) -> usize {
        1 + self.handshakes + self.turns
    }

    /// Whether a line of the client starts like this.
    #[must_use]
    pub fn saw(&self, command: &str) -> bool {
        self.commands.iter().any(|line| line.starts_with(command))
    }

    /// Whether the server answered something with this.
    #[must_use]
    pub fn said(&self, answer: &str) -> bool {
        self.answers.iter().any(|line| line.starts_with(answer))
    }
}

/// Every connection, in the order that they were accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The connections.
    pub sessions: Vec<SeenSession>,
}

impl Ledger {
    /// How many connections are over.
    #[must_use]
    pub fn ended(&self) -> usize {
        self.sessions.iter().filter(|session| session.ended).count()
    }
}
