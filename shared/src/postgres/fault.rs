//! Errors of a server and of the way to it, as this crate's.
//!
//! Classes of conditions: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.

use std::error::Error as _;

use tokio_postgres::error::SqlState;

use super::address::Address;
use crate::error::Error;

/// The call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// A connection.
    Connect,
    /// A statement.
    Statement,
    /// A trip that ends with a commit.
    Commit,
}

/// The error of a call.
pub(super) fn of(address: &Address, error: &tokio_postgres::Error, moment: Moment) -> Error {
    let told = told(error);
    match error.code() {
        Some(code) if is_ending(code) && moment == Moment::Commit => unknown(told),
        Some(code) => refused(address, code, told),
        None if moment == Moment::Commit => unknown(told),
        None if moment == Moment::Connect => unusable(address, unreachable(error, &told)),
        None => Error::Refused {
            may_pass: true,
            source: told.into(),
        },
    }
}

/// The error of a server that does not answer.
pub(super) fn silent(address: &Address, moment: Moment) -> Error {
    let told = format!("{address}: the server does not answer");
    match moment {
        Moment::Commit => unknown(told),
        Moment::Connect | Moment::Statement => Error::Refused {
            may_pass: true,
            source: told.into(),
        },
    }
}

/// The error of a server that cannot be used for that reason.
pub(super) fn unusable(address: &Address, what: String) -> Error {
    Error::Unusable {
        path: address.to_string().into(),
        what,
        remedy: None,
        source: None,
    }
}

fn unknown(told: String) -> Error {
    Error::CommitUnknown {
        source: told.into(),
    }
}

/// True if the server ended the session: a commit may have happened before.
fn is_ending(code: &SqlState) -> bool {
    matches!(code.code().get(..3), Some("57P" | "08P" | "080" | "XX0"))
}

fn refused(address: &Address, code: &SqlState, told: String) -> Error {
    let what = match code.code() {
        "28P01" | "28000" => authentication(address, &told),
        "3D000" => format!("{told}; create it with `createdb`, or name another"),
        "42501" => format!("{told}; the role lacks this right"),
        "25006" => format!("{told}; the server cannot be written to: name the primary"),
        "42P01" | "3F000" | "42703" => {
            format!("{told}; a part of the queue's tables is missing")
        }
        // Corrupted rows or indexes.
        "XX001" | "XX002" => format!("{told}; restore a backup of the server"),
        "22021" | "22P05" => return Error::invalid(told),
        "55P03" | "57014" => return Error::Busy { what: told },
        // Classes: resources, limits, and errors of the system.
        short if short.starts_with("53") || short.starts_with("58") => {
            return Error::Shortage {
                path: address.to_string().into(),
                what: told,
                source: None,
            };
        }
        code => {
            // Deadlocks, serialization failures, and a server that starts or stops.
            let may_pass =
                code.starts_with("40") || code.starts_with("57P") || code.starts_with("08");
            return Error::Refused {
                may_pass,
                source: told.into(),
            };
        }
    };
    unusable(address, what)
}

fn authentication(address: &Address, told: &str) -> String {
    match &address.ignored_passfile {
        Some(path) => format!(
            "{told}; {} was not read, because others may read it too: chmod 600 it",
            path.display()
        ),
        None => format!("{told}; check the user, and the password in PGPASSWORD or ~/.pgpass"),
    }
}

fn unreachable(error: &tokio_postgres::Error, told: &str) -> String {
    let missing = error.to_string().contains("invalid configuration");
    if missing {
        format!("{told}; give the password in PGPASSWORD or ~/.pgpass")
    } else {
        format!("{told}; check that the server runs, and its host and port")
    }
}

/// The sentence of an error: that of the server, or else of its cause. Control characters are escaped:
/// anybody may have written them.
fn told(error: &tokio_postgres::Error) -> String {
    let sentence = match error.as_db_error() {
        Some(of_server) => format!("{} ({})", of_server.message(), of_server.code().code()),
        None => match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        },
    };
    let escaped = |c: char| match c {
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    };
    sentence.chars().map(escaped).collect()
}
