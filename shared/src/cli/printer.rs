//! Prints data on standard output and messages on standard error, as tables or JSON.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;

use super::exit::Failure;
use super::table::Table;
use super::{escape, json};

/// Form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Tables and sentences for people.
    Table,
    /// JSON for programs: one value, but one a line where `show`, `why`, `wait` and `log` print
    /// several; errors are one JSON object on standard error.
    Json,
    /// Events as `CloudEvents` 1.0, one JSON object a line; `events` alone prints them.
    #[value(skip)]
    CloudEvents,
}

/// Use of colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Coloring {
    /// On a terminal that has them, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Printer of a verb's results on standard output.
#[derive(Clone, Copy, Debug)]
pub struct Printer {
    /// Form of the output.
    pub format: Format,
    /// True if standard output is a terminal.
    pub terminal: bool,
    /// Colours asked for.
    pub(super) coloring: Coloring,
    /// True if the output reports a change that is already made.
    tells_of_done: bool,
}

impl Printer {
    /// A printer on standard output in that form, with colours as asked for.
    pub fn new(format: Format, coloring: Coloring) -> Self {
        Self {
            format,
            terminal: io::stdout().is_terminal(),
            coloring,
            tells_of_done: false,
        }
    }

    /// A printer for reports of a change that is already made. If such a report cannot be printed,
    /// a note on standard error repeats it and the verb does not fail: the change stands.
    #[must_use]
    pub fn of_done(self) -> Self {
        Self {
            tells_of_done: true,
            ..self
        }
    }

    /// True if the form is JSON.
    pub fn is_json(self) -> bool {
        self.format != Format::Table
    }

    /// Prints a line of data, or `value` if the form is JSON.
    pub fn say(self, line: &str, value: &impl Serialize) -> Result<(), Failure> {
        match self.format {
            Format::Table => self.raw(format!("{line}\n").as_bytes()),
            Format::Json | Format::CloudEvents => self.json(value),
        }
    }

    /// Prints a value as one line of JSON.
    pub fn json(self, value: &impl Serialize) -> Result<(), Failure> {
        let mut text = json::text(value).map_err(|error| Failure::Output(error.into()))?;
        text.push('\n');
        self.raw(text.as_bytes())
    }

    /// Prints a table.
    pub fn table(self, table: &Table) -> Result<(), Failure> {
        self.raw(table.render(self.width(), self.color()).as_bytes())
    }

    /// Prints bytes as they are. A closed pipe is no error: the verb goes on, and its exit code
    /// stays the same.
    pub fn raw(self, bytes: &[u8]) -> Result<(), Failure> {
        match self.stream(bytes) {
            Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(Failure::Output(error)) if self.tells_of_done => {
                let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MOST_REPEATED)]);
                note(&format!(
                    "this is done, but could not be printed ({error}): {}",
                    text.trim_end()
                ));
                Ok(())
            }
            printed => printed,
        }
    }

    /// Prints bytes of an endless output: a closed pipe is an error, which ends the verb.
    #[expect(
        clippy::unused_self,
        reason = "a stream is written as every other output is: through the printer"
    )]
    pub fn stream(self, bytes: &[u8]) -> Result<(), Failure> {
        if !takes(io::stdout()) {
            return Err(Failure::Output(io::ErrorKind::TimedOut.into()));
        }
        let mut stdout = io::stdout().lock();
        stdout
            .write_all(bytes)
            .and_then(|()| stdout.flush())
            .map_err(Failure::Output)
    }

    /// Width of the terminal; none if the output goes to a file or a pipe.
    pub fn width(self) -> Option<usize> {
        self.size().map(|(columns, _)| columns)
    }

    /// Columns and lines of the terminal; none if the output goes to a file or a pipe.
    pub(super) fn size(self) -> Option<(usize, usize)> {
        if !self.terminal {
            return None;
        }
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
        let size = (usize::from(size.ws_col), usize::from(size.ws_row));
        Some(size).filter(|(columns, lines)| *columns > 0 && *lines > 0)
    }

    /// True if colours are wanted.
    pub fn color(self) -> bool {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        match self.coloring {
            Coloring::Always => true,
            Coloring::Never => false,
            Coloring::Auto => {
                self.terminal
                    && !is_set("NO_COLOR")
                    && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        }
    }
}

/// Most bytes of an unprinted report that a note repeats.
const MOST_REPEATED: usize = 1024;

/// Makes later output wait at most 200 ms for its reader: the process is about to end.
pub(crate) fn hurry() {
    HURRY.store(true, Ordering::Relaxed);
}

static HURRY: AtomicBool = AtomicBool::new(false);

/// Time that output waits for its reader after [`hurry`].
const HURRIED: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 200_000_000,
};

/// True if output may be written: always before [`hurry`], afterwards only if it does not block.
fn takes(output: impl AsFd) -> bool {
    let mut ready = [PollFd::new(&output, PollFlags::OUT)];
    !HURRY.load(Ordering::Relaxed) || poll(&mut ready, Some(&HURRIED)).is_ok_and(|count| count > 0)
}

/// Prints a message for people on standard error and ignores errors. It is one write, so that the
/// lines of several workers do not mix.
pub fn note(text: &str) {
    let line = format!("{}\n", escape::block(text));
    if takes(io::stderr()) {
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

/// Prints the failure of a verb on standard error.
pub(crate) fn fail(program: &str, format: Format, failure: &Failure) {
    let sentence = failure.sentence();
    if sentence.is_empty() {
        return;
    }
    match format {
        Format::Table => note(&format!("{program}: {sentence}")),
        Format::Json | Format::CloudEvents => {
            #[derive(Serialize)]
            struct Report<'a> {
                error: Body<'a>,
            }
            #[derive(Serialize)]
            struct Body<'a> {
                kind: &'static str,
                exit_code: u8,
                message: &'a str,
            }
            let exit_code = failure.code();
            let report = Report {
                error: Body {
                    kind: failure.kind(),
                    exit_code,
                    message: &sentence,
                },
            };
            if let Ok(text) = json::text(&report)
                && takes(io::stderr())
            {
                let _ = writeln!(io::stderr(), "{text}");
            }
        }
    }
}
