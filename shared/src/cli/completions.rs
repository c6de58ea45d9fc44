//! `completions`: a script that completes this program's command line.

use clap_complete::Shell;

use super::Failure;
use super::screen::Screen;

/// Print a completion script for a shell
///
/// For bash, put `eval "$(<PROGRAM> completions bash)"` into ~/.bashrc.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script for `command`.
pub(crate) fn run(
    screen: Screen,
    arguments: &Arguments,
    mut command: clap::Command,
) -> Result<(), Failure> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, name, &mut script);
    screen.raw(&script)
}
