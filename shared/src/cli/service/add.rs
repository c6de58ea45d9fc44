//! `service add`: makes a command a service.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use rustix::fs::{Access as Right, access};

use super::super::printer::note;
use super::super::program::{Access, Context};
use super::super::{Failure, possible_values, size, systemd, variables};
use super::change;
use super::chosen::Manager;
use crate::error::{Error, Result};
use crate::queue::Queue;
use crate::services::{self, Definition, Restart, Scope, ServiceUnit};

/// Make a command a service, and start it
#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// Its name: letters, digits, `_`, `-` and `.`
    #[arg(value_parser = services::check_name)]
    name: String,

    /// The ends after which systemd starts it again, a second later
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "on-failure",
        value_parser = possible_values::of(Restart::WORDS.map(|(word, _)| word), restart)
    )]
    restart: Restart,

    /// Most memory of all its processes, such as 512M; systemd ends it beyond that
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    memory_max: Option<u64>,

    /// A variable for its environment, or NAME for its value here; everybody on this machine may read it
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,

    /// The folder it runs in [default: this one]
    #[arg(long, value_name = "FOLDER")]
    cwd: Option<PathBuf>,

    #[command(flatten)]
    manager: Manager,

    /// The account a system's service runs as [default: root]
    #[arg(long, value_name = "USER", requires = "system", value_parser = systemd::account)]
    run_as: Option<String>,

    /// Replace the service of that name, and restart it
    #[arg(long)]
    replace: bool,

    /// Start it at the next boot or login, and not now
    #[arg(long)]
    no_start: bool,

    /// The program and its arguments, started without a shell
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

fn restart(word: &str) -> Result<Restart, String> {
    let known = Restart::WORDS.iter().find(|(own, _)| *own == word);
    known
        .map(|(_, restart)| *restart)
        .ok_or_else(|| "it is on-failure, always or no".to_owned())
}

pub(super) fn run<Q: Queue>(
    context: &Context<Q>,
    arguments: &Arguments,
) -> std::result::Result<(), Failure> {
    let file = context.open(Access::Read)?.file_id()?;
    let scope = arguments.manager.scope();
    let text = text(context, arguments, file)?;
    let unit = services::unit_file(context.program.name, &arguments.name);
    let path = scope.folder()?.join(&unit);
    let before = replaced(context, arguments, &path, file)?;
    services::write(&path, text.as_bytes())?;
    if let Err(error) = services::systemctl(scope, &["daemon-reload"]) {
        // As it was before: systemd has not read the new file.
        match &before {
            Some(before) => services::write(&path, before)?,
            None => services::remove(&path)?,
        }
        return Err(error.into());
    }
    let added = ServiceUnit {
        name: arguments.name.clone(),
        unit,
        command: String::new(),
        path,
    };
    start(context, arguments, &added, before.is_some())?;
    let change = if before.is_some() {
        "replaced"
    } else {
        "added"
    };
    change::report(context.printer, change, &[added])?;
    if scope == Scope::User {
        note("`loginctl enable-linger` keeps your services running while you are logged out");
    }
    Ok(())
}

/// Enables the service for the next boot or login, and starts it.
fn start<Q: Queue>(
    context: &Context<Q>,
    arguments: &Arguments,
    added: &ServiceUnit,
    was_there: bool,
) -> Result<()> {
    let scope = arguments.manager.scope();
    let units = std::slice::from_ref(added);
    let enabled = services::run_systemctl(scope, &["enable"], units);
    let started = enabled.and_then(|()| match (arguments.no_start, was_there) {
        (true, _) => Ok(()),
        (false, true) => services::run_systemctl(scope, &["restart"], units),
        (false, false) => services::run_systemctl(scope, &["start"], units),
    });
    started.map_err(|error| {
        let remove = context.command(&format!("service remove {}", added.name));
        let what = format!(
            "service {} is there, but could not be started; {remove} removes it",
            added.name
        );
        Error::io(what, std::io::Error::other(error.to_string()))
    })
}

/// The unit file that the new one replaces.
///
/// # Errors
/// [`Error::Invalid`] if a unit of that name is there that must not be replaced.
fn replaced<Q: Queue>(
    context: &Context<Q>,
    arguments: &Arguments,
    path: &Path,
    file: i64,
) -> Result<Option<Vec<u8>>> {
    if std::fs::symlink_metadata(path).is_err() {
        return Ok(None);
    }
    let is_own =
        services::of_file(path.to_owned(), file).is_some_and(|unit| unit.name == arguments.name);
    if !is_own {
        return Err(Error::invalid(format!(
            "{} is no service of this file; choose another name",
            path.display()
        )));
    }
    if !arguments.replace {
        let remove = context.command(&format!("service remove {}", arguments.name));
        return Err(Error::invalid(format!(
            "there is a service {} already; --replace replaces it, {remove} removes it",
            arguments.name
        )));
    }
    let before = std::fs::read(path)
        .map_err(|error| Error::io(format!("cannot read {}", path.display()), error))?;
    Ok(Some(before))
}

/// The unit file's text.
fn text<Q: Queue>(context: &Context<Q>, arguments: &Arguments, file: i64) -> Result<String> {
    let folder = arguments.cwd.as_deref().unwrap_or(Path::new("."));
    let folder = folder
        .canonicalize()
        .map_err(|error| Error::io(format!("cannot enter {}", folder.display()), error))?;
    if !folder.is_dir() {
        let sentence = format!("--cwd {} is not a folder", folder.display());
        return Err(Error::invalid(sentence));
    }
    let database = std::path::absolute(context.path())
        .map_err(|error| Error::io("cannot find the database's folder", error))?;
    let mut command = arguments.command.clone();
    if let Some(program) = command.first_mut() {
        let file = found(program, &folder)?;
        systemd::utf8("the program's path", &file)?.clone_into(program);
    }
    Definition {
        owner: context.program.name,
        name: &arguments.name,
        database: systemd::utf8("the database's path", &database)?,
        file,
        command: &command,
        folder: systemd::utf8("the folder's path", &folder)?,
        variables: &variables::variables(&arguments.env, false)?,
        run_as: arguments.run_as.as_deref(),
        restart: arguments.restart,
        memory_max: arguments.memory_max,
        scope: arguments.manager.scope(),
    }
    .render()
}

/// The file of a program: a bare name is searched in PATH, as the shell does. systemd would look in
/// folders of its own.
fn found(program: &str, folder: &Path) -> Result<PathBuf> {
    let runs = |file: &PathBuf| file.is_file() && access(file, Right::EXEC_OK).is_ok();
    if program.contains('/') {
        // The components are without a `.` in between.
        let file: PathBuf = folder.join(program).components().collect();
        if runs(&file) {
            return Ok(file);
        }
        let sentence = format!("{} is not an executable file", file.display());
        return Err(Error::invalid(sentence));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths::<OsStr>(&path);
    let mut files = folders.map(|one| folder.join(one).join(program));
    files.find(runs).ok_or_else(|| {
        Error::invalid(format!(
            "there is no program {program:?} in PATH; give its full path"
        ))
    })
}
