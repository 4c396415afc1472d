use shared::model::email::EmailAddress;
use shared::model::host::Host;
use shared::model::provider::Provider;

use super::*;

fn findings() -> Vec<Finding> {
    let at = || "_spf.example.org".to_owned();
    let spf = |why| Finding::Spf(spf::Flaw::Invalid { at: at(), why });
    vec![
        Finding::Mx(mx::Flaw::Nowhere),
        Finding::Mx(mx::Flaw::ByAddress),
        Finding::Mx(mx::Flaw::Refused),
        Finding::Spf(spf::Flaw::Missing),
        spf(Invalid::Several),
        spf(Invalid::Term("ipv4:192.0.2.1".to_owned())),
        spf(Invalid::Absent),
        spf(Invalid::Loop),
        spf(Invalid::Void),
        Finding::Spf(spf::Flaw::TooManyLookups),
        Finding::Spf(spf::Flaw::NotCovered),
        Finding::Dmarc(dmarc::Flaw::Missing),
        Finding::Dmarc(dmarc::Flaw::Several { at: at() }),
        Finding::Dmarc(dmarc::Flaw::Unreadable { at: at() }),
        Finding::Dmarc(dmarc::Flaw::None {
            at: at(),
            inherited: true,
        }),
        Finding::SenderDomainDiffers("example.net".to_owned()),
        Finding::DnsNotChecked(vec!["MX", "SPF"]),
    ]
}

#[test]
fn every_finding_is_a_few_sentences_in_each_language_that_name_a_domain() {
    let sender = EmailAddress::parse("info@example.org").expect("an address");
    let host = Host::parse("smtp.example.org").expect("a host");
    let known = Host::parse("smtp.gmail.com").expect("a host");
    let relay = Host::parse("in-v3.mailjet.com").expect("a host");
    let address = Some("1.1.1.1".parse().expect("an address"));
    let internal = Some("10.0.0.7".parse().expect("an address"));
    for (host, address, remedy) in [
        (&host, address, Some("ip4:1.1.1.1")),
        (&host, internal, None),
        (&host, None, None),
        (&known, None, Some("include:_spf.google.com")),
        (&relay, None, Some("include:spf.mailjet.com")),
    ] {
        let sending = Sending {
            sender: &sender,
            domain: sender.ascii_domain(),
            host,
            port: 587,
            provider: Provider::of_host(host),
        };
        for finding in findings() {
            let told = |language| detail(&finding, &sending, address, language);
            let texts = [told(Language::English), told(Language::Italian)];
            assert_ne!(texts[0], texts[1]);
            for text in texts {
                let sentences = text.matches(". ").count() + 1;
                assert!(text.ends_with('.') && sentences <= 3, "{text}");
                assert!((80..420).contains(&text.chars().count()), "{text}");
                assert!(
                    text.contains("example.org") && !text.contains("  "),
                    "{text}"
                );
                let is_of_cover = matches!(
                    finding,
                    Finding::Spf(spf::Flaw::Missing | spf::Flaw::NotCovered)
                );
                let remedy = remedy.filter(|_| is_of_cover);
                assert!(remedy.is_none_or(|remedy| text.contains(remedy)), "{text}");
            }
        }
    }
}

#[test]
fn of_a_relay_with_a_return_path_of_its_own_it_is_said_that_its_signature_counts() {
    let sender = EmailAddress::parse("info@example.org").expect("an address");
    for (host, counts) in [
        ("email-smtp.eu-south-1.amazonaws.com", true),
        ("smtp.sendgrid.net", true),
        ("smtp-relay.brevo.com", true),
        ("in-v3.mailjet.com", true),
        ("smtp.postmarkapp.com", true),
        ("smtp.mailgun.org", false),
        ("smtp.gmail.com", false),
    ] {
        let host = Host::parse(host).expect("a host");
        let sending = Sending {
            sender: &sender,
            domain: sender.ascii_domain(),
            host: &host,
            port: 587,
            provider: Provider::of_host(&host),
        };
        for flaw in [spf::Flaw::Missing, spf::Flaw::NotCovered] {
            let finding = Finding::Spf(flaw);
            for language in [Language::English, Language::Italian] {
                let text = detail(&finding, &sending, None, language);
                assert_eq!(text.contains("DKIM"), counts, "{text}");
            }
        }
    }
}
