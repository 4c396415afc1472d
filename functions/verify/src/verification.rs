//! The verification itself.

use std::pin::pin;
use std::time::Duration;

use shared::aws::error::StorageError;
use shared::metrics::Metric;
use shared::model::connection::Settings;
use shared::model::email::EmailAddress;
use shared::model::encryption::Encryption;
use shared::model::password::Password;
use shared::model::provider::Provider;
use shared::model::tenant::Tenant;
use shared::smtp::{
    Credentials, Deadlines, Dialer, Failure, FailureCode, Progress, Stage, StageStatus, Target,
};
use shared::web::problem::{Problem, ProblemType};
use tokio::time::{Instant, sleep, timeout};

use crate::deliverability::{Warning, warnings};
use crate::findings::{Findings, certificate_names};
use crate::language::Language;
use crate::limits::{Turn, count_login, count_target};
use crate::probe::{Suggestion, find_another_way};
use crate::{State, test_message};

/// How long each step may take: shorter than for a delivery, as somebody sits and waits, and other ways may have to be tried in
/// what is left.
const STEPS: Deadlines = Deadlines {
    connect: Duration::from_secs(10),
    reply: Duration::from_secs(15),
    final_reply: Duration::from_secs(20),
};
/// The most addresses of a host that are tried.
const ADDRESSES: usize = 2;
/// How long the limits may take to be asked: what they cost is lost to the verification.
const ADMIT_WITHIN: Duration = Duration::from_secs(4);
/// How long a turn may take to be given back, when the answer is already late.
const GIVE_BACK_WITHIN: Duration = Duration::from_secs(1);
/// How many stages are over before the server's first word: resolving and connecting.
const BEFORE_GREETING: usize = 2;

/// What is to be verified, for whom.
#[derive(Debug)]
pub(crate) struct Verification<'a> {
    pub(crate) state: &'a State,
    pub(crate) tenant: &'a Tenant,
    pub(crate) settings: &'a Settings,
    pub(crate) password: Option<Password>,
    /// Who gets a test message, if anybody.
    pub(crate) send_to: Option<EmailAddress>,
    pub(crate) language: Language,
    /// When it has to be over.
    pub(crate) deadline: Instant,
}

/// What lets a verification go on.
#[derive(Debug)]
pub(crate) enum Admission {
    /// It is counted; a login takes a turn that may be given back.
    Admitted(Option<Turn>),
    /// This very login was refused a short while ago.
    Known(Box<Findings>),
}

