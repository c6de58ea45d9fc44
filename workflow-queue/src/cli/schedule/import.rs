//! `schedule import`: the lines of a crontab as schedules.

use std::collections::HashMap;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use queue_core::cli::table::{Column, Table, left, text};
use queue_core::cli::{Access, Context, Failure, note};
use queue_core::error::{Error, Result};
use serde::Serialize;
use workflow_queue::schedule::crontab::{Crontab, CrontabEntry, CrontabForm};
use workflow_queue::{NewSchedule, Schedule, WorkflowQueue};

use super::{print, times};

/// Import the lines of a crontab as schedules
///
/// Prints what it would add, and adds it with --yes. Importing a file again adds nothing. Variables,
/// `SHELL` and `CRON_TZ` hold for the lines below them; the commands run in the home folder of their
/// owner, once, as under cron. Lines that no schedule can express are named and left out.
#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The kind of the file
    #[arg(value_parser = ["crontab"])]
    kind: String,

    /// The file; `-` for standard input
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,

    /// The file has a column for the user, as /etc/crontab; lines of other users are refused
    #[arg(long)]
    system: bool,

    /// Add the schedules
    #[arg(long)]
    yes: bool,
}

const COLUMNS: [Column; 5] = [
    text("NAME"),
    left("TIMES"),
    left("ZONE"),
    left("STATUS"),
    left("COMMAND"),
];

/// Relation of a line to the schedules of the file.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    New,
    Changed,
    Same,
}

#[derive(Serialize)]
struct View<'a> {
    added: bool,
    schedules: Vec<Imported>,
    refused: Vec<LineView<'a>>,
    not_taken_over: Vec<LineView<'a>>,
}

#[derive(Serialize)]
struct Imported {
    line: usize,
    name: String,
    times: String,
    zone: String,
    command: String,
    status: Status,
}

#[derive(Serialize)]
struct LineView<'a> {
    line: usize,
    what: &'a str,
}

/// The account that imports.
struct Account {
    name: String,
    home: String,
}

pub(super) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    let account = account()?;
    let form = if arguments.system {
        CrontabForm::System {
            user: account.name.clone(),
        }
    } else {
        CrontabForm::User
    };
    let mut crontab = Crontab::read(&bytes(&arguments.file)?, &form);
    let schedules = schedules(&mut crontab, &account.home);
    let queue = open(context, arguments.yes)?;
    let known = match &queue {
        Some(queue) => queue.schedules().list()?,
        None => Vec::new(),
    };
    let known: HashMap<&str, &Schedule> =
        known.iter().map(|one| (one.name.as_str(), one)).collect();
    let imported: Vec<Imported> = schedules
        .iter()
        .map(|(line, new)| imported(*line, new, known.get(new.name.as_str()).copied()))
        .collect();
    if let (Some(queue), true) = (&queue, arguments.yes) {
        let new: Vec<NewSchedule> = schedules.into_iter().map(|(_, new)| new).collect();
        queue.schedules().ensure_all(&new)?;
    }
    report(context, arguments.yes, imported, &crontab)
}

