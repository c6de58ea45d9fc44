//! Action of a schedule: the task that a firing enqueues.

use std::time::Duration;

use queue_core::clock::Timestamp;
use queue_core::error::{Error, Result};
use queue_core::options::TaskOptions;
use queue_core::task::{NewTask, Work};
use serde::{Deserialize, Serialize};

use super::spec::Spec;
use crate::workflow_task::{KeyScope, OnConflict, Settings, WorkflowTask};

/// Action of a schedule, as stored.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Stored {
    Task(Box<StoredTask>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredTask {
    name: String,
    queue: String,
    work: StoredWork,
    #[serde(default, skip_serializing_if = "is_default")]
    priority: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<Vec<u8>>,
    #[serde(default, skip_serializing_if = "is_default")]
    key_scope: StoredKeyScope,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limit_key: Option<Vec<u8>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start_within_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    finish_within_ms: Option<u64>,
    #[serde(default)]
    options: TaskOptions,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum StoredWork {
    Shell(String),
    Argv(Vec<String>),
    Handler { handler: String, payload: Vec<u8> },
}

#[derive(Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum StoredKeyScope {
    #[default]
    Forever,
    WhileUnfinished,
    ForMs(u64),
}

/// Checks the task of a schedule.
///
/// # Errors
/// [`Error::Invalid`] for a task that could not be enqueued, and for one with dependencies or a
/// start time, which a firing decides.
pub(crate) fn check(task: &WorkflowTask) -> Result<()> {
    task.task.validate()?;
    task.validate()?;
    if !task.after.is_empty() || !task.before.is_empty() {
        return Err(Error::invalid("the task of a schedule has no dependencies"));
    }
    if task.task.run_at.is_some() {
        return Err(Error::invalid(
            "the task of a schedule has no start time of its own: the schedule decides it",
        ));
    }
    if task.settings.on_conflict == OnConflict::Refuse {
        return Err(Error::invalid(
            "the task of a schedule does not refuse a taken key: the slot is skipped",
        ));
    }
    Ok(())
}

/// Text for `queue_schedules.action`.
///
/// # Errors
/// [`Error::Bug`] if it cannot be written as JSON.
pub(crate) fn to_row(task: &WorkflowTask) -> Result<String> {
    let (new, settings) = (&task.task, &task.settings);
    let work = match &new.work {
        Work::Shell(command) => StoredWork::Shell(command.clone()),
        Work::Argv(arguments) => StoredWork::Argv(arguments.clone()),
        Work::Handler { handler, payload } => StoredWork::Handler {
            handler: handler.clone(),
            payload: payload.clone(),
        },
        _ => {
            return Err(Error::Bug {
                what: "a schedule cannot store work of this kind".to_owned(),
            });
        }
    };
    let stored = StoredTask {
        name: new.name.clone(),
        queue: new.queue.clone(),
        work,
        priority: new.priority,
        key: new.key.clone(),
        key_scope: match settings.key_scope {
            KeyScope::Forever => StoredKeyScope::Forever,
            KeyScope::WhileUnfinished => StoredKeyScope::WhileUnfinished,
            KeyScope::For(period) => StoredKeyScope::ForMs(millis(period)),
        },
        limit_key: settings.limit_key.clone(),
        start_within_ms: settings.start_within.map(millis),
        finish_within_ms: settings.finish_within.map(millis),
        options: new.options.clone(),
    };
    serde_json::to_string(&Stored::Task(Box::new(stored))).map_err(|error| Error::Bug {
        what: format!("the task of a schedule cannot be stored: {error}"),
    })
}

/// Reads `queue_schedules.action`.
///
/// # Errors
/// [`Error::Invalid`] for a text that this version cannot read.
pub(crate) fn from_row(text: &str) -> Result<WorkflowTask> {
    let Stored::Task(stored) = serde_json::from_str(text).map_err(|error| {
        Error::invalid(format!(
            "the task of the schedule cannot be read by this version: {error}"
        ))
    })?;
    let work = match stored.work {
        StoredWork::Shell(command) => Work::Shell(command),
        StoredWork::Argv(arguments) => Work::Argv(arguments),
        StoredWork::Handler { handler, payload } => Work::Handler { handler, payload },
    };
    let mut task = NewTask::of(stored.name, work)
        .queue(stored.queue)
        .priority(stored.priority)
        .options(stored.options);
    task.key = stored.key;
    Ok(WorkflowTask::from(task).settings(Settings {
        key_scope: match stored.key_scope {
            StoredKeyScope::Forever => KeyScope::Forever,
            StoredKeyScope::WhileUnfinished => KeyScope::WhileUnfinished,
            StoredKeyScope::ForMs(period) => KeyScope::For(Duration::from_millis(period)),
        },
        limit_key: stored.limit_key,
        start_within: stored.start_within_ms.map(Duration::from_millis),
        finish_within: stored.finish_within_ms.map(Duration::from_millis),
        ..Settings::default()
    }))
}

/// The task of a slot. Its command finds the schedule's name, the slot, and the slot before in its
/// environment, as RFC 3339 in the schedule's zone.
pub(crate) fn at_slot(
    task: &WorkflowTask,
    schedule: &str,
    spec: &Spec,
    slot: Option<Timestamp>,
) -> WorkflowTask {
    let mut task = task.clone();
    let variables = &mut task.task.options.env;
    variables.push(("QUEUE_SCHEDULE".to_owned(), schedule.to_owned()));
    if let Some(slot) = slot {
        let before = spec.last_until(Timestamp(slot.0 - 1), Timestamp(0));
        let times = [("QUEUE_SLOT", Some(slot)), ("QUEUE_INTERVAL_START", before)];
        for (name, time) in times {
            if let Some(time) = time.map(|time| spec.rfc_3339(time)) {
                variables.push((name.to_owned(), time));
            }
        }
    }
    task
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use queue_core::clock::Timestamp;
    use queue_core::task::NewTask;

    use super::{at_slot, check, from_row, to_row};
    use crate::schedule::spec::Spec;
    use crate::workflow_task::{KeyScope, Settings, WorkflowTask};

    #[test]
    fn a_stored_task_is_read_as_it_was() {
        let settings = Settings {
            key_scope: KeyScope::For(Duration::from_secs(3)),
            limit_key: Some(vec![0, 255]),
            start_within: Some(Duration::from_secs(9)),
            ..Settings::default()
        };
        for task in [
            NewTask::shell("nightly", "make 'all'"),
            NewTask::argv("nightly", ["a", "b c"])
                .priority(-3)
                .queue("q"),
            NewTask::handler("mail", vec![0, 200]).key(vec![1, 2]),
        ] {
            let task = WorkflowTask::from(task).settings(settings.clone());
            assert_eq!(from_row(&to_row(&task).unwrap()).unwrap(), task);
            check(&task).unwrap();
        }
        let text = r#"{"task":{"name":"a","queue":"b","work":{"shell":"c"},"cpus":4}}"#;
        assert!(
            from_row(text)
                .unwrap_err()
                .to_string()
                .contains("this version")
        );
    }

    #[test]
    fn a_command_finds_its_slot_and_the_one_before() {
        let spec = Spec::cron("nightly", "30 3 * * *", "Europe/Berlin").unwrap();
        let slot = spec.next_after(Timestamp(1_774_648_800_000)).unwrap();
        let task = WorkflowTask::shell("nightly", "true");
        let env = at_slot(&task, "nightly", &spec, Some(slot))
            .task
            .options
            .env;
        let expected = [
            ("QUEUE_SCHEDULE", "nightly"),
            ("QUEUE_SLOT", "2026-03-28T03:30:00+01:00"),
            ("QUEUE_INTERVAL_START", "2026-03-27T03:30:00+01:00"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(env, expected);
    }
}
