//! The common half of both command lines: every verb that both programs have, said the same way.
//!
//! A program's `main` describes itself as a [`Program`], parses its arguments with [`main`] and
//! hands [`Common`] options and what to do to [`Program::run`]. Each verb is a file of its name.
//! [`Verb`] holds those that are the same in every program; `add-task`, `worker`, `systemd` and
//! `retry` are functions that are handed what a program adds to them, or [`Plain`].

mod arguments;
mod common;
pub mod duration;
pub mod escape;
mod exit;
mod extra;
#[cfg(feature = "internals")]
pub(crate) mod fuzzing;
pub mod json;
pub mod moment;
pub mod number;
pub mod possible_values;
mod printer;
mod program;
pub(crate) mod screen;
pub mod select;
pub mod table;
pub mod tasks;
mod values;

pub mod add_task;
mod backup;
mod cancel;
mod change_selected;
mod completions;
mod doctor;
mod interrupt;
mod invocation;
mod known;
mod list;
mod log;
mod pause;
mod process;
mod prune;
mod reap;
mod reprioritize;
mod restore;
pub mod retry;
mod run;
mod salvage;
mod show;
mod shrink;
mod skipped;
mod status;
pub mod systemd;
mod terminal;
mod tips;
mod verify;
mod wait;
mod why;
pub mod worker;
mod workers;

pub use arguments::Verb;
pub use common::Common;
pub use exit::Failure;
pub use extra::Plain;
pub use invocation::Invocation;
pub use program::{Access, Context, Program, main};
pub use screen::note;
pub use show::find;
