//! `show`: prints all details of tasks.

mod links;

use std::fmt::Write as _;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Serialize;

use super::json::{self, FullView};
use super::program::{Access, Context};
use super::select::{self, Selector};
use super::{Failure, duration, escape, moment, tasks};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::options::TaskOptions;
use crate::queue::{Fact, FactValue, Queue};
use crate::state::State;
use crate::task::{Task, TaskId};
use crate::text::usage;
use crate::usage::Usage;
use links::Links;

/// Show all details of tasks
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The tasks: 7, 3,5-8, name:NAME, key:KEY, last or all
    #[arg(value_name = "ID", required = true, num_args = 1.., value_parser = select::parse)]
    ids: Vec<Vec<Selector>>,

    /// Show the values of its own variables, which nothing else shows; in JSON they are left out
    #[arg(long)]
    env: bool,
}

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    let zone = TimeZone::system();
    let mut separator = "";
    select::each(&queue, &arguments.ids.concat(), |id| {
        let task = find(&queue, id)?;
        let facts = queue.facts(id)?;
        let links = Links::read(&queue, id)?;
        let text = format!(
            "{separator}{}{}",
            describe(&task, &facts, &zone, arguments.env),
            lines(links.lines())
        );
        separator = "\n";
        if context.printer.is_json() {
            let task = FullView::new(&task, &facts);
            context.printer.json(&LinkedView { task, links })
        } else {
            context.printer.stream(text.as_bytes())
        }
    })
}

/// A task with its neighbours.
#[derive(Serialize)]
struct LinkedView<'a> {
    #[serde(flatten)]
    task: FullView<'a>,
    #[serde(flatten)]
    links: Links,
}

/// Labels and values as lines.
fn lines(lines: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let mut text = String::new();
    for (label, value) in lines {
        let _ = writeln!(text, "{label:<13} {}", escape::line(&value));
    }
    text
}

/// The task of that id.
///
/// # Errors
/// [`Error::NotFound`] if there is none.
pub fn find<Q: Queue>(queue: &Q, id: TaskId) -> Result<Task, Error> {
    queue
        .get(id)?
        .ok_or_else(|| Error::not_found(format!("there is no task {id}")))
}

/// A task as lines of label and value, without values that were never set.
fn describe(task: &Task, facts: &[Fact], zone: &TimeZone, with_values: bool) -> String {
    let mut text = String::new();
    let mut line = |label: &str, value: &str| {
        let _ = writeln!(text, "{label:<13} {}", escape::line(value));
    };
    line("id", &task.id.to_string());
    line("name", &task.name);
    line("state", task.state.as_str());
    if let Some(ending) = tasks::ending(task) {
        // A task that runs or waits again ended before.
        let label = if task.state.is_terminal() {
            "ended by"
        } else {
            "last ended by"
        };
        line(label, &ending);
    }
    line("command", &task.work.display());
    line("queue", &task.queue);
    line("priority", &task.priority.to_string());
    let options = &task.options;
    line("attempt", &tasks::attempt(task));
    line(
        "crashes",
        &format!("{} of {}", task.crashes, options.max_crashes),
    );
    line(
        "backoff",
        &duration::show(Duration::from_millis(options.backoff_ms)),
    );
    for (label, value) in show_settings(options) {
        line(label, &value);
    }
    for (name, value) in options.env.iter().filter(|_| with_values) {
        line("env", &format!("{name}={value}"));
    }
    if !with_values && !options.env.is_empty() {
        let names: Vec<&str> = options.env.iter().map(|(name, _)| name.as_str()).collect();
        line("env", &names.join(", "));
    }
    if let Some(key) = &task.key {
        line("key", &json::key(key));
    }
    for fact in facts {
        if let Some(value) = &fact.value {
            let label = fact.name.strip_suffix("_at").unwrap_or(fact.name);
            let value = match value {
                FactValue::Task(id) => id.to_string(),
                FactValue::Time(at) => moment::shown(*at, zone),
                FactValue::Key(bytes) => json::key(bytes),
                FactValue::Name(name) => name.clone(),
            };
            line(&label.replace('_', " "), &value);
        }
    }
    for (label, at) in times(task) {
        if let Some(at) = at {
            line(label, &moment::shown(at, zone));
        }
    }
    for (label, value) in figures(task) {
        if let Some(value) = value {
            line(label, &value);
        }
    }
    text
}

/// The options of a task that are set, as labels and values.
pub fn show_settings(options: &TaskOptions) -> Vec<(&'static str, String)> {
    let mut set = Vec::new();
    if let Some(timeout) = options.timeout_ms {
        set.push(("timeout", duration::show(Duration::from_millis(timeout))));
    }
    for (label, codes) in [
        ("retry codes", &options.retry_codes),
        ("fatal codes", &options.fatal_codes),
    ] {
        if !codes.is_empty() {
            let codes: Vec<String> = codes.iter().map(ToString::to_string).collect();
            set.push((label, codes.join(",")));
        }
    }
    set.extend(options.cwd.clone().map(|cwd| ("cwd", cwd)));
    set.extend(options.shell.clone().map(|shell| ("shell", shell)));
    if options.merge_output {
        let merged = "standard error merged into standard output";
        set.push(("output", merged.to_owned()));
    }
    if options.env_only {
        let whole = "its own alone, without the worker's";
        set.push(("environment", whole.to_owned()));
    }
    set
}

/// Duration of the last attempt and the resources that it used. Of a running task they would be those
/// of the attempt before.
fn figures(task: &Task) -> [(&'static str, Option<String>); 3] {
    let usage = if task.state == State::Running {
        Usage::default()
    } else {
        task.usage
    };
    [
        ("took", tasks::took(task).map(moment::rough)),
        ("cpu", usage::cpu(usage)),
        ("memory", usage::memory(usage)),
    ]
}

fn times(task: &Task) -> [(&'static str, Option<Timestamp>); 6] {
    [
        ("created", Some(task.created_at)),
        ("run at", task.run_at),
        ("held", task.held_at),
        ("started", task.started_at),
        ("finished", task.finished_at),
        ("cancel asked", task.cancel_requested_at),
    ]
}
