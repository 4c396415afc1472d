//! The mail providers that people use most, and what each is known by: by its servers' names, its users' addresses, where mail
//! for their domains goes (MX), and what a domain that sends through it has in its SPF record.

mod table;

use super::connection::Limits;
use super::encryption::Encryption;
use super::host::Host;

pub use table::PROVIDERS;

/// A provider, or one region of it where regions have servers of their own. Names are in lower-case ASCII; one that begins with
/// a dot stands for every name that ends in it, and a `*` for one label.
#[derive(Debug, PartialEq, Eq)]
pub struct Provider {
    /// Which one.
    pub id: ProviderId,
    /// What it calls itself.
    pub name: &'static str,
    /// Its server for sending, the best way first; none where the server's name differs from account to account, or where it lets
    /// nobody in that has a password ([`Login::Never`]).
    pub servers: &'static [Server],
    /// The names of its servers for sending.
    pub hosts: &'static [&'static str],
    /// The domains of its users' own addresses.
    pub domains: &'static [&'static str],
    /// The names of the servers that take mail for its users and customers.
    pub exchanges: &'static [&'static str],
    /// The domains that SPF records include for it, or redirect to; the first is the one to recommend. None where it has no customers
    /// with domains of their own.
    pub spf: &'static [&'static str],
    /// Whether it sends with a return path (MAIL FROM) in a domain of its own unless a customer sets up another. Receivers then ask for
    /// the SPF record of that domain, and it is by DKIM that they know the sender's.
    pub own_return_path: bool,
    /// What its server wants as the login.
    pub login: Login,
    /// How much may be sent through one account.
    pub limits: Limits,
}

/// A provider by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProviderId {
    /// Microsoft 365: mailboxes of companies.
    Microsoft365,
    /// Outlook.com, Hotmail, Live: mailboxes of persons.
    OutlookCom,
    /// Gmail and Google Workspace.
    Google,
    /// Yahoo Mail.
    Yahoo,
    /// iCloud Mail.
    Icloud,
    /// Zoho Mail.
    Zoho,
    /// Aruba.
    Aruba,
    /// Register.it.
    RegisterIt,
    /// Libero Mail.
    Libero,
    /// `OVHcloud`.
    Ovh,
    /// IONOS.
    Ionos,
    /// Amazon Simple Email Service.
    AmazonSes,
    /// Twilio `SendGrid`.
    SendGrid,
    /// Mailgun.
    Mailgun,
    /// Brevo, once Sendinblue.
    Brevo,
    /// Mailjet.
    Mailjet,
    /// Postmark.
    Postmark,
}

/// A server for sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Server {
    /// Its name.
    pub host: &'static str,
    /// Its port.
    pub port: u16,
    /// How the session is protected.
    pub encryption: Encryption,
}

/// What a server wants as the login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// The whole address.
    Address,
    /// This word, the same for everybody.
    Word(&'static str),
    /// Something that the provider gives out for SMTP, other than the address.
    Credentials,
    /// No password opens it, so that there is nothing to suggest.
    Never,
}

impl Provider {
    /// The provider that a server for sending belongs to.
    #[must_use]
    pub fn of_host(host: &Host) -> Option<&'static Self> {
        let name = host.to_ascii();
        PROVIDERS
            .iter()
            .find(|provider| is_one_of(&name, provider.hosts))
    }

    /// The provider of the addresses of a domain (A-labels, in lower case).
    #[must_use]
    pub fn of_domain(domain: &str) -> Option<&'static Self> {
        PROVIDERS
            .iter()
            .find(|provider| is_one_of(domain, provider.domains))
    }

    /// The provider that mail for a domain goes to, by the name of the server in its MX record.
    #[must_use]
    pub fn of_exchange(exchange: &str) -> Option<&'static Self> {
        let exchange = exchange.trim_end_matches('.').to_ascii_lowercase();
        PROVIDERS
            .iter()
            .find(|provider| is_one_of(&exchange, provider.exchanges))
    }
}

fn is_one_of(name: &str, patterns: &[&str]) -> bool {
    patterns.iter().any(|pattern| fits(name, pattern))
}

fn fits(name: &str, pattern: &str) -> bool {
    if pattern.starts_with('.') {
        return name.len() > pattern.len() && name.ends_with(pattern);
    }
    match pattern.split_once('*') {
        None => name == pattern,
        Some((before, after)) => name
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|label| !label.is_empty() && !label.contains('.')),
    }
}

#[cfg(test)]
mod tests;
