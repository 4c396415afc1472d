//! One dialogue with a client (RFC 5321).

mod authenticate;

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use shared::clock::Clock;
use tokio::io::{AsyncRead, AsyncWrite};

use super::command::{self, Command, NEEDS_SMTPUTF8, Reply, TOO_LARGE};
use super::login::Login;
use super::message::Mail;
use super::store::Store;
use super::wire::{Content, Line, Wire};
use super::{MAX_MESSAGE, MAX_RECIPIENTS};

const GREETING: Reply = "220 localhost ESMTP Mittente inbox";
const OK: Reply = "250 2.0.0 OK";
const OUT_OF_SEQUENCE: Reply = "503 5.5.1 Bad sequence of commands";
/// How many commands may be refused, logins apart, and how many logins.
const MAX_ERRORS: u32 = 20;
const MAX_REJECTIONS: u32 = 3;

/// What all sessions share.
#[derive(Debug, Clone)]
pub(super) struct Session {
    store: Store,
    login: Option<Arc<Login>>,
}

/// How the dialogue over one stream ended.
#[derive(Debug)]
pub(super) enum Ended<S> {
    /// The session is over.
    Closed,
    /// The client expects a handshake now.
    StartTls(S),
}

impl Session {
    pub(super) fn new(store: Store, login: Option<Arc<Login>>) -> Self {
        Self { store, login }
    }

    pub(super) async fn greet_in_plain<S>(&self, stream: S) -> io::Result<Ended<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut dialogue = Dialogue::new(self, stream, false);
        dialogue.reply(GREETING).await?;
        dialogue.run().await
    }

    pub(super) async fn greet_in_tls<S>(&self, stream: S) -> io::Result<Ended<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut dialogue = Dialogue::new(self, stream, true);
        dialogue.reply(GREETING).await?;
        dialogue.run().await
    }

    /// After STARTTLS: no greeting, and nothing is known of the client (RFC 3207 §4.2).
    pub(super) async fn resume_in_tls<S>(&self, stream: S) -> io::Result<Ended<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        Dialogue::new(self, stream, true).run().await
    }
}

struct Dialogue<'a, S> {
    session: &'a Session,
    wire: Wire<S>,
    encrypted: bool,
    greeted: bool,
    authenticated: bool,
    transaction: Option<Transaction>,
    errors: u32,
    rejections: u32,
}

struct Transaction {
    from: String,
    smtputf8: bool,
    recipients: Vec<String>,
}

/// What follows a command.
enum Next {
    Command,
    Close,
    StartTls,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Dialogue<'a, S> {
    fn new(session: &'a Session, stream: S, encrypted: bool) -> Self {
        Self {
            session,
            wire: Wire::new(stream),
            encrypted,
            greeted: false,
            authenticated: false,
            transaction: None,
            errors: 0,
            rejections: 0,
        }
    }

    async fn reply(&mut self, reply: &str) -> io::Result<()> {
        if reply.starts_with('5') {
            self.errors += 1;
        }
        self.wire.write(&format!("{reply}\r\n")).await
    }

    async fn run(mut self) -> io::Result<Ended<S>> {
        loop {
            if self.errors > MAX_ERRORS || self.rejections >= MAX_REJECTIONS {
                self.reply("421 4.7.0 Too many errors").await?;
                return self.wire.close().await.map(|()| Ended::Closed);
            }
            let line = match self.wire.line().await? {
                Line::Whole(line) => line,
                Line::End => return Ok(Ended::Closed),
                Line::TooLong => {
                    self.reply("500 5.5.2 Line too long").await?;
                    continue;
                }
                Line::BareLineFeed => {
                    self.reply("500 5.5.2 Lines end with CRLF").await?;
                    continue;
                }
            };
            let Ok(line) = str::from_utf8(&line) else {
                self.reply("500 5.5.2 Not UTF-8").await?;
                continue;
            };
            let next = match command::parse(line) {
                Ok(command) => self.obey(command).await?,
                Err(reply) => {
                    self.reply(reply).await?;
                    Next::Command
                }
            };
            match next {
                Next::Command => {}
                Next::Close => return self.wire.close().await.map(|()| Ended::Closed),
                Next::StartTls => return Ok(Ended::StartTls(self.wire.into_stream())),
            }
        }
    }

