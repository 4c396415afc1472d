//! TLS as we speak it: 1.2 and 1.3, by ring, with the web's roots. There is no way to accept any other certificate.

use std::fmt;
use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{
    AlertDescription, CertificateError, ClientConfig, Error, ProtocolVersion, RootCertStore,
    version,
};
use utoipa::ToSchema;

use super::failure::FailureCode;
use crate::model::host::Host;

/// What a session's encryption turned out to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TlsFacts {
    /// The version of the protocol.
    #[schema(example = "TLSv1.3")]
    pub version: String,
    /// The cipher suite, by its IANA name.
    #[schema(example = "TLS13_AES_256_GCM_SHA384")]
    pub cipher: String,
    /// The server's certificate, where it could be read.
    pub certificate: Option<Certificate>,
}

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Certificate {
    /// Whom it is for.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// When it expires, RFC 3339.
    pub not_after: String,
}

/// The client's side of TLS, built once and shared by all sessions.
#[derive(Clone)]
pub struct Tls(TlsConnector);

impl Tls {
    /// Trusts the web's roots and, for a deployment with a private authority, `extra` ones too (DER).
    ///
    /// # Errors
    /// When one of `extra` is no certificate.
    pub fn new(extra: &[Vec<u8>]) -> Result<Self, Error> {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        for der in extra {
            roots.add(CertificateDer::from(der.as_slice()))?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Shakes hands with `host` and checks its certificate for that name.
    pub(crate) async fn handshake(
        &self,
        stream: TcpStream,
        host: &Host,
        until: Instant,
    ) -> Result<(TlsStream<TcpStream>, TlsFacts), FailureCode> {
        let name = match host {
            Host::Ip(ip) => ServerName::IpAddress((*ip).into()),
            Host::Name(_) => {
                ServerName::try_from(host.to_ascii()).map_err(|_| FailureCode::TlsFailed)?
            }
        };
        let stream = timeout_at(until, self.0.connect(name, stream))
            .await
            .map_err(|_| FailureCode::TimedOut)?
            .map_err(|error| code(&error))?;
        let facts = facts(&stream);
        Ok((stream, facts))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

fn facts(stream: &TlsStream<TcpStream>) -> TlsFacts {
    let (_, session) = stream.get_ref();
    let version = match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "",
    };
    let cipher = session
        .negotiated_cipher_suite()
        .map(|suite| format!("{:?}", suite.suite()))
        .unwrap_or_default();
    TlsFacts {
        version: version.to_owned(),
        cipher,
        certificate: None,
    }
}

fn code(error: &io::Error) -> FailureCode {
    let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref()) else {
        return FailureCode::ConnectionLost;
    };
    match error {
        Error::InvalidCertificate(error) => certificate_code(error),
        // The first byte was no TLS record's: the server spoke in plain text.
        Error::InvalidMessage(_) => FailureCode::TlsNotSpoken,
        Error::AlertReceived(
            AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity,
        )
        | Error::PeerIncompatible(_) => FailureCode::TlsTooOld,
        Error::NoCertificatesPresented => FailureCode::CertificateInvalid,
        _ => FailureCode::TlsFailed,
    }
}

fn certificate_code(error: &CertificateError) -> FailureCode {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            FailureCode::CertificateExpired
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            FailureCode::CertificateNotYetValid
        }
        CertificateError::UnknownIssuer => FailureCode::CertificateUnknownIssuer,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            FailureCode::CertificateWrongName
        }
        _ => FailureCode::CertificateInvalid,
    }
}
