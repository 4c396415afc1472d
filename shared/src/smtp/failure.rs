//! Everything that can stop a session before it judges a message: a closed set, each with its sentence and what to do next.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::reply::Reply;

/// The steps of a session, in the words of the verification report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Finding addresses that may be dialled.
    Resolve,
    /// Opening the TCP connection.
    Connect,
    /// STARTTLS and the TLS handshake.
    Tls,
    /// The server's greeting and its answer to EHLO.
    Greeting,
    /// Logging in.
    Auth,
    /// `MAIL FROM`, then `RSET`.
    Sender,
    /// Sending a message.
    Message,
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// The host has no address that may be dialled: unknown, without addresses, or not public.
    NameNotResolved,
    /// Nobody listens there.
    ConnectionRefused,
    /// No answer to the attempt to connect.
    ConnectTimedOut,
    /// The network knows no way there.
    Unreachable,
    /// What answered is no mail server.
    NotAMailServer,
    /// The server greeted with a refusal (5xx).
    GreetingRefused,
    /// The server refused EHLO and HELO.
    EhloRefused,
    /// The server expects TLS from the first byte.
    TlsExpected,
    /// The server doesn't speak TLS from the first byte.
    TlsNotSpoken,
    /// The server does not offer STARTTLS.
    StarttlsNotOffered,
    /// The server refused STARTTLS, though it offers it.
    StarttlsRefused,
    /// The certificate has expired.
    CertificateExpired,
    /// The certificate is not valid yet.
    CertificateNotYetValid,
    /// The certificate was not issued by a trusted authority.
    CertificateUnknownIssuer,
    /// The certificate is for another name.
    CertificateWrongName,
    /// The certificate can't be used for another reason.
    CertificateInvalid,
    /// The server only speaks TLS older than 1.2, or no cipher of ours.
    TlsTooOld,
    /// The TLS handshake failed.
    TlsFailed,
    /// A login is given, but the session is not encrypted.
    AuthNeedsEncryption,
    /// A login is given, but the server offers none.
    NoAuthOffered,
    /// The server offers only ways to log in that we don't speak.
    NoCommonMechanism,
    /// The server refused the login.
    AuthenticationRejected,
    /// The server can't check the login now.
    AuthenticationTemporarilyFailed,
    /// The server wants a login before it takes the sender.
    AuthenticationRequired,
    /// The server refused the sender address.
    SenderRefused,
    /// The address needs SMTPUTF8, and the server does not have it.
    Smtputf8NotOffered,
    /// The server refused the message.
    MessageRefused,
    /// The server asks to come back later.
    TemporarilyUnavailable,
    /// The server closed the connection.
    ConnectionLost,
    /// The server broke the protocol.
    ProtocolError,
    /// The server did not answer in time.
    TimedOut,
}

/// What people are told about a failure.
struct Words {
    title: &'static str,
    hint: &'static str,
    /// The field of a connection that is the likeliest to be wrong (RFC 6901).
    pointer: Option<&'static str>,
}

const fn words(title: &'static str, hint: &'static str, pointer: Option<&'static str>) -> Words {
    Words {
        title,
        hint,
        pointer,
    }
}

