//! Changes that a form asks for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::action::{Selection, TaskAction, priority};
use super::dashboard::Dashboard;
use super::pages;
use super::prune::Selected;
use super::reply::{Problem, Reply};
use super::report::Done;
use super::request::{Pairs, Request};
use crate::error::Result;
use crate::queue::Queue;
use crate::services::{self, Verb};
use crate::task::{NewTask, TaskId};

/// Most tasks that one transaction changes.
const CHUNK: usize = 500;

/// Time after which a change of very many tasks reports and offers to go on.
const STEP_TIME: Duration = Duration::from_secs(3);

/// Changes tasks, the newest first, and says how many. After some seconds it offers to go on.
pub(super) fn change<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let action = TaskAction::of(&request.form)?;
    let queue = &dashboard.queue;
    let begin = queue.now().boot;
    let mut done = Done::new(action);
    let changed: Result<()> = match Selection::of(&request.form) {
        Selection::Ids(ids) if ids.is_empty() => {
            return Err(Problem::Invalid("choose at least one task".to_owned()));
        }
        Selection::Ids(ids) => ids.rchunks(CHUNK).try_for_each(|chunk| {
            let newest_first: Vec<TaskId> = chunk.iter().rev().copied().collect();
            done.add(&action.apply(queue, &newest_first)?);
            Ok(())
        }),
        Selection::Filter(filter, before) => {
            let mut before = before;
            action.filter(filter).map_or(Ok(()), |filter| {
                loop {
                    let stats = &dashboard.summary()?.stats;
                    let page = filter.page(queue, stats, (before, CHUNK))?;
                    let ids: Vec<TaskId> = page.tasks.iter().map(|task| task.id).collect();
                    if !ids.is_empty() {
                        done.add(&action.apply(queue, &ids)?);
                    }
                    before = page.next;
                    let Some(next) = page.next else {
                        break Ok(());
                    };
                    if queue.now().boot.since(begin) > STEP_TIME {
                        done.left = Some((filter, next));
                        break Ok(());
                    }
                }
            })
        }
    };
    dashboard.counts.forget();
    if let Err(error) = changed {
        return if done.is_empty() {
            Err(error.into())
        } else {
            done.failed = Some(error.to_string());
            Ok(pages::done(dashboard, request, &done))
        };
    }
    match request.form.all("id").next() {
        Some(id) if request.form.get("back").is_some() && done.is_clean() => {
            let id: i64 = id.parse().unwrap_or_default();
            Ok(Reply::see(&format!("{}tasks/{id}", request.root)))
        }
        _ => Ok(pages::done(dashboard, request, &done)),
    }
}

/// Deletes ended tasks with their output, and says how many. After some seconds it offers to go on.
pub(super) fn prune<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let chosen = Selected::of(&request.form, dashboard.now())?;
    let missing = || Problem::Invalid("choose at least one state".to_owned());
    let pruned = chosen.ok_or_else(missing)?.delete(&dashboard.queue)?;
    dashboard.counts.forget();
    Ok(pages::pruned(dashboard, request, &pruned))
}

/// Pauses or resumes a queue.
pub(super) fn change_queue<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let name = request.form.get("name").unwrap_or_default();
    if !dashboard.queue.knows_queue(name)? {
        return Err(Problem::NotFound("there is no such queue".to_owned()));
    }
    let paused = paused(&request.form).ok_or_else(no_action)?;
    dashboard.queue.set_paused(name, paused)?;
    dashboard.counts.forget();
    Ok(Reply::see(&format!("{}queues", request.root)))
}