/// The database: to add to it, or to compare with it if it exists.
fn open(context: &Context<WorkflowQueue>, adds: bool) -> Result<Option<WorkflowQueue>> {
    if adds {
        return context.open(Access::Create).map(Some);
    }
    match context.open(Access::Read) {
        Ok(queue) => Ok(Some(queue)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn bytes(file: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        let read = std::io::stdin().lock().read_to_end(&mut bytes);
        read.map_err(|error| Error::io("cannot read standard input", error))?;
    } else {
        bytes = std::fs::read(file).map_err(|error| {
            let shown = file.display();
            if error.kind() == std::io::ErrorKind::NotFound {
                Error::not_found(format!("there is no file {shown}"))
            } else {
                Error::io(format!("cannot read {shown}"), error)
            }
        })?;
    }
    Ok(bytes)
}

/// The schedules of a crontab with the numbers of their lines. A line that makes none joins the
/// refused ones.
fn schedules(crontab: &mut Crontab, home: &str) -> Vec<(usize, NewSchedule)> {
    let has_own_zone = |entry: &CrontabEntry| entry.zone.is_some();
    let zone = if crontab.entries.iter().all(has_own_zone) {
        String::new()
    } else {
        times::system_zone()
    };
    let mut schedules = Vec::with_capacity(crontab.entries.len());
    for entry in &crontab.entries {
        match entry.schedule(&zone, home) {
            Ok(new) => schedules.push((entry.line, new)),
            Err(error) => crontab.refused.push((entry.line, error.to_string())),
        }
    }
    crontab.refused.sort_by_key(|(line, _)| *line);
    schedules
}

fn imported(line: usize, new: &NewSchedule, known: Option<&Schedule>) -> Imported {
    let is_same =
        |old: &Schedule| old.spec.as_ref() == Ok(&new.spec) && old.task.as_ref() == Ok(&new.task);
    Imported {
        line,
        name: new.name.clone(),
        times: print::times(&new.spec),
        zone: new.spec.zone_name().to_owned(),
        command: new.task.task.work.display(),
        status: match known {
            None => Status::New,
            Some(old) if is_same(old) => Status::Same,
            Some(_) => Status::Changed,
        },
    }
}

fn report(
    context: &Context<WorkflowQueue>,
    added: bool,
    imported: Vec<Imported>,
    crontab: &Crontab,
) -> Result<(), Failure> {
    let printer = if added {
        context.printer.of_done()
    } else {
        context.printer
    };
    let count = |status| imported.iter().filter(|one| one.status == status).count();
    let (new, changed, same) = (
        count(Status::New),
        count(Status::Changed),
        count(Status::Same),
    );
    let counts = format!("{new} new, {changed} changed, {same} as they were");
    if printer.is_json() {
        printer.json(&View {
            added,
            refused: lines(&crontab.refused),
            not_taken_over: lines(&crontab.left_out),
            schedules: imported,
        })?;
    } else if added {
        printer.raw(format!("Imported {counts}\n").as_bytes())?;
    } else if !imported.is_empty() {
        printer.table(&table(&imported))?;
    }
    for (line, name) in &crontab.left_out {
        note(&format!("line {line}: {name} is not taken over"));
    }
    for (line, reason) in &crontab.refused {
        note(&format!("line {line}: {reason}"));
    }
    if !added {
        note(&format!("nothing was added ({counts}); --yes adds them"));
    }
    match crontab.refused.len() {
        0 => Ok(()),
        1 => Err(Failure::Tasks("1 line was refused".to_owned())),
        number => Err(Failure::Tasks(format!("{number} lines were refused"))),
    }
}

fn lines(of: &[(usize, String)]) -> Vec<LineView<'_>> {
    let views = of.iter();
    views
        .map(|(line, what)| LineView { line: *line, what })
        .collect()
}

fn table(imported: &[Imported]) -> Table {
    let mut table = Table::new(&COLUMNS);
    for one in imported {
        let status = match one.status {
            Status::New => "new",
            Status::Changed => "changed",
            Status::Same => "same",
        };
        table.row([&one.name, &one.times, &one.zone, status, &one.command]);
    }
    table
}

/// The account of this process: its line in /etc/passwd, else its environment.
fn account() -> Result<Account> {
    let uid = std::fs::metadata("/proc/self")
        .map_err(|error| Error::io("cannot read /proc/self", error))?
        .uid()
        .to_string();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let fields = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    let own = fields
        .into_iter()
        .find(|fields| fields.get(2) == Some(&uid.as_str()));
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let of = |index: usize, name: &str| {
        let field = own.as_ref().and_then(|fields| fields.get(index));
        let field = field.map(|field| (*field).to_owned());
        field
            .filter(|field| !field.is_empty())
            .or_else(|| variable(name))
    };
    match (of(0, "LOGNAME"), of(5, "HOME")) {
        (Some(name), Some(home)) => Ok(Account { name, home }),
        _ => Err(Error::invalid(
            "this account has no name or no home folder; set LOGNAME and HOME",
        )),
    }
}
