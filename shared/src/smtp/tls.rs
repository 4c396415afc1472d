//! TLS as we speak it: 1.2 and 1.3, by ring, with the web's roots. There is no way to accept any other certificate.

use std::fmt;
use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::{Resumption, WebPkiServerVerifier};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, InvalidMessage,
    OtherError, ProtocolVersion, RootCertStore, SignatureScheme, version,
};
use utoipa::ToSchema;

use super::certificate::Certificate;
use super::failure::FailureCode;
use crate::model::host::Host;

/// The most certificates behind the server's own that are looked at. A chain has two or three; where each of many may have issued
/// each other one, the ways through them are too many to try.
const MAX_INTERMEDIATES: usize = 5;

/// What a session's encryption turned out to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TlsFacts {
    /// The version of the protocol; null where the handshake failed.
    #[schema(example = "TLSv1.3")]
    pub version: Option<String>,
    /// The cipher suite, by its IANA name; null where the handshake failed.
    #[schema(example = "TLS13_AES_256_GCM_SHA384")]
    pub cipher: Option<String>,
    /// The server's certificate, where there is one that can be read.
    pub certificate: Option<Certificate>,
}

impl TlsFacts {
    /// What a handshake led to; `brief` leaves the certificate out.
    pub(super) fn of(stream: &TlsStream<TcpStream>, brief: bool) -> Self {
        let (_, session) = stream.get_ref();
        let version = match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => Some("TLSv1.3"),
            Some(ProtocolVersion::TLSv1_2) => Some("TLSv1.2"),
            _ => None,
        };
        let chain = session.peer_certificates().filter(|_| !brief);
        Self {
            version: version.map(str::to_owned),
            cipher: session
                .negotiated_cipher_suite()
                .map(|suite| format!("{:?}", suite.suite())),
            certificate: chain.and_then(|chain| Certificate::read(chain.first()?, UnixTime::now())),
        }
    }
}

/// Why a handshake failed, with the certificate where that was the reason.
#[derive(Debug)]
pub(crate) struct HandshakeFailure {
    pub(crate) code: FailureCode,
    pub(crate) certificate: Option<Certificate>,
}

impl From<FailureCode> for HandshakeFailure {
    fn from(code: FailureCode) -> Self {
        Self {
            code,
            certificate: None,
        }
    }
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
        let provider = Arc::new(ring::default_provider());
        let judge = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let judge = judge
            .build()
            .map_err(|error| Error::General(error.to_string()))?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(ShowingVerifier(judge)))
            .with_no_client_auth();
        // A resumed session would not show its certificate again, and each is to be judged.
        config.resumption = Resumption::disabled();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Shakes hands with `host` and checks its certificate for that name.
    pub(crate) async fn handshake(
        &self,
        stream: TcpStream,
        host: &Host,
        until: Instant,
    ) -> Result<TlsStream<TcpStream>, HandshakeFailure> {
        let name = match host {
            Host::Ip(ip) => ServerName::IpAddress((*ip).into()),
            Host::Name(_) => {
                ServerName::try_from(host.to_ascii()).map_err(|_| FailureCode::TlsFailed)?
            }
        };
        timeout_at(until, self.0.connect(name, stream))
            .await
            .map_err(|_| FailureCode::TimedOut)?
            .map_err(|error| failure(&error))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// Judges as rustls does by default, and shows the certificate that it refuses: an administrator has to see what is wrong with
/// it. It accepts nothing that rustls would not.
#[derive(Debug)]
struct ShowingVerifier(Arc<WebPkiServerVerifier>);

/// What [`ShowingVerifier`] refused, and why.
#[derive(Debug, thiserror::Error)]
#[error("{code}")]
struct RefusedCertificate {
    code: FailureCode,
    certificate: Option<Certificate>,
}

impl ServerCertVerifier for ShowingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let near = &intermediates[..intermediates.len().min(MAX_INTERMEDIATES)];
        let judged = self
            .0
            .verify_server_cert(end_entity, near, server_name, ocsp_response, now);
        judged.map_err(|error| {
            let Error::InvalidCertificate(reason) = error else {
                return error;
            };
            let certificate = Certificate::read(end_entity, now);
            let code = certificate_code(&reason, certificate.as_ref());
            let refused = Arc::new(RefusedCertificate { code, certificate });
            Error::InvalidCertificate(CertificateError::Other(OtherError(refused)))
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

fn failure(error: &io::Error) -> HandshakeFailure {
    let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref()) else {
        return FailureCode::ConnectionLost.into();
    };
    HandshakeFailure::from(match error {
        Error::InvalidCertificate(reason) => {
            if let CertificateError::Other(OtherError(other)) = reason
                && let Some(refused) = other.downcast_ref::<RefusedCertificate>()
            {
                return HandshakeFailure {
                    code: refused.code,
                    certificate: refused.certificate.clone(),
                };
            }
            FailureCode::CertificateInvalid
        }
        // The first byte was no TLS record's: the server spoke in plain text.
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => FailureCode::TlsNotSpoken,
        Error::AlertReceived(
            AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity,
        )
        | Error::PeerIncompatible(_) => FailureCode::TlsTooOld,
        Error::NoCertificatesPresented => FailureCode::CertificateInvalid,
        _ => FailureCode::TlsFailed,
    })
}

fn certificate_code(error: &CertificateError, certificate: Option<&Certificate>) -> FailureCode {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            FailureCode::CertificateExpired
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            FailureCode::CertificateNotYetValid
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            FailureCode::CertificateWrongName
        }
        // One that vouches for itself is also refused as an authority's in a server's place ("Other").
        CertificateError::UnknownIssuer | CertificateError::Other(_)
            if certificate.is_some_and(|certificate| certificate.self_issued) =>
        {
            FailureCode::CertificateSelfSigned
        }
        CertificateError::UnknownIssuer => FailureCode::CertificateUnknownIssuer,
        _ => FailureCode::CertificateInvalid,
    }
}
