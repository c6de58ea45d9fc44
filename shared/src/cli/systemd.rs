//! `systemd print|install|uninstall`: the worker as a service. The service takes the same
//! additional options as the program's worker.

pub(super) mod unit;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::extra::Plain;
use super::printer::note;
use super::program::Context;
use super::served::{self, Served};
use super::worker::{self, Commands};
use super::{Failure, escape, number};
use crate::error::{Error, Result};
use crate::queue::Queue;
use crate::services::{self, Scope};
use unit::Unit;

/// Run the worker as a systemd service
#[derive(clap::Args, Debug)]
#[command(arg_required_else_help = false)]
pub struct Arguments<X: clap::Args = Plain> {
    #[command(subcommand)]
    verb: Verb<X>,
}

#[derive(clap::Subcommand, Debug)]
enum Verb<X: clap::Args> {
    /// Print the unit file
    Print(Worker<X>),
    /// Write the unit file and make systemd read it
    Install(Install<X>),
    /// Stop the service and remove its unit file
    Uninstall(Service),
}

/// The name and scope of a service.
#[derive(clap::Args, Debug)]
struct Service {
    /// A service of the system, not of this user
    #[arg(long)]
    system: bool,

    /// The account a system service runs as [default: this one]
    #[arg(long, value_name = "USER", requires = "system", value_parser = account)]
    run_as: Option<String>,

    /// The unit's name [default: the program's with -worker]
    #[arg(long, value_name = "NAME", value_parser = unit_name)]
    unit: Option<String>,
}

/// The worker that the service runs.
#[derive(clap::Args, Debug)]
struct Worker<X: clap::Args> {
    #[command(flatten)]
    extra: X,

    #[command(flatten)]
    service: Service,

    /// Number of tasks to run at once [default: the number of cores]
    #[arg(long, value_name = "NUMBER", value_parser = number::within(1..=10_000_u32))]
    slots: Option<u32>,

    #[command(flatten)]
    served: Served,

    #[command(flatten)]
    commands: Commands,

    /// Run commands with restrictions that few of them notice, such as no new privileges, and no
    /// access of other users to the files they create
    #[arg(long)]
    harden: bool,
}

#[derive(clap::Args, Debug)]
struct Install<X: clap::Args> {
    #[command(flatten)]
    worker: Worker<X>,

    /// Start it now and at every boot or login
    #[arg(long)]
    now: bool,
}

/// Reads the name of an account as `useradd` accepts it.
pub(super) fn account(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if text.is_empty() || text.starts_with(['-', '.']) || !text.chars().all(is_plain) {
        return Err("an account's name has letters, digits, `_`, `-` and `.`".to_owned());
    }
    Ok(text.to_owned())
}

fn unit_name(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let name = text.strip_suffix(".service").unwrap_or(text);
    if name.is_empty() || name.len() > 200 || name.starts_with('.') || !name.chars().all(is_plain) {
        return Err("a unit's name has letters, digits, `_`, `-` and `.`".to_owned());
    }
    Ok(name.to_owned())
}

/// Prints, writes or removes the unit file.
///
/// # Errors
/// [`Failure`] for a path that no unit file can name, and if the system refuses a file.
pub fn run<Q: Queue, X: worker::Extra<Q> + clap::Args>(
    context: &Context<Q>,
    arguments: &Arguments<X>,
) -> Result<(), Failure> {
    match &arguments.verb {
        Verb::Print(worker) => context.printer.raw(text(context, worker)?.as_bytes()),
        Verb::Install(install) => install_unit(context, install),
        Verb::Uninstall(service) => uninstall(context, service),
    }
}

/// The unit file's text.
fn text<Q: Queue, X: worker::Extra<Q> + clap::Args>(
    context: &Context<Q>,
    worker: &Worker<X>,
) -> Result<String> {
    let queues = worker.served.queues();
    let slots = worker
        .slots
        .and_then(NonZeroU32::new)
        .or(worker.extra.slots());
    queues.check(slots.unwrap_or_else(|| worker::slots(None)).get())?;
    let program = std::env::current_exe()
        .map_err(|error| Error::io("cannot find this program's own file", error))?;
    let database = std::path::absolute(context.path())
        .map_err(|error| Error::io("cannot find the database's folder", error))?;
    Unit {
        name: context.program.name,
        program: utf8("this program's own path", &program)?,
        database: utf8("the database's path", &database)?,
        system: worker.service.system,
        harden: worker.harden,
        run_as: worker.service.run_as.as_deref(),
        slots: worker.slots,
        served: &served::words(&queues),
        grace: worker.commands.grace(),
        extra: &[worker.commands.words(), worker.extra.words()?].concat(),
        option: context.durability_option(),
    }
    .render()
}

pub(super) fn utf8<'a>(what: &str, path: &'a Path) -> Result<&'a str> {
    path.to_str().ok_or_else(|| {
        Error::invalid(format!(
            "{what} is not valid UTF-8, which systemd cannot read"
        ))
    })
}

fn file_name<Q: Queue>(context: &Context<Q>, service: &Service) -> String {
    match &service.unit {
        Some(name) => format!("{name}.service"),
        None => format!("{}-worker.service", context.program.name),
    }
}

/// Path of the unit file.
fn unit_path<Q: Queue>(context: &Context<Q>, service: &Service) -> Result<PathBuf> {
    let scope = if service.system {
        Scope::System
    } else {
        Scope::User
    };
    Ok(scope.folder()?.join(file_name(context, service)))
}

fn install_unit<Q: Queue, X: worker::Extra<Q> + clap::Args>(
    context: &Context<Q>,
    install: &Install<X>,
) -> Result<(), Failure> {
    let service = &install.worker.service;
    let text = text(context, &install.worker)?;
    let path = unit_path(context, service)?;
    let name = file_name(context, service);
    services::write(&path, text.as_bytes())?;
    context
        .printer
        .of_done()
        .raw(format!("{}\n", escape::line(&path.to_string_lossy())).as_bytes())?;
    systemctl(service, &["daemon-reload"]);
    if install.now {
        systemctl(service, &["enable", "--now", &name]);
    } else {
        let scope = if service.system { "" } else { " --user" };
        note(&format!(
            "start it with `systemctl{scope} enable --now {name}`"
        ));
    }
    if !service.system {
        note("`loginctl enable-linger` keeps it running while you are logged out");
    }
    Ok(())
}

fn uninstall<Q: Queue>(context: &Context<Q>, service: &Service) -> Result<(), Failure> {
    let path = unit_path(context, service)?;
    let shown = path.display();
    if !path.exists() {
        return Err(Error::not_found(format!("there is no unit file {shown}")).into());
    }
    systemctl(service, &["disable", "--now", &file_name(context, service)]);
    std::fs::remove_file(&path)
        .map_err(|error| Error::io(format!("cannot remove {shown}"), error))?;
    systemctl(service, &["daemon-reload"]);
    context
        .printer
        .of_done()
        .raw(format!("removed {}\n", escape::line(&path.to_string_lossy())).as_bytes())
}

/// Runs `systemctl`. If it is missing or cannot reach systemd, this prints a note and goes on: the
/// file is installed, and systemd reads it when it starts.
fn systemctl(service: &Service, arguments: &[&str]) {
    let mut command = Command::new("systemctl");
    if !service.system {
        command.arg("--user");
    }
    let line = arguments.join(" ");
    match command.args(arguments).output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            note(&format!("`systemctl {line}` failed: {}", said.trim()));
        }
        Err(error) => note(&format!("`systemctl {line}` could not be run: {error}")),
    }
}
