//! A task's command as a program to be started: its file, arguments, variables and directory.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::io::Errno;

use super::end::StartError;
use super::inputs::{self, Inputs};
use super::resolve::{directory_problem, program, quoted};
use super::shortage;
use super::spawn::{Environment, Failed, Spawn, SpawnStep, Spawned};
use crate::claim::ClaimedTask;
use crate::error::{Error, Result};
use crate::sidecar::records::CommandRecords;
use crate::task::Work;

/// Shell of tasks and workers that name none. It is not searched in PATH.
pub(super) const DEFAULT_SHELL: &str = "/bin/sh";

/// Common settings of a worker's commands.
#[derive(Debug)]
pub(super) struct CommandDefaults {
    /// The database, absolute.
    database: PathBuf,
    /// Variables of all commands.
    base: Environment,
    /// The worker's part in the environment of a command that has its own.
    nothing_handed_on: Environment,
    /// `/dev/null`, the standard input of commands, opened once.
    nothing: File,
    /// Shell of tasks that name none.
    pub(super) shell: String,
    /// Directory of tasks that name none; this process's directory unless set.
    pub(super) folder: Option<PathBuf>,
    /// Records of started commands.
    pub(super) records: Option<Arc<CommandRecords>>,
}

/// A task's command.
#[derive(Debug)]
pub(super) struct Command<'a> {
    defaults: &'a CommandDefaults,
    /// Variables that its own are added to.
    base: &'a Environment,
    program: PathBuf,
    arguments: Vec<Cow<'a, OsStr>>,
    directory: Option<PathBuf>,
    variables: Environment,
}

impl CommandDefaults {
    /// Creates the settings from this process's environment.
    ///
    /// # Errors
    /// When the system does not open `/dev/null`.
    pub(super) fn new(database: &Path) -> Result<Self> {
        Ok(Self {
            database: std::path::absolute(database).unwrap_or_else(|_| database.to_owned()),
            base: Environment::handed_on(),
            nothing_handed_on: Environment::default(),
            nothing: File::open("/dev/null")
                .map_err(|error| Error::io("cannot open /dev/null", error))?,
            shell: DEFAULT_SHELL.to_owned(),
            folder: None,
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
        defaults: &'a CommandDefaults,
    ) -> Result<Self, StartError> {
        let folder = defaults.folder.as_deref();
        let directory = match (folder, &task.options.cwd) {
            (Some(folder), Some(cwd)) => Some(folder.join(cwd)),
            (None, Some(cwd)) => Some(PathBuf::from(cwd)),
            (folder, None) => folder.map(Path::to_owned),
        };
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
        variables.set("QUEUE_DB", &defaults.database);
        let base = if task.options.env_only {
            &defaults.nothing_handed_on
        } else {
            &defaults.base
        };
        let path = variables.get("PATH").or(base.get("PATH"));
        let find = |name| {
            program(name, directory.as_deref(), path)
                .map_err(|problem| unstartable(problem, directory.as_deref()))
        };
        let (program, arguments) = match &task.work {
            Work::Shell(text) => {
                let shell = task.options.shell.as_ref().unwrap_or(&defaults.shell);
                let program = match shell.as_str() {
                    DEFAULT_SHELL => PathBuf::from(shell),
                    shell => find(shell).map_err(of_a_shell)?,
                };
                (program, shell_arguments(shell, text))
            }
            Work::Argv(words) => {
                let Some(name) = words.first() else {
                    return Err("the command has no program".to_owned().into());
                };
                let words = words.iter().map(|word| OsStr::new(word).into());
                (find(name)?, words.collect())
            }
            Work::Handler { handler, .. } => {
                return Err(format!("{handler:?} is a handler, not a command").into());
            }
        };
        Ok(Self {
            defaults,
            base,
            program,
            arguments,
            directory,
            variables,
        })
    }

    /// Starts the command with its inputs. If the variables would be too long in total, outputs are
    /// passed as files only.
    ///
    /// # Errors
    /// The reason why it cannot be started, now or ever.
    pub(super) fn start(
        &self,
        inputs: Option<&Inputs>,
        stdout: BorrowedFd<'_>,
        stderr: BorrowedFd<'_>,
    ) -> Result<Spawned, StartError> {
        let streams = [self.defaults.nothing.as_fd(), stdout, stderr];
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
            arguments: &self.arguments.iter().map(AsRef::as_ref).collect::<Vec<_>>(),
            base: self.base,
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
            (SpawnStep::Directory, errno) => {
                let problem = self.directory.as_deref().and_then(directory_problem);
                problem
                    .unwrap_or_else(|| format!("the task's directory cannot be entered: {errno}"))
            }
            (SpawnStep::Program, Errno::NOEXEC) => format!(
                "{program} is not a program this system can run; a script needs a first line like \
                 #!/bin/sh"
            ),
            (SpawnStep::Program, Errno::NOENT) => format!(
                "{program} cannot be started: the interpreter named in its first line, or its \
                 loader, is missing"
            ),
            (SpawnStep::Program, Errno::TOOBIG) => {
                "the command and its environment together are longer than the system takes"
                    .to_owned()
            }
            (_, errno) => format!("{program} cannot be started: {errno}"),
        };
        sentence.into()
    }
}

/// Arguments of a shell that runs `text`. A text that begins like an option would be taken for an
/// option of the shell. Not every shell knows `--` after `-c`, but all of them ignore a space.
fn shell_arguments<'a>(shell: &'a str, text: &'a str) -> Vec<Cow<'a, OsStr>> {
    let text: Cow<'_, OsStr> = if text.starts_with(['-', '+']) {
        Cow::Owned(format!(" {text}").into())
    } else {
        Cow::Borrowed(text.as_ref())
    };
    vec![OsStr::new(shell).into(), OsStr::new("-c").into(), text]
}

/// Adds to a problem that it concerns the task's shell.
fn of_a_shell(problem: StartError) -> StartError {
    match problem {
        StartError::Refused(problem) => StartError::Refused(format!("the task's shell: {problem}")),
        StartError::Shortage(problem) => StartError::Shortage(problem),
    }
}

/// Names the directory instead, if the whole directory is missing.
fn unstartable(problem: StartError, directory: Option<&Path>) -> StartError {
    match (problem, directory.and_then(directory_problem)) {
        (StartError::Refused(_), Some(missing)) => missing.into(),
        (problem, _) => problem,
    }
}

/// Returns a directory's name as a shell's `cd` would set it: links are kept, `.` and `..` are not.
fn working_directory(directory: &Path) -> OsString {
    let is_up = |part: Component<'_>| part == Component::ParentDir;
    if directory.is_absolute() && !directory.components().any(is_up) {
        return directory.components().collect::<PathBuf>().into();
    }
    // With `..` after a link, the path with links would name another directory.
    std::fs::canonicalize(directory).map_or_else(|_| directory.into(), PathBuf::into_os_string)
}
