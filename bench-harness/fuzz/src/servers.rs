//! Addresses of servers, and the files that complete them.

use std::io;
use std::path::{Path, PathBuf};

use queue_core::postgres::{Address, Surroundings};

use super::check_sentence;

/// A service file and a password file, in the home folder.
struct Files<'a> {
    services: &'a str,
    passwords: &'a str,
}

impl Surroundings for Files<'_> {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn home(&self) -> Option<PathBuf> {
        Some("/home/ann".into())
    }

    fn user(&self) -> Option<String> {
        Some("ann".to_owned())
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        match path.to_str() {
            Some("/home/ann/.pg_service.conf") => Ok(self.services.to_owned()),
            Some("/home/ann/.pgpass") => Ok(self.passwords.to_owned()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn is_open_to_others(&self, _: &Path) -> bool {
        false
    }
}

/// An address is shown as one, which is shown the same. Behind it stand a service file and a password
/// file, each after a line with `%%`.
pub(crate) fn addresses(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let mut parts = text.splitn(3, "\n%%\n");
    let mut next = || parts.next().unwrap_or_default();
    let (text, services, passwords) = (next(), next(), next());
    let files = Files {
        services,
        passwords,
    };
    match Address::parse(text, &files) {
        Ok(address) => {
            let shown = address.to_string();
            assert!(shown.is_ascii(), "{shown}");
            let again = Address::parse(&shown, &files);
            assert_eq!(again.expect("an address").to_string(), shown);
        }
        Err(error) => check_sentence(&error.to_string()),
    }
}
