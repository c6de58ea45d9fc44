//! `hook list`: all hooks, and how their deliveries stand.

use queue_core::Queue as _;
use queue_core::cli::json::Moment;
use queue_core::cli::table::{Column, Table, left, right, text};
use queue_core::cli::{Access, Context, Failure, moment, note};
use queue_core::clock::Timestamp;
use serde::Serialize;
use workflow_queue::{Hook, HookTarget, WorkflowQueue};

/// List the hooks by name
///
/// LAG is the number of events that a hook has not seen, DEAD that of its dead letters. LAST is the
/// result of its last try.
#[derive(clap::Args, Debug)]
pub(super) struct Arguments {}

const COLUMNS: [Column; 7] = [
    text("NAME"),
    text("EVENTS"),
    left("STATE"),
    right("LAG"),
    right("DEAD"),
    text("LAST"),
    left("TARGET").dropped(2),
];

#[derive(Serialize)]
struct View<'a> {
    name: &'a str,
    events: Vec<&'static str>,
    queues: &'a [String],
    url: Option<String>,
    argv: Option<&'a [String]>,
    cwd: Option<&'a str>,
    signed: bool,
    timeout_ms: u64,
    added_at: Moment,
    cursor: String,
    lag: u64,
    behind_since: Option<Moment>,
    paused_at: Option<Moment>,
    failures: u32,
    next_try_at: Option<Moment>,
    last_at: Option<Moment>,
    last_error: Option<&'a str>,
    delivered: u64,
    failed: u64,
    given_up: u64,
    dead_letters: u64,
}

pub(super) fn run(context: &Context<WorkflowQueue>, _: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    let hooks = queue.hooks().list()?;
    if context.printer.is_json() {
        let views: Vec<View<'_>> = hooks.iter().map(view).collect();
        return context.printer.json(&views);
    }
    if hooks.is_empty() {
        note("there are no hooks");
        return Ok(());
    }
    let now = queue.now().wall;
    let mut table = Table::new(&COLUMNS);
    for hook in &hooks {
        table.row([
            &hook.standing.name,
            &events(hook),
            &state(hook, now),
            &hook.standing.lag.to_string(),
            &hook.standing.dead_letters.to_string(),
            &last(hook, now),
            &target(hook),
        ]);
    }
    context.printer.table(&table)
}

fn view(hook: &Hook) -> View<'_> {
    let (mut url, mut argv, mut cwd) = (None, None, None);
    match &hook.target {
        Ok(HookTarget::Url(own)) => url = Some(own.to_string()),
        Ok(HookTarget::Command {
            argv: words,
            cwd: folder,
        }) => (argv, cwd) = (Some(words.as_slice()), folder.as_deref()),
        Ok(_) | Err(_) => {}
    }
    View {
        name: &hook.standing.name,
        events: hook.kinds.iter().map(|kind| kind.name()).collect(),
        queues: &hook.queues,
        url,
        argv,
        cwd,
        signed: hook.is_signed,
        timeout_ms: u64::try_from(hook.limit.as_millis()).unwrap_or(u64::MAX),
        added_at: Moment(hook.added_at),
        cursor: hook.at.to_string(),
        lag: hook.standing.lag,
        behind_since: hook.standing.behind_since.map(Moment),
        paused_at: hook.standing.paused_at.map(Moment),
        failures: hook.standing.failures,
        next_try_at: hook.next_try_at.map(Moment),
        last_at: hook.last_at.map(Moment),
        last_error: hook.last_error.as_deref(),
        delivered: hook.standing.delivered,
        failed: hook.standing.failed,
        given_up: hook.standing.buried,
        dead_letters: hook.standing.dead_letters,
    }
}

fn events(hook: &Hook) -> String {
    let names: Vec<&str> = hook.kinds.iter().map(|kind| kind.name()).collect();
    let text = match names.as_slice() {
        [first, second, _, rest @ ..] => format!("{first} {second} and {} more", rest.len() + 1),
        few => few.join(" "),
    };
    if hook.queues.is_empty() {
        return text;
    }
    format!("{text} of {}", hook.queues.join(" "))
}

fn state(hook: &Hook, now: Timestamp) -> String {
    match (
        hook.standing.paused_at,
        hook.standing.failures,
        hook.next_try_at,
    ) {
        (Some(_), ..) => "paused".to_owned(),
        (None, 0, _) | (None, _, None) => "active".to_owned(),
        (None, failures, Some(at)) => {
            format!("failed {failures}x, next {}", moment::relative(at, now))
        }
    }
}

fn last(hook: &Hook, now: Timestamp) -> String {
    let Some(at) = hook.last_at else {
        return "-".to_owned();
    };
    let at = moment::relative(at, now);
    match &hook.last_error {
        Some(error) => format!("{at}: {error}"),
        None => format!("{at}: taken"),
    }
}

fn target(hook: &Hook) -> String {
    match &hook.target {
        Ok(target) => target.to_string(),
        Err(reason) => reason.clone(),
    }
}
