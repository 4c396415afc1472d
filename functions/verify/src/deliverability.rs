//! What may keep mail of the sender's domain from arriving, as its DNS tells: whether replies have somewhere to go (MX), whether
//! the mail server may send for it (SPF), and what receivers should do with forgeries (DMARC). Nothing here fails a verification.

mod dmarc;
mod mx;
mod spf;
mod text;

use std::net::IpAddr;

use serde::Serialize;
use shared::model::connection::Settings;
use shared::model::email::EmailAddress;
use shared::model::host::Host;
use shared::model::provider::{Login, Provider};
use shared::smtp::Dialer;
use tokio::time::{Instant, timeout_at};
use utoipa::ToSchema;

use crate::dns::{self, Unasked};
use crate::language::Language;

/// Something that may keep mail from arriving.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Warning {
    /// What, for programs.
    code: WarningCode,
    /// What, for people.
    detail: String,
}

/// What may keep mail from arriving: a closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WarningCode {
    /// The sender's domain has no server for replies and bounces (MX).
    NoMx,
    /// It has no SPF record.
    SpfMissing,
    /// Its SPF record, or one that it includes, can't be used.
    SpfInvalid,
    /// Its SPF record takes more DNS look-ups than receivers make.
    SpfTooManyLookups,
    /// Its SPF record does not let the mail server send for it.
    SpfNotCovered,
    /// It has no DMARC record that can be used.
    DmarcMissing,
    /// Its DMARC record asks receivers to do nothing.
    DmarcNone,
    /// The login is an address of another domain.
    SenderDomainDiffers,
    /// DNS did not answer.
    DnsNotChecked,
}

impl WarningCode {
    /// Every code, in the order in which a report has them.
    pub(crate) const ALL: &[Self] = &[
        Self::NoMx,
        Self::SpfMissing,
        Self::SpfInvalid,
        Self::SpfTooManyLookups,
        Self::SpfNotCovered,
        Self::DmarcMissing,
        Self::DmarcNone,
        Self::DnsNotChecked,
        Self::SenderDomainDiffers,
    ];

    /// What it means, for the documentation: a line without a full stop.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::NoMx => {
                "The sender's domain has no MX record, or one that says that it takes no mail: replies and bounces are lost"
            }
            Self::SpfMissing => "It has no SPF record",
            Self::SpfInvalid => {
                "Its SPF record, or one that it leads to, can't be used: a term is wrong, there are several records, one is \
                 missing or leads back to itself, or more than two names have no address before the server is found"
            }
            Self::SpfTooManyLookups => {
                "Its SPF record takes more than ten look-ups, or names a domain with more than ten MX records"
            }
            Self::SpfNotCovered => {
                "Its SPF record does not let the mail server send: it lacks the provider's include, or the address at which the \
                 server is reached. Of a provider with a return path of its own, DKIM counts more, and `detail` says so"
            }
            Self::DmarcMissing => "It has no DMARC record that can be used",
            Self::DmarcNone => {
                "Its DMARC record asks receivers to do nothing (`p=none`, for a subdomain `sp=none`)"
            }
            Self::DnsNotChecked => {
                "DNS did not answer in time, or with an error: `detail` says what was not checked"
            }
            Self::SenderDomainDiffers => {
                "The login is an address of another domain than the sender's"
            }
        }
    }
}

/// What is found; each has a code and a text.
#[derive(Debug, PartialEq, Eq)]
enum Finding {
    Mx(mx::Flaw),
    Spf(spf::Flaw),
    Dmarc(dmarc::Flaw),
    /// With the domain of the login.
    SenderDomainDiffers(String),
    /// With the kinds of record that were asked for.
    DnsNotChecked(Vec<&'static str>),
}

impl Finding {
    fn code(&self) -> WarningCode {
        match self {
            Self::Mx(_) => WarningCode::NoMx,
            Self::Spf(flaw) => match flaw {
                spf::Flaw::Missing => WarningCode::SpfMissing,
                spf::Flaw::Invalid { .. } => WarningCode::SpfInvalid,
                spf::Flaw::TooManyLookups => WarningCode::SpfTooManyLookups,
                spf::Flaw::NotCovered => WarningCode::SpfNotCovered,
            },
            Self::Dmarc(flaw) => match flaw {
                dmarc::Flaw::Missing
                | dmarc::Flaw::Several { .. }
                | dmarc::Flaw::Unreadable { .. } => WarningCode::DmarcMissing,
                dmarc::Flaw::None { .. } => WarningCode::DmarcNone,
            },
            Self::SenderDomainDiffers(_) => WarningCode::SenderDomainDiffers,
            Self::DnsNotChecked(_) => WarningCode::DnsNotChecked,
        }
    }
}

/// Who sends, and through what.
#[derive(Debug)]
struct Sending<'a> {
    sender: &'a EmailAddress,
    /// The sender's domain, in A-labels.
    domain: String,
    host: &'a Host,
    port: u16,
    provider: Option<&'a Provider>,
}

