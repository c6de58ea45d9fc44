//! Private parsers, for tests that feed them random input.

use super::add_task::{Fields, bulk};
use super::systemd::unit::Unit;
use super::{option_values, variables};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::task::NewTask;

/// The tasks of lines as `add-task --stdin` reads them, each with its fields among `others`.
///
/// # Errors
/// The sentence that a person is shown.
pub fn task_lines(
    bytes: &[u8],
    others: &'static [&'static str],
    now: Timestamp,
) -> Result<Vec<(NewTask, Fields)>, String> {
    let template = NewTask::shell("", "");
    let both = |_, task, fields| Ok((task, fields));
    bulk::read(bytes, &template, others, now, both).map_err(|failure| failure.sentence())
}

/// The name of a variable and its value, if it has one, as `--env` reads them.
///
/// # Errors
/// A sentence that says how to write it.
pub fn variable(text: &str) -> Result<(&str, Option<&str>), String> {
    variables::split(text)
}

/// An exit code as `--retry-codes` reads it.
///
/// # Errors
/// A sentence that says how to write it.
pub fn exit_code(text: &str) -> Result<i32, String> {
    option_values::exit_code(text)
}

/// A unit file of a worker on `database` and `queue`, with `extra` arguments.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) for a path that no unit file can name.
pub fn unit(program: &str, database: &str, queue: &str, extra: &[String]) -> Result<String> {
    let unit = Unit {
        name: "fast-queue",
        program,
        database,
        system: false,
        harden: true,
        run_as: None,
        slots: None,
        served: &["--queue".to_owned(), queue.to_owned()],
        grace: std::time::Duration::from_secs(10),
        extra,
        option: None,
    };
    unit.render()
}
