//! The common half of both command lines: every verb that both programs have, said the same way.
//!
//! A program's `main` describes itself as a [`Program`], parses its arguments with [`main`] and
//! hands [`Common`] options and a [`Verb`] to [`Program::run`]. Each verb is a file of its name.

mod arguments;
mod duration;
mod escape;
mod exit;
mod json;
mod moment;
mod program;
mod screen;
mod select;
mod table;
mod tasks;

mod add_task;
mod cancel;
mod change;
mod completions;
mod doctor;
mod list;
mod log;
mod pause;
mod prune;
mod reprioritize;
mod retry;
mod run;
mod show;
mod status;
mod systemd;
mod wait;
mod why;
mod worker;
mod workers;

pub use arguments::{Common, Verb};
pub use exit::Failure;
pub use program::{Program, main};
pub use screen::Format;
