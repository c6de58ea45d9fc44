//! A program around the common verbs: its name, its engine, its exit code.

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, ValueEnum};

use super::common::{Common, format_of};
use super::exit::{self, Failure};
use super::invocation::{Invocation, is_same};
use super::run::again::Again;
use super::screen::{self, Format, Screen, note};
use super::tips;
use crate::error::{Error, Result};
use crate::location::Location;
use crate::queue::Queue;
use crate::sqlite::{Durability, OpenOptions};
use crate::task::{DEFAULT_QUEUE, Work};

/// What tells one program from the other.
#[derive(Debug)]
pub struct Program<Q> {
    /// The name it is called by.
    pub name: &'static str,
    /// The name of the program that works on the files this one does not.
    pub other: &'static str,
    /// What its acknowledged writes survive.
    pub durability: Durability,
    /// Opens its engine on a file.
    pub open: fn(&Path, OpenOptions) -> Result<Q>,
    /// Its whole command line, for shell completions.
    pub command: fn() -> clap::Command,
}

impl<Q> Clone for Program<Q> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Q> Copy for Program<Q> {}

impl<Q: Queue> Program<Q> {
    /// Runs a verb: hands it what the common options and the environment say.
    ///
    /// # Errors
    /// Whatever ends the verb, with its exit code.
    pub fn run(
        self,
        common: Common,
        verb: impl FnOnce(&Context<Q>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let by_option = common.db.is_some();
        let given = common
            .db
            .map(PathBuf::into_os_string)
            .or_else(|| self.variable("DB"))
            .or_else(|| self.task_database());
        let (location, by_default) = match given {
            Some(text) => (Location::parse(text), false),
            None => (Ok(Location::File(self.default_path()?)), true),
        };
        let location = location.map_err(|error| Failure::Usage(error.to_string()))?;
        let context = Context {
            program: self,
            screen: Screen::new(self.format(common.output)?),
            location,
            by_option,
            by_default,
            durability: common.durability,
        };
        verb(&context).map_err(|failure| failure.told(&context.invocation()))
    }

    /// Within a task's command or a hook, the database of the task, unless that is the other program's.
    /// Whatever else is wrong with it is for the verb to say.
    fn task_database(&self) -> Option<OsString> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        set("QUEUE_TASK_ID")?;
        let path = set("QUEUE_DB")?;
        let opened = OpenOptions::new(self.durability).and_then(|options| {
            let options = OpenOptions {
                read_only: true,
                one_shot: true,
                create: false,
                ..options
            };
            (self.open)(Path::new(&path), options)?.refuses()
        });
        (!matches!(opened, Ok(Some(_)))).then_some(path)
    }

    /// A variable of this program's environment, unless it is empty: `FAST_QUEUE_DB` for `DB`.
    fn variable(&self, name: &str) -> Option<OsString> {
        variable(self.name, name)
    }

    fn format(&self, asked: Option<Format>) -> Result<Format, Failure> {
        let Some(word) = self.variable("OUTPUT").filter(|_| asked.is_none()) else {
            return Ok(asked.unwrap_or(Format::Table));
        };
        Format::from_str(&word.to_string_lossy(), false).map_err(|_| {
            let name = variable_name(self.name, "OUTPUT");
            Failure::Usage(format!("{name} must be `table` or `json`"))
        })
    }

    /// `$XDG_DATA_HOME/NAME/NAME.db`, with the fallback the XDG specification names.
    fn default_path(&self) -> Result<PathBuf, Failure> {
        let absolute = |name| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let data = absolute("XDG_DATA_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/share")));
        let data = data.ok_or_else(|| {
            let name = variable_name(self.name, "DB");
            Failure::Usage(format!(
                "there is no home folder to keep the database in; pass --db or set {name}"
            ))
        })?;
        Ok(data.join(self.name).join(format!("{}.db", self.name)))
    }
}

fn variable_name(program: &str, name: &str) -> String {
    format!("{}_{name}", program.to_uppercase().replace('-', "_"))
}

fn variable(program: &str, name: &str) -> Option<OsString> {
    std::env::var_os(variable_name(program, name)).filter(|value| !value.is_empty())
}

