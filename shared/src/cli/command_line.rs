//! The process around a verb: its command line and its exit code, help texts, and reports of
//! refused arguments and of panics.

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use super::argument_tips;
use super::common::{Common, coloring_of, format_of};
use super::configuration::Config;
use super::exit::{self, Failure};
use super::own_variable::{variable, variable_name};
use super::printer::{self, Coloring, Format, Printer};
use super::workflow_verbs;
use crate::error::Error;

/// Reads the configuration file and parses the arguments of the process, calls `run`, reports a
/// failure and returns the exit code.
///
/// `V` has the verbs of `A` that add tasks, and `W` its verb `worker`.
pub fn main<A, V, W>(
    name: &'static str,
    run: impl FnOnce(A, Config) -> Result<(), Failure>,
) -> ExitCode
where
    A: Parser + From<(Common, V)> + From<(Common, W)>,
    V: Subcommand,
    W: Subcommand,
{
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let loaded = Config::load(name, A::command, &arguments);
    let config = loaded.as_ref().ok().cloned().unwrap_or_default();
    let environment = variable(name, "OUTPUT");
    let environment = environment.as_ref().map(|word| word.to_string_lossy());
    let format = format_of(
        &arguments,
        environment.as_deref().or(config.common("output")),
    );
    let coloring = coloring_of(&arguments, &config);
    report_panics(name, format);
    let result = catch_unwind(AssertUnwindSafe(|| {
        match (parse::<A, V, W>(&arguments, &config), loaded) {
            (Err(error), _) if !error.use_stderr() => help(name, &error.render(), coloring),
            (_, Err(failure)) => Err(failure),
            (Ok(arguments), Ok(config)) => run(arguments, config),
            (Err(mut error), Ok(_)) => {
                if let Some(sentence) = workflow_verbs::missing::<A>(&error, &arguments) {
                    return Err(Failure::Usage(sentence));
                }
                argument_tips::correct::<A>(&mut error, &arguments);
                Err(refused(&error, format))
            }
        }
    }));
    let awaits = argument_tips::awaits_a_task(&arguments);
    let Ok(result) = result else {
        let code = if awaits {
            exit::BESIDE_A_TASK
        } else {
            exit::BUG
        };
        return ExitCode::from(code);
    };
    let result = match result {
        Err(failure) if awaits => Err(failure.beside_a_task()),
        result => result,
    };
    if let Err(failure) = &result {
        printer::fail(name, format, failure);
    }
    exit::code(&result)
}

/// The command line of some verbs, without the others.
#[derive(Parser)]
struct Alone<V: Subcommand> {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: V,
}

/// Parses the arguments, with the defaults of the configuration file.
///
/// Scripts call a program once for each task, and the description of all its verbs and options takes a
/// third of that time. In a worker the code that makes it would stay in memory. So a call that seems to
/// be of these verbs is first parsed by the description of them alone. It accepts nothing else, and all
/// messages come from the whole description.
fn parse<A, V, W>(arguments: &[OsString], config: &Config) -> Result<A, clap::Error>
where
    A: Parser + From<(Common, V)> + From<(Common, W)>,
    V: Subcommand,
    W: Subcommand,
{
    let has = |verb: fn(&str) -> bool| arguments.iter().any(|word| word.to_str().is_some_and(verb));
    if has(argument_tips::adds)
        && let Ok(Alone::<V> { common, verb }) = parse_all(arguments, config)
    {
        return Ok(A::from((common, verb)));
    }
    if has(|word| word == "worker")
        && let Ok(Alone::<W> { common, verb }) = parse_all(arguments, config)
    {
        return Ok(A::from((common, verb)));
    }
    parse_all(arguments, config)
}

/// Parses the arguments of a command line.
fn parse_all<A: Parser>(arguments: &[OsString], config: &Config) -> Result<A, clap::Error> {
    let mut command = config.apply(A::command());
    let mut matches = command.try_get_matches_from_mut(arguments)?;
    let lasts = matches!(matches.subcommand_name(), Some("worker" | "serve" | "top"));
    let parsed = A::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command));
    if !lasts {
        // The process ends soon, and taking the description apart takes a fifth of a short one's
        // time. One that lasts has its memory back.
        std::mem::forget(command);
    }
    parsed
}

/// Replaces the backtrace of a panic with one sentence.
fn report_panics(name: &'static str, format: Format) {
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string);
        let what = format!(
            "internal error at {}: {}",
            place.as_deref().unwrap_or("an unknown place"),
            message_of(panic.payload())
        );
        printer::fail(name, format, &Failure::Error(Error::Bug { what }));
    }));
}

fn message_of(payload: &(dyn std::any::Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// Prints a help text or the version under this program's name: the help of the common verbs names
/// none. Backticks are for the documentation and are left out.
fn help(name: &str, text: &clap::builder::StyledStr, coloring: Coloring) -> Result<(), Failure> {
    let printer = Printer::new(Format::Table, coloring);
    let text = if printer.color() {
        text.ansi().to_string()
    } else {
        text.to_string()
    };
    printer.raw(named(name, &text.replace('`', "")).as_bytes())
}

/// Replaces the placeholder for the program's name in a help text.
pub(super) fn named(name: &str, text: &str) -> String {
    text.replace("<PROGRAM>_", &variable_name(name, ""))
        .replace("<PROGRAM> ", &format!("{name} "))
        .replace("<PROGRAM>/", &format!("{name}/"))
}

/// The usage failure of a message of clap.
fn refused(error: &clap::Error, format: Format) -> Failure {
    if error.kind() == ErrorKind::InvalidUtf8 {
        let sentence = "an argument is not valid UTF-8; only the path of a file may be";
        return Failure::Usage(sentence.to_owned());
    }
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
    let text = match text.split_once("\n\nFor more information") {
        Some((text, _)) => text,
        None => text,
    };
    // Programs get the sentence alone, people the usage too.
    Failure::Usage(match format {
        Format::Json | Format::CloudEvents => {
            let sentence = text.split("\n\n").next().unwrap_or(text);
            sentence.split_whitespace().collect::<Vec<_>>().join(" ")
        }
        Format::Table => text.to_owned(),
    })
}
