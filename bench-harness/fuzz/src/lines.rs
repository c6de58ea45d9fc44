//! Standard input: one task per line, as a command or a JSON object.

use queue_core::clock::Timestamp;
use queue_core::internals::fuzzing;
use queue_core::options::TaskOptions;
use queue_core::task::NewTask;
use workflow_queue::On;

use crate::{check_sentence, cli};

const NOW: Timestamp = Timestamp(1_798_129_800_000);

/// A line is either parsed into a task that an engine accepts, or refused by its line number.
pub(crate) fn tasks(bytes: &[u8]) {
    match fuzzing::task_lines(bytes, &[], NOW) {
        Ok(tasks) => {
            assert!(tasks.len() <= bytes.split(|byte| *byte == b'\n').count());
            for (task, fields) in tasks {
                check_task(&task);
                assert!(fields.is_empty(), "no field is ignored");
            }
        }
        Err(sentence) => {
            check_sentence(&sentence);
            let lines = bytes.split(|byte| *byte == b'\n').count();
            let named = sentence.strip_prefix("line ");
            let named = named.and_then(|rest| rest.split(':').next()?.parse().ok());
            assert!(
                named.is_some_and(|line| (1..=lines).contains(&line)),
                "{sentence}"
            );
        }
    }
}

/// Does the same for the fields that only workflow-queue's tasks have.
pub(crate) fn workflow_tasks(bytes: &[u8]) {
    match cli::workflow_lines(bytes, NOW) {
        Ok(tasks) => {
            for task in &tasks {
                check_task(&task.task);
                for dependency in &task.after {
                    match &dependency.on {
                        On::Task(id) => assert!(id.0 >= 1, "{id} is no id"),
                        On::Index(place) => assert!(*place < tasks.len()),
                        on @ (On::Name(_) | _) => panic!("no line depends on {on:?}"),
                    }
                }
            }
        }
        Err(sentence) => check_sentence(&sentence),
    }
}

fn check_task(task: &NewTask) {
    task.validate().expect("a task that was read is valid");
    assert!(
        task.run_at
            .is_none_or(|at| NOW < at && at <= Timestamp::MAX)
    );
    let stored = task.options.to_row().expect("valid options are stored");
    let read = TaskOptions::from_row(stored.as_deref()).expect("stored options are read");
    assert_eq!(read, task.options);
}