/// What a verb may do to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read it.
    Read,
    /// Write to it.
    Write,
    /// Write to it, and create it if it is missing.
    Create,
    /// As `Create`, for a process that stays.
    Serve,
}

/// What every verb is handed.
#[derive(Debug)]
pub struct Context<Q> {
    /// The program.
    pub program: Program<Q>,
    /// Where it prints.
    pub screen: Screen,
    /// Where the database is.
    pub location: Location,
    /// The durability asked for, if it is not to be the program's.
    durability: Option<Durability>,
    /// Whether the path came with `--db`, so that others of its commands need that too.
    by_option: bool,
    /// Whether the path is the default, whose folder is made if it is missing.
    by_default: bool,
}

impl<Q: Queue> Context<Q> {
    /// Opens the database. Nothing is read or created before.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no file and none is to be created; else as the engine.
    pub fn open(&self, access: Access) -> Result<Q> {
        (self.program.open)(self.path(), self.options(access)?)
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        self.location.path()
    }

    /// How to open the database for that; its folder is made where it is the default one.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn options(&self, access: Access) -> Result<OpenOptions> {
        let mut options = OpenOptions::new(self.durability.unwrap_or(self.program.durability))?;
        let creates = matches!(access, Access::Create | Access::Serve);
        options.create = creates;
        options.read_only = access == Access::Read;
        options.one_shot = access != Access::Serve;
        options.force_network_fs = self
            .program
            .variable("FORCE_NETWORK_FS")
            .is_some_and(|value| value == "1");
        if creates && self.by_default {
            self.create_default_folder()?;
        }
        // What cannot be looked at is for the opening to complain of.
        if !creates && self.path().try_exists().is_ok_and(|exists| !exists) {
            return Err(Error::not_found(format!(
                "there is no database at {}; {} creates it with the first task",
                self.path().display(),
                self.command("add-task"),
            )));
        }
        Ok(options)
    }

    /// The same on the file at `path`.
    ///
    /// # Errors
    /// [`Failure::Usage`] if `--db` names a different file.
    pub fn on(&self, path: PathBuf) -> Result<Self, Failure> {
        if self.by_option && !is_same(self.path(), &path) {
            return Err(Failure::Usage(format!(
                "--db names another file than {}; leave it out",
                path.display()
            )));
        }
        Ok(Self {
            program: self.program,
            screen: self.screen,
            location: Location::File(path),
            by_option: self.by_option,
            by_default: false,
            durability: self.durability,
        })
    }

    /// Whether this is a fresh machine: nobody named a file, and the default one is still missing.
    /// A file that somebody named and that is missing may be mistyped, which is an error.
    pub(crate) fn is_fresh(&self) -> bool {
        self.by_default && self.path().try_exists().is_ok_and(|exists| !exists)
    }

    fn create_default_folder(&self) -> Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        let Some(folder) = self.path().parent() else {
            return Ok(());
        };
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| Error::Unusable {
                path: self.path().to_owned(),
                what: "its folder cannot be created; name another file with --db".to_owned(),
                remedy: None,
                source: Some(Box::new(error)),
            })
    }

    /// The option that asks another process for the durability asked for here.
    pub fn durability_option(&self) -> Option<&'static str> {
        self.durability.map(|durability| match durability {
            Durability::Fast => "--durability=fast",
            Durability::Full => "--durability=full",
        })
    }

    /// How a person calls this program on this file.
    pub fn invocation(&self) -> Invocation {
        Invocation {
            program: self.program.name,
            path: self.path().to_owned(),
            by_option: self.by_option,
        }
    }

    /// How a person calls this program with that verb on this file.
    pub fn command(&self, verb: &str) -> String {
        self.invocation().command(verb)
    }

    /// Says why what follows a change failed. The change is made, so that is no failure of the verb.
    pub fn note_after_change(&self, followed: Result<(), impl Into<Failure>>) {
        if let Err(failure) = followed {
            let sentence = failure.into().told(&self.invocation()).sentence();
            note(&format!(
                "this is done, but what follows failed: {sentence}"
            ));
        }
    }

    /// How a queue of this file gets a worker: a clause that says what to start, or why this program
    /// has none for it.
    ///
    /// # Errors
    /// As [`Queue::refuses`].
    pub fn how_to_serve(&self, queue: &Q, name: &str) -> crate::Result<String> {
        if let Some(refusal) = queue.refuses()? {
            return Ok(refusal.to_string());
        }
        Ok(match Again::of(name) {
            Some(again) => format!("{} goes on with it", again.command(&self.invocation())),
            None => format!("start one with {}", self.worker_command(name)),
        })
    }

    /// What returns the tasks of a dead worker of that queue: a clause.
    ///
    /// # Errors
    /// As [`Queue::refuses`].
    pub(crate) fn how_to_recover(&self, queue: &Q, name: &str) -> crate::Result<String> {
        if let Some(refusal) = queue.refuses()? {
            return Ok(refusal.to_string());
        }
        let starts = match Again::of(name) {
            Some(again) => again.command(&self.invocation()),
            None => self.worker_command(name),
        };
        Ok(format!("{starts} returns it"))
    }

    /// How a person starts a worker for that queue of this file.
    pub fn worker_command(&self, queue: &str) -> String {
        if queue == DEFAULT_QUEUE {
            return self.command("worker");
        }
        let queue = Work::Argv(vec![queue.to_owned()]);
        self.command(&format!("worker --queue {}", queue.display()))
    }
}

