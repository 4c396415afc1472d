//! What a server's certificate says, for people to read. Whether it is good is for rustls to say.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use utoipa::ToSchema;
use x509_cert::Certificate as Parsed;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::replies::clean;
use crate::model::timestamp::Timestamp;

/// The most names that are kept of one certificate.
const MAX_NAMES: usize = 100;
/// The most characters of a subject, an issuer or a name that are kept.
const MAX_TEXT: usize = 300;

/// What a certificate says (RFC 5280).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Certificate {
    /// Whom it is for, as a distinguished name (RFC 4514).
    #[schema(example = "CN=smtp.example.com")]
    pub subject: String,
    /// The DNS names and addresses that it is for.
    pub names: Vec<String>,
    /// Who issued it, as a distinguished name.
    pub issuer: String,
    /// From when it is valid.
    #[schema(value_type = String, format = DateTime)]
    pub not_before: Timestamp,
    /// Until when it is valid.
    #[schema(value_type = String, format = DateTime)]
    pub not_after: Timestamp,
    /// Whole days until it expires; negative once it has.
    pub days_left: i64,
    /// Whether it names itself as its issuer.
    #[serde(skip)]
    pub(super) self_issued: bool,
}

impl Certificate {
    /// Reads a certificate; `None` where it is none.
    pub(super) fn read(der: &CertificateDer<'_>, now: UnixTime) -> Option<Self> {
        let parsed = Parsed::from_der(der).ok()?;
        let certificate = parsed.tbs_certificate();
        let validity = certificate.validity();
        let not_after = timestamp(validity.not_after.to_unix_duration());
        let left = not_after.as_secs() - timestamp(Duration::from_secs(now.as_secs())).as_secs();
        Some(Self {
            subject: text(&certificate.subject().to_string()),
            names: certificate
                .get_extension::<SubjectAltName>()
                .ok()
                .flatten()
                .map(|(_, names)| names.0.iter().filter_map(name).take(MAX_NAMES).collect())
                .unwrap_or_default(),
            issuer: text(&certificate.issuer().to_string()),
            not_before: timestamp(validity.not_before.to_unix_duration()),
            not_after,
            days_left: left.div_euclid(24 * 60 * 60),
            self_issued: certificate.subject() == certificate.issuer(),
        })
    }
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(text(name.as_str())),
        GeneralName::IpAddress(octets) => match *octets.as_bytes() {
            [a, b, c, d] => Some(IpAddr::from([a, b, c, d]).to_string()),
            ref octets => <[u8; 16]>::try_from(octets)
                .ok()
                .map(|octets| IpAddr::from(octets).to_string()),
        },
        _ => None,
    }
}

fn timestamp(since_1970: Duration) -> Timestamp {
    Timestamp::from_millis(0) + since_1970
}

/// As a reply is cleaned and cut: a certificate that no authority has vouched for may say anything.
fn text(text: &str) -> String {
    clean(text.as_bytes()).chars().take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    use super::*;

    const NOON_OF_2026_01_01: UnixTime = UnixTime::since_unix_epoch(Duration::from_hours(490_908));

    fn read(params: &CertificateParams) -> Certificate {
        let key = KeyPair::generate().expect("a key");
        let signed = params.self_signed(&key).expect("a certificate");
        Certificate::read(signed.der(), NOON_OF_2026_01_01).expect("reads")
    }

    fn params(names: &[&str]) -> CertificateParams {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.not_before = date_time_ymd(2025, 12, 31);
        params.not_after = date_time_ymd(2026, 1, 11);
        params
    }

    #[test]
    fn a_certificate_tells_its_subject_names_and_validity() {
        let mut params = params(&["smtp.example.com", "*.example.com", "13.38.96.228"]);
        params
            .distinguished_name
            .push(DnType::CommonName, "smtp.example.com");
        let certificate = read(&params);
        assert!(
            certificate.subject.contains("CN=smtp.example.com"),
            "{certificate:?}"
        );
        assert_eq!(
            certificate.names,
            ["smtp.example.com", "*.example.com", "13.38.96.228"]
        );
        assert_eq!(
            certificate.not_before.to_string(),
            "2025-12-31T00:00:00.000Z"
        );
        assert_eq!(
            certificate.not_after.to_string(),
            "2026-01-11T00:00:00.000Z"
        );
        assert_eq!(certificate.days_left, 9);
        assert!(certificate.self_issued);
    }

    #[test]
    fn an_expired_certificate_has_days_left_below_zero() {
        let mut params = params(&["smtp.example.com"]);
        params.not_after = date_time_ymd(2026, 1, 1);
        assert_eq!(read(&params).days_left, -1);
    }

    #[test]
    fn what_a_certificate_says_is_cleaned_and_cut() {
        let mut params = params(&[]);
        let long = format!("\u{1b}[31m\u{202e}{}", "x".repeat(2 * MAX_TEXT));
        params.distinguished_name.push(DnType::CommonName, long);
        let subject = read(&params).subject;
        assert!(!subject.contains('\u{1b}') && !subject.contains('\u{202e}'));
        assert_eq!(subject.chars().count(), MAX_TEXT);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_certificate_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Certificate::read(&CertificateDer::from(bytes), NOON_OF_2026_01_01);
        }
    }
}
