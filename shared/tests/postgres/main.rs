//! Connections to a server of the tests' own.

#![cfg(feature = "postgres-tls")]
#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod connections;
mod encryption;
mod schema;

use std::io;
use std::path::{Path, PathBuf};

use queue_core::error::Result;
use queue_core::postgres::{Address, Commits, Connection, Surroundings};

/// Surroundings without variables, and with a home folder that a test names.
#[derive(Default)]
struct Home(Option<PathBuf>);

impl Surroundings for Home {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn home(&self) -> Option<PathBuf> {
        self.0.clone()
    }

    fn user(&self) -> Option<String> {
        Some("postgres".to_owned())
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        std::fs::read_to_string(path)
    }

    fn is_open_to_others(&self, _: &Path) -> bool {
        false
    }
}

fn address(text: &str) -> Address {
    Address::parse(text, &Home::default()).unwrap()
}

fn open(text: &str) -> Result<Connection> {
    Connection::open(&address(text), Commits::Synchronous)
}

/// The whole sentence of an error, with that of its cause.
fn sentence<T: std::fmt::Debug>(result: Result<T>) -> String {
    let error = result.unwrap_err();
    let cause = std::error::Error::source(&error);
    cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
