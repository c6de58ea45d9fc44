//! `attempts`: lists the ended attempts of tasks.

use queue_core::cli::json::Moment;
use queue_core::cli::note;
use queue_core::cli::select::{self, Selector};
use queue_core::cli::table::{Column, Table, left, right};
use queue_core::cli::{Access, Context, Failure, escape, find, moment, usage};
use queue_core::queue::Queue;
use queue_core::{Reason, TaskId};
use serde::Serialize;
use workflow_queue::{Attempt, WorkflowQueue};

/// Show how every attempt of tasks ended, and who ran it
///
/// An attempt is recorded when it ends. With -o json, the end of what an unsuccessful one wrote is
/// shown too.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// The tasks: 7, 3,5-8, name:NAME, key:KEY, last or all
    #[arg(value_name = "ID", required = true, num_args = 1.., value_parser = select::parse)]
    ids: Vec<Vec<Selector>>,
}

const COLUMNS: [Column; 9] = [
    right("ID"),
    right("ATTEMPT"),
    left("BECAME"),
    left("STARTED"),
    right("TOOK"),
    right("CPU"),
    right("MEMORY"),
    left("WORKER"),
    left("ENDED BY"),
];

#[derive(Serialize)]
struct View<'a> {
    id: i64,
    attempt: u32,
    token: i64,
    worker: String,
    state: &'static str,
    started_at: Moment,
    finished_at: Moment,
    exit_code: Option<i32>,
    signal: Option<i32>,
    reason: Option<&'static str>,
    message: Option<&'a str>,
    cpu_us: Option<u64>,
    rss_kb: Option<u64>,
    tail: Option<String>,
}

impl<'a> View<'a> {
    fn new(id: TaskId, attempt: &'a Attempt) -> Self {
        Self {
            id: id.0,
            attempt: attempt.attempt,
            token: attempt.token,
            worker: attempt.worker.to_string(),
            state: attempt.state.as_str(),
            started_at: Moment(attempt.started_at),
            finished_at: Moment(attempt.finished_at),
            exit_code: attempt.exit_code,
            signal: attempt.signal,
            reason: attempt.reason.map(Reason::as_str),
            message: attempt.message.as_deref(),
            cpu_us: attempt.usage.cpu_us,
            rss_kb: attempt.usage.rss_kb,
            tail: attempt.tail.as_deref().map(escape::bytes),
        }
    }
}

pub(crate) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    let now = queue.now().wall;
    let mut found: Vec<(TaskId, Attempt)> = Vec::new();
    select::each(&queue, &arguments.ids.concat(), |id| {
        find(&queue, id)?;
        found.extend(queue.attempts(id)?.into_iter().map(|one| (id, one)));
        Ok(())
    })?;
    if context.printer.is_json() {
        let views = found.iter().map(|(id, attempt)| View::new(*id, attempt));
        return context.printer.json(&views.collect::<Vec<_>>());
    }
    if found.is_empty() {
        note("no attempt has ended yet");
        return Ok(());
    }
    let mut table = Table::new(&COLUMNS);
    for (id, attempt) in &found {
        let took = attempt.finished_at.since(attempt.started_at);
        let took = std::time::Duration::from_millis(u64::try_from(took).unwrap_or(0));
        table.row([
            &id.to_string(),
            &attempt.attempt.to_string(),
            attempt.state.as_str(),
            &moment::relative(attempt.started_at, now),
            &moment::rough(took),
            usage::cpu(attempt.usage).as_deref().unwrap_or("-"),
            usage::memory(attempt.usage).as_deref().unwrap_or("-"),
            &attempt.worker.to_string(),
            &ending(attempt),
        ]);
    }
    context.printer.table(&table)
}

pub(super) fn ending(attempt: &Attempt) -> String {
    let Some(reason) = attempt.reason else {
        return "-".to_owned();
    };
    match (reason, attempt.exit_code, attempt.signal, &attempt.message) {
        (Reason::Exit, Some(code), _, _) => format!("exit code {code}"),
        (Reason::Signal, _, Some(signal), _) => format!("signal {signal}"),
        (_, _, _, Some(message)) => format!("{}: {message}", reason.as_str()),
        (_, _, _, None) => reason.as_str().to_owned(),
    }
}
