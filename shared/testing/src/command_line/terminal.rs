//! Terminals, which `script` of util-linux makes.

use std::process::{Command, Stdio};

use super::program::Sandbox;
use crate::skipped;

/// `script`, which runs a line of `/bin/sh` on a new terminal, in the sandbox and with its variables.
/// `None` if no terminal can be made.
pub fn script(sandbox: &Sandbox, line: &str) -> Option<Command> {
    let has_script = Command::new("script")
        .args(["-qec", "test -t 0", "/dev/null"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
    if !has_script.is_ok_and(|status| status.success()) {
        skipped("there is no `script` to make a terminal with");
        return None;
    }
    let program = sandbox.command(&[]);
    let variables = program.get_envs();
    let variables = variables.filter_map(|(name, value)| Some((name, value?)));
    let mut script = Command::new("script");
    script
        .args(["-qec", line, "/dev/null"])
        .current_dir(sandbox.folder())
        .envs(variables)
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::null());
    Some(script)
}
