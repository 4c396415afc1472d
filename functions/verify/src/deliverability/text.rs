//! The findings in words, for administrators who are no experts of mail: what it means, and what to put into DNS.

use std::net::IpAddr;

use shared::model::network::is_global_unicast;

use super::dmarc;
use super::mx;
use super::spf::{self, Invalid};
use super::{Finding, Sending, domain_of};
use crate::language::Language;

/// What a finding means, and what to do.
pub(super) fn detail(
    finding: &Finding,
    sending: &Sending<'_>,
    address: Option<IpAddr>,
    language: Language,
) -> String {
    let domain = domain_of(sending.sender);
    let entry = covering(sending, address);
    match finding {
        Finding::Mx(flaw) => mx(*flaw, domain, language),
        Finding::Spf(flaw @ (spf::Flaw::Missing | spf::Flaw::NotCovered))
            if let Some((provider, entry)) = with_own_return_path(sending, entry.as_ref()) =>
        {
            spf_of_relay(flaw, domain, provider, entry, language)
        }
        Finding::Spf(spf::Flaw::Missing) => spf_missing(sending, entry, language),
        Finding::Spf(spf::Flaw::Invalid { at, why }) => spf_invalid(at, why, sending, language),
        Finding::Spf(spf::Flaw::TooManyLookups) => match language {
            Language::English => format!(
                "Checking the SPF record of {domain} takes more than 10 DNS look-ups, and receivers then treat it as broken. \
                 Remove the include, a, mx, ptr and exists entries that are not needed, or replace them with the addresses (ip4, \
                 ip6) they stand for."
            ),
            Language::Italian => format!(
                "Per controllare il record SPF di {domain} servono più di 10 interrogazioni DNS, e i server destinatari lo \
                 considerano \
                 errato. Rimuovere le voci include, a, mx, ptr ed exists che non servono, oppure sostituirle con i relativi \
                 indirizzi (ip4, ip6)."
            ),
        },
        Finding::Spf(spf::Flaw::NotCovered) => spf_not_covered(sending, entry, language),
        Finding::Dmarc(flaw) => dmarc(flaw, domain, &sending.domain, language),
        Finding::SenderDomainDiffers(login) => match language {
            Language::English => format!(
                "The sender is at {domain} and the login is at {login}: the server may refuse this sender, or its mail may be \
                 taken for forged. Use a sender address at {login}, or make sure that the server may send for {domain}."
            ),
            Language::Italian => format!(
                "Il mittente è di {domain} e il login è di {login}: il server può rifiutare questo mittente, o i messaggi possono \
                 sembrare falsificati. Usare un mittente di {login}, oppure accertarsi che il server possa inviare per {domain}."
            ),
        },
        Finding::DnsNotChecked(kinds) => {
            let kinds = kinds.join(", ");
            match language {
                Language::English => format!(
                    "The DNS of {domain} did not answer, so this was not checked: {kinds}. Try again later; if it stays like this, \
                     the domain's name servers need attention."
                ),
                Language::Italian => format!(
                    "Il DNS di {domain} non ha risposto, quindi questo non è stato controllato: {kinds}. Riprovare più tardi; se \
                     continua così, vanno verificati i server DNS del dominio."
                ),
            }
        }
    }
}

