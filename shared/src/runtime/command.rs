//! A task's command as a program to be started: which file, with what arguments, variables and
//! directory.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::io::Errno;

use super::executor::StartError;
use super::inputs::{self, Inputs};
use super::records::CommandRecords;
use super::resolve::{directory_problem, program, quoted};
use super::shortage;
use super::spawn::{Environment, Failed, Spawn, Spawned, Step};
use crate::claim::ClaimedTask;
use crate::error::{Error, Result};
use crate::task::Work;

/// What every command of a worker is started with.
#[derive(Debug)]
pub(super) struct Surroundings {
    /// The database, absolute.
    database: PathBuf,
    /// Variables of all commands.
    base: Environment,
    /// `/dev/null`, opened once: what commands read.
    nothing: File,
    /// Where their starts are recorded.
    pub(super) records: Option<Arc<CommandRecords>>,
}

/// A task's command.
#[derive(Debug)]
pub(super) struct Command<'a> {
    surroundings: &'a Surroundings,
    program: PathBuf,
    arguments: Vec<&'a OsStr>,
    directory: Option<PathBuf>,
    variables: Environment,
}

impl Surroundings {
    /// What this process has for commands of workers of that database.
    ///
    /// # Errors
    /// When the system does not open `/dev/null`.
    pub(super) fn new(database: &Path) -> Result<Self> {
        Ok(Self {
            database: std::path::absolute(database).unwrap_or_else(|_| database.to_owned()),
            base: Environment::handed_on(),
            nothing: File::open("/dev/null")
                .map_err(|error| Error::io("cannot open /dev/null", error))?,
            records: None,
        })
    }
}

impl<'a> Command<'a> {
    /// The command of `task`.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub(super) fn of(
        task: &'a ClaimedTask,
        surroundings: &'a Surroundings,
    ) -> Result<Self, StartError> {
        let directory = task.options.cwd.as_deref().map(PathBuf::from);
        let mut variables = Environment::default();
        if let Some(directory) = &directory {
            variables.set("PWD", working_directory(directory));
        }
        for (name, value) in &task.options.env {
            variables.set(name, value);
        }
        variables.set("QUEUE_TASK_ID", task.claim.task.to_string());
        variables.set("QUEUE_TASK_NAME", &task.name);
        variables.set("QUEUE_ATTEMPT", task.attempt.to_string());
        variables.set("QUEUE_TOKEN", task.claim.token.to_string());
        variables.set("QUEUE_WORKER", task.claim.worker.to_string());
        variables.set("QUEUE_DB", &surroundings.database);
        let (program, arguments) = match &task.work {
            Work::Shell(text) => (PathBuf::from("/bin/sh"), of_shell(text)),
            Work::Argv(words) => {
                let Some(name) = words.first() else {
                    return Err("the command has no program".to_owned().into());
                };
                let path = variables.get("PATH").or(surroundings.base.get("PATH"));
                let program = program(name, directory.as_deref(), path)
                    .map_err(|problem| unstartable(problem, directory.as_deref()))?;
                (program, words.iter().map(OsStr::new).collect())
            }
            Work::Handler { handler, .. } => {
                return Err(format!("{handler:?} is a handler, not a command").into());
            }
        };
        Ok(Self {
            surroundings,
            program,
            arguments,
            directory,
            variables,
        })
    }

    /// Starts the command with what it is given. Where that is too long together with everything
    /// else, the short outputs are left to their files.
    ///
    /// # Errors
    /// Why it cannot be started, now or ever.
    pub(super) fn start(
        &self,
        inputs: Option<&Inputs>,
        stdout: BorrowedFd<'_>,
        stderr: BorrowedFd<'_>,
    ) -> Result<Spawned, StartError> {
        let streams = [self.surroundings.nothing.as_fd(), stdout, stderr];
        let started = match inputs {
            None => self.spawn(&self.variables, streams),
            Some(inputs) => {
                let mut variables = self.variables.clone();
                variables.set(inputs::FOLDER, inputs.folder());
                let mut all = variables.clone();
                for (name, value) in inputs.variables() {
                    all.set(name, value);
                }
                match self.spawn(&all, streams) {
                    Err(failed) if failed.errno == Errno::TOOBIG => self.spawn(&variables, streams),
                    result => result,
                }
            }
        };
        started.map_err(|failed| self.explain(failed))
    }

    fn spawn(
        &self,
        variables: &Environment,
        streams: [BorrowedFd<'_>; 3],
    ) -> Result<Spawned, Failed> {
        let spawn = Spawn {
            program: &self.program,
            arguments: &self.arguments,
            base: &self.surroundings.base,
            variables,
            directory: self.directory.as_deref(),
            streams,
        };
        spawn.start()
    }

    fn explain(&self, failed: Failed) -> StartError {
        let program = quoted(&self.program);
        let sentence = match (failed.step, failed.errno) {
            (_, errno) if shortage::named(errno).is_some() => {
                return shortage::refusal("the command cannot be started", errno);
            }
            (Step::Directory, errno) => {
                let problem = self.directory.as_deref().and_then(directory_problem);
                problem
                    .unwrap_or_else(|| format!("the task's directory cannot be entered: {errno}"))
            }
            (Step::Program, Errno::NOEXEC) => format!(
                "{program} is not a program this system can run; a script needs a first line like \
                 #!/bin/sh"
            ),
            (Step::Program, Errno::NOENT) => format!(
                "{program} cannot be started: the interpreter named in its first line, or its \
                 loader, is missing"
            ),
            (Step::Program, Errno::TOOBIG) => {
                "the command and its environment together are longer than the system takes"
                    .to_owned()
            }
            (_, errno) => format!("{program} cannot be started: {errno}"),
        };
        sentence.into()
    }
}

/// The arguments of a shell that runs `text`. Without `--` the shell takes one that begins like an
/// option for one of its own.
fn of_shell(text: &str) -> Vec<&OsStr> {
    let words = ["/bin/sh", "-c", "--", text];
    let kept = |word: &&str| *word != "--" || text.starts_with(['-', '+']);
    words.into_iter().filter(kept).map(OsStr::new).collect()
}

/// A program that was not found may be missing with the whole directory.
fn unstartable(problem: StartError, directory: Option<&Path>) -> StartError {
    match (problem, directory.and_then(directory_problem)) {
        (StartError::Refused(_), Some(missing)) => missing.into(),
        (problem, _) => problem,
    }
}

/// A directory as a shell's `cd` would name it: links are kept, `.` and `..` are not.
fn working_directory(directory: &Path) -> OsString {
    let is_up = |part: Component<'_>| part == Component::ParentDir;
    if directory.is_absolute() && !directory.components().any(is_up) {
        return directory.components().collect::<PathBuf>().into();
    }
    // With `..` behind a link the name by links is another directory's.
    std::fs::canonicalize(directory).map_or_else(|_| directory.into(), PathBuf::into_os_string)
}
