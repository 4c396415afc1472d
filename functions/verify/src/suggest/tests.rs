use shared::model::connection::Limits;
use shared::model::provider::{ProviderId, Server};

use super::*;

fn email() -> EmailAddress {
    EmailAddress::parse("info@example.com").expect("an address")
}

fn settings(host: &str, port: u16, encryption: Encryption, source: Source) -> SuggestedSettings {
    let host = Host::parse(host).expect("a host");
    SuggestedSettings::of_server(host, port, encryption, source, &email())
}

fn told(found: Vec<SuggestedSettings>, policy: &DialPolicy) -> Vec<String> {
    let best = best(found.into_iter(), policy);
    let told = best
        .iter()
        .map(|it| format!("{} {} {:?}", it.host, it.port, it.source));
    told.collect()
}

#[test]
fn settings_that_two_sources_name_are_told_once_with_the_better_source() {
    use Encryption::{ImplicitTls, Starttls};
    let found = vec![
        settings("a.example.com", 465, ImplicitTls, Source::Srv),
        settings("A.example.com.", 465, ImplicitTls, Source::Autoconfig),
        settings("a.example.com", 587, Starttls, Source::Autoconfig),
        settings("a.example.com", 587, Starttls, Source::Mx),
        settings("b.example.com", 465, ImplicitTls, Source::Mx),
    ];
    assert_eq!(
        told(found, &DialPolicy::default()),
        [
            "a.example.com 465 Srv",
            "a.example.com 587 Autoconfig",
            "b.example.com 465 Mx"
        ]
    );
}

#[test]
fn what_could_not_be_dialled_or_is_not_encrypted_is_not_suggested() {
    use Encryption::{ImplicitTls, None, Starttls};
    let found = || {
        vec![
            settings("a.example.com", 25, None, Source::Srv),
            settings("a.example.com", 443, ImplicitTls, Source::Srv),
            settings("a.example.com", 0, ImplicitTls, Source::Srv),
            settings("10.0.0.1", 465, ImplicitTls, Source::Srv),
            settings("169.254.169.254", 465, ImplicitTls, Source::Srv),
            settings("1.1.1.1", 465, ImplicitTls, Source::Srv),
            settings("a.example.com", 2526, Starttls, Source::Srv),
        ]
    };
    assert_eq!(told(found(), &DialPolicy::default()), ["1.1.1.1 465 Srv"]);
    let own = DialPolicy::default().with_ports([2526]);
    assert_eq!(
        told(found(), &own),
        ["1.1.1.1 465 Srv", "a.example.com 2526 Srv"]
    );
}

#[test]
fn there_are_at_most_ten_suggestions() {
    let many = (0..50).map(|n| {
        let host = format!("{n}.example.com");
        settings(&host, 465, Encryption::ImplicitTls, Source::Srv)
    });
    assert_eq!(told(many.collect(), &DialPolicy::default()).len(), 10);
}

#[test]
fn a_providers_servers_come_with_the_login_that_it_wants() {
    const SERVERS: [Server; 2] = [
        Server {
            host: "smtp.provider.test",
            port: 465,
            encryption: Encryption::ImplicitTls,
        },
        Server {
            host: "smtp.provider.test",
            port: 587,
            encryption: Encryption::Starttls,
        },
    ];
    const fn provider(login: Login) -> Provider {
        Provider {
            id: ProviderId::OutlookCom,
            name: "Provider",
            servers: &SERVERS,
            hosts: &[],
            domains: &[],
            exchanges: &[],
            spf: &[],
            own_return_path: false,
            login,
            limits: Limits {
                per_minute: None,
                per_day: None,
                concurrency: None,
            },
        }
    }
    const BY_ADDRESS: Provider = provider(Login::Address);
    const BY_WORD: Provider = provider(Login::Word("apikey"));
    const BY_CREDENTIALS: Provider = provider(Login::Credentials);
    for (provider, username) in [
        (&BY_ADDRESS, Some("info@example.com")),
        (&BY_WORD, Some("apikey")),
        (&BY_CREDENTIALS, None),
    ] {
        let email = email();
        let found: Vec<_> = SuggestedSettings::of_provider(provider, Source::Mx, &email).collect();
        assert_eq!(
            found.iter().map(|it| it.port).collect::<Vec<_>>(),
            [465, 587]
        );
        for settings in found {
            assert_eq!(settings.username.as_deref(), username);
            assert_eq!(settings.provider, Some("Provider"));
        }
    }
}

#[test]
fn a_server_that_no_password_opens_is_not_suggested_whoever_names_it() {
    let found = vec![
        settings(
            "smtp-mail.outlook.com",
            587,
            Encryption::Starttls,
            Source::Autoconfig,
        ),
        settings(
            "smtp.office365.com",
            587,
            Encryption::Starttls,
            Source::Autoconfig,
        ),
    ];
    assert_eq!(
        told(found, &DialPolicy::default()),
        ["smtp.office365.com 587 Autoconfig"]
    );
}
