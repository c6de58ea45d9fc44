//! A program around the common verbs: its name, its engine, and the file that a verb works on.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::common::Common;
use super::configuration::Config;
use super::exit::Failure;
use super::invocation::{Invocation, is_same};
use super::own_variable::{variable, variable_name};
use super::printer::{Format, Printer, note};
use super::run::rerun::Rerun;
use super::served;
use crate::error::{Error, Result};
use crate::journal::Actor;
use crate::location::Location;
use crate::queue::Queue;
use crate::sqlite::{Durability, OpenOptions};
use crate::task::{DEFAULT_QUEUE, TaskId, Work};

/// Description of a program: the differences between the two.
#[derive(Debug)]
pub struct Program<Q> {
    /// The name it is called by.
    pub name: &'static str,
    /// Name of the program that works on the other kind of file.
    pub other: &'static str,
    /// Default durability of its writes.
    pub durability: Durability,
    /// Function that opens its engine.
    pub open: fn(&Location, OpenOptions) -> Result<Q>,
    /// Function that returns its whole command line, for shell completions.
    pub command: fn() -> clap::Command,
}

impl<Q> Clone for Program<Q> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Q> Copy for Program<Q> {}

impl<Q: Queue> Program<Q> {
    /// Runs a verb with a context made of the common options and the environment.
    ///
    /// # Errors
    /// The failure that ends the verb, with its exit code.
    pub fn run(
        self,
        common: Common,
        config: Config,
        verb: impl FnOnce(&Context<Q>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let flags = common.given();
        let common = common.or(&config);
        let by_option = common.db.is_some();
        let named = common
            .db
            .map(PathBuf::into_os_string)
            .or_else(|| self.variable("DB"));
        let of_task = named.is_none().then(|| self.task_database()).flatten();
        let by_task = of_task.is_some();
        let given = named
            .or(of_task)
            .or_else(|| config.common("db").map(OsString::from));
        let (location, by_default) = match given {
            Some(text) => (Location::parse(text), false),
            None => (Ok(Location::File(self.default_path()?)), true),
        };
        let location = location.map_err(|error| Failure::Usage(error.to_string()))?;
        let context = Context {
            program: self,
            printer: Printer::new(
                self.format(common.output, &config)?,
                common.color.unwrap_or_default(),
            ),
            location,
            by_option,
            by_default,
            by_task,
            durability: common.durability,
            flags,
            config,
        };
        verb(&context).map_err(|failure| failure.complete(&context.invocation()))
    }

    /// Within a task's command or a hook, the database of the task, unless it is the other
    /// program's. The verb reports any other problem with it.
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
            (self.open)(&Location::parse(path.clone())?, options)?.refuses()
        });
        (!matches!(opened, Ok(Some(_)))).then_some(path)
    }

    /// A variable of this program's environment, unless it is empty: `FAST_QUEUE_DB` for `DB`.
    fn variable(&self, name: &str) -> Option<OsString> {
        variable(self.name, name)
    }

    fn format(&self, asked: Option<Format>, config: &Config) -> Result<Format, Failure> {
        let Some(word) = self.variable("OUTPUT").filter(|_| asked.is_none()) else {
            let by_file = || Format::from_str(config.common("output")?, false).ok();
            return Ok(asked.or_else(by_file).unwrap_or(Format::Table));
        };
        Format::from_str(&word.to_string_lossy(), false).map_err(|_| {
            let name = variable_name(self.name, "OUTPUT");
            Failure::Usage(format!("{name} must be `table` or `json`"))
        })
    }

    /// Opens its engine on a file other than the location that the user named.
    ///
    /// # Errors
    /// As the engine.
    pub fn open_file(self, path: &Path, options: OpenOptions) -> Result<Q> {
        (self.open)(&Location::File(path.to_owned()), options)
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

/// Access of a verb to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read it.
    Read,
    /// Write to it.
    Write,
    /// Write to it and create it if it is missing.
    Create,
    /// As `Create`, for a process that stays, such as a worker.
    Serve,
}

/// The environment of a verb: program, output, database.
#[derive(Debug)]
pub struct Context<Q> {
    /// The program.
    pub program: Program<Q>,
    /// Output of the verb.
    pub printer: Printer,
    /// Location of the database.
    pub location: Location,
    /// Durability asked for, if it is not the program's default.
    durability: Option<Durability>,
    /// True if the path came with `--db`, so that suggested commands need it too.
    by_option: bool,
    /// True if the path is the default, whose folder is created if it is missing.
    by_default: bool,
    /// True if the path is that of the task whose command calls the program.
    pub(super) by_task: bool,
    /// Common options that were given as flags.
    pub(super) flags: Vec<&'static str>,
    /// The configuration file.
    pub(super) config: Config,
}

impl<Q: Queue> Context<Q> {
    /// Opens the database. Nothing is read or created before.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no file and none is to be created; else as the engine.
    pub fn open(&self, access: Access) -> Result<Q> {
        (self.program.open)(&self.location, self.options(access)?)
    }

