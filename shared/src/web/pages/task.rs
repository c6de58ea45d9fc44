//! One task: its state, output, attempts, neighbours and options.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::super::action::TaskAction;
use super::super::dashboard::Dashboard;
use super::super::reply::{Problem, Reply};
use super::super::request::Request;
use super::super::words::{self, ago, cell, chip, line, number, sentence, state_chip, waits};
use super::super::{download, output};
use super::events;
use super::layout::{Page, columns, form_token, table};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::queue::{Fact, FactValue, Queue};
use crate::state::State;
use crate::task::{Task, TaskId};
use crate::text::{duration, ending, escape, moment, usage, waiting};
use crate::workflow::{Condition, Edge};

/// Most neighbours of each side in a page.
const MOST_NEIGHBOURS: usize = 50;

/// Most attempts in a page, the last ones.
const MOST_ATTEMPTS: usize = 50;

fn found<Q: Queue>(dashboard: &Dashboard<Q>, request: &Request) -> Result<Task, Problem> {
    let id = request.task()?;
    let missing = || Problem::NotFound(format!("there is no task {id}"));
    dashboard.queue.get(id)?.ok_or_else(missing)
}

/// The output of a task as a file to save: of its last attempt, or of the one in the link.
pub(in super::super) fn output<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let task = found(dashboard, request)?;
    let attempt = request
        .query
        .get("attempt")
        .and_then(|text| text.parse().ok());
    let kept = output::kept(&dashboard.queue, &task, attempt)?;
    let missing = || Problem::NotFound("there is no such output any more".to_owned());
    let name = match attempt {
        Some(attempt) => format!("task-{}-attempt-{attempt}.txt", task.id),
        None => format!("task-{}.txt", task.id),
    };
    let body = download::body(kept.ok_or_else(missing)?)?;
    Ok(Reply::download(&name, body))
}

/// The output of a task from some position on, for the script.
pub(in super::super) fn tail<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let task = found(dashboard, request)?;
    let from = request.query.get("from").and_then(|text| text.parse().ok());
    let part = output::read(&dashboard.queue, &task, from.unwrap_or(0))?;
    let text = serde_json::json!({
        "token": task.token,
        "state": task.state.as_str(),
        "ended": task.state.is_terminal(),
        "end": part.end,
        "pieces": part.pieces,
    });
    Ok(Reply::text(text.to_string()))
}

/// The page of a task.
pub(in super::super) fn task<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let task = found(dashboard, request)?;
    let now = dashboard.now();
    let queue = &dashboard.queue;
    let facts = queue.facts(task.id)?;
    let above = queue.dependencies(task.id)?;
    let below = queue.dependents(task.id)?;
    let is_linked = !above.is_empty() || !below.is_empty();
    let root = &request.root;
    let content = html! {
        div.head {
            h1 dir="auto" { span.dim { "#" (task.id) } " " (line(&task.name)) }
            div #state.state data-live {
                (chip(&task))
                @if let Some(how) = ending::ending(&task) {
                    span.dim { @if !task.state.is_terminal() { "last: " } (line(&how)) }
                }
            }
            div #acts.acts data-live {
                @if dashboard.writes() { (buttons(dashboard, request, &task, !below.is_empty())) }
                @if is_linked {
                    a.button href={ (root) "tasks/" (task.id) "/workflow" }
                    { "Workflow" }
                }
            }
        }
        (why(dashboard, request, &task, now)?)
        pre.command { code { (escape::block(&task.work.display())) } }
        (times(&task, now))
        (shown_output(dashboard, request, &task)?)
        (attempts(dashboard, request, task.id, now)?)
        @if is_linked {
            div.columns {
                (neighbours(dashboard, request, ("Depends on", "above"), &above, |edge| edge.on)?)
                (neighbours(dashboard, request, ("Dependents", "below"), &below, |edge|
                    edge.dependent)?)
            }
        }
        (events::history(dashboard, task.id, now)?)
        (details(&task, &facts, root))
    };
    let name = line(&task.name);
    let page = Page {
        title: &format!("#{} {name}", task.id),
        nav: "tasks",
        is_live: true,
    };
    Ok(Reply::page(page.around(dashboard, request, &content)))
}

/// The buttons that the state of the task allows.
fn buttons<Q: Queue>(
    dashboard: &Dashboard<Q>,
    request: &Request,
    task: &Task,
    has_dependents: bool,
) -> Markup {
    let allows = |action: &TaskAction| match action {
        TaskAction::Release => task.held_at.is_some(),
        TaskAction::Hold => task.state.is_waiting() && task.held_at.is_none(),
        TaskAction::RetryDownstream => has_dependents && action.states().contains(&task.state),
        TaskAction::Retry | TaskAction::Cancel | TaskAction::Prioritize(_) => {
            action.states().contains(&task.state)
        }
    };
    let all = [
        TaskAction::Retry,
        TaskAction::RetryDownstream,
        TaskAction::Release,
        TaskAction::Hold,
        TaskAction::Cancel,
    ];
    html! {
        form method="post" action={ (request.root) "tasks/change" } {
            (form_token(dashboard, request))
            input type="hidden" name="id" value=(task.id);
            input type="hidden" name="back" value="1";
            @for action in all.iter().filter(|action| allows(action)) {
                button name="action" value=(action.word())
                    class=(match
                        action { TaskAction::Retry => "primary", TaskAction::Cancel => "danger", _ => ""
                            }) {
                    (action.verb())
                }
            }
            @if task.state.is_waiting() {
                span.pair {
                    label for="priority" class="quiet" { "Priority" }
                    input #priority name="priority" inputmode="numeric" size="6"
                        value=(task.priority);
                    button name="action" value="prioritize" { "Prioritise" }
                }
            }
        }
    }
}