    async fn obey(&mut self, command: Command<'_>) -> io::Result<Next> {
        match command {
            Command::Ehlo => {
                self.greeted = true;
                self.transaction = None;
                let extensions = self.extensions();
                self.wire.write(&extensions).await?;
            }
            Command::Helo => {
                self.greeted = true;
                self.transaction = None;
                self.reply("250 localhost").await?;
            }
            Command::StartTls if self.encrypted || !self.greeted => {
                self.reply(OUT_OF_SEQUENCE).await?;
            }
            Command::StartTls => {
                self.reply("220 2.0.0 Ready to start TLS").await?;
                return Ok(Next::StartTls);
            }
            Command::Auth(mechanism, initial) => self.authenticate(&mechanism, initial).await?,
            Command::Mail { from, smtputf8 } => {
                let reply = self.mail(from, smtputf8);
                self.reply(reply).await?;
            }
            Command::Rcpt(to) => {
                let reply = self.rcpt(to);
                self.reply(reply).await?;
            }
            Command::Data => return self.data().await,
            Command::Rset => {
                self.transaction = None;
                self.reply(OK).await?;
            }
            Command::Noop => self.reply(OK).await?,
            Command::Vrfy => self.reply("252 2.5.0 Send some mail, it is taken").await?,
            Command::Quit => {
                self.reply("221 2.0.0 Bye").await?;
                return Ok(Next::Close);
            }
        }
        Ok(Next::Command)
    }

    fn extensions(&self) -> String {
        let mut lines = String::from("250-localhost\r\n");
        if self.encrypted {
            lines.push_str("250-AUTH PLAIN LOGIN\r\n");
        } else {
            lines.push_str("250-STARTTLS\r\n");
        }
        // Writing to a string never fails.
        let _ = write!(lines, "250-SIZE {MAX_MESSAGE}\r\n");
        lines + "250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n"
    }

    fn mail(&mut self, from: String, smtputf8: bool) -> Reply {
        if !self.greeted || self.transaction.is_some() {
            return OUT_OF_SEQUENCE;
        }
        if self.session.login.is_some() && !self.authenticated {
            return if self.encrypted {
                "530 5.7.0 Authentication required"
            } else {
                "530 5.7.0 Must issue a STARTTLS command first"
            };
        }
        self.transaction = Some(Transaction {
            from,
            smtputf8,
            recipients: Vec::new(),
        });
        "250 2.1.0 Sender OK"
    }

    fn rcpt(&mut self, to: String) -> Reply {
        let Some(transaction) = &mut self.transaction else {
            return OUT_OF_SEQUENCE;
        };
        if !to.is_ascii() && !transaction.smtputf8 {
            return NEEDS_SMTPUTF8;
        }
        if transaction.recipients.len() >= MAX_RECIPIENTS {
            return "452 4.5.3 Too many recipients";
        }
        transaction.recipients.push(to);
        "250 2.1.5 Recipient OK"
    }

    async fn data(&mut self) -> io::Result<Next> {
        let transaction = match self.transaction.take() {
            Some(transaction) if !transaction.recipients.is_empty() => transaction,
            refused => {
                // A refused DATA leaves the transaction open (RFC 5321 §4.1.4).
                self.transaction = refused;
                self.reply(OUT_OF_SEQUENCE).await?;
                return Ok(Next::Command);
            }
        };
        self.reply("354 End data with <CR><LF>.<CR><LF>").await?;
        match self.wire.content(MAX_MESSAGE).await? {
            Content::End => return Ok(Next::Close),
            Content::TooLarge => self.reply(TOO_LARGE).await?,
            Content::Whole(raw) => {
                let Transaction {
                    from, recipients, ..
                } = transaction;
                let mail = Mail::read(&Clock::system(), from, recipients, &raw);
                let taken = format!("250 2.0.0 Taken as {}", mail.id);
                self.session.store.add(mail);
                self.reply(&taken).await?;
            }
        }
        Ok(Next::Command)
    }
}
