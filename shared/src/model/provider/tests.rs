//! Tests of the table of providers and of looking things up in it.

use std::collections::HashMap;

use super::*;
use crate::model::host::domain_to_ascii;

fn of_host(name: &str) -> Option<ProviderId> {
    let host = Host::parse(name).expect("a host");
    Provider::of_host(&host).map(|provider| provider.id)
}

fn names(provider: &Provider) -> impl Iterator<Item = &'static str> {
    [
        provider.hosts,
        provider.domains,
        provider.exchanges,
        provider.spf,
    ]
    .into_iter()
    .flatten()
    .copied()
}

#[test]
fn every_server_is_found_again_as_its_providers() {
    for provider in PROVIDERS {
        for server in provider.servers {
            let host = Host::parse(server.host).expect("a host");
            assert_eq!(Provider::of_host(&host), Some(provider), "{}", server.host);
            assert_eq!(server.port, server.encryption.default_port());
            assert_ne!(server.encryption, Encryption::None);
        }
    }
}

#[test]
fn implicit_tls_comes_before_starttls_in_each_provider() {
    for provider in PROVIDERS {
        let ports: Vec<_> = provider.servers.iter().map(|server| server.port).collect();
        assert!(ports.is_sorted(), "{}: {ports:?}", provider.name);
    }
}

#[test]
fn no_name_leads_to_two_providers() {
    let columns: [fn(&Provider) -> &'static [&'static str]; 3] = [
        |provider| provider.hosts,
        |provider| provider.domains,
        |provider| provider.exchanges,
    ];
    for column in columns {
        for provider in PROVIDERS {
            for name in column(provider) {
                let sample = name.replace('*', "x");
                let sample = if sample.starts_with('.') {
                    format!("x{sample}")
                } else {
                    sample
                };
                let found = PROVIDERS
                    .iter()
                    .filter(|other| is_one_of(&sample, column(other)));
                assert_eq!(found.collect::<Vec<_>>(), [provider], "{name}");
            }
        }
    }
    let mut owners = HashMap::new();
    for provider in PROVIDERS {
        for domain in provider.spf {
            let owner = *owners.entry(domain).or_insert(provider.id);
            assert_eq!(owner, provider.id, "{domain}");
        }
    }
}

#[test]
fn every_name_is_in_lower_case_a_labels() {
    for name in PROVIDERS.iter().flat_map(names) {
        let whole = name.strip_prefix('.').unwrap_or(name);
        // SPF's names may have underscores, which host names don't.
        let whole = whole.replace(['*', '_'], "x");
        assert_eq!(
            domain_to_ascii(&whole).as_deref(),
            Some(whole.as_str()),
            "{name}"
        );
        assert!(whole.contains('.'), "{name}");
    }
}

#[test]
fn what_spf_records_include_is_a_domain_and_no_pattern() {
    for domain in PROVIDERS.iter().flat_map(|provider| provider.spf) {
        assert!(
            !domain.starts_with('.') && !domain.contains('*'),
            "{domain}"
        );
    }
}

#[test]
fn servers_of_providers_are_known_by_their_names() {
    for (name, id) in [
        ("SMTP.Office365.com.", ProviderId::Microsoft365),
        ("smtp-mail.outlook.com", ProviderId::OutlookCom),
        ("smtp.gmail.com", ProviderId::Google),
        ("smtppro.zoho.eu", ProviderId::Zoho),
        ("authsmtp.securemail.pro", ProviderId::RegisterIt),
        ("ex4.mail.ovh.net", ProviderId::Ovh),
        ("smtp.ionos.it", ProviderId::Ionos),
        ("email-smtp.eu-south-1.amazonaws.com", ProviderId::AmazonSes),
    ] {
        assert_eq!(of_host(name), Some(id), "{name}");
    }
}

#[test]
fn names_that_only_look_like_a_providers_are_nobodys() {
    for name in [
        "evil-outlook.com",
        "smtp.office365.com.evil.test",
        "xsmtp.office365.com",
        "office365.com",
        "mail.ovh.net",
        "evilmail.ovh.net",
        "email-smtp.amazonaws.com",
        "email-smtp.x.y.amazonaws.com",
        "ec2-192-0-2-1.eu-west-1.compute.amazonaws.com",
        "email-smtp.eu-west-1.amazonaws.com.evil.test",
        "192.0.2.1",
    ] {
        assert_eq!(of_host(name), None, "{name}");
    }
    for domain in ["evil-outlook.com", "x.outlook.com", "onmicrosoft.com", ""] {
        assert_eq!(Provider::of_domain(domain), None, "{domain}");
    }
    for exchange in [
        ".mail.protection.outlook.com",
        "mail.register.it.evil.test",
        ".",
    ] {
        assert_eq!(Provider::of_exchange(exchange), None, "{exchange}");
    }
}

#[test]
fn a_domain_and_the_server_that_takes_its_mail_lead_to_the_provider() {
    let domain = |name| Provider::of_domain(name).map(|provider| provider.id);
    assert_eq!(domain("gmail.com"), Some(ProviderId::Google));
    assert_eq!(domain("hotmail.it"), Some(ProviderId::OutlookCom));
    assert_eq!(
        domain("example.onmicrosoft.com"),
        Some(ProviderId::Microsoft365)
    );
    let exchange = |name| Provider::of_exchange(name).map(|provider| provider.id);
    assert_eq!(
        exchange("Example-com.mail.protection.Outlook.com."),
        Some(ProviderId::Microsoft365)
    );
    assert_eq!(
        exchange("ALT1.ASPMX.L.GOOGLE.COM."),
        Some(ProviderId::Google)
    );
}

#[test]
fn a_region_with_servers_of_its_own_is_found_by_its_names() {
    let first = |exchange| {
        let provider = Provider::of_exchange(exchange).expect("a provider");
        provider.servers.first().map(|server| server.host)
    };
    assert_eq!(first("mx00.ionos.it"), Some("smtp.ionos.it"));
    assert_eq!(first("mx00.ionos.co.uk"), Some("smtp.ionos.co.uk"));
    assert_eq!(first("mx2.zoho.eu"), Some("smtppro.zoho.eu"));
    assert_eq!(first("mx.zoho.com.au"), Some("smtppro.zoho.com.au"));
}

#[test]
fn the_record_that_is_recommended_is_that_of_the_servers_region() {
    for (host, first) in [
        ("smtp.ionos.com", "_spf-us.ionos.com"),
        ("smtp.ionos.it", "_spf-eu.ionos.com"),
        ("smtppro.zoho.com.au", "zohomail.com.au"),
        ("smtppro.zoho.jp", "zohomail.jp"),
        ("smtppro.zohocloud.ca", "zohocloud.ca"),
        ("smtppro.zoho.in", "zohomail.in"),
    ] {
        let host = Host::parse(host).expect("a host");
        let provider = Provider::of_host(&host).expect("a provider");
        assert_eq!(provider.spf.first(), Some(&first), "{host}");
    }
}

#[test]
fn a_provider_that_takes_no_password_has_no_server_to_suggest() {
    for provider in PROVIDERS {
        let is_closed = provider.login == Login::Never;
        assert_eq!(is_closed, provider.id == ProviderId::OutlookCom);
        assert!(
            !is_closed || provider.servers.is_empty(),
            "{}",
            provider.name
        );
    }
}
