//! Certificates, and the judgement of a server's.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::mode::Mode;
use crate::postgres::parameters::Parameters;
use crate::postgres::surroundings::Surroundings;

/// What makes encrypted connections.
pub(in crate::postgres) type Connector = MakeRustlsConnect;

/// The servers that a connection trusts, and the own certificate.
#[derive(Clone)]
pub(in crate::postgres) struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Reads the certificates that the parameters name. `sslrootcert=system` stands for the authorities
    /// of the system.
    ///
    /// # Errors
    /// A sentence about a file that cannot be read, or that is missing where the mode needs it.
    pub(super) fn of(
        mode: Mode,
        parameters: &Parameters,
        surroundings: &dyn Surroundings,
    ) -> Result<Self, String> {
        let provider = Arc::new(ring::default_provider());
        let in_home = |name: &str| {
            surroundings
                .home()
                .map(|home| home.join(".postgresql").join(name))
        };
        let roots = match parameters.get("sslrootcert") {
            _ if matches!(mode, Mode::Disable | Mode::Allow | Mode::Prefer) => None,
            Some("system") => Some(system_roots()?),
            Some(path) => Some(roots(Path::new(path), surroundings)?),
            None => match in_home("root.crt") {
                Some(path) if surroundings.read(&path).is_ok() => Some(roots(&path, surroundings)?),
                _ if mode == Mode::Require => None,
                _ => {
                    return Err(
                        "this sslmode needs a file of authorities: give sslrootcert=FILE, or \
                         sslrootcert=system for those of the system"
                            .to_owned(),
                    );
                }
            },
        };
        let verifier = Verifier {
            provider: Arc::clone(&provider),
            authorities: roots
                .map(|roots| authorities(roots, &provider))
                .transpose()?,
            checks_name: mode == Mode::VerifyFull,
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let own = |name: &str, default: &str| {
            let given = parameters.get(name).map(PathBuf::from);
            given.or_else(|| in_home(default).filter(|path| surroundings.read(path).is_ok()))
        };
        let config = match (
            own("sslcert", "postgresql.crt"),
            own("sslkey", "postgresql.key"),
        ) {
            (Some(certificate), Some(key)) => {
                let chain = certificates(&certificate, surroundings)?;
                let pem = read(&key, surroundings)?;
                let key_of = PrivateKeyDer::from_pem_slice(pem.as_bytes());
                let key_of = key_of.map_err(|error| format!("{}: {error}", key.display()))?;
                builder
                    .with_client_auth_cert(chain, key_of)
                    .map_err(|error| format!("{}: {error}", certificate.display()))?
            }
            _ => builder.with_no_client_auth(),
        };
        Ok(Self(Arc::new(config)))
    }

    pub(super) fn connector(&self) -> Connector {
        MakeRustlsConnect::new((*self.0).clone())
    }
}

fn read(path: &Path, surroundings: &dyn Surroundings) -> Result<String, String> {
    let text = surroundings.read(path);
    text.map_err(|error| format!("{} cannot be read: {error}", path.display()))
}

fn certificates(
    path: &Path,
    surroundings: &dyn Surroundings,
) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read(path, surroundings)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let all = all.map_err(|error| format!("{}: {error}", path.display()))?;
    if all.is_empty() {
        return Err(format!("{} holds no certificate", path.display()));
    }
    Ok(all)
}

fn roots(path: &Path, surroundings: &dyn Surroundings) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(path, surroundings)? {
        let added = store.add(certificate);
        added.map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(store)
}

fn system_roots() -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() {
        return Err("the system has no certificates of authorities".to_owned());
    }
    Ok(store)
}

fn authorities(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, String> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| error.to_string())
}

/// Judge of a server's certificate.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    /// The authorities to trust; `None` if the mode checks no certificate.
    authorities: Option<Arc<WebPkiServerVerifier>>,
    /// True if the certificate must be for the name of the host.
    checks_name: bool,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(authorities) = &self.authorities else {
            return Ok(ServerCertVerified::assertion());
        };
        let judged = authorities.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match judged {
            // The name is judged last, so that all else holds.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.checks_name => Ok(ServerCertVerified::assertion()),
            judged => judged,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
