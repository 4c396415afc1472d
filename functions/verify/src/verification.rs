//! The verification itself: what is found, before it is put into words.

use std::pin::pin;
use std::time::Duration;

use shared::model::connection::{
    Settings, Verification as Outcome, VerificationFailure, VerificationStatus,
};
use shared::model::email::EmailAddress;
use shared::model::encryption::Encryption;
use shared::model::password::Password;
use shared::model::tenant::Tenant;
use shared::model::timestamp::Timestamp;
use shared::smtp::{Credentials, Deadlines, Dialer, Failure, FailureCode, Progress, Stage, Target};
use shared::web::problem::Problem;
use tokio::time::{Instant, sleep};

use crate::language::Language;
use crate::probe::{Suggestion, find_another_way};
use crate::refused_logins::NOT_AGAIN_FOR;
use crate::{State, limits, test_message};

/// How long each step may take: shorter than for a delivery, as somebody sits and waits, and other ways may have to be tried in
/// what is left.
const STEPS: Deadlines = Deadlines {
    connect: Duration::from_secs(10),
    reply: Duration::from_secs(15),
    final_reply: Duration::from_secs(20),
};

/// What is to be verified, for whom.
#[derive(Debug)]
pub(crate) struct Verification<'a> {
    pub(crate) state: &'a State,
    pub(crate) tenant: &'a Tenant,
    pub(crate) settings: &'a Settings,
    pub(crate) password: Option<Password>,
    /// Who gets a test message, if anybody.
    pub(crate) send_to: Option<EmailAddress>,
    /// The test message's.
    pub(crate) language: Language,
}

/// What a verification found.
#[derive(Debug, Clone)]
pub(crate) struct Findings {
    /// When it began.
    pub(crate) checked_at: Timestamp,
    /// How long it took.
    pub(crate) duration: Duration,
    /// The stages and the server's own words.
    pub(crate) progress: Progress,
    /// What failed.
    pub(crate) failure: Option<Failure>,
    /// What works where this doesn't.
    pub(crate) suggestion: Option<Suggestion>,
    /// Until when the login is not tried again, where it was not tried this time either.
    pub(crate) not_before: Option<Timestamp>,
}

impl Verification<'_> {
    /// Counts this one against the limits. Gives what makes it unnecessary: that its login was refused a short while ago, as this
    /// process remembers or as it is `kept` on the connection.
    ///
    /// # Errors
    /// `rate_limited` when there are too many.
    pub(crate) async fn admit(&self, kept: Option<Findings>) -> Result<Option<Findings>, Problem> {
        limits::count_verification(self.state, self.tenant, self.settings).await?;
        let Some(password) = &self.password else {
            return Ok(None);
        };
        let refused = &self.state.refused_logins;
        let digest = refused.digest(self.tenant, self.settings, password);
        if let Some(findings) = refused.find(&digest, self.state.clock.now()).or(kept) {
            return Ok(Some(Findings {
                not_before: Some(findings.checked_at + NOT_AGAIN_FOR),
                ..findings
            }));
        }
        limits::count_login(self.state, self.settings).await?;
        Ok(None)
    }

    /// Goes through the stages up to the first that fails, and keeps in mind whether the login was refused.
    pub(crate) async fn run(&self) -> Findings {
        let findings = self.look().await;
        if let Some(password) = &self.password {
            let refused = findings.failure.as_ref();
            if refused.is_some_and(Failure::is_refused_login) {
                let logins = &self.state.refused_logins;
                let digest = logins.digest(self.tenant, self.settings, password);
                logins.remember(digest, findings.clone());
            } else if let Err(error) = limits::uncount_login(self.state, self.settings).await {
                tracing::error!(
                    cause = error.cause(),
                    "a login that was not refused stays counted"
                );
            }
        }
        findings
    }

    async fn look(&self) -> Findings {
        let checked_at = self.state.clock.now();
        let started = Instant::now();
        let deadline = started + self.state.within;
        let dialer = Dialer {
            deadlines: self.state.dialer.deadlines.at_most(STEPS),
            ..self.state.dialer.clone()
        };
        let target = self.target();
        let another_way = async |names: &[String]| {
            find_another_way(&dialer, &target, names, &self.state.usual, deadline).await
        };

        let mut progress = Progress::default();
        let (outcome, found) = {
            let mut stages = pin!(self.stages(&dialer, &target, deadline, &mut progress));
            // If the stages wait for long and come to nothing, there may be no time left to look further; so that is done meanwhile.
            let mut search = pin!(async {
                sleep(self.state.patience).await;
                another_way(&[]).await
            });
            tokio::select! {
                outcome = stages.as_mut() => {
                    let is_searching = started.elapsed() >= self.state.patience;
                    let found = if outcome.is_err() && is_searching {
                        Some(search.await)
                    } else {
                        None
                    };
                    (Some(outcome), found)
                }
                way = search.as_mut() => match way {
                    Some(way) if self.is_turned(&way) => (None, Some(Some(way))),
                    way => (Some(stages.await), Some(way)),
                }
            }
        };
        let outcome = match outcome {
            Some(outcome) => outcome,
            None => Self::cut_short(started, &mut progress),
        };
        self.complete(&mut progress);
        let mut failure = outcome.err();
        let suggestion = match &failure {
            Some(failure) if may_work_another_way(failure) => match found {
                Some(found) if failure.code != FailureCode::CertificateWrongName => found,
                _ => another_way(certificate_names(&progress)).await,
            },
            _ => None,
        };
        if let (Some(failure), Some(suggestion)) = (&mut failure, &suggestion)
            && self.was_waiting_for_tls(failure, suggestion)
        {
            failure.code = FailureCode::TlsExpected;
        }
        Findings {
            checked_at,
            duration: started.elapsed(),
            progress,
            failure,
            suggestion,
            not_before: None,
        }
    }

    /// Whether this way is the same port with TLS from the start, where it was to come later or not at all.
    fn is_turned(&self, way: &Suggestion) -> bool {
        self.settings.encryption != Encryption::ImplicitTls
            && way.encryption == Encryption::ImplicitTls
            && way.host == self.settings.host
            && way.port == self.settings.port
    }

    /// Whether a server that said nothing was waiting for TLS: it speaks it on the same port.
    fn was_waiting_for_tls(&self, failure: &Failure, works: &Suggestion) -> bool {
        let silent = matches!(
            failure.code,
            FailureCode::TimedOut | FailureCode::ConnectionLost
        );
        failure.stage == Stage::Greeting && silent && self.is_turned(works)
    }

    /// What comes of stages that were given up, as a port that speaks TLS from the start will never greet without.
    fn cut_short(started: Instant, progress: &mut Progress) -> Result<(), Failure> {
        let spent = progress.stages.iter().filter_map(|stage| stage.duration_ms);
        let began = started + Duration::from_millis(spent.sum());
        let silent = Failure::new(Stage::Greeting, FailureCode::TlsExpected);
        progress.observe(Stage::Greeting, began, Err(silent), |()| None)
    }

    fn target(&self) -> Target {
        let credentials = self.settings.username.clone().zip(self.password.clone());
        Target {
            host: self.settings.host.clone(),
            port: self.settings.port,
            encryption: self.settings.encryption,
            credentials: credentials.map(|(username, password)| Credentials { username, password }),
        }
    }

    async fn stages(
        &self,
        dialer: &Dialer,
        target: &Target,
        deadline: Instant,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        let mut session = dialer.open(target, deadline, progress).await?;
        let began = Instant::now();
        let sender = session.check_sender(&self.settings.sender_email).await;
        let mut outcome = progress.observe(Stage::Sender, began, sender, |()| None);
        if let (Ok(()), Some(to)) = (&outcome, &self.send_to) {
            let began = Instant::now();
            let sent = test_message::send(&mut session, self, to).await;
            let sent = progress.observe(Stage::Message, began, sent, |reply| {
                Some(reply.text.clone())
            });
            outcome = sent.map(|_| ());
        }
        session.quit().await;
        outcome
    }

    /// Every stage is in the report, also those that were not come to.
    fn complete(&self, progress: &mut Progress) {
        for stage in [Stage::Tls, Stage::Auth, Stage::Sender] {
            progress.skip(stage);
        }
        if self.send_to.is_some() {
            progress.skip(Stage::Message);
        }
    }
}