    /// Opens the database for a process that stays and makes its changes through that interface.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_to_stay(&self, access: Access, interface: &str) -> Result<Q> {
        let mut options = self.options(access)?;
        options.one_shot = false;
        options.actor = Some(actor(interface));
        (self.program.open)(&self.location, options)
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        self.location.path()
    }

    /// Options to open the database for that access; creates the folder of the default path.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn options(&self, access: Access) -> Result<OpenOptions> {
        let mut options = OpenOptions::new(self.durability.unwrap_or(self.program.durability))?;
        let creates = matches!(access, Access::Create | Access::Serve);
        options.create = creates;
        options.read_only = access == Access::Read;
        options.one_shot = access != Access::Serve;
        options.actor = Some(actor("command line"));
        options.force_network_fs = self
            .program
            .variable("FORCE_NETWORK_FS")
            .is_some_and(|value| value == "1");
        if creates && self.by_default {
            self.create_default_folder()?;
        }
        // If the file cannot be looked at, opening it reports the reason.
        if !creates && self.path().try_exists().is_ok_and(|exists| !exists) {
            return Err(Error::not_found(format!(
                "there is no database at {}; {} creates it with the first task",
                self.path().display(),
                self.command("add-task"),
            )));
        }
        Ok(options)
    }

    /// This context for the file at `path`.
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
            printer: self.printer,
            location: Location::File(path),
            by_option: self.by_option,
            by_default: false,
            by_task: self.by_task,
            durability: self.durability,
            flags: self.flags.clone(),
            config: self.config.clone(),
        })
    }

    /// True if nobody named a file and the default one does not exist yet. A named file that is
    /// missing may be mistyped, which is an error.
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

    /// The option that passes the durability asked for here to another process.
    pub fn durability_option(&self) -> Option<&'static str> {
        self.durability.map(|durability| match durability {
            Durability::Fast => "--durability=fast",
            Durability::Full => "--durability=full",
        })
    }

    /// The common options with their values.
    pub(super) fn common_values(&self) -> [(&'static str, String); 4] {
        let durability = self.durability.unwrap_or(self.program.durability);
        let durability = match durability {
            Durability::Fast => "fast",
            Durability::Full => "full",
        };
        let word = |value: Option<clap::builder::PossibleValue>| {
            value
                .map(|value| value.get_name().to_owned())
                .unwrap_or_default()
        };
        [
            ("db", self.path().to_string_lossy().into_owned()),
            ("output", word(self.printer.format.to_possible_value())),
            ("color", word(self.printer.coloring.to_possible_value())),
            ("durability", durability.to_owned()),
        ]
    }

    /// The call of this program on this file.
    pub fn invocation(&self) -> Invocation {
        Invocation {
            program: self.program.name,
            path: self.path().to_owned(),
            by_option: self.by_option,
        }
    }

    /// The call of that verb of this program on this file, between backticks.
    pub fn command(&self, verb: &str) -> String {
        self.invocation().command(verb)
    }

    /// Prints a note if the steps after a change failed. The change is made, so the verb does not
    /// fail.
    pub fn note_after_change(&self, followed: Result<(), impl Into<Failure>>) {
        if let Err(failure) = followed {
            let sentence = failure.into().complete(&self.invocation()).sentence();
            note(&format!(
                "this is done, but a later step failed: {sentence}"
            ));
        }
    }

    /// Clause that names the command which starts a worker for the queue, or the reason why this
    /// program refuses the file.
    ///
    /// # Errors
    /// As [`Queue::refuses`].
    pub fn how_to_serve(&self, queue: &Q, name: &str) -> crate::Result<String> {
        if let Some(refusal) = queue.refuses()? {
            return Ok(refusal.to_string());
        }
        Ok(match Rerun::of(name) {
            Some(again) => format!("{} goes on with it", again.command(&self.invocation())),
            None => format!("start one with {}", self.worker_command(name)),
        })
    }

    /// Clause that names the command which returns the tasks of a dead worker of that queue.
    ///
    /// # Errors
    /// As [`Queue::refuses`].
    pub(crate) fn how_to_recover(&self, queue: &Q, name: &str) -> crate::Result<String> {
        if let Some(refusal) = queue.refuses()? {
            return Ok(refusal.to_string());
        }
        let starts = match Rerun::of(name) {
            Some(again) => again.command(&self.invocation()),
            None => self.worker_command(name),
        };
        Ok(format!("{starts} returns it"))
    }

    /// The command that starts a worker for that queue of this file.
    pub fn worker_command(&self, queue: &str) -> String {
        if queue == DEFAULT_QUEUE {
            return self.command("worker");
        }
        let queue = Work::Argv(vec![served::argument(queue)]);
        self.command(&format!("worker --queue {}", queue.display()))
    }
}

/// The actor of changes that this process makes through one of its interfaces.
fn actor(through: &str) -> Actor {
    let task = std::env::var("QUEUE_TASK_ID").ok();
    let task = task.and_then(|id| id.parse().ok()).map(TaskId);
    Actor::new(through, rustix::process::getuid().as_raw()).from_task(task)
}
