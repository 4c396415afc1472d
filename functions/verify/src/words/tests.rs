//! Tests of the words and of how they are put together.

use shared::model::provider::PROVIDERS;

use super::*;

const LANGUAGES: [Language; 2] = [Language::English, Language::Italian];
const MAX_TITLE: usize = 80;
const MAX_HINT: usize = 420;

const NOTHING: Circumstances<'static> = Circumstances {
    provider: None,
    port: 587,
    egress_ips: &[],
    certificate_names: &[],
    enhanced: None,
    not_before: None,
};

fn provider(id: ProviderId) -> &'static Provider {
    let mut providers = PROVIDERS.iter();
    providers.find(|known| known.id == id).expect("a provider")
}

fn fits_as_a_hint(hint: &str) {
    assert!(hint.ends_with('.'), "{hint}");
    assert!(hint.chars().count() <= MAX_HINT, "{hint}");
    assert!(!hint.contains("  "), "{hint}");
    assert!(!hint.chars().any(char::is_control), "{hint}");
}

#[test]
fn every_code_has_a_title_and_a_hint_in_both_languages() {
    for &code in FailureCode::ALL {
        for language in LANGUAGES {
            let title = title(code, language);
            assert!(!title.is_empty() && !title.ends_with('.'), "{title}");
            assert!(title.chars().count() <= MAX_TITLE, "{title}");
            fits_as_a_hint(&hint(code, &NOTHING, language));
        }
        let [english, italian] = LANGUAGES.map(|language| general(code, language));
        assert_ne!(english.title, italian.title);
        assert_ne!(english.hint, italian.hint);
    }
}

#[test]
fn titles_tell_codes_apart() {
    for language in LANGUAGES {
        let mut titles: Vec<_> = FailureCode::ALL
            .iter()
            .map(|&code| title(code, language))
            .collect();
        titles.sort_unstable();
        titles.dedup();
        assert_eq!(titles.len(), FailureCode::ALL.len());
    }
}

#[test]
fn italian_is_written_with_its_accents() {
    let misspelt = [
        " e'", "perche ", " puo ", " piu ", " gia ", "finche ", " E' ", "perchè",
    ];
    let texts = FailureCode::ALL.iter().flat_map(|&code| {
        let words = general(code, Language::Italian);
        let providers = PROVIDERS
            .iter()
            .filter_map(move |known| for_provider(known.id, code, None, Language::Italian));
        [words.title, words.hint].into_iter().chain(providers)
    });
    for text in texts {
        for wrong in misspelt {
            assert!(!text.contains(wrong), "{wrong:?} in {text}");
        }
    }
}

#[test]
fn a_providers_hint_names_the_provider_and_exists_in_both_languages() {
    for known in PROVIDERS {
        // What it is called in running text.
        let name = known.name.trim_end_matches(" Mail");
        for &code in FailureCode::ALL {
            for enhanced in [None, Some("5.7.30"), Some("5.7.139")] {
                let hints =
                    LANGUAGES.map(|language| for_provider(known.id, code, enhanced, language));
                match hints {
                    [Some(english), Some(italian)] => {
                        assert_ne!(english, italian);
                        for hint in [english, italian] {
                            fits_as_a_hint(hint);
                            assert!(hint.contains(name), "{name}: {hint}");
                        }
                    }
                    [None, None] => {}
                    _ => panic!("{name} {code} is missing in one language"),
                }
            }
        }
    }
}

#[test]
fn every_provider_has_hints_of_its_own_for_a_refused_login_and_a_refused_sender() {
    for known in PROVIDERS {
        for code in [
            FailureCode::AuthenticationRejected,
            FailureCode::SenderRefused,
            FailureCode::SenderNotOwned,
        ] {
            let own = for_provider(known.id, code, None, Language::English);
            assert!(own.is_some(), "{} {code}", known.name);
        }
    }
}

