//! The program as its users meet it, and what only this one does.

#[cfg(test)]
#[path = "../../../shared/tests/command_line/mod.rs"]
mod command_line;

/// The program under test.
#[cfg(test)]
const PROGRAM: &str = env!("CARGO_BIN_EXE_workflow-queue");
/// Whether it writes at `full` durability unless told otherwise.
#[cfg(test)]
const IS_FULL: bool = true;