fn mx(flaw: mx::Flaw, domain: &str, language: Language) -> String {
    match (language, flaw) {
        (Language::English, mx::Flaw::Nowhere) => format!(
            "{domain} has no MX record, so replies and bounces have nowhere to go, and some receivers refuse mail from such a \
             domain. Add an MX record that names the server for incoming mail."
        ),
        (Language::English, mx::Flaw::ByAddress) => format!(
            "{domain} has no MX record, so replies and bounces go to the domain's own address, often a web server that takes no \
             mail. Add an MX record that names the server for incoming mail."
        ),
        (Language::English, mx::Flaw::Refused) => format!(
            "{domain} declares that it takes no mail (an MX record of \".\"), so replies and bounces are lost and many receivers \
             refuse mail from it. Replace that record with one that names the server for incoming mail, or use another sender."
        ),
        (Language::Italian, mx::Flaw::Nowhere) => format!(
            "{domain} non ha un record MX: le risposte e gli avvisi di mancata consegna non hanno dove arrivare, e alcuni \
             server destinatari rifiutano la posta di un dominio di questo tipo. Aggiungere un record MX con il nome del server \
             di posta in arrivo."
        ),
        (Language::Italian, mx::Flaw::ByAddress) => format!(
            "{domain} non ha un record MX: le risposte e gli avvisi di mancata consegna vanno all'indirizzo del dominio stesso, \
             spesso un server web che non riceve posta. Aggiungere un record MX con il nome del server di posta in arrivo."
        ),
        (Language::Italian, mx::Flaw::Refused) => format!(
            "{domain} dichiara di non ricevere posta (record MX \".\"): le risposte e gli avvisi di mancata consegna vanno persi e \
             molti server destinatari rifiutano i suoi messaggi. Sostituire quel record con il nome del server di posta in \
             arrivo, o usare \
             un altro mittente."
        ),
    }
}

fn spf_missing(sending: &Sending<'_>, entry: Option<String>, language: Language) -> String {
    let (domain, host) = (domain_of(sending.sender), sending.host);
    match (language, entry) {
        (Language::English, Some(entry)) => format!(
            "{domain} has no SPF record, so receivers can't tell that {host} may send for it and may take its mail for spam. Add \
             this TXT record to {domain}: \"v=spf1 {entry} ~all\"; other servers that send for it belong in the same record."
        ),
        (Language::English, None) => format!(
            "{domain} has no SPF record, so receivers can't tell who may send for it and may take its mail for spam. Add a TXT \
             record to {domain} that begins with \"v=spf1\"; whoever runs {host} can say what belongs in it."
        ),
        (Language::Italian, Some(entry)) => format!(
            "{domain} non ha un record SPF: i server destinatari non sanno che {host} può inviare per questo dominio e possono \
             trattare i \
             messaggi come spam. Aggiungere a {domain} questo record TXT: \"v=spf1 {entry} ~all\"; gli altri server che inviano \
             per \
             il dominio vanno nello stesso record."
        ),
        (Language::Italian, None) => format!(
            "{domain} non ha un record SPF: i server destinatari non sanno chi può inviare per questo dominio e possono trattare i \
             messaggi come spam. Aggiungere a {domain} un record TXT che inizia con \"v=spf1\"; il gestore di {host} sa che cosa \
             inserirvi."
        ),
    }
}

fn spf_not_covered(sending: &Sending<'_>, entry: Option<String>, language: Language) -> String {
    let (domain, host) = (domain_of(sending.sender), sending.host);
    match (language, entry) {
        (Language::English, Some(entry)) => format!(
            "The SPF record of {domain} does not let {host} send for it, so receivers may take its mail for forged. Add \
             \"{entry}\" \
             to the TXT record of {domain} that begins with \"v=spf1\", before its \"all\"."
        ),
        (Language::English, None) => format!(
            "The SPF record of {domain} does not let {host} send for it, so receivers may take its mail for forged. Whoever runs \
             {host} can say what to add to the TXT record of {domain} that begins with \"v=spf1\"."
        ),
        (Language::Italian, Some(entry)) => format!(
            "Il record SPF di {domain} non consente a {host} di inviare per questo dominio, e i messaggi possono sembrare \
             falsificati. Aggiungere \"{entry}\" al record TXT di {domain} che inizia con \"v=spf1\", prima di \"all\"."
        ),
        (Language::Italian, None) => format!(
            "Il record SPF di {domain} non consente a {host} di inviare per questo dominio, e i messaggi possono sembrare \
             falsificati. Il gestore di {host} sa che cosa aggiungere al record TXT di {domain} che inizia con \"v=spf1\"."
        ),
    }
}

