//! `completions`: a script that completes this program's command line.

use clap::builder::PossibleValue;
use clap_complete::Shell;

use super::printer::Printer;
use super::{Failure, command_line};

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
    printer: Printer,
    arguments: &Arguments,
    command: clap::Command,
) -> Result<(), Failure> {
    let shell = arguments.shell;
    let name = command.get_name().to_owned();
    let script = if shell == Shell::Bash {
        bash(command)
    } else if shell == Shell::Fish {
        fish(command)
    } else if shell == Shell::Zsh {
        generated(shell, command, None) + ZSH_VALUES
    } else {
        generated(shell, command, None)
    };
    let script = script.replace("THIS_PROGRAM", &name);
    printer.raw(command_line::named(&name, &script).as_bytes())
}

/// The script that clap generates, for this program or under another name.
fn generated(shell: Shell, mut command: clap::Command, name: Option<&str>) -> String {
    let name = name.unwrap_or(command.get_name()).to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The script for bash. clap derives the labels of one `case` from the program's name in two ways,
/// which differ if the name has a hyphen; then nothing is completed after a verb. The script is
/// therefore generated for a name without hyphens and registered for the real one.
fn bash(command: clap::Command) -> String {
    let name = command.get_name().to_owned();
    let unhyphenated = name.replace('-', "__");
    generated(Shell::Bash, command, Some(&unhyphenated))
        .replace(
            &format!("-o default {unhyphenated}\n"),
            &format!("-o default {name}\n"),
        )
        .replace("    prev=\"$3\"\n", PREVIOUS_WORD)
        .replace(
            &format!("complete -F _{unhyphenated} "),
            &format!("complete -F _{unhyphenated}_values "),
        )
        + &BASH_VALUES.replace("FUNCTION", &format!("_{unhyphenated}"))
}

/// Function that offers values from the file, else what the generated function offers.
const BASH_VALUES: &str = r#"
FUNCTION_values() {
    local IFS=$'\n'
    COMPREPLY=($(THIS_PROGRAM complete --bash -- "${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null))
    if [[ ${#COMPREPLY[@]} -eq 0 ]]; then
        IFS=$' \t\n'
        FUNCTION "$@"
    fi
}
"#;

/// The same for zsh, which shows what each value is.
const ZSH_VALUES: &str = r#"
_THIS_PROGRAM-values() {
    local -a offers values
    offers=("${(@f)$(THIS_PROGRAM complete -- "${(@Q)words[1,CURRENT]}" 2>/dev/null)}")
    if [[ -z "${offers[1]}" ]]; then
        _THIS_PROGRAM "$@"
        return
    fi
    values=("${(@)offers%%$'\t'*}")
    offers=("${(@)offers//$'\t'/  }")
    compadd -l -V tasks -d offers -a values
}
compdef _THIS_PROGRAM-values THIS_PROGRAM
"#;

/// Options whose values the file knows, as the script for fish has them.
const FROM_FILE: [&str; 2] = [" -l queue ", " -l name "];

/// The same for fish.
const FISH_VALUES: &str = r#"
function __THIS_PROGRAM_values
    set -l offers (THIS_PROGRAM complete -- (commandline -opc) (commandline -ct) 2>/dev/null)
    test -n "$offers"; and printf '%s\n' $offers
end
complete -c THIS_PROGRAM -n "__THIS_PROGRAM_values >/dev/null" -f -k -a "(__THIS_PROGRAM_values)"
"#;

/// Code that finds the option before a value: bash splits `--output=json` into three words, of
/// which the second is `=`.
const PREVIOUS_WORD: &str = r#"    prev="$3"
    if [[ "${prev}" == "=" ]]; then
        prev="${COMP_WORDS[COMP_CWORD-2]}"
    fi
"#;

/// The script for fish. The values of options that the file knows are asked for at each, because fish
/// offers nothing else there. It corrects three things of the script that clap generates: `help` is
/// offered after `help`; an option without its value before the verb is an error, so that no value
/// is offered; the values of positional arguments are missing.
fn fish(command: clap::Command) -> String {
    let values = values(&command);
    let is_of_help = |line: &str| line.contains("_using_subcommand help; and not ");
    let script = generated(Shell::Fish, command, None);
    let lines = script.lines().map(|line| match line {
        "    or return" => "    or return 0\n".to_owned(),
        line if is_of_help(line) => line.replace(" help\" -f", "\" -f") + "\n",
        line if line.ends_with(" -r") && FROM_FILE.iter().any(|own| line.contains(own)) => {
            format!("{line} -f -a \"(__THIS_PROGRAM_values)\"\n")
        }
        line => format!("{line}\n"),
    });
    lines
        .chain(values)
        .chain([FISH_VALUES.to_owned()])
        .collect()
}

/// Lines that offer the values of positional arguments.
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