/// The reasons for which a task waits, or was skipped.
fn why<Q: Queue>(
    dashboard: &Dashboard<Q>,
    request: &Request,
    task: &Task,
    now: Timestamp,
) -> Result<Markup, Error> {
    let is_asked = task.state.is_waiting() || task.state == State::Skipped;
    let reasons = if is_asked {
        dashboard.queue.waits_for(task.id)?
    } else {
        Vec::new()
    };
    Ok(html! {
        div #why data-live {
            @if let Some(reason) = &task.set_aside {
                p.why { (sentence(&waiting::set_aside(reason))) }
            } @else if task.state.is_waiting() || !reasons.is_empty() {
                ul.why aria-label="Why" {
                    @for reason in &reasons { li { (waits(reason, task, &request.root, now)) } }
                    @if reasons.iter().all(|one| waiting::is_past(one, now)) {
                        li { (sentence(waiting::NEXT)) }
                    }
                }
            }
            @if let Some(asked) =
                task.cancel_requested_at.filter(|_| task.state == State::Running) {
                p.why { (sentence(&waiting::asked_to_stop(asked, now))) }
            }
        }
    })
}

/// The times of a task, from its enqueue on.
fn times(task: &Task, now: Timestamp) -> Markup {
    let facts = [
        ("Created", Some(task.created_at)),
        ("Starts", task.run_at.filter(|_| task.state.is_waiting())),
        ("Held", task.held_at),
        ("Started", task.started_at),
        ("Finished", task.finished_at),
    ];
    html! {
        dl.facts #times data-live {
            @for (name, at) in facts {
                @if let Some(at) = at { div { dt { (name) } dd { (ago(at, now)) } } }
            }
            @if let Some(took) = ending::took(task) {
                div { dt { "Took" } dd { (words::took(took)) } }
            }
            @if task.state != State::Running {
                @if let Some(cpu) = usage::cpu(task.usage) {
                    div { dt { "CPU time" } dd.number { (cpu) } }
                }
                @if let Some(memory) = usage::memory(task.usage) {
                    div { dt { "Peak memory" } dd.number { (memory) } }
                }
            }
            div { dt { "Queue" } dd { (cell(&task.queue)) } }
            div { dt { "Priority" } dd.number { (task.priority) } }
            div { dt { "Attempt" } dd.number { (ending::attempt(task)) } }
            @if task.crashes > 0 {
                div {
                    dt { "Crashes" }
                    dd.number { (task.crashes) " of " (task.options.max_crashes) }
                }
            }
            @if let Some(worker) = task.worker.filter(|_| task.state == State::Running) {
                div { dt { "Worker" } dd { code { (worker) } } }
            }
        }
    }
}

fn shown_output<Q: Queue>(
    dashboard: &Dashboard<Q>,
    request: &Request,
    task: &Task,
) -> Result<Markup, Error> {
    let part = output::read(&dashboard.queue, task, 0)?;
    let tail = format!("{}tasks/{}/tail", request.root, task.id);
    let is_empty = part.pieces.is_empty();
    Ok(html! {
        section aria-labelledby="output-title" {
            h2 #output-title {
                "Output"
                @if !is_empty {
                    a.more href={ (request.root) "tasks/" (task.id) "/output" }
                    { "download" }
                }
            }
            @if part.before > 0 {
                p.dim.small {
                    "The first " (number(part.before))
                        " bytes are left out; the download has all that is kept."
                }
            }
            pre #output.output tabindex="0" dir="auto" aria-live="off" data-tail=(tail)
                data-end=(part.end)
                data-token=(task.token) data-ended[task.state.is_terminal()] {
                @for piece in &part.pieces { span class=(piece.of) { (piece.text) } }
            }
            p.none #no-output hidden[!is_empty] {
                @match (task.state.is_terminal(), task.started_at) {
                    (true, Some(_)) => "It wrote nothing.",
                    (true, None) => "It never ran.",
                    (false, _) => "Nothing yet.",
                }
            }
        }
    })
}

