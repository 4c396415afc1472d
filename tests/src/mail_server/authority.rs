//! Certificates, made at run time by an authority that exists only in this process.

use std::sync::{Arc, OnceLock};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, KeyPair, NameConstraints, date_time_ymd,
};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

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
    /// As good, but for these hosts.
    For(&'static [&'static str]),
    /// By the authority of [`limited_root`], which may vouch for other names alone.
    BeyondItsNames,
    /// By itself.
    SelfSigned,
    /// Not for servers.
    WrongPurpose,
    /// Good, with more certificates behind it than anyone needs: 90 KB of them.
    HugeChain,
    /// By one of many authorities that all bear one name and have vouched for one another: the ways through them don't end.
    Maze,
    /// As [`Self::Maze`], but each way leads to the authority that the tests trust, and each has to be checked to its end.
    MazeWithExits,
}

type Authority = CertifiedIssuer<'static, KeyPair>;

/// How many authorities a maze has: what fits into the 64 KB that a handshake may hold.
const MAZE: usize = 100;

fn params_of_authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn new_authority(name: &str) -> Authority {
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(params_of_authority(name), key).expect("an authority")
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

/// An authority whose own certificate says that it vouches for names under example.com alone.
fn limited_authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| {
        let mut params = params_of_authority("Limited");
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("example.com".to_owned())],
            excluded_subtrees: Vec::new(),
        });
        let key = KeyPair::generate().expect("a key");
        CertifiedIssuer::self_signed(params, key).expect("an authority")
    })
}

/// The certificate of the authority that is limited to some names, DER.
#[must_use]
pub fn limited_root() -> Vec<u8> {
    limited_authority().as_ref().der().to_vec()
}

pub(super) fn server_config(certificate: Certificate) -> Arc<ServerConfig> {
    let names: &[&str] = match certificate {
        Certificate::WrongName => &["other.example.com"],
        Certificate::For(names) => names,
        _ => &[HOST],
    };
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    match certificate {
        Certificate::Expired => params.not_after = date_time_ymd(2020, 1, 1),
        Certificate::NotYetValid => {
            params.not_before = date_time_ymd(2090, 1, 1);
            params.not_after = date_time_ymd(2091, 1, 1);
        }
        Certificate::WrongPurpose => {
            params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ClientAuth);
        }
        _ => {}
    }
    let key = KeyPair::generate().expect("a key");
    let signed = match certificate {
        Certificate::UnknownAuthority => params.signed_by(&key, &new_authority("Unknown")),
        Certificate::BeyondItsNames => params.signed_by(&key, limited_authority()),
        Certificate::SelfSigned => params.self_signed(&key),
        Certificate::Maze | Certificate::MazeWithExits => {
            params.signed_by(&key, &new_authority("Maze"))
        }
        _ => params.signed_by(&key, authority()),
    };
    let signed = signed.expect("a certificate").der().clone();
    let behind = match certificate {
        Certificate::HugeChain => vec![signed.clone(); 200],
        Certificate::Maze => maze(&new_authority("Maze")),
        Certificate::MazeWithExits => maze(authority()),
        _ => Vec::new(),
    };
    config([vec![signed], behind].concat(), &key)
}

/// Authorities of one name, signed by `exit`.
fn maze(exit: &Authority) -> Vec<CertificateDer<'static>> {
    let params = params_of_authority("Maze");
    let authorities = std::iter::repeat_with(|| {
        let key = KeyPair::generate().expect("a key");
        let signed = params.signed_by(&key, exit).expect("an authority");
        signed.der().clone()
    });
    authorities.take(MAZE).collect()
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
    config(vec![signed.expect("a certificate").der().clone()], &key)
}

fn config(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate with its key");
    Arc::new(config)
}
