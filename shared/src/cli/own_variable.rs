//! Variables of a program's environment: `FAST_QUEUE_DB` for `DB`.

use std::ffi::OsString;

/// The name of a variable.
pub(super) fn variable_name(program: &str, name: &str) -> String {
    format!("{}_{name}", program.to_uppercase().replace('-', "_"))
}

/// A variable of the program's environment, unless it is empty.
pub(super) fn variable(program: &str, name: &str) -> Option<OsString> {
    std::env::var_os(variable_name(program, name)).filter(|value| !value.is_empty())
}
