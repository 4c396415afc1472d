//! Whether a server takes a sender.

use super::diagnosis;
use super::failure::{Failure, FailureCode, Stage};
use super::flight::{Flight, MailParameters};
use super::session::Session;
use super::wire::Broken;
use crate::model::email::EmailAddress;

impl Session {
    /// Asks whether the server takes this sender: MAIL FROM, then RSET. No mail is sent.
    ///
    /// # Errors
    /// Its refusal, or how the session was lost.
    pub async fn check_sender(&mut self, from: &EmailAddress) -> Result<(), Failure> {
        let failed = |code| Failure::new(Stage::Sender, code);
        let lost = |broken: Broken| broken.at(Stage::Sender);
        let parameters = MailParameters {
            smtputf8: from.needs_smtputf8(),
            ..MailParameters::default()
        };
        if parameters.smtputf8 && !self.extensions().smtputf8 {
            return Err(failed(FailureCode::Smtputf8NotOffered));
        }
        let mail = Flight::new().mail(from, parameters);
        let (answer, reset) = if self.extensions().pipelining {
            self.fly(mail.rset().as_bytes()).await.map_err(lost)?;
            let answer = self.hear().await.map_err(lost)?;
            (answer, self.hear().await)
        } else {
            let answer = self.exchange(mail.as_bytes()).await.map_err(lost)?;
            (answer, self.exchange(Flight::new().rset().as_bytes()).await)
        };
        self.clean = reset.is_ok_and(|lines| lines.code / 100 == 2);
        let reply = answer.to_reply();
        if reply.is_accepted() {
            return Ok(());
        }
        let code = diagnosis::sender(&reply);
        Err(failed(code).with_reply(reply))
    }
}
