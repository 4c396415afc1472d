//! AUTH (RFC 4954): PLAIN and LOGIN, in TLS alone.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

use super::super::command::Reply;
use super::super::login::Login;
use super::super::wire::Line;
use super::{Dialogue, OUT_OF_SEQUENCE};

const NOT_A_RESPONSE: Reply = "501 5.5.2 The response could not be decoded";
const REJECTED: Reply = "535 5.7.8 Authentication credentials invalid";

impl<S: AsyncRead + AsyncWrite + Unpin> Dialogue<'_, S> {
    pub(super) async fn authenticate(
        &mut self,
        mechanism: &str,
        initial: Option<&str>,
    ) -> io::Result<()> {
        if !self.encrypted {
            return self
                .reply("538 5.7.11 Encryption required for requested authentication mechanism")
                .await;
        }
        if !self.greeted || self.authenticated || self.transaction.is_some() {
            return self.reply(OUT_OF_SEQUENCE).await;
        }
        let login = match mechanism {
            "PLAIN" => {
                let response = match initial {
                    Some(initial) => Some(initial.to_owned()),
                    None => self.challenge("334 ").await?,
                };
                response.and_then(|response| Login::from_plain(&response))
            }
            "LOGIN" => {
                let username = match initial {
                    Some(initial) => Some(initial.to_owned()),
                    None => self.challenge("334 VXNlcm5hbWU6").await?,
                };
                let Some(username) = username else {
                    return self.reply(NOT_A_RESPONSE).await;
                };
                let password = self.challenge("334 UGFzc3dvcmQ6").await?;
                password.and_then(|password| Login::from_login(&username, &password))
            }
            _ => {
                return self
                    .reply("504 5.5.4 Unrecognized authentication type")
                    .await;
            }
        };
        let Some(login) = login else {
            return self.reply(NOT_A_RESPONSE).await;
        };
        let demanded = self.session.login.as_deref();
        if demanded.is_some_and(|demanded| *demanded != login) {
            self.rejections += 1;
            return self.reply(REJECTED).await;
        }
        self.authenticated = true;
        self.reply("235 2.7.0 Authentication successful").await
    }

    /// The client's answer; `None` when it is no answer, `*` (cancelled) among them.
    async fn challenge(&mut self, challenge: &str) -> io::Result<Option<String>> {
        self.reply(challenge).await?;
        Ok(match self.wire.line().await? {
            Line::Whole(line) => String::from_utf8(line).ok(),
            Line::End => return Err(io::ErrorKind::UnexpectedEof.into()),
            Line::TooLong | Line::BareLineFeed => None,
        })
    }
}
