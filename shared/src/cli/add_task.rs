//! `add-task` and `enqueue`: one task from the arguments, or many from standard input.

mod await_end;
pub(super) mod bulk;
mod extra;
mod field;
mod report;
mod settings;

pub use extra::Extra;
pub use field::{Fields, Length, field};
pub use settings::TaskSettings;

use std::io::Read as _;
use std::time::Duration;

use await_end::Await;
use report::{Print, Report, report};

use super::command_name::name_of;
use super::option_values::{at, folder, priority};
use super::printer::note;
use super::program::Context;
use super::{Failure, duration};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::queue::{Enqueued, Queue, WorkerInfo};
use crate::task::{NewTask, Work, check_name};

/// Enqueue a command, or many from standard input
///
/// COMMAND is run by `/bin/sh -c`, or as --shell says; a program and its arguments after `--` are started without a
/// shell. The command runs in the folder it was enqueued from, with the worker's environment.
///
/// A single argument is COMMAND, and the task is named after its first words.
///
/// With --stdin every line is a task: a command, or, if it begins with `{`, a JSON object whose
/// fields have the names of these options (name, command, argv, priority, delay, ...). Options given
/// here are the defaults of every line. A command's name is NAME, else the command itself. Empty
/// lines and lines that begin with # are skipped. All lines are enqueued in one transaction: if
/// one is wrong, none is.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Its name, shown to people; 1 to 200 bytes [default: the first words of the command]
    name: Option<String>,

    /// The command line for `/bin/sh -c`
    #[arg(conflicts_with_all = ["argv", "stdin"])]
    command: Option<String>,

    /// Higher runs first; 0 unless set
    #[arg(
        allow_negative_numbers = true,
        value_parser = priority,
        conflicts_with = "priority_option"
    )]
    priority: Option<i32>,

    /// Seconds until it may start, fractions allowed: 10, 1.5; as --delay
    #[arg(
        value_name = "DELAY",
        allow_negative_numbers = true,
        value_parser = duration::parse
    )]
    positional_delay: Option<Duration>,

    /// The program and its arguments, started without a shell
    #[arg(last = true, value_name = "PROGRAM")]
    argv: Vec<String>,

    /// Its name; the only argument is then the command
    #[arg(short, long = "name", value_name = "NAME")]
    name_option: Option<String>,

    /// Read many tasks from standard input
    #[arg(long, conflicts_with_all = ["argv", "key"])]
    stdin: bool,

    /// Start it this long from now: 90, 1.5, 500ms, 1h30m, 2d
    #[arg(
        long,
        value_name = "DURATION",
        allow_hyphen_values = true,
        value_parser = duration::parse,
        conflicts_with_all = ["at", "positional_delay"]
    )]
    delay: Option<Duration>,

    /// Start it at this time: 2026-12-24T18:00:00Z, '2026-12-24 18:00', 18:00 or @UNIX-SECONDS
    #[arg(long, value_name = "TIME", conflicts_with = "positional_delay")]
    at: Option<String>,

    /// Hold it until `release`
    #[arg(long)]
    hold: bool,

    #[command(flatten)]
    settings: TaskSettings,

    /// Print the bare id
    #[arg(long, value_enum, value_name = "WHAT")]
    print: Option<Print>,

    #[command(flatten)]
    end: Await,
}

