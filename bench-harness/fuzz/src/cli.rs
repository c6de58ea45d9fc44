//! The parsers of workflow-queue's command line. No library holds them: the program's own source files
//! are compiled into this package.

pub(crate) use program::{
    after, before, concurrency, key_scope, rate, show_rate, task_lines as workflow_lines,
};

#[path = "../../../workflow-queue/src/cli"]
#[expect(dead_code, reason = "only the parsers of these verbs are called")]
mod program {
    mod enqueue;
    mod limit;

    use enqueue::Submitted;
    use enqueue::after::After;
    use enqueue::before::Before;
    use queue_core::cli::select::Selector;
    use queue_core::clock::Timestamp;
    use queue_core::internals::fuzzing;
    use workflow_queue::{Rate, WorkflowTask};

    /// Parses the tasks of an `--after`.
    pub(crate) fn after(text: &str) -> Result<Vec<Selector>, String> {
        After::parse(text).map(|after| after.tasks)
    }

    /// Parses the tasks of a `--before`; none for the word that means the spawner's dependents.
    pub(crate) fn before(text: &str) -> Result<Vec<Selector>, String> {
        Before::parse(text).map(|before| before.tasks.unwrap_or_default())
    }

    /// Parses the rate of a `--rate`.
    pub(crate) fn rate(text: &str) -> Result<Option<Rate>, String> {
        limit::rate(text).map(|bound| bound.0)
    }

    /// Formats a rate for display.
    pub(crate) fn show_rate(rate: Rate) -> String {
        limit::show_rate(rate)
    }

    /// Parses the bound of a `--concurrency`.
    pub(crate) fn concurrency(text: &str) -> Result<Option<u32>, String> {
        limit::concurrency(text).map(|bound| bound.0)
    }

    /// Checks a `--key-scope`.
    pub(crate) fn key_scope(text: &str) -> Result<(), String> {
        enqueue::settings::key_scope(text).map(drop)
    }

    /// Parses the lines of `enqueue --stdin` into tasks.
    pub(crate) fn task_lines(bytes: &[u8], now: Timestamp) -> Result<Vec<WorkflowTask>, String> {
        let lines = fuzzing::task_lines(bytes, enqueue::FIELDS, now)?;
        let mut read = Vec::with_capacity(lines.len());
        for (task, fields) in lines {
            let mut submitted = Submitted {
                task: task.into(),
                after: Vec::new(),
                after_by_default: true,
                before_by_default: true,
            };
            enqueue::read(fields, &mut submitted)?;
            read.push(submitted);
        }
        enqueue::resolve(&mut read).map_err(|error| error.to_string())?;
        Ok(read.into_iter().map(|submitted| submitted.task).collect())
    }
}
