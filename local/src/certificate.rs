//! A certificate for this machine's own name, made anew at each start.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use shared::clock::Clock;
use time::{Duration, OffsetDateTime};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// What the inbox shows, and what to trust to believe it.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The authority that signed the certificate; its key is gone.
    pub authority: CertificateDer<'static>,
    /// TLS 1.2 and 1.3 as `localhost`, `127.0.0.1` or `::1`.
    pub server: Arc<ServerConfig>,
}

/// The certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A key or a certificate could not be made.
    #[error("the certificate of the inbox could not be made")]
    Make(#[from] rcgen::Error),
    /// It was made, but TLS does not take it.
    #[error("the certificate of the inbox could not be used")]
    Use(#[from] tokio_rustls::rustls::Error),
}

impl Certificate {
    /// Makes an authority and a certificate by it, good for a year.
    ///
    /// # Errors
    /// When there is no randomness, or TLS refuses what was made.
    pub fn for_localhost() -> Result<Self, CertificateError> {
        let mut authority = CertificateParams::new([])?;
        authority
            .distinguished_name
            .push(DnType::CommonName, "Mittente local authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        valid_for_a_year(&mut authority);
        let authority_key = KeyPair::generate()?;
        let authority_der = authority.self_signed(&authority_key)?.der().clone();

        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let mut server = CertificateParams::new(names)?;
        server
            .distinguished_name
            .push(DnType::CommonName, "localhost");
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        valid_for_a_year(&mut server);
        let key = KeyPair::generate()?;
        let issuer = Issuer::new(authority, authority_key);
        let certificate = server.signed_by(&key, &issuer)?.der().clone();

        let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )?;
        Ok(Self {
            authority: authority_der,
            server: Arc::new(server),
        })
    }
}

fn valid_for_a_year(params: &mut CertificateParams) {
    let now = OffsetDateTime::from_unix_timestamp(Clock::system().now().as_secs())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    // A day's leeway, for clocks that were set back.
    params.not_before = now - Duration::days(1);
    params.not_after = now + Duration::days(365);
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;

    async fn shakes_hands(name: &'static str, trusted: &Certificate, shown: &Certificate) -> bool {
        let mut roots = RootCertStore::empty();
        roots
            .add(trusted.authority.clone())
            .expect("a certificate authority");
        let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let (near, far) = tokio::io::duplex(16 * 1024);
        let (connected, _) = tokio::join!(
            TlsConnector::from(Arc::new(client)).connect(name.try_into().expect("a name"), near),
            TlsAcceptor::from(shown.server.clone()).accept(far),
        );
        connected.is_ok()
    }

    #[tokio::test]
    async fn it_is_good_for_this_machine_and_for_no_other() {
        let certificate = Certificate::for_localhost().expect("made");
        for name in ["localhost", "127.0.0.1", "::1"] {
            assert!(
                shakes_hands(name, &certificate, &certificate).await,
                "{name}"
            );
        }
        assert!(!shakes_hands("example.com", &certificate, &certificate).await);
    }

    #[tokio::test]
    async fn each_start_has_an_authority_of_its_own() {
        let one = Certificate::for_localhost().expect("made");
        let other = Certificate::for_localhost().expect("made");
        assert!(!shakes_hands("localhost", &one, &other).await);
    }
}
