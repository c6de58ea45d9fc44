//! Service managers.

use std::path::PathBuf;

use crate::error::{Error, Result};

/// Service manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// That of this user.
    User,
    /// That of the machine.
    System,
}

impl Scope {
    /// Its word: `user` or `system`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::System => "system",
        }
    }

    /// Folder of its unit files.
    ///
    /// # Errors
    /// [`Error::Invalid`] if this user has no home folder.
    pub fn folder(self) -> Result<PathBuf> {
        if self == Self::System {
            return Ok(PathBuf::from("/etc/systemd/system"));
        }
        let absolute = |name| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let config = absolute("XDG_CONFIG_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".config")));
        let config = config.ok_or_else(|| {
            Error::invalid("there is no home folder for a user's service; set HOME")
        })?;
        Ok(config.join("systemd/user"))
    }

    /// Target that starts its services at a boot or login.
    pub(super) fn target(self) -> &'static str {
        match self {
            Self::User => "default.target",
            Self::System => "multi-user.target",
        }
    }
}