#[test]
fn a_providers_hint_takes_the_place_of_the_general_one() {
    let code = FailureCode::AuthenticationRejected;
    let circumstances = Circumstances {
        provider: Some(provider(ProviderId::SendGrid)),
        ..NOTHING
    };
    for language in LANGUAGES {
        let hint = hint(code, &circumstances, language);
        assert!(hint.contains(" apikey"), "{hint}");
        assert!(!hint.contains(general(code, language).hint));
    }
    let timed_out = FailureCode::TimedOut;
    assert_eq!(
        hint(timed_out, &circumstances, Language::English),
        hint(timed_out, &NOTHING, Language::English)
    );
}

#[test]
fn microsoft_365_is_told_apart_by_the_enhanced_code() {
    let hint = |enhanced| {
        let circumstances = Circumstances {
            provider: Some(provider(ProviderId::Microsoft365)),
            enhanced,
            ..NOTHING
        };
        let code = FailureCode::PasswordLoginDisabled;
        hint(code, &circumstances, Language::English)
    };
    assert!(hint(Some("5.7.139")).contains("Authenticated SMTP"));
    assert!(!hint(Some("5.7.30")).contains("Authenticated SMTP"));
}

#[test]
fn the_addresses_to_let_in_are_named_where_a_firewall_may_stand_in_the_way() {
    let ips = ["192.0.2.1", "2001:db8::1"].map(|ip| ip.parse().expect("an address"));
    let circumstances = Circumstances {
        egress_ips: &ips,
        ..NOTHING
    };
    for &code in FailureCode::ALL {
        let named = matches!(
            code,
            FailureCode::ConnectTimedOut
                | FailureCode::ConnectionRefused
                | FailureCode::GreetingRefused
                | FailureCode::BlockedByPolicy
        );
        for language in LANGUAGES {
            let with = hint(code, &circumstances, language);
            let without = hint(code, &NOTHING, language);
            assert!(with.starts_with(&without));
            assert_eq!(with.ends_with(" 192.0.2.1, 2001:db8::1."), named, "{with}");
            assert_eq!(with == without, !named);
        }
    }
}

#[test]
fn a_time_out_on_port_25_says_that_we_cannot_send_there() {
    let port_25 = Circumstances {
        port: 25,
        ..NOTHING
    };
    for &code in FailureCode::ALL {
        for language in LANGUAGES {
            let said = hint(code, &port_25, language).contains("AWS, bl");
            assert_eq!(said, code == FailureCode::ConnectTimedOut, "{code}");
            assert!(!hint(code, &NOTHING, language).contains("AWS"));
        }
    }
}

#[test]
fn a_wrong_name_lists_the_names_that_the_certificate_has_five_at_most() {
    let code = FailureCode::CertificateWrongName;
    let names: Vec<_> = (1..=6).map(|n| format!("mail{n}.example.com")).collect();
    let hint = |names| {
        let circumstances = Circumstances {
            certificate_names: names,
            ..NOTHING
        };
        hint(code, &circumstances, Language::English)
    };
    let general = hint(&[]);
    assert_eq!(
        hint(&names[..2]),
        format!("{general} The certificate is for mail1.example.com, mail2.example.com.")
    );
    let five = names[..5].join(", ");
    assert_eq!(
        hint(&names[..5]),
        format!("{general} The certificate is for {five}.")
    );
    assert_eq!(
        hint(&names),
        format!("{general} The certificate is for {five}, …")
    );
}

#[test]
fn what_is_no_name_is_not_repeated_from_a_certificate() {
    let names = [
        "call +39 055",
        "<b>x</b>",
        "",
        &"a".repeat(254),
        "*.example.com",
    ]
    .map(str::to_owned);
    let circumstances = Circumstances {
        certificate_names: &names,
        ..NOTHING
    };
    for language in LANGUAGES {
        let code = FailureCode::CertificateWrongName;
        let with = hint(code, &circumstances, language);
        let rest = with.strip_prefix(&hint(code, &NOTHING, language));
        let rest = rest.expect("the general hint first");
        assert!(rest.ends_with(" *.example.com."), "{rest}");
        assert!(!rest.contains(','), "{rest}");
    }
}
