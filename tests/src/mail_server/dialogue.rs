//! One connection to the fake mail server.

use std::io;
use std::sync::Arc;

use shared::model::encryption::Encryption;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::ledger::{Ledger, SeenMessage, SeenSession};
use super::script::{Answer, Script, Step};

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

pub(super) struct Dialogue {
    script: Arc<Script>,
    ledger: Arc<watch::Sender<Ledger>>,
    index: usize,
    input: Vec<u8>,
    output: Vec<u8>,
    encrypted: bool,
    /// How many MAIL came.
    mails: usize,
    from: Option<String>,
    to: Vec<String>,
    /// The session's turns when the last message ended.
    turns_before: usize,
}

impl Dialogue {
    pub(super) fn new(
        script: Arc<Script>,
        ledger: Arc<watch::Sender<Ledger>>,
        index: usize,
    ) -> Self {
        Self {
            script,
            ledger,
            index,
            input: Vec::new(),
            output: Vec::new(),
            encrypted: false,
            mails: 0,
            from: None,
            to: Vec::new(),
            turns_before: 0,
        }
    }

    fn note(&self, note: impl FnOnce(&mut SeenSession)) {
        self.ledger
            .send_modify(|ledger| note(&mut ledger.sessions[self.index]));
    }

    pub(super) async fn play(mut self, stream: TcpStream, acceptor: TlsAcceptor) -> io::Result<()> {
        stream.set_nodelay(true)?;
        if self.script.encryption == Encryption::ImplicitTls {
            let stream = acceptor.accept(stream).await?;
            self.secured();
            let mut io: Box<dyn Io> = Box::new(stream);
            self.greet(&mut io).await?;
            return self.talk(&mut io).await.map(|_| ());
        }
        let mut stream = stream;
        self.greet(&mut stream).await?;
        if self.talk(&mut stream).await? {
            // What the client sent before the handshake is not believed here either.
            self.input.clear();
            let mut io: Box<dyn Io> = Box::new(acceptor.accept(stream).await?);
            self.secured();
            self.talk(&mut io).await?;
        }
        Ok(())
    }

    fn secured(&mut self) {
        self.encrypted = true;
        self.note(|session| session.handshakes += 1);
    }

    async fn greet(&mut self, io: &mut (impl Io + ?Sized)) -> io::Result<()> {
        let greeting = self.script.greeting.clone();
        self.act(io, greeting).await
    }

    /// Answers commands; gives back whether it is time for a TLS handshake.
    async fn talk(&mut self, io: &mut (impl Io + ?Sized)) -> io::Result<bool> {
        while let Some(line) = self.line(io).await? {
            self.note(|session| session.commands.push(line.clone()));
            let verb = line
                .split([' ', ':'])
                .next()
                .unwrap_or_default()
                .to_ascii_uppercase();
            self.mails += usize::from(verb == "MAIL");
            let answer = self.script.answer(&line, self.encrypted, self.mails);
            let answer = answer.unwrap_or_else(|| self.usual_answer(&verb, &line));
            let first = answer.first();
            self.act(io, answer).await?;
            match (verb.as_str(), first.as_bytes()) {
                ("MAIL", [b'2', ..]) => self.from = Some(address(&line)),
                ("RCPT", [b'2', ..]) => self.to.push(address(&line)),
                ("RSET" | "EHLO" | "HELO", [b'2', ..]) => self.forget(),
                ("STARTTLS", [b'2', ..]) => {
                    self.flush(io, true).await?;
                    return Ok(true);
                }
                ("AUTH", [b'3', ..]) => self.ask_login(io).await?,
                ("DATA", [b'3', ..]) => self.body(io).await?,
                ("QUIT", _) => {
                    self.flush(io, false).await?;
                    return Ok(false);
                }
                _ => {}
            }
        }
        Ok(false)
    }

    fn usual_answer(&self, verb: &str, line: &str) -> Answer {
        let offers_starttls = self.script.encryption == Encryption::Starttls && !self.encrypted;
        Answer::lines(match verb {
            "EHLO" => {
                let mut lines = vec!["mail.example.test".to_owned()];
                lines.extend(self.script.extensions.iter().cloned());
                if offers_starttls {
                    lines.push("STARTTLS".to_owned());
                }
                let last = lines.len() - 1;
                let text: Vec<String> = lines
                    .iter()
                    .enumerate()
                    .map(|(index, line)| {
                        format!("250{}{line}", if index == last { ' ' } else { '-' })
                    })
                    .collect();
                return Answer::lines(&text.join("\n"));
            }
            "STARTTLS" if offers_starttls => "220 2.0.0 go ahead",
            "AUTH" if line.len() > 11 => "235 2.7.0 welcome",
            "AUTH" => "334 VXNlcm5hbWU6",
            "MAIL" if self.from.is_some() => "503 5.5.1 nested MAIL command",
            "MAIL" => "250 2.1.0 sender ok",
            "RCPT" | "DATA" if self.from.is_none() => "503 5.5.1 no MAIL yet",
            "RCPT" => "250 2.1.5 recipient ok",
            "DATA" | "." if self.to.is_empty() => "554 5.5.1 no valid recipients",
            "DATA" => "354 end with a dot",
            "." => "250 2.0.0 queued",
            "HELO" | "RSET" | "NOOP" => "250 2.0.0 ok",
            "QUIT" => "221 2.0.0 bye",
            "USERNAME" => "334 UGFzc3dvcmQ6",
            "PASSWORD" => "235 2.7.0 welcome",
            _ => "500 5.5.2 what?",
        })
    }

