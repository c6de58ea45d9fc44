//! Encryption of connections: the `sslmode`s of `libpq`, by rustls.

mod mode;
#[cfg(feature = "postgres-tls")]
mod rustls;

use tokio_postgres::config::SslMode;

use self::mode::Mode;
#[cfg(feature = "postgres-tls")]
pub(super) use self::rustls::{Connector, Trust};
use super::parameters::Parameters;
use super::surroundings::Surroundings;

/// Encryption of a connection, and whom it trusts.
#[derive(Clone)]
pub(super) struct Encryption {
    mode: Mode,
    #[cfg(feature = "postgres-tls")]
    trust: Trust,
}

impl Encryption {
    /// The first try of a connection.
    pub(super) fn first_mode(&self) -> SslMode {
        match self.mode {
            Mode::Disable | Mode::Allow => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        }
    }

    /// The second try, if the server refused the first.
    pub(super) fn second_mode(&self) -> Option<SslMode> {
        (self.mode == Mode::Allow).then_some(SslMode::Require)
    }

    /// What makes encrypted connections.
    #[cfg(feature = "postgres-tls")]
    pub(super) fn connector(&self) -> Connector {
        self.trust.connector()
    }

    /// Nothing that makes encrypted connections.
    #[cfg(not(feature = "postgres-tls"))]
    pub(super) fn connector(&self) -> tokio_postgres::NoTls {
        tokio_postgres::NoTls
    }
}

/// The encryption that the parameters ask for.
///
/// # Errors
/// A sentence about an unknown mode, or certificates that cannot be read.
pub(super) fn encryption(
    parameters: &Parameters,
    surroundings: &dyn Surroundings,
) -> Result<Encryption, String> {
    let mode = Mode::of(parameters)?;
    let hosts = parameters.get("host").unwrap_or_default();
    // As libpq: the sockets of the own host are never encrypted.
    let are_sockets = hosts.split(',').all(|host| host.starts_with('/'));
    let mode = if are_sockets { Mode::Disable } else { mode };
    #[cfg(not(feature = "postgres-tls"))]
    {
        let _ = surroundings;
        if mode.must_encrypt() {
            return Err("this build cannot encrypt connections; use one with TLS".to_owned());
        }
        Ok(Encryption { mode })
    }
    #[cfg(feature = "postgres-tls")]
    {
        let trust = Trust::of(mode, parameters, surroundings)?;
        Ok(Encryption { mode, trust })
    }
}
