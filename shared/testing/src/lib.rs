//! Tests and test tools for all packages of the workspace: the [`conformance`] suite that every
//! engine passes, the [`simulation`] that drives the shipped state machines from one seed, and the
//! tests of both programs: their [`command_line`] and its [`transcripts`], the pages of [`docs`]
//! and [`soak`]s. No product depends on it.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]
#![expect(clippy::missing_panics_doc, reason = "a panic is a test that fails")]
#![expect(missing_docs, reason = "names of cases are sentences")]

pub mod command_line;
pub mod conformance;
pub mod docs;
pub mod exposition;
pub mod links;
pub mod patience;
pub mod postgres_server;
pub mod processes;
pub mod simulation;
mod skipped;
pub mod soak;
pub mod transcripts;

pub use skipped::{not_permitted, skipped};
