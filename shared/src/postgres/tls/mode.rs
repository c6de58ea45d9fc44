//! Modes of encryption.

use crate::postgres::parameters::Parameters;

/// The `sslmode`s: <https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-SSLMODE-STATEMENTS>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Never encrypted.
    Disable,
    /// Encrypted only if the server refuses a plain connection.
    Allow,
    /// Encrypted if the server can; the default.
    Prefer,
    /// Encrypted. The certificate is checked only if there is a file of authorities.
    Require,
    /// Encrypted, with a certificate of a known authority.
    VerifyCa,
    /// Encrypted, with such a certificate for the name of the host.
    VerifyFull,
}

impl Mode {
    pub(super) fn of(parameters: &Parameters) -> Result<Self, String> {
        Ok(match parameters.get("sslmode") {
            Some("disable") => Self::Disable,
            Some("allow") => Self::Allow,
            None | Some("prefer") => Self::Prefer,
            Some("require") => Self::Require,
            Some("verify-ca") => Self::VerifyCa,
            Some("verify-full") => Self::VerifyFull,
            Some(_) => {
                return Err(
                    "`sslmode` is disable, allow, prefer, require, verify-ca or verify-full"
                        .to_owned(),
                );
            }
        })
    }

    /// True if no connection is made without encryption.
    #[cfg(not(feature = "postgres-tls"))]
    pub(super) fn must_encrypt(self) -> bool {
        matches!(self, Self::Require | Self::VerifyCa | Self::VerifyFull)
    }
}