/// Runs a schedule, or pauses or resumes all that are named. Goes on after one that is gone.
pub(super) fn change_schedule<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let missing = || Problem::NotFound("there is no such schedule".to_owned());
    let source = dashboard.sources.schedules.as_ref().ok_or_else(missing)?;
    let (queue, form) = (&dashboard.queue, &request.form);
    let name = form.get("name").unwrap_or_default();
    let place = match (form.get("action"), paused(form)) {
        (Some("run"), _) => {
            let id = (source.run)(queue, name)?;
            format!("tasks/{id}")
        }
        (_, Some(paused)) => {
            let named: BTreeSet<&str> = form.all("name").collect();
            if named.is_empty() {
                return Err(Problem::Invalid("choose at least one schedule".to_owned()));
            }
            let pause = |name| (source.set_paused)(queue, name, paused);
            let changed: Vec<Result<bool>> = named.into_iter().map(pause).collect();
            changed.into_iter().collect::<Result<Vec<bool>>>()?;
            match form.get("back") {
                Some("history") => pages::schedule_address(name),
                _ => "schedules".to_owned(),
            }
        }
        _ => return Err(no_action()),
    };
    dashboard.counts.forget();
    Ok(Reply::see(&format!("{}{place}", request.root)))
}

/// Pauses or resumes a hook, or lets it get dead letters again.
pub(super) fn change_hook<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let missing = || Problem::NotFound("there is no such hook".to_owned());
    let source = dashboard.sources.hooks.as_ref().ok_or_else(missing)?;
    let (queue, form) = (&dashboard.queue, &request.form);
    let name = form.get("name").unwrap_or_default();
    let place = pages::hook_address(name);
    let chosen = |text: &str| {
        let invalid = || Problem::Invalid("a dead letter has a number".to_owned());
        text.parse().map_err(|_| invalid())
    };
    if let Some(paused) = paused(form) {
        (source.set_paused)(queue, name, paused)?;
        if form.get("back") == Some("list") {
            return Ok(Reply::see(&format!("{}hooks", request.root)));
        }
        return Ok(Reply::see(&format!("{}{place}", request.root)));
    }
    match (form.get("action"), form.get("letter"), form.get("all")) {
        (Some("retry"), Some(letter), _) => {
            (source.retry)(queue, name, Some(chosen(letter)?))?;
        }
        (Some("retry"), None, Some(_)) => {
            (source.retry)(queue, name, None)?;
        }
        _ => return Err(no_action()),
    }
    Ok(Reply::see(&format!("{}{place}", request.root)))
}

/// Starts, stops or restarts a service of the file.
pub(super) fn change_service<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let (manager, unit) = (request.form.get("manager"), request.form.get("unit"));
    let verb = match request.form.get("action") {
        Some("start") => Verb::Start,
        Some("stop") => Verb::Stop,
        Some("restart") => Verb::Restart,
        _ => return Err(no_action()),
    };
    dashboard.services.forget();
    let reading = dashboard.services.get(&dashboard.queue)?;
    let mut own = reading.services.iter();
    let found = own.find(|service| {
        manager == Some(service.scope.as_str()) && unit == Some(service.unit.unit.as_str())
    });
    let missing = || Problem::NotFound("this file has no such service".to_owned());
    let service = found.ok_or_else(missing)?;
    services::request(service.scope, verb, &service.unit)?;
    dashboard.services.forget();
    Ok(Reply::see(&format!("{}services", request.root)))
}

/// Enqueues a command.
pub(super) fn enqueue<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let form = &request.form;
    let command = form
        .get("command")
        .unwrap_or_default()
        .replace("\r\n", "\n");
    let name = form.get("name").unwrap_or(&command);
    let priority = form.get("priority").map_or(Ok(0), priority)?;
    let mut task = NewTask::shell(short(name), command.as_str()).priority(priority);
    if let Some(queue) = form.get("queue") {
        task = task.queue(queue);
    }
    task.validate()?;
    let enqueued = dashboard.queue.enqueue(vec![task])?;
    dashboard.counts.forget();
    let id = enqueued.first().map_or(0, |one| one.id.0);
    Ok(Reply::see(&format!("{}tasks/{id}", request.root)))
}

/// True if the form pauses, false if it resumes; `None` for another action.
fn paused(form: &Pairs) -> Option<bool> {
    match form.get("action")? {
        "pause" => Some(true),
        "resume" => Some(false),
        _ => None,
    }
}

fn no_action() -> Problem {
    Problem::Invalid("choose an action".to_owned())
}

/// The first line of a command as a task's name.
fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut end = line.len().min(crate::task::MAX_NAME_BYTES);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line[..end].to_owned()
}