/// The provider's name and its entry, where it sends with a return path of its own.
fn with_own_return_path<'a>(
    sending: &Sending<'_>,
    entry: Option<&'a String>,
) -> Option<(&'static str, &'a str)> {
    let provider = sending.provider.filter(|it| it.own_return_path)?;
    Some((provider.name, entry?))
}

/// Receivers ask for the SPF record of the return path, so that of such a provider counts (RFC 7208 §2.4).
fn spf_of_relay(
    flaw: &spf::Flaw,
    domain: &str,
    provider: &str,
    entry: &str,
    language: Language,
) -> String {
    let is_missing = *flaw == spf::Flaw::Missing;
    match language {
        Language::English => {
            let what = if is_missing {
                format!("{domain} has no SPF record")
            } else {
                format!("The SPF record of {domain} does not name {provider}")
            };
            let remedy = if is_missing {
                format!("add the TXT record \"v=spf1 {entry} ~all\" to {domain}")
            } else {
                format!("add \"{entry}\" to that TXT record, before its \"all\"")
            };
            format!(
                "{what}. {provider} usually sends with a return address of its own, and then what counts is that {domain} is \
                 verified \
                 there and its mail signed (DKIM). Some set-ups want an SPF entry too, and it does no harm: {remedy}."
            )
        }
        Language::Italian => {
            let what = if is_missing {
                format!("{domain} non ha un record SPF")
            } else {
                format!("Il record SPF di {domain} non indica {provider}")
            };
            let remedy = if is_missing {
                format!("aggiungere a {domain} il record TXT \"v=spf1 {entry} ~all\"")
            } else {
                format!("aggiungere \"{entry}\" a quel record TXT, prima di \"all\"")
            };
            format!(
                "{what}. {provider} di solito invia con un indirizzo di ritorno proprio: ciò che conta è che {domain} sia \
                 verificato lì \
                 e che i messaggi siano firmati (DKIM). Alcune configurazioni richiedono anche la voce SPF, che non fa danni: \
                 {remedy}."
            )
        }
    }
}

/// What an SPF record needs to let the server send: its provider's include, or its address.
fn covering(sending: &Sending<'_>, address: Option<IpAddr>) -> Option<String> {
    if let Some([domain, ..]) = sending.provider.map(|provider| provider.spf) {
        return Some(format!("include:{domain}"));
    }
    // An internal one, which only a deployment's own list permits, means nothing to receivers.
    let public = address.filter(|address| is_global_unicast(*address));
    public.map(|address| match address {
        IpAddr::V4(ip) => format!("ip4:{ip}"),
        IpAddr::V6(ip) => format!("ip6:{ip}"),
    })
}

fn spf_invalid(at: &str, why: &Invalid, sending: &Sending<'_>, language: Language) -> String {
    let domain = domain_of(sending.sender);
    let own = at == sending.domain;
    match language {
        Language::English => {
            let fault = match why {
                Invalid::Several => format!("{at} has more than one SPF record"),
                Invalid::Term(term) => format!("the SPF record of {at} has an error at \"{term}\""),
                Invalid::Absent => format!("{at} has no SPF record"),
                Invalid::Loop => format!("the SPF record of {at} leads back to itself"),
                Invalid::Void => "more than 2 of the names in it have no address".to_owned(),
            };
            let remedy = match why {
                Invalid::Several if own => {
                    "Merge them into one TXT record that begins with \"v=spf1\"".to_owned()
                }
                Invalid::Term(_) if own => "Correct or remove that part".to_owned(),
                Invalid::Void => {
                    "Remove the a, mx and exists entries that name what no longer exists".to_owned()
                }
                Invalid::Several | Invalid::Term(_) | Invalid::Absent | Invalid::Loop => {
                    format!("Remove what leads to {at}, or have it corrected there")
                }
            };
            format!(
                "Receivers treat the SPF record of {domain} as broken and ignore all of it, because {fault}. {remedy}."
            )
        }
        Language::Italian => {
            let fault = match why {
                Invalid::Several => format!("{at} ha più di un record SPF"),
                Invalid::Term(term) => {
                    format!("il record SPF di {at} contiene un errore: \"{term}\"")
                }
                Invalid::Absent => format!("{at} non ha un record SPF"),
                Invalid::Loop => format!("il record SPF di {at} rimanda a sé stesso"),
                Invalid::Void => "più di 2 dei nomi che contiene non hanno un indirizzo".to_owned(),
            };
            let remedy = match why {
                Invalid::Several if own => {
                    "Unirli in un solo record TXT che inizia con \"v=spf1\"".to_owned()
                }
                Invalid::Term(_) if own => "Correggere o rimuovere quella parte".to_owned(),
                Invalid::Void => {
                    "Rimuovere le voci a, mx ed exists con nomi che non esistono più".to_owned()
                }
                Invalid::Several | Invalid::Term(_) | Invalid::Absent | Invalid::Loop => {
                    format!("Rimuovere ciò che rimanda a {at}, o farlo correggere lì")
                }
            };
            format!(
                "I server destinatari considerano errato il record SPF di {domain} e lo ignorano per intero, perché {fault}. \
                 {remedy}."
            )
        }
    }
}

