//! `completions`: a script that completes this program's command line.

use clap::builder::PossibleValue;
use clap_complete::Shell;

use super::screen::Screen;
use super::{Failure, program};

/// Print a completion script for a shell
///
/// Add the line for your shell to its start-up file.
///
/// bash, ~/.bashrc: eval "$(<PROGRAM> completions bash)"
///
/// zsh, ~/.zshrc, after compinit: eval "$(<PROGRAM> completions zsh)"
///
/// fish, ~/.config/fish/config.fish: <PROGRAM> completions fish | source
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
    command: clap::Command,
) -> Result<(), Failure> {
    let shell = arguments.shell;
    let name = command.get_name().to_owned();
    let script = if shell == Shell::Bash {
        bash(command)
    } else if shell == Shell::Fish {
        fish(command)
    } else {
        generated(shell, command, None)
    };
    screen.raw(program::named(&name, &script).as_bytes())
}

/// The script clap makes, for a program of its own or of another name.
fn generated(shell: Shell, mut command: clap::Command, name: Option<&str>) -> String {
    let name = name.unwrap_or(command.get_name()).to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// clap derives the labels of one `case` from the program's name in two ways that differ once there
/// is a hyphen in it, so that nothing follows a verb. The script is made for a name without, and is
/// then registered for the real one.
fn bash(command: clap::Command) -> String {
    let name = command.get_name().to_owned();
    let unhyphenated = name.replace('-', "__");
    generated(Shell::Bash, command, Some(&unhyphenated))
        .replace(
            &format!("-o default {unhyphenated}\n"),
            &format!("-o default {name}\n"),
        )
        .replace("    prev=\"$3\"\n", PREVIOUS_WORD)
}

/// bash splits `--output=json` into three words, of which the second is no option.
const PREVIOUS_WORD: &str = r#"    prev="$3"
    if [[ "${prev}" == "=" ]]; then
        prev="${COMP_WORDS[COMP_CWORD-2]}"
    fi
"#;

/// clap counts `help` among the words that may follow `help`, and takes the first for the second. An
/// option before the verb whose value is missing is an error to it, so that no value was offered. The
/// values of what is no option it leaves out.
fn fish(command: clap::Command) -> String {
    let values = values(&command);
    let is_of_help = |line: &str| line.contains("_using_subcommand help; and not ");
    let script = generated(Shell::Fish, command, None);
    let lines = script.lines().map(|line| match line {
        "    or return" => "    or return 0\n".to_owned(),
        line if is_of_help(line) => line.replace(" help\" -f", "\" -f") + "\n",
        line => format!("{line}\n"),
    });
    lines.chain(values).collect()
}

/// Lines that offer the values of arguments that are no options.
fn values(command: &clap::Command) -> Vec<String> {
    let program = command.get_name();
    let function = program.replace('-', "_");
    let mut lines = Vec::new();
    for verb in command.get_subcommands() {
        for argument in verb.get_positionals() {
            let values = argument.get_possible_values();
            let values: Vec<&str> = values.iter().map(PossibleValue::get_name).collect();
            if !values.is_empty() {
                lines.push(format!(
                    "complete -c {program} -n \"__fish_{function}_using_subcommand {}\" -f -a \"{}\"\n",
                    verb.get_name(),
                    values.join(" ")
                ));
            }
        }
    }
    lines
}