const EXAMPLES: &str = "Examples:
  <PROGRAM> add 'make -j4 all'
  <PROGRAM> add-task backup 'tar czf home.tgz ~' 10
  <PROGRAM> add-task report --at 18:00 --timeout 1h -- ./report --all
  <PROGRAM> add-task nightly ./run.sh --delay 1h30m --max-attempts 5 --key nightly-2026-12-24
  for f in ./*.wav; do <PROGRAM> add-task \"$f\" -- flac \"$f\"; done
  seq 100 | sed 's|.*|./simulate --seed &|' | <PROGRAM> add-task simulate --stdin";

/// Enqueues the tasks of the arguments and `extra`, and reports them with `verb` (`Added`).
///
/// # Errors
/// Usage failures, which enqueue nothing, and the errors of the engine.
pub fn run<Q: Queue, X: Extra<Q>>(
    context: &Context<Q>,
    arguments: Arguments,
    extra: &X,
    verb: &str,
) -> Result<(), Failure> {
    let end = arguments.end;
    let form = Report {
        verb,
        bulk: arguments.stdin,
        print: arguments.print,
        aside: end.takes_stdout(),
    };
    let result = enqueue(context, arguments, extra, form);
    if !end.is_asked() || form.bulk {
        return result.map(drop);
    }
    let awaited = result.and_then(|(queue, enqueued)| match enqueued.as_slice() {
        [one] => end.run(context, &queue, one.id),
        _ => Ok(()),
    });
    awaited.map_err(Failure::beside_a_task)
}

/// Enqueues the tasks and reports them. Returns them with the open database.
fn enqueue<Q: Queue, X: Extra<Q>>(
    context: &Context<Q>,
    arguments: Arguments,
    extra: &X,
    form: Report<'_>,
) -> Result<(Q, Vec<Enqueued>), Failure> {
    let awaits = arguments.end.is_asked() && !form.bulk;
    let now = crate::clock::Clock::now(&crate::clock::SystemClock).wall;
    let mut destinations = Destinations::default();
    let tasks = if form.bulk {
        let template = template(&arguments, now)?;
        bulk::read(
            &stdin()?,
            &template,
            X::FIELDS,
            now,
            |line, task, fields| {
                destinations.note(&task);
                extra.extend(task, fields, Some(line))
            },
        )?
    } else {
        let task = single(context, arguments, now)?;
        task.validate()?;
        destinations.note(&task);
        let task = extra
            .extend(task, Fields::new(), None)
            .map_err(Failure::Usage)?;
        vec![task]
    };
    let queue = context.open(extra.access())?;
    let enqueued = if tasks.is_empty() {
        Vec::new()
    } else {
        extra.enqueue(&queue, tasks)?
    };
    report(context, &queue, &enqueued, form)?;
    if !enqueued.is_empty() && !awaits {
        for (name, handler) in destinations.0 {
            context.note_after_change(advise(context, &queue, &name, &handler));
        }
    }
    Ok((queue, enqueued))
}

/// Reports several enqueued tasks.
///
/// # Errors
/// [`Failure::Output`].
pub fn report_enqueued<Q: Queue>(
    context: &Context<Q>,
    queue: &Q,
    enqueued: &[Enqueued],
    verb: &str,
) -> Result<(), Failure> {
    let form = Report {
        verb,
        bulk: true,
        print: None,
        aside: false,
    };
    report(context, queue, enqueued, form)
}

/// All of standard input.
fn stdin() -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|error| Error::io("cannot read standard input", error))?;
    Ok(bytes)
}

/// The one task of the arguments. A single positional argument is its command.
fn single<Q: Queue>(
    context: &Context<Q>,
    mut arguments: Arguments,
    now: Timestamp,
) -> Result<NewTask, Failure> {
    if arguments.argv.is_empty() && arguments.command.is_none() {
        arguments.command = arguments.name.take();
    }
    let mut task = template(&arguments, now)?;
    task.work = match arguments.command {
        Some(command) if is_bare_number(&command) => {
            return Err(number_refused(context, arguments.name.as_deref(), &command));
        }
        Some(command) => Work::Shell(command),
        None if arguments.argv.is_empty() => {
            return Err(Failure::Usage(
                "there is nothing to run; give a command, or a program after `--`".to_owned(),
            ));
        }
        None => {
            // A shell that the configuration file names is for commands.
            task.options.shell = None;
            Work::Argv(arguments.argv)
        }
    };
    if task.name.is_empty() {
        task.name = name_of(&task.work.display());
    }
    Ok(task)
}

/// True for `5` and `0.5`, which nobody means as a command.
fn is_bare_number(command: &str) -> bool {
    let is_digit = |c: char| c.is_ascii_digit();
    let rest = command.trim().trim_start_matches(is_digit);
    let begins = rest.len() < command.trim().len();
    begins && rest.strip_prefix('.').unwrap_or(rest).chars().all(is_digit)
}

/// Refusal of a number in the place of COMMAND, with the ways to write what may have been meant.
fn number_refused<Q: Queue>(context: &Context<Q>, name: Option<&str>, command: &str) -> Failure {
    let add = |words: &[&str], separator: &str| {
        let words = Work::Argv(words.iter().map(|&word| word.to_owned()).collect());
        context.command(&format!("add-task {separator}{}", words.display()))
    };
    let command = command.trim();
    let sentence = match name {
        Some(name) => format!(
            "{command} is a number, not a command; write {} or {}",
            add(&[&format!("{name} {command}")], ""),
            add(&[name, command], "-- "),
        ),
        None => format!(
            "{command} is a number, not a command; {} starts a program of that name",
            add(&[command], "-- "),
        ),
    };
    Failure::Usage(sentence)
}

/// The name given by the arguments, by position or by option.
fn given_name(arguments: &Arguments) -> Result<Option<&str>, Failure> {
    let name = match (arguments.name.as_deref(), arguments.name_option.as_deref()) {
        (Some(_), Some(_)) => {
            return Err(Failure::Usage(
                "there are two names; with --name, write only the command, and its priority and \
                 delay as --priority and --delay"
                    .to_owned(),
            ));
        }
        (one, other) => one.or(other),
    };
    if let Some(name) = name {
        check_name("a task's name", name)?;
    }
    Ok(name)
}

/// A task with all the arguments say, except for its work.
fn template(arguments: &Arguments, now: Timestamp) -> Result<NewTask, Failure> {
    let name = given_name(arguments)?;
    let delay = arguments.delay.or(arguments.positional_delay);
    let run_at = match (&arguments.at, delay) {
        (Some(text), _) => Some(at(text, now)?),
        (None, Some(delay)) => Some(now.after(delay)),
        (None, None) => None,
    };
    let mut task = NewTask::shell(name.unwrap_or_default(), "");
    task.priority = arguments.priority.unwrap_or_default();
    task.run_at = run_at.filter(|at| *at > now);
    task.held = arguments.hold;
    arguments.settings.apply(&mut task)?;
    in_this_folder(&mut task)?;
    Ok(task)
}

/// Lets a task for which no other folder was named run in the current one.
///
/// # Errors
/// [`Error::Invalid`] if the current folder was deleted or cannot be named.
pub fn in_this_folder(task: &mut NewTask) -> Result<()> {
    if task.options.cwd.is_none() {
        task.options.cwd = Some(folder(".")?);
    }
    Ok(())
}

/// The distinct queues and handlers of tasks.
#[derive(Default)]
struct Destinations(Vec<(String, String)>);

impl Destinations {
    fn note(&mut self, task: &NewTask) {
        let handler = task.work.handler();
        let is_same = |(queue, own): &(String, String)| *queue == task.queue && own == handler;
        if !self.0.iter().any(is_same) {
            self.0.push((task.queue.clone(), handler.to_owned()));
        }
    }
}

/// Prints a note on standard error if no living worker serves that queue and handler ('' is a
/// command).
///
/// # Errors
/// When the workers cannot be read.
pub fn advise<Q: Queue>(
    context: &Context<Q>,
    queue: &Q,
    name: &str,
    handler: &str,
) -> Result<(), Failure> {
    let workers = queue.live_workers()?;
    let serves = |worker: &WorkerInfo| worker.serves.covers(name, handler);
    if !workers.iter().any(serves) {
        note(&format!(
            "no worker is running that can run it; {}",
            context.how_to_serve(queue, name)?
        ));
    }
    Ok(())
}