impl Verification<'_> {
    /// Counts this one against the limits of its server and its login, unless it is known already what its login comes to. The
    /// tenant's own limit comes first, in [`crate::limits::count_verification`].
    ///
    /// # Errors
    /// `rate_limited` when there are too many, `unavailable` when they can't be counted in time.
    pub(crate) async fn admit(&self) -> Result<Admission, Problem> {
        let admitting = timeout(ADMIT_WITHIN, async {
            if let Some(known) = self.remembered() {
                return Ok(Admission::Known(Box::new(known)));
            }
            count_target(self.state, self.settings).await?;
            let turn = match &self.password {
                Some(_) => Some(count_login(self.state, self.tenant, self.settings).await?),
                None => None,
            };
            Ok(Admission::Admitted(turn))
        });
        admitting.await.unwrap_or_else(|_| {
            let late = "the limits could not be asked in time: try again";
            Err(Problem::new(ProblemType::Unavailable, late).retry_after(1))
        })
    }

    /// What is found, and what may keep mail from arriving.
    pub(crate) async fn find(&self, admission: Admission) -> (Findings, Vec<Warning>) {
        let Self {
            state,
            settings,
            language,
            ..
        } = self;
        // Boxed, as they are large and the request's future is moved.
        let findings = Box::pin(async {
            match admission {
                Admission::Known(findings) => findings.not_tried_again(),
                Admission::Admitted(turn) => self.run(turn).await,
            }
        });
        let until = self.deadline.min(Instant::now() + state.warnings_within);
        let provider = Provider::of_host(&settings.host);
        let warnings = warnings(&state.dialer, settings, provider, *language, until);
        tokio::join!(findings, Box::pin(warnings))
    }

    fn remembered(&self) -> Option<Findings> {
        let logins = &self.state.refused_logins;
        let digest = logins.digest(self.tenant, self.settings, self.password.as_ref()?);
        logins.find(&digest, self.state.clock.now())
    }

    /// Goes through the stages up to the first that fails, and keeps in mind whether the login was refused.
    async fn run(&self, turn: Option<Turn>) -> Findings {
        let findings = self.look().await;
        self.measure(&findings);
        if let Some(password) = &self.password
            && is_refused_login(&findings)
        {
            let logins = &self.state.refused_logins;
            let digest = logins.digest(self.tenant, self.settings, password);
            logins.remember(digest, findings.clone());
        }
        if let Some(turn) = turn
            && !may_be_refused_login(&findings)
        {
            let giving = turn.give_back(&self.state.connections);
            let error = match timeout(GIVE_BACK_WITHIN, giving).await {
                Ok(given) => given.err().as_ref().map(StorageError::cause),
                Err(_) => Some("it took too long".to_owned()),
            };
            if let Some(cause) = error {
                tracing::error!(cause, "a login that was not refused stays counted");
            }
        }
        findings
    }

    fn measure(&self, findings: &Findings) {
        let metrics = &self.state.metrics;
        metrics.count(match findings.failure {
            None => Metric::VerificationsPassed,
            Some(_) => Metric::VerificationsFailed,
        });
        metrics.took(Metric::VerificationDuration, findings.duration);
        if is_refused_login(findings) {
            metrics.count(Metric::LoginsRefused);
        }
    }

    async fn look(&self) -> Findings {
        let checked_at = self.state.clock.now();
        let started = Instant::now();
        let dialer = Dialer {
            deadlines: self.state.dialer.deadlines.at_most(STEPS),
            addresses: self.state.dialer.addresses.min(ADDRESSES),
            ..self.state.dialer.clone()
        };
        let target = self.target();
        let another_way = async |names: &[String]| {
            find_another_way(&dialer, &target, names, &self.state.usual, self.deadline).await
        };

        let mut progress = Progress::default();
        let reached = progress.reached();
        let (outcome, found) = {
            let mut stages = pin!(self.stages(&dialer, &target, &mut progress));
            // If the server is silent for long and all comes to nothing, there may be no time left to look further; so that is done
            // meanwhile.
            let mut search = pin!(async {
                sleep(self.state.patience).await;
                if reached.stages() > BEFORE_GREETING {
                    return None;
                }
                Some(another_way(&[]).await)
            });
            tokio::select! {
                outcome = stages.as_mut() => {
                    let is_searching = started.elapsed() >= self.state.patience;
                    let found = if outcome.is_err() && is_searching {
                        search.await
                    } else {
                        None
                    };
                    (Some(outcome), found)
                }
                found = search.as_mut() => match found {
                    // A port that speaks TLS from the start will never greet without.
                    Some(Some(way)) if self.is_turned(&way) && reached.stages() == BEFORE_GREETING => {
                        (None, Some(Some(way)))
                    }
                    found => (Some(stages.await), found),
                }
            }
        };
        let outcome = outcome.unwrap_or_else(|| give_up_greeting(started, &mut progress));
        self.complete(&mut progress);
        let mut failure = outcome.err();
        let suggestion = match (&failure, found) {
            (Some(failure), _) if !may_work_another_way(failure) => None,
            (Some(failure), _) if failure.code == FailureCode::CertificateWrongName => {
                another_way(certificate_names(&progress)).await
            }
            (Some(_), Some(found)) => found,
            (Some(_), None) => another_way(&[]).await,
            (None, _) => None,
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
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        let mut session = dialer.open(target, self.deadline, progress).await?;
        let began = Instant::now();
        let sender = session.check_sender(&self.settings.sender_email).await;
        let mut outcome = progress.observe(Stage::Sender, began, sender, |()| None);
        if let (Ok(()), Some(to)) = (&outcome, &self.send_to) {
            let began = Instant::now();
            let sent = test_message::send(&mut session, self, to).await;
            let words = |reply: &shared::smtp::Reply| Some(reply.text.clone());
            outcome = progress
                .observe(Stage::Message, began, sent, words)
                .map(|_| ());
        }
        session.quit().await;
        outcome
    }

    /// Every stage is in the report, also those that were not come to.
    fn complete(&self, progress: &mut Progress) {
        for stage in Stage::opening(self.settings.encryption) {
            progress.skip(stage);
        }
        progress.skip(Stage::Sender);
        if self.send_to.is_some() {
            progress.skip(Stage::Message);
        }
    }
}

/// What comes of stages that were given up while they waited for a greeting.
fn give_up_greeting(started: Instant, progress: &mut Progress) -> Result<(), Failure> {
    let spent = progress.stages.iter().filter_map(|stage| stage.duration_ms);
    let began = started + Duration::from_millis(spent.sum());
    let silent = Failure::new(Stage::Greeting, FailureCode::TlsExpected);
    progress.observe(Stage::Greeting, began, Err(silent), |()| None)
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
        Stage::Auth | Stage::Sender => matches!(
            failure.code,
            FailureCode::NoAuthOffered
                | FailureCode::AuthNeedsEncryption
                | FailureCode::EncryptionRequired
        ),
        Stage::Resolve | Stage::Message => false,
    }
}

/// Whether the server refused the login, and another attempt would only do harm.
fn is_refused_login(findings: &Findings) -> bool {
    findings.failure.as_ref().is_some_and(|failure| {
        failure.is_refused_login() || failure.code == FailureCode::TooManyLogins
    })
}

/// Whether the server may have judged the login and refused it, whatever it said: it had it, and did not say that it was right.
fn may_be_refused_login(findings: &Findings) -> bool {
    let failed = |stage: &&shared::smtp::StageReport| {
        stage.stage == Stage::Auth && stage.status == StageStatus::Failed
    };
    let failed = findings.progress.stages.iter().find(failed).is_some();
    let unsaid = findings.failure.as_ref().is_some_and(|failure| {
        failure.reply.is_none()
            && matches!(
                failure.code,
                FailureCode::NoAuthOffered
                    | FailureCode::NoCommonMechanism
                    | FailureCode::AuthNeedsEncryption
            )
    });
    failed && !unsaid
}
