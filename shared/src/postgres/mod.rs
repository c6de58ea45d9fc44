//! Connections to a Postgres server: where it is, how they are made safe, and the tables of a queue.
//!
//! `address` reads an address and whatever completes it; `tls` chooses how a connection is encrypted;
//! `connection` sends statements, all of one trip at once; `migrate` makes the tables; `fault` words the
//! errors of the server.

mod address;
mod connection;
mod fault;
mod migrate;
mod parameters;
mod passfile;
mod service_file;
mod surroundings;
mod tls;
mod value;

pub use address::Address;
pub use connection::{Commits, Connection, Query, Replies};
pub use migrate::{Creation, migrate};
pub use surroundings::{ProcessSurroundings, Surroundings};
pub use value::Value;
