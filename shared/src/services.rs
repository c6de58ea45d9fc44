//! Services: commands that systemd keeps running, beside the tasks of a file.
//!
//! A service is no task: it never ends, and comes back at every boot or login. Its unit file carries the
//! id of the database, and that is all by which it belongs to the file; the database has no row of it.
//! The command line changes services; [`found`] and [`standings`] read them.

mod files;
mod manager;
mod marks;
mod quoting;
mod scope;
mod unit;

pub use files::{ServiceUnit, found};
pub(crate) use files::{of_file, remove, write};
pub use manager::{ServiceState, standings};
pub(crate) use manager::{Verb, journal, request, run_systemctl, systemctl};
pub(crate) use quoting::{describe, quote};
pub use scope::Scope;
pub(crate) use unit::{Definition, Restart, check_name, unit_file};