/// What may keep the mail of a connection with these settings from arriving. Ends by `until`, with `dns_not_checked` for what it
/// could not find out. `provider` is the one whose server it is, if it is known.
pub(crate) async fn warnings(
    dialer: &Dialer,
    settings: &Settings,
    provider: Option<&Provider>,
    language: Language,
    until: Instant,
) -> Vec<Warning> {
    let sending = Sending {
        sender: &settings.sender_email,
        domain: settings.sender_email.ascii_domain(),
        host: &settings.host,
        port: settings.port,
        provider,
    };
    // Who has a mailbox at a provider can't change the provider's own DNS, and has no need to.
    let (mut findings, address) = if sending.is_at_its_provider() {
        (Vec::new(), None)
    } else {
        in_dns(dialer, &sending, until).await
    };
    if let Some(domain) = sending.other_login_domain(settings.username.as_deref()) {
        findings.push(Finding::SenderDomainDiffers(domain));
    }
    let warn = |finding: &Finding| Warning {
        code: finding.code(),
        detail: text::detail(finding, &sending, address, language),
    };
    findings.iter().map(warn).collect()
}

/// What DNS tells, and the server's address where it matters.
async fn in_dns(
    dialer: &Dialer,
    sending: &Sending<'_>,
    until: Instant,
) -> (Vec<Finding>, Option<IpAddr>) {
    let mut address = None;
    let spf = async {
        // A provider's includes say more than the address at which it takes mail.
        if sending.provider.is_none() {
            address = server_address(dialer, sending).await;
        }
        spf::check(dialer, sending, address).await
    };
    let (mx, spf, dmarc) = tokio::join!(
        timeout_at(until, mx::check(dialer, &sending.domain)),
        timeout_at(until, spf),
        timeout_at(until, dmarc::check(&dialer.resolver, &sending.domain)),
    );
    let mx = mx.unwrap_or(Err(Unasked)).map(|it| it.map(Finding::Mx));
    let spf = spf.unwrap_or(Err(Unasked)).map(|it| it.map(Finding::Spf));
    let dmarc = dmarc.unwrap_or(Err(Unasked));
    let dmarc = dmarc.map(|it| it.map(Finding::Dmarc));
    let (mut findings, mut unasked) = (Vec::new(), Vec::new());
    for (kind, outcome) in [("MX", mx), ("SPF", spf), ("DMARC", dmarc)] {
        match outcome {
            Ok(finding) => findings.extend(finding),
            Err(Unasked) => unasked.push(kind),
        }
    }
    if !unasked.is_empty() {
        findings.push(Finding::DnsNotChecked(unasked));
    }
    (findings, address)
}

/// The address by which the server sends, as far as can be told: one at which it is reached. Only what may be dialled: whether an SPF
/// record covers an internal address would give the address away. Of several the lowest, as name servers shuffle them.
async fn server_address(dialer: &Dialer, sending: &Sending<'_>) -> Option<IpAddr> {
    let addresses = match sending.host {
        Host::Ip(ip) => Ok(vec![*ip]),
        Host::Name(_) => dns::addresses(dialer, &sending.host.to_ascii(), sending.port).await,
    };
    // That there is none is for the stages to tell.
    let addresses = addresses.unwrap_or_default().into_iter();
    let permitted = addresses.filter(|ip| dialer.policy.permits(*ip, sending.port));
    permitted.min()
}

impl Sending<'_> {
    fn is_at_its_provider(&self) -> bool {
        let own = self.provider.map(|provider| provider.id);
        own.is_some() && Provider::of_domain(&self.domain).map(|it| it.id) == own
    }

    /// The domain of a login that is an address, where it is not the sender's.
    fn other_login_domain(&self, username: Option<&str>) -> Option<String> {
        let gives_out_logins = self.provider.is_some_and(|provider| match provider.login {
            Login::Address | Login::Never => false,
            Login::Word(_) | Login::Credentials => true,
        });
        let login = EmailAddress::parse(username?).ok()?;
        let differs = login.ascii_domain() != self.domain;
        (differs && !gives_out_logins).then(|| domain_of(&login).to_owned())
    }
}

/// The domain as people write it.
fn domain_of(address: &EmailAddress) -> &str {
    let (_, domain) = address.as_str().rsplit_once('@').unwrap_or_default();
    domain
}
