//! A new session for a connection: its password, its turn to log in, and the way to its server.

use shared::aws::error::StorageError;
use shared::metrics::Metric;
use shared::model::connection::Connection;
use shared::model::timestamp::Timestamp;
use shared::smtp::{Credentials, Failure, Progress, Session, Target};
use tokio::time::Instant;

use crate::State;
use crate::health::Pass;
use crate::logins::Turn;

/// Why there is no session.
#[derive(Debug)]
pub(crate) enum Unopened {
    /// The server could not be reached, or does not take the login.
    Failed(Failure),
    /// It has just refused the login, to somebody else in this process.
    Refused(Timestamp),
    /// The password can't be read.
    Password(StorageError),
}

impl From<Failure> for Unopened {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A new session through `connection`, by the leave of `pass`.
///
/// # Errors
/// Why there is none.
pub(crate) async fn open(
    state: &State,
    connection: &Connection,
    pass: &Pass<'_>,
    deadline: Instant,
) -> Result<Session, Unopened> {
    let settings = &connection.settings;
    let password = match &connection.secret {
        Some(secret) => {
            let read = state.secrets.read(secret).await;
            Some(read.map_err(Unopened::Password)?)
        }
        None => None,
    };
    let began = state.clock.now();
    let mut alone = None;
    if password.is_some() {
        match state.logins.turn(connection, pass.is_probe(), began).await {
            Turn::Any => {}
            Turn::Alone(login) => alone = Some(login),
            Turn::Refused(at) => return Err(Unopened::Refused(at)),
            Turn::Failed(failure) => return Err(Unopened::Failed(failure)),
        }
    }
    let credentials = settings.username.clone().zip(password);
    let target = Target {
        host: settings.host.clone(),
        port: settings.port,
        encryption: settings.encryption,
        credentials: credentials.map(|(username, password)| Credentials { username, password }),
    };
    let mut progress = Progress::brief();
    let started = Instant::now();
    let opened = state.dialer.open(&target, deadline, &mut progress).await;
    match &opened {
        Ok(_) => {
            state.metrics.count(Metric::SessionsOpened);
            let took = started.elapsed();
            state.metrics.took(Metric::SessionOpenDuration, took);
        }
        Err(failure) if failure.is_refused_login() => state.metrics.count(Metric::LoginsRefused),
        Err(_) => {}
    }
    if let Some(alone) = alone {
        alone.ended(opened.as_ref().map(|_| ()), began);
    }
    Ok(opened?)
}