impl FailureCode {
    #[rustfmt::skip] // a table: one code, its three facts
    const fn words(self) -> Words {
        const HOST: Option<&str> = Some("/host");
        const PORT: Option<&str> = Some("/port");
        const ENCRYPTION: Option<&str> = Some("/encryption");
        const USERNAME: Option<&str> = Some("/username");
        const PASSWORD: Option<&str> = Some("/password");
        const SENDER: Option<&str> = Some("/sender_email");
        match self {
            Self::NameNotResolved => words("The mail server could not be found",
                "Check the spelling of the host. It must be a public name: internal names and addresses can't be used.", HOST),
            Self::ConnectionRefused => words("The server refused the connection",
                "Check the port: 465 and 587 are the usual ones. If it is right, ask whoever runs the server whether a firewall stands in the way.", PORT),
            Self::ConnectTimedOut => words("The server did not answer",
                "Check host and port. A firewall may drop the connection: the addresses it must let in are listed under egress IPs.", PORT),
            Self::Unreachable => words("The server can't be reached",
                "Check the host. If it is right, its network may be down: try again later.", HOST),
            Self::NotAMailServer => words("What answered is not a mail server for sending",
                "Check host and port. The server for sending often has another name than the one for reading: look for \"outgoing\" or \"SMTP\".", PORT),
            Self::GreetingRefused => words("The server refuses our connection",
                "The server turned us away before the login. It may only let in known addresses: the ones we come from are listed under egress IPs.", HOST),
            Self::EhloRefused => words("The server refused to start a session",
                "The server answered, but refused our greeting. Ask whoever runs it whether it takes mail from outside its network.", HOST),
            Self::TlsExpected => words("The server expects TLS from the start",
                "Choose implicit TLS (what forms call SSL), or the port for STARTTLS, usually 587.", ENCRYPTION),
            Self::TlsNotSpoken => words("The server does not speak TLS from the start",
                "Choose STARTTLS (what forms call TLS), or the port for implicit TLS, usually 465.", ENCRYPTION),
            Self::StarttlsNotOffered => words("The server does not offer STARTTLS",
                "Choose implicit TLS, usually on port 465. If the server should offer STARTTLS, something on the way may be removing it.", ENCRYPTION),
            Self::StarttlsRefused => words("The server refused to start TLS",
                "Try again later, or choose implicit TLS, usually on port 465.", ENCRYPTION),
            Self::CertificateExpired => words("The server's certificate has expired",
                "Whoever runs the server must renew its certificate.", HOST),
            Self::CertificateNotYetValid => words("The server's certificate is not valid yet",
                "Whoever runs the server must check its certificate and its clock.", HOST),
            Self::CertificateUnknownIssuer => words("The server's certificate is not from a known authority",
                "The certificate is self-signed, or the server does not send its whole chain. Whoever runs the server must install a public one.", HOST),
            Self::CertificateWrongName => words("The server's certificate is for another name",
                "Use the name that the certificate is for: often the provider's own, rather than one under your domain.", HOST),
            Self::CertificateInvalid => words("The server's certificate can't be used",
                "Whoever runs the server must install a valid certificate.", HOST),
            Self::TlsTooOld => words("The server's TLS is too old",
                "The server must speak TLS 1.2 or newer. Whoever runs it must update it, or there may be a newer name for it.", HOST),
            Self::TlsFailed => words("The encrypted connection could not be set up",
                "Check port and encryption: 465 goes with implicit TLS, 587 with STARTTLS.", ENCRYPTION),
            Self::AuthNeedsEncryption => words("A password is not sent without encryption",
                "Choose STARTTLS or implicit TLS, or leave out username and password.", ENCRYPTION),
            Self::NoAuthOffered => words("The server offers no login",
                "The server has no login on this port: try 587 or 465, or leave out username and password.", USERNAME),
            Self::NoCommonMechanism => words("The server offers no login that we can use",
                "The server must offer PLAIN or LOGIN. Some providers have switched off passwords for sending, or do so until it is allowed in the account.", USERNAME),
            Self::AuthenticationRejected => words("The server refused the login",
                "Check username and password. Many providers want the whole address as username, and an app password in place of the usual one.", PASSWORD),
            Self::AuthenticationTemporarilyFailed => words("The server can't check the login now",
                "Try again later. After many wrong passwords, servers refuse logins for a while.", None),
            Self::AuthenticationRequired => words("The server wants a login",
                "Give username and password.", USERNAME),
            Self::SenderRefused => words("The server refused the sender",
                "The sender must be an address that this login may send from: often the login's own.", SENDER),
            Self::Smtputf8NotOffered => words("The server can't send from this address",
                "The address has characters that the server does not support: use one with ASCII letters before the @.", SENDER),
            Self::MessageRefused => words("The server refused the message",
                "The server's own words say why.", None),
            Self::TemporarilyUnavailable => words("The server is not available now",
                "The server asks to come back later.", None),
            Self::ConnectionLost => words("The server closed the connection",
                "Try again. If it keeps happening, check port and encryption.", None),
            Self::ProtocolError => words("The server answered in a way that is not SMTP",
                "Check host and port. If they are right, something on the way may be changing the traffic.", None),
            Self::TimedOut => words("The server took too long to answer",
                "Try again later. If it never answers, check port and encryption: 465 goes with implicit TLS, 587 with STARTTLS.", None),
        }
    }
}

impl fmt::Display for FailureCode {
    /// The code as the API writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl fmt::Display for Stage {
    /// The stage as the API writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Why a session failed, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .code.words().title)]
pub struct Failure {
    /// The step that failed.
    pub stage: Stage,
    /// What went wrong.
    pub code: FailureCode,
    /// The server's own words, once it has shown itself to be a mail server.
    pub reply: Option<Reply>,
}

impl Failure {
    /// A failure without a reply.
    #[must_use]
    pub const fn new(stage: Stage, code: FailureCode) -> Self {
        Self {
            stage,
            code,
            reply: None,
        }
    }

    /// Adds the server's own words.
    #[must_use]
    pub fn with_reply(mut self, reply: Reply) -> Self {
        self.reply = Some(reply);
        self
    }

    /// What went wrong, in a sentence.
    #[must_use]
    pub const fn title(&self) -> &'static str {
        self.code.words().title
    }

    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        self.code.words().hint
    }

    /// The field of the connection that is the likeliest to be wrong, as a JSON Pointer (RFC 6901).
    #[must_use]
    pub const fn pointer(&self) -> Option<&'static str> {
        self.code.words().pointer
    }

    /// Whether the settings must change before another attempt makes sense: what suspends a connection.
    #[must_use]
    pub const fn is_refused_login(&self) -> bool {
        matches!(self.code, FailureCode::AuthenticationRejected)
    }
}