/// Parses the process's arguments, runs `run`, reports what went wrong, and says the exit code.
pub fn main<A: Parser>(name: &'static str, run: impl FnOnce(A) -> Result<(), Failure>) -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let environment = variable(name, "OUTPUT");
    let environment = environment.as_ref().map(|word| word.to_string_lossy());
    let format = format_of(&arguments, environment.as_deref());
    report_panics(name, format);
    let result = catch_unwind(AssertUnwindSafe(|| match A::try_parse_from(&arguments) {
        Ok(arguments) => run(arguments),
        Err(mut error) => {
            tips::mend::<A>(&mut error, &arguments);
            refuse(name, &error, format)
        }
    }));
    let Ok(result) = result else {
        return ExitCode::from(exit::BUG);
    };
    if let Err(failure) = &result {
        screen::fail(name, format, failure);
    }
    exit::code(&result)
}

/// A panic is one sentence for people, not a trace.
fn report_panics(name: &'static str, format: Format) {
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string);
        let what = format!(
            "internal error at {}: {}",
            place.as_deref().unwrap_or("an unknown place"),
            message_of(panic.payload())
        );
        screen::fail(name, format, &Failure::Error(Error::Bug { what }));
    }));
}

fn message_of(payload: &(dyn std::any::Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// Prints a help text or the version, for this program: the verbs' help is the same in both. What
/// quotes code in the documentation is no part of the words on a terminal.
fn help(name: &str, text: &clap::builder::StyledStr) -> Result<(), Failure> {
    let screen = Screen::new(Format::Table);
    let text = if screen.color() {
        text.ansi().to_string()
    } else {
        text.to_string()
    };
    screen.raw(named(name, &text.replace('`', "")).as_bytes())
}

/// A text about every program, for this one.
pub(super) fn named(name: &str, text: &str) -> String {
    text.replace("<PROGRAM>_", &variable_name(name, ""))
        .replace("<PROGRAM> ", &format!("{name} "))
}

/// Help and version are data; everything else that clap says is a usage error.
fn refuse(name: &str, error: &clap::Error, format: Format) -> Result<(), Failure> {
    let kind = error.kind();
    if matches!(kind, ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return help(name, &error.render());
    }
    if kind == ErrorKind::InvalidUtf8 {
        let sentence = "an argument is not valid UTF-8; only the path of a file may be";
        return Err(Failure::Usage(sentence.to_owned()));
    }
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
    let text = match text.split_once("\n\nFor more information") {
        Some((text, _)) => text,
        None => text,
    };
    // Programs get the sentence alone, people the usage too.
    Err(Failure::Usage(match format {
        Format::Json => {
            let sentence = text.split("\n\n").next().unwrap_or(text);
            sentence.split_whitespace().collect::<Vec<_>>().join(" ")
        }
        Format::Table => text.to_owned(),
    }))
}
