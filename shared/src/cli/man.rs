//! `man`: manual pages of the program and its verbs.

use std::path::PathBuf;

use clap::Command;
use clap_mangen::Man;

use super::likeness::is_like;
use super::printer::Printer;
use super::{Failure, command_line};
use crate::error::Error;

/// Print a manual page
///
/// The page is for `man`: <PROGRAM> man add-task | man -l -
///
/// With --dir it writes the pages of the program and of every verb, for a folder in which `man` looks,
/// such as ~/.local/share/man/man1.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The verb [default: the program itself]
    verb: Option<String>,

    /// Write all pages into this folder, which is created if it is missing
    #[arg(
        long,
        value_name = "FOLDER",
        value_hint = clap::ValueHint::DirPath,
        conflicts_with = "verb"
    )]
    dir: Option<PathBuf>,
}

/// Prints or writes the pages of `command`.
pub(crate) fn run(
    printer: Printer,
    arguments: &Arguments,
    mut command: Command,
) -> Result<(), Failure> {
    command.build();
    let name = command.get_name().to_owned();
    if let Some(folder) = &arguments.dir {
        let refused = |error| {
            Error::io(
                format!("cannot write the pages to {}", folder.display()),
                error,
            )
        };
        std::fs::create_dir_all(folder).map_err(refused)?;
        let mut written = 0;
        for one in with_verbs(&command) {
            let page = Man::new(one.clone());
            let path = folder.join(page.get_filename());
            std::fs::write(path, render(&name, &page)?).map_err(refused)?;
            written += 1;
        }
        let line = format!("Wrote {written} pages to {}\n", folder.display());
        return printer.raw(super::escape::block(&line).as_bytes());
    }
    let page = match &arguments.verb {
        None => &command,
        Some(verb) => command
            .find_subcommand(verb)
            .ok_or_else(|| unknown(&command, verb))?,
    };
    printer.raw(render(&name, &Man::new(page.clone()))?.as_bytes())
}

/// The command, its verbs, and theirs.
fn with_verbs(command: &Command) -> Vec<&Command> {
    let verbs = command.get_subcommands();
    let verbs = verbs.filter(|verb| verb.get_name() != "help" && !verb.is_hide_set());
    std::iter::once(command)
        .chain(verbs.flat_map(with_verbs))
        .collect()
}

/// A page as `man` reads it.
fn render(program: &str, page: &Man) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    page.render(&mut bytes)
        .map_err(|error| Error::io("cannot make a page", error))?;
    let text = String::from_utf8_lossy(&bytes).replace('`', "");
    Ok(command_line::named(program, &text))
}

fn unknown(command: &Command, verb: &str) -> Failure {
    let mut verbs = command.get_subcommands().map(Command::get_name);
    let hint = verbs
        .find(|known| is_like(verb, known))
        .map(|known| format!("; did you mean {known}?"));
    Failure::Usage(format!(
        "there is no verb {}{}",
        super::escape::line(verb),
        hint.unwrap_or_default()
    ))
}
