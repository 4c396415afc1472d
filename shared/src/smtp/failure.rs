//! Everything that can stop a session, or a verification: a closed set.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::reply::Reply;
use crate::model::encryption::Encryption;

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

impl Stage {
    /// The stages of opening a session, in the order that `encryption` gives them.
    #[must_use]
    pub const fn opening(encryption: Encryption) -> [Self; 5] {
        let (first, second) = match encryption {
            Encryption::ImplicitTls => (Self::Tls, Self::Greeting),
            Encryption::Starttls | Encryption::None => (Self::Greeting, Self::Tls),
        };
        [Self::Resolve, Self::Connect, first, second, Self::Auth]
    }
}

macro_rules! failure_codes {
    ($($(#[doc = $doc:literal])* $name:ident, $pointer:expr, $retryable:literal;)*) => {
        /// What went wrong: a closed set. The words for people are the verification's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum FailureCode {
            $($(#[doc = $doc])* $name,)*
        }

        impl FailureCode {
            /// All of them, in the order of a session.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The field of a connection that is the likeliest to be wrong, as a JSON Pointer (RFC 6901).
            #[must_use]
            pub const fn pointer(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => $pointer,)*
                }
            }

            /// Whether the same settings may work when they are tried again.
            #[must_use]
            pub const fn is_retryable(self) -> bool {
                match self {
                    $(Self::$name => $retryable,)*
                }
            }
        }
    };
}

const HOST: Option<&str> = Some("/host");
const PORT: Option<&str> = Some("/port");
const ENCRYPTION: Option<&str> = Some("/encryption");
const USERNAME: Option<&str> = Some("/username");
const PASSWORD: Option<&str> = Some("/password");
const SENDER: Option<&str> = Some("/sender_email");
const SEND_TO: Option<&str> = Some("/send_to");

failure_codes! {
    /// The host has no address that may be dialled: it is unknown, has no address, has none that is public, or its name
    /// servers don't answer. One code for all, so that nobody learns which names exist inside.
    NameNotResolved, HOST, true;
    /// Nobody listens there.
    ConnectionRefused, PORT, true;
    /// No answer to the attempt to connect.
    ConnectTimedOut, PORT, true;
    /// The network knows no way there.
    Unreachable, HOST, true;
    /// What answered is no mail server.
    NotAMailServer, PORT, false;
    /// A web server answered.
    HttpServer, PORT, false;
    /// A server for reading mail by IMAP answered.
    ImapServer, HOST, false;
    /// A server for reading mail by POP3 answered.
    Pop3Server, HOST, false;
    /// The server greeted with a refusal (5xx).
    GreetingRefused, HOST, false;
    /// The server greeted with a refusal that names a policy or a block list: it is about where we come from.
    BlockedByPolicy, None, true;
    /// The server refused EHLO and HELO.
    EhloRefused, HOST, false;
    /// Something between us and the server rewrites the dialogue, and took STARTTLS out of it.
    Intercepted, ENCRYPTION, false;
    /// The server expects TLS from the first byte.
    TlsExpected, ENCRYPTION, false;
    /// The server doesn't speak TLS from the first byte.
    TlsNotSpoken, ENCRYPTION, false;
    /// The server does not offer STARTTLS.
    StarttlsNotOffered, ENCRYPTION, false;
    /// The server refused STARTTLS, though it offers it.
    StarttlsRefused, ENCRYPTION, true;
    /// The certificate has expired.
    CertificateExpired, HOST, false;
    /// The certificate is not valid yet.
    CertificateNotYetValid, HOST, false;
    /// The certificate vouches for itself.
    CertificateSelfSigned, HOST, false;
    /// The certificate was not issued by a trusted authority.
    CertificateUnknownIssuer, HOST, false;
    /// The certificate is for another name.
    CertificateWrongName, HOST, false;
    /// The certificate can't be used for another reason.
    CertificateInvalid, HOST, false;
    /// The server only speaks TLS older than 1.2, or no cipher of ours.
    TlsTooOld, HOST, false;
    /// The TLS handshake failed.
    TlsFailed, ENCRYPTION, true;
    /// The server wants encryption before it goes on.
    EncryptionRequired, ENCRYPTION, false;
    /// A login is given, but the session is not encrypted.
    AuthNeedsEncryption, ENCRYPTION, false;
    /// A login is given, but the server offers none.
    NoAuthOffered, USERNAME, false;
    /// The server offers only ways to log in that we don't speak.
    NoCommonMechanism, USERNAME, false;
    /// The server refused the login.
    AuthenticationRejected, PASSWORD, false;
    /// The account's own password is not taken here: it needs one made for this use.
    AppPasswordRequired, PASSWORD, false;
    /// Logging in with a password is switched off, for the account or by the provider.
    PasswordLoginDisabled, USERNAME, false;
    /// The server can't check the login now.
    AuthenticationTemporarilyFailed, None, true;
    /// The server wants a login before it takes the sender.
    AuthenticationRequired, USERNAME, false;
    /// The server has too many connections of ours, or of everyone's.
    TooManyConnections, None, true;
    /// The server has seen too many logins.
    TooManyLogins, None, true;
    /// The server refused the sender address.
    SenderRefused, SENDER, false;
    /// The server does not let this login send from that address.
    SenderNotOwned, SENDER, false;
    /// The address needs SMTPUTF8, and the server does not have it.
    Smtputf8NotOffered, SENDER, false;
    /// The server refused the recipient of the test message.
    RecipientRefused, SEND_TO, false;
    /// The server refused the message.
    MessageRefused, None, false;
    /// The server asks to come back later.
    TemporarilyUnavailable, None, true;
    /// The server closed the connection.
    ConnectionLost, None, true;
    /// The server broke the protocol.
    ProtocolError, PORT, true;
    /// The server did not answer in time.
    TimedOut, None, true;
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
#[error("{stage}: {code}")]
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

    /// Whether the server judged the login and refused it (5xx to AUTH): what suspends a connection, and what is not asked for
    /// again at once.
    #[must_use]
    pub fn is_refused_login(&self) -> bool {
        self.stage == Stage::Auth && self.reply.as_ref().is_some_and(Reply::is_permanent)
    }
}