/// Whether what failed may be a matter of the way: the port, the encryption or the host's name.
fn may_work_another_way(failure: &Failure) -> bool {
    match failure.stage {
        Stage::Connect | Stage::Tls => true,
        // A server that turns us away does so on each of its ports.
        Stage::Greeting => !matches!(
            failure.code,
            FailureCode::BlockedByPolicy
                | FailureCode::TooManyConnections
                | FailureCode::TemporarilyUnavailable
        ),
        Stage::Auth => matches!(
            failure.code,
            FailureCode::NoAuthOffered | FailureCode::AuthNeedsEncryption
        ),
        Stage::Resolve | Stage::Sender | Stage::Message => false,
    }
}

/// The names in the certificate that was shown.
pub(crate) fn certificate_names(progress: &Progress) -> &[String] {
    let tls = progress.server.tls.as_ref();
    let certificate = tls.and_then(|tls| tls.certificate.as_ref());
    certificate.map_or(&[], |certificate| &certificate.names)
}

impl Findings {
    /// What a connection says of the last time that it was verified, where that is a login refused a short while ago.
    pub(crate) fn kept(outcome: &Outcome, now: Timestamp) -> Option<Self> {
        let checked_at = outcome.checked_at?;
        let failure = outcome.failure.as_ref()?;
        let code = FailureCode::ALL.iter().copied().find(|code| {
            matches!(
                code,
                FailureCode::AuthenticationRejected
                    | FailureCode::AppPasswordRequired
                    | FailureCode::PasswordLoginDisabled
            ) && code.to_string() == failure.code
        })?;
        if now >= checked_at + NOT_AGAIN_FOR {
            return None;
        }
        let mut progress = Progress::default();
        for stage in [Stage::Resolve, Stage::Connect, Stage::Greeting, Stage::Tls] {
            progress.skip(stage);
        }
        let failed = Err::<(), _>(Failure::new(Stage::Auth, code));
        let failed = progress.observe(Stage::Auth, Instant::now(), failed, |()| None);
        progress.skip(Stage::Sender);
        Some(Self {
            checked_at,
            duration: Duration::ZERO,
            progress,
            failure: failed.err(),
            suggestion: None,
            not_before: None,
        })
    }

    /// What is kept of it on the connection. What became of a test message says nothing about the connection, unless it is that the
    /// sender is not the login's.
    pub(crate) fn outcome(&self) -> Outcome {
        let failure = self.failure.as_ref().filter(|failure| {
            failure.stage != Stage::Message || failure.code == FailureCode::SenderNotOwned
        });
        Outcome {
            status: match failure {
                None => VerificationStatus::Passed,
                Some(_) => VerificationStatus::Failed,
            },
            checked_at: Some(self.checked_at),
            failure: failure.map(|failure| VerificationFailure {
                stage: failure.stage.to_string(),
                code: failure.code.to_string(),
            }),
        }
    }
}
