//! The one real message that a verification sends, if it is asked to.

use std::convert::Infallible;

use lettre::Message;
use lettre::address::AddressError;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, SinglePart};
use shared::model::email::EmailAddress;
use shared::smtp::{Envelope, Failure, FailureCode, Reply, Session, Stage};

use crate::language::Language;
use crate::verification::Verification;

/// Sends it and gives the server's words on it.
///
/// # Errors
/// Why the server did not take it.
pub(crate) async fn send(
    session: &mut Session,
    verification: &Verification<'_>,
    to: &EmailAddress,
) -> Result<Reply, Failure> {
    let message = render(verification, to)
        .map_err(|_| Failure::new(Stage::Message, FailureCode::MessageRefused))?;
    let envelope = Envelope {
        from: verification.settings.sender_email.clone(),
        to: vec![to.clone()],
    };
    // There is no record of it that would have to know when its body leaves.
    let fence = async { Ok::<(), Infallible>(()) };
    let Ok(transaction) = session.send(&envelope, &message, fence).await;
    transaction.into_reply()
}

fn render(
    verification: &Verification<'_>,
    to: &EmailAddress,
) -> Result<Vec<u8>, lettre::error::Error> {
    let settings = verification.settings;
    let clock = &verification.state.clock;
    let (subject, text) = words(verification.language);
    let address =
        |email: &EmailAddress| -> Result<lettre::Address, AddressError> { email.to_wire().parse() };
    let from = address(&settings.sender_email).map_err(|_| lettre::error::Error::MissingFrom)?;
    let to = address(to).map_err(|_| lettre::error::Error::MissingTo)?;
    let id = format!("<{}@{}>", clock.ulid(), from.domain());
    let message = Message::builder()
        .from(Mailbox::new(settings.sender_name.clone(), from))
        .to(Mailbox::new(None, to))
        .subject(subject)
        .date(clock.now().into())
        .message_id(Some(id))
        // RFC 3834 §5: nobody's absence note is to answer.
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ))
        .singlepart(SinglePart::plain(format!(
            "{}\r\n\r\n{text}",
            settings.name
        )))?;
    Ok(message.formatted())
}

fn words(language: Language) -> (&'static str, &'static str) {
    match language {
        Language::English => (
            "Test of your mail connection",
            "This message was sent to test the connection named above. If you can read it, the connection works.",
        ),
        Language::Italian => (
            "Prova della connessione email",
            "Questo messaggio è stato inviato per provare la connessione indicata sopra. Se il messaggio è leggibile, la connessione funziona.",
        ),
    }
}
