//! The arguments both programs share.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::program::Context;
use super::screen::Format;
use super::{
    Failure, backup, cancel, completions, doctor, list, log, pause, prune, reap, reprioritize,
    restore, run, salvage, show, shrink, status, verify, wait, why, words, workers,
};
use crate::queue::Queue;
use crate::sqlite::Durability;

/// Options of every verb, before or after it.
#[derive(Args, Debug)]
pub struct Common {
    /// The database file; else the environment's `<PROGRAM>_DB`, else a file under
    /// `$XDG_DATA_HOME`
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        value_hint = clap::ValueHint::FilePath,
        help_heading = "Common options"
    )]
    pub(crate) db: Option<PathBuf>,

    /// The form of what is printed; else the environment's `<PROGRAM>_OUTPUT`, else a table
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        value_name = "FORM",
        help_heading = "Common options"
    )]
    pub(crate) output: Option<Format>,

    /// What an acknowledged change survives: `fast`, the crash of any process; `full`, a power
    /// cut too
    #[arg(
        long,
        global = true,
        value_name = "LEVEL",
        value_parser = words::of(["fast", "full"], durability),
        hide_possible_values = true,
        help_heading = "Common options"
    )]
    pub(crate) durability: Option<Durability>,
}

fn durability(word: &str) -> Result<Durability, String> {
    match word {
        "fast" => Ok(Durability::Fast),
        "full" => Ok(Durability::Full),
        _ => Err("a durability is `fast` or `full`".to_owned()),
    }
}

/// What both programs do in the same way.
#[derive(Debug, Subcommand)]
#[expect(
    missing_docs,
    reason = "clap shows what stands here in place of what stands at each verb's arguments"
)]
pub enum Verb {
    Run(run::Arguments),
    #[command(visible_alias = "stats")]
    Status(status::Arguments),
    List(list::Arguments),
    Show(show::Arguments),
    Log(log::Arguments),
    Wait(wait::Arguments),
    Why(why::Arguments),
    Cancel(cancel::Arguments),
    Reprioritize(reprioritize::Arguments),
    Pause(pause::Arguments),
    Resume(pause::ResumeArguments),
    Workers(workers::Arguments),
    Reap(reap::Arguments),
    Prune(prune::Arguments),
    Doctor(doctor::Arguments),
    Verify(verify::Arguments),
    Shrink(shrink::Arguments),
    Backup(backup::Arguments),
    Restore(restore::Arguments),
    Salvage(salvage::Arguments),
    Completions(completions::Arguments),
}

impl Default for Verb {
    /// The bare command shows how things stand.
    fn default() -> Self {
        Self::Status(status::Arguments {})
    }
}

impl Verb {
    /// Does it.
    ///
    /// # Errors
    /// Whatever ends the verb, with its exit code.
    pub fn run<Q: Queue>(self, context: &Context<Q>) -> Result<(), Failure> {
        match self {
            Self::Run(arguments) => run::run(context, &arguments),
            Self::Status(arguments) => status::run(context, &arguments),
            Self::List(arguments) => list::run(context, &arguments),
            Self::Show(arguments) => show::run(context, &arguments),
            Self::Log(arguments) => log::run(context, &arguments),
            Self::Wait(arguments) => wait::run(context, &arguments),
            Self::Why(arguments) => why::run(context, &arguments),
            Self::Cancel(arguments) => cancel::run(context, &arguments),
            Self::Reprioritize(arguments) => reprioritize::run(context, &arguments),
            Self::Pause(arguments) => pause::pause(context, &arguments),
            Self::Resume(arguments) => pause::resume(context, &arguments),
            Self::Workers(arguments) => workers::run(context, &arguments),
            Self::Reap(arguments) => reap::run(context, &arguments),
            Self::Prune(arguments) => prune::run(context, &arguments),
            Self::Doctor(arguments) => doctor::run(context, &arguments),
            Self::Verify(arguments) => verify::run(context, &arguments),
            Self::Shrink(arguments) => shrink::run(context, &arguments),
            Self::Backup(arguments) => backup::run(context, &arguments),
            Self::Restore(arguments) => restore::run(context, &arguments),
            Self::Salvage(arguments) => salvage::run(context, &arguments),
            Self::Completions(arguments) => {
                completions::run(context.screen, &arguments, (context.program.command)())
            }
        }
    }
}

/// The form asked for by `-o`, `--output` or the environment, read before the arguments are
/// parsed: what is wrong with them is to be reported in that form too.
pub(crate) fn format_of(arguments: &[OsString], environment: Option<&str>) -> Format {
    let word = |text: &str| Format::from_str(text, false).ok();
    let mut format = environment.and_then(word);
    let mut rest = arguments.iter().map(|argument| argument.to_string_lossy());
    while let Some(argument) = rest.next() {
        if argument == "--" {
            break;
        }
        let value = if argument == "-o" || argument == "--output" {
            rest.next().map(std::borrow::Cow::into_owned)
        } else {
            argument
                .strip_prefix("--output=")
                .or_else(|| argument.strip_prefix("-o"))
                .map(str::to_owned)
        };
        format = value.as_deref().and_then(word).or(format);
    }
    format.unwrap_or(Format::Table)
}

#[cfg(test)]
mod tests {
    use super::{Format, format_of};

    #[test]
    fn the_form_is_known_before_the_arguments_are_parsed() {
        let of = |line: &str, environment| {
            let arguments: Vec<_> = line.split(' ').map(Into::into).collect();
            format_of(&arguments, environment)
        };
        assert_eq!(of("x list", None), Format::Table);
        assert_eq!(of("x list -o json", None), Format::Json);
        assert_eq!(of("x -ojson list", None), Format::Json);
        assert_eq!(of("x --output=json", None), Format::Json);
        assert_eq!(of("x --output json", None), Format::Json);
        assert_eq!(of("x add-task a -- -o json", None), Format::Table);
        assert_eq!(of("x list", Some("json")), Format::Json);
        assert_eq!(of("x list -o table", Some("json")), Format::Table);
    }
}