    /// The two lines of AUTH LOGIN.
    async fn ask_login(&mut self, io: &mut (impl Io + ?Sized)) -> io::Result<()> {
        for asked in ["USERNAME", "PASSWORD"] {
            let Some(line) = self.line(io).await? else {
                return Ok(());
            };
            self.note(|session| session.commands.push(line));
            let answer = self.script.answer(asked, self.encrypted, self.mails);
            let answer = answer.unwrap_or_else(|| self.usual_answer(asked, ""));
            self.act(io, answer).await?;
        }
        Ok(())
    }

    async fn body(&mut self, io: &mut (impl Io + ?Sized)) -> io::Result<()> {
        let mut body = Vec::new();
        loop {
            let before = self.input.len();
            let Some(line) = self.raw_line(io).await? else {
                self.note(|session| session.body_bytes += before);
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            self.note(|session| session.body_bytes += line.len());
            if line == b".\r\n" {
                break;
            }
            body.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            if let Some((after, last_words)) = &self.script.hang_up_in_body
                && body.len() >= *after
            {
                let last_words = last_words.clone().then_close();
                return self.act(io, last_words).await;
            }
        }
        let answer = self.script.answer(".", self.encrypted, self.mails);
        let answer = answer.unwrap_or_else(|| self.usual_answer(".", "."));
        let message = SeenMessage {
            from: self.from.clone().unwrap_or_default(),
            to: self.to.clone(),
            body,
            accepted: answer.first().starts_with('2'),
            turns: 0,
        };
        self.forget();
        let before = self.turns_before;
        self.note(|session| {
            // The answer to the dot is the next turn.
            let turns = session.turns + 1 - before;
            session.messages.push(SeenMessage { turns, ..message });
        });
        self.turns_before += self.ledger.borrow().sessions[self.index]
            .messages
            .last()
            .map_or(0, |message| message.turns);
        self.act(io, answer).await
    }

    fn forget(&mut self) {
        self.from = None;
        self.to.clear();
    }

    async fn act(&mut self, io: &mut (impl Io + ?Sized), answer: Answer) -> io::Result<()> {
        self.note(|session| session.answers.push(answer.first()));
        for step in answer.0 {
            match step {
                Step::Say(bytes) => self.output.extend_from_slice(&bytes),
                Step::Drip(bytes, every) => {
                    self.flush(io, true).await?;
                    for byte in bytes {
                        tokio::time::sleep(every).await;
                        io.write_all(&[byte]).await?;
                        io.flush().await?;
                    }
                }
                Step::Endless(bytes) => {
                    self.flush(io, true).await?;
                    let chunk = bytes.repeat(1024);
                    loop {
                        io.write_all(&chunk).await?;
                        io.flush().await?;
                    }
                }
                Step::Listen => {
                    self.flush(io, true).await?;
                    if self.read(io).await? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Step::Wait(gate) => {
                    self.flush(io, true).await?;
                    // It gives no permit: it is closed when it opens.
                    let _ = gate.0.acquire().await;
                }
                Step::Silence => {
                    self.flush(io, true).await?;
                    while self.read(io).await? > 0 {}
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Step::Close => {
                    self.flush(io, true).await?;
                    // Both ends without a lost byte: the client reads what was said last, then the end.
                    let _ = io.shutdown().await;
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
            }
        }
        Ok(())
    }

    async fn flush(&mut self, io: &mut (impl Io + ?Sized), is_turn: bool) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        if is_turn {
            self.note(|session| session.turns += 1);
        }
        let output = std::mem::take(&mut self.output);
        io.write_all(&output).await?;
        io.flush().await
    }

    async fn read(&mut self, io: &mut (impl Io + ?Sized)) -> io::Result<usize> {
        let mut bytes = vec![0; 64 * 1024];
        let read = io.read(&mut bytes).await?;
        self.input.extend_from_slice(&bytes[..read]);
        Ok(read)
    }

    /// The next line with its end; `None` at the end of the stream. What there is to say is said before waiting.
    async fn raw_line(&mut self, io: &mut (impl Io + ?Sized)) -> io::Result<Option<Vec<u8>>> {
        let mut searched = 0;
        loop {
            if let Some(end) = self.input[searched..]
                .iter()
                .position(|byte| *byte == b'\n')
            {
                return Ok(Some(self.input.drain(..=searched + end).collect()));
            }
            searched = self.input.len();
            self.flush(io, true).await?;
            if self.read(io).await? == 0 {
                return Ok(None);
            }
        }
    }

    async fn line(&mut self, io: &mut (impl Io + ?Sized)) -> io::Result<Option<String>> {
        let line = self.raw_line(io).await?;
        Ok(line.map(|line| String::from_utf8_lossy(&line).trim_end().to_owned()))
    }
}

fn address(line: &str) -> String {
    line.split(['<', '>']).nth(1).unwrap_or_default().to_owned()
}
