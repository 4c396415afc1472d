//! Certificates, made at run time by an authority that exists only in this process.

use std::sync::{Arc, OnceLock};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::HOST;

/// What a server shows for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Certificate {
    /// For [`HOST`], valid, by the authority that the tests trust.
    #[default]
    Good,
    /// As good, but until 2020.
    Expired,
    /// As good, but from 2090 on.
    NotYetValid,
    /// For another host.
    WrongName,
    /// By an authority that nobody trusts.
    UnknownAuthority,
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn new_authority(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(params, key).expect("an authority")
}

fn authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| new_authority("Trusted"))
}

/// The certificate of the authority to trust, DER.
#[must_use]
pub fn root() -> Vec<u8> {
    authority().as_ref().der().to_vec()
}

pub(super) fn server_config(certificate: Certificate) -> Arc<ServerConfig> {
    let name = match certificate {
        Certificate::WrongName => "other.example.com",
        _ => HOST,
    };
    let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
    match certificate {
        Certificate::Expired => params.not_after = date_time_ymd(2020, 1, 1),
        Certificate::NotYetValid => {
            params.not_before = date_time_ymd(2090, 1, 1);
            params.not_after = date_time_ymd(2091, 1, 1);
        }
        _ => {}
    }
    let key = KeyPair::generate().expect("a key");
    let signed = match certificate {
        Certificate::UnknownAuthority => params.signed_by(&key, &new_authority("Unknown")),
        _ => params.signed_by(&key, authority()),
    };
    config(&signed.expect("a certificate"), &key)
}

/// For a server with any of these names, by the authority that the tests trust.
///
/// # Panics
/// When one is no DNS name.
#[must_use]
pub fn server_config_for(names: &[&str]) -> Arc<ServerConfig> {
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    let params = CertificateParams::new(names).expect("names");
    let key = KeyPair::generate().expect("a key");
    let signed = params.signed_by(&key, authority());
    config(&signed.expect("a certificate"), &key)
}

fn config(certificate: &rcgen::Certificate, key: &KeyPair) -> Arc<ServerConfig> {
    let chain = vec![certificate.der().clone()];
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate with its key");
    Arc::new(config)
}