fn dmarc(flaw: &dmarc::Flaw, domain: &str, ascii_domain: &str, language: Language) -> String {
    let tag = |inherited: &bool| if *inherited { "sp" } else { "p" };
    match (language, flaw) {
        (Language::English, dmarc::Flaw::Missing) => format!(
            "{domain} has no DMARC record; large receivers expect one and trust mail without it less. Add the TXT record \
             \"v=DMARC1; p=none\" to _dmarc.{ascii_domain}, and change it to p=quarantine once all its mail passes SPF or DKIM."
        ),
        (Language::English, dmarc::Flaw::Several { at }) => format!(
            "{at} has more than one DMARC record, so receivers ignore them all. Keep one TXT record that begins with \"v=DMARC1\"."
        ),
        (Language::English, dmarc::Flaw::Unreadable { at }) => format!(
            "The DMARC record at {at} can't be used, so receivers follow no policy of it. It should look like \"v=DMARC1; p=quarantine\"."
        ),
        (Language::English, dmarc::Flaw::None { at, inherited }) => {
            let tag = tag(inherited);
            format!(
                "The DMARC record of {domain} says {tag}=none: receivers do nothing about mail that is forged in its name. Once \
                 all \
                 its mail passes SPF or DKIM, change the TXT record at {at} to {tag}=quarantine, later {tag}=reject."
            )
        }
        (Language::Italian, dmarc::Flaw::Missing) => format!(
            "{domain} non ha un record DMARC; i grandi provider di posta lo richiedono e si fidano meno dei messaggi senza. \
             Aggiungere il \
             record TXT \"v=DMARC1; p=none\" a _dmarc.{ascii_domain}, e passare a p=quarantine quando tutti i messaggi superano \
             SPF o \
             DKIM."
        ),
        (Language::Italian, dmarc::Flaw::Several { at }) => format!(
            "{at} ha più di un record DMARC, e i server destinatari li ignorano tutti. Tenere un solo record TXT che inizia con \
             \"v=DMARC1\"."
        ),
        (Language::Italian, dmarc::Flaw::Unreadable { at }) => format!(
            "Il record DMARC di {at} non è utilizzabile, e i server destinatari non vi trovano alcuna regola. Dovrebbe essere come \"v=DMARC1; \
             p=quarantine\"."
        ),
        (Language::Italian, dmarc::Flaw::None { at, inherited }) => {
            let tag = tag(inherited);
            format!(
                "Il record DMARC di {domain} indica {tag}=none: i server destinatari non fanno nulla contro i messaggi \
                 falsificati a suo \
                 nome. Quando tutti i messaggi superano SPF o DKIM, cambiare il record TXT di {at} in {tag}=quarantine, poi \
                 {tag}=reject."
            )
        }
    }
}

#[cfg(test)]
mod tests;