fn attempts<Q: Queue>(
    dashboard: &Dashboard<Q>,
    request: &Request,
    id: TaskId,
    now: Timestamp,
) -> Result<Markup, Error> {
    let Some(read) = dashboard.sources.attempts else {
        return Ok(html! {});
    };
    let mut attempts = read(&dashboard.queue, id)?;
    let is_empty = attempts.is_empty();
    attempts.reverse();
    let all = attempts.len();
    attempts.truncate(MOST_ATTEMPTS);
    Ok(html! {
        section aria-labelledby="attempts" {
            h2 #attempts { "Attempts" }
            @if is_empty { p.none { "No attempt has ended." } }
            (table("attempt-rows", "Ended attempts, the last first",
                &columns(&["#Attempt", "Became", "Ended by", "#Started", "#Took", "#CPU", "#Memory",
                    "Worker", ""]),
                &html! {
                    @for one in &attempts {
                        @let took =
                            u64::try_from(one.finished_at.since(one.started_at)).unwrap_or(0);
                        tr {
                            td.number data-label="attempt" { (one.attempt) }
                            td { (state_chip(one.state)) }
                            td { (cell(&one.ending)) }
                            td.number { (ago(one.started_at, now)) }
                            td.number { (words::took(Duration::from_millis(took))) }
                            td.number { (usage::cpu(one.usage).unwrap_or_default()) }
                            td.number { (usage::memory(one.usage).unwrap_or_default()) }
                            td { code { (one.worker) } }
                            td {
                                a href={ (request.root) "tasks/" (id) "/output?attempt="
                                    (one.attempt) }
                                { "output" }
                            }
                        }
                    }
                }))
            @if all > attempts.len() {
                p.none { "The last " (attempts.len()) " of " (all) " are shown." }
            }
        }
    })
}

fn neighbours<Q: Queue>(
    dashboard: &Dashboard<Q>,
    request: &Request,
    (title, id): (&str, &str),
    edges: &[Edge],
    other: fn(&Edge) -> TaskId,
) -> Result<Markup, Error> {
    let mut rows = Vec::new();
    for edge in edges.iter().take(MOST_NEIGHBOURS) {
        rows.push((
            edge.condition,
            other(edge),
            dashboard.queue.get(other(edge))?,
        ));
    }
    Ok(html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (title) " " span.dim { (number(edges.len() as u64)) } }
            @if edges.is_empty() { p.none { "None." } }
            (table(&format!("{id}-rows"), title, &columns(&["#Id", "Task", "State"]), &html! {
                @for (condition, id, task) in &rows {
                    tr id={ "n" (id) } {
                        td.number.dim { (id) }
                        td.main {
                            a href={ (request.root) "tasks/" (id) } {
                                @match task { Some(task) => (cell(&task.name)), None => "deleted" }
                            }
                            @if *condition != Condition::Success {
                                " " span.tag { "on " (condition) }
                            }
                        }
                        td { @if let Some(task) = task { (chip(task)) } }
                    }
                }
            }))
            @if edges.len() > rows.len() { p.none { "The first " (rows.len()) " are shown." } }
        }
    })
}

/// The options that are set, and everything else that is rarely asked for.
fn details(task: &Task, facts: &[Fact], root: &str) -> Markup {
    let options = &task.options;
    let millis = |millis: u64| duration::show(Duration::from_millis(millis));
    let codes = |codes: &[i32]| {
        codes
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let mut set: Vec<(&str, String)> = vec![("backoff", millis(options.backoff_ms))];
    set.extend(
        options
            .timeout_ms
            .map(|timeout| ("timeout", millis(timeout))),
    );
    if !options.retry_codes.is_empty() {
        set.push(("retry codes", codes(&options.retry_codes)));
    }
    if !options.fatal_codes.is_empty() {
        set.push(("fatal codes", codes(&options.fatal_codes)));
    }
    set.extend(options.cwd.clone().map(|cwd| ("folder", cwd)));
    set.extend(options.shell.clone().map(|shell| ("shell", shell)));
    set.extend(
        task.key
            .as_deref()
            .map(|key| ("key", String::from_utf8_lossy(key).into_owned())),
    );
    let names: Vec<&str> = options.env.iter().map(|(name, _)| name.as_str()).collect();
    let zone = TimeZone::system();
    html! {
        section aria-labelledby="options" {
            h2 #options { "Options" }
            dl.facts {
                @for (name, value) in &set { div { dt { (name) } dd { (cell(value)) } } }
                @if !names.is_empty() {
                    div {
                        dt { "environment" }
                        dd { @for name in &names { code { (line(name)) } " " } }
                    }
                }
                @for fact in facts {
                    @if let Some(value) = &fact.value {
                        div {
                            dt { (fact.name.trim_end_matches("_at").replace('_', " ")) }
                            dd {
                                @match value {
                                    FactValue::Task(id) => a href={ (root) "tasks/" (id) } {
                                        "#" (id)
                                    },
                                    FactValue::Time(at) => (moment::shown(*at, &zone)),
                                    FactValue::Key(bytes) =>
                                        (cell(&String::from_utf8_lossy(bytes))),
                                    FactValue::Name(name) => (cell(name)),
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
