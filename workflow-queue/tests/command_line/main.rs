//! The program as its users meet it: processes, signals, files, exit codes.

#[cfg(test)]
#[path = "../../../shared/tests/command_line/mod.rs"]
mod command_line;
#[cfg(test)]
mod drains;
#[cfg(test)]
mod inputs;
#[cfg(test)]
mod leases;
#[cfg(test)]
mod promotion;
#[cfg(test)]
mod spawn;
#[cfg(test)]
mod workflows;

/// The program under test.
#[cfg(test)]
const PROGRAM: &str = env!("CARGO_BIN_EXE_workflow-queue");
/// Whether it writes at `full` durability unless told otherwise.
#[cfg(test)]
const IS_FULL: bool = true;
