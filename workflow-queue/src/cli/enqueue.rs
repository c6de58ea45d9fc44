//! `add-task` and `enqueue`: tasks and their dependencies.

pub(super) mod after;
pub(super) mod before;
pub(super) mod settings;
mod spawner;

use after::{After, Names};
use before::Before;
use queue_core::claim::Claim;
use queue_core::cli::add_task::{self, Extra, Fields, Length, field};
use queue_core::cli::note;
use queue_core::cli::select;
use queue_core::cli::{Access, Context, Failure, possible_values, tasks};
use queue_core::error::{Error, Result};
use queue_core::queue::{Enqueued, Queue};
use queue_core::state::State;
use queue_core::task::NewTask;
use settings::{WorkflowSettings, key_scope};
use workflow_queue::{
    Dependency, Dependent, DependentTasks, KeyScope, On, OnConflict, Settings, WorkflowQueue,
    WorkflowTask,
};

/// Enqueue a command, or many from standard input
///
/// COMMAND is run by `/bin/sh -c`, or as --shell says; a program and its arguments after `--` are started without a
/// shell. The command runs in the folder it was enqueued from, with the worker's environment.
///
/// A single argument is COMMAND, and the task is named after its first words.
///
/// With --stdin every line is a task: a command, or, if it begins with `{`, a JSON object whose
/// fields have the names of these options (name, command, argv, priority, delay, after, ...). `after` is
/// a list of ids (7 or "id:7") and of names of other lines, each with an optional :success, :failure
/// or :any; `before` is a list of ids of waiting tasks.
/// Options given here are the defaults of every line. A command's name is NAME, else the command
/// itself. Empty lines and lines that begin with # are skipped. All lines are enqueued in one
/// transaction: if one is wrong, none is.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("keyed").args(["key", "stdin"]).multiple(true))]
#[group(skip)]
pub(crate) struct Arguments {
    #[command(flatten)]
    task: add_task::Arguments,

    #[command(flatten)]
    workflow: WorkflowOptions,
}

const EXAMPLES: &str = "Examples:
  <PROGRAM> enqueue build 'make -j4' 10
  <PROGRAM> enqueue test 'make test' --after 1
  <PROGRAM> enqueue report ./mail-me --after 1,2:any --limit-key mail
  <PROGRAM> enqueue nightly ./run.sh --delay 1h30m --key nightly --key-scope unfinished
  <PROGRAM> enqueue part './work 1' --spawn --before dependents  # in a task's command
  echo '{\"name\": \"b\", \"command\": \"true\", \"after\": [1, \"a:any\"]}' | <PROGRAM> enqueue --stdin";

/// Options of tasks that only this program has.
#[derive(clap::Args, Debug)]
struct WorkflowOptions {
    /// Start it once these tasks have succeeded, or failed, or ended: 7, 3,5-8:any, last:failure;
    /// may be repeated
    #[arg(long, value_name = "ID[:CONDITION]", value_parser = After::parse)]
    after: Vec<After>,

    /// Make these waiting tasks wait for it too: 7, 3,5-8:any, last, or `dependents` for all that
    /// wait for the task that --spawn adds to; may be repeated
    #[arg(long, value_name = "ID[:CONDITION]", value_parser = Before::parse)]
    before: Vec<Before>,

    /// Add it to the workflow of the running task whose command calls this, on its behalf: if its
    /// worker has lost it, nothing is added
    #[arg(long)]
    spawn: bool,

    /// Action if its key is taken: keep the `existing` task, or `refuse` with an error [default:
    /// existing]
    #[arg(
        long,
        value_name = "WHAT",
        value_parser = possible_values::of(["existing", "refuse"], on_conflict),
        hide_possible_values = true,
        requires = "keyed"
    )]
    on_conflict: Option<OnConflict>,

    #[command(flatten)]
    settings: WorkflowSettings,
}

fn on_conflict(word: &str) -> Result<OnConflict, String> {
    match word {
        "existing" => Ok(OnConflict::Existing),
        "refuse" => Ok(OnConflict::Refuse),
        _ => Err("it is `existing` or `refuse`".to_owned()),
    }
}

/// JSON fields that correspond to these options.
pub(super) const FIELDS: &[&str] = &[
    "after",
    "before",
    "key_scope",
    "on_conflict",
    "start_within",
    "finish_within",
    "limit_key",
];

/// A task to be submitted, before the names in its edges are resolved.
#[derive(Debug)]
pub(super) struct Submitted {
    pub(super) task: WorkflowTask,
    /// Entries of its line, which may name lines that come later.
    pub(super) after: Vec<after::Field>,
    pub(super) after_by_default: bool,
    pub(super) before_by_default: bool,
}

impl Submitted {
    /// A task with those settings, to which the fields of its line are applied.
    ///
    /// # Errors
    /// A sentence about the field that is wrong.
    pub(super) fn read(
        task: NewTask,
        settings: Settings,
        fields: Fields,
        line: Option<usize>,
    ) -> Result<Self, String> {
        let mut task = WorkflowTask::from(task).settings(settings);
        task.line = line;
        let mut submitted = Self {
            task,
            after: Vec::new(),
            after_by_default: true,
            before_by_default: true,
        };
        if !fields.is_empty() {
            read(fields, &mut submitted)?;
        }
        Ok(submitted)
    }
}

/// Applies the fields of a line.
pub(super) fn read(mut fields: Fields, submitted: &mut Submitted) -> Result<(), String> {
    const AFTER: &str = "a list; an entry is an id (7, \"id:7:any\") or the name of a line, with a \
                         condition or not";
    const BEFORE: &str = "a list; an entry is the id of a waiting task (7, \"id:7:any\") or \
                          `dependents`, with a condition or not";
    let fields = &mut fields;
    let task = &mut submitted.task;
    read_key(fields, task)?;
    let settings = &mut task.settings;
    if let Some(length) = field::<Length>(fields, "start_within", Length::FORM)? {
        settings.start_within = Some(length.duration("start_within")?);
    }
    if let Some(length) = field::<Length>(fields, "finish_within", Length::FORM)? {
        settings.finish_within = Some(length.duration("finish_within")?);
    }
    if let Some(key) = field::<String>(fields, "limit_key", "a string")? {
        settings.limit_key = Some(key.into_bytes());
    }
    let after: Option<Vec<after::Field>> = field(fields, "after", AFTER)?;
    submitted.after_by_default = after.is_none();
    submitted.after = after.unwrap_or_default();
    let before: Option<Vec<before::Field>> = field(fields, "before", BEFORE)?;
    submitted.before_by_default = before.is_none();
    for field in before.into_iter().flatten() {
        task.before.push(field.dependent()?);
    }
    Ok(())
}

/// Applies the fields of a line about its key.
fn read_key(fields: &mut Fields, task: &mut WorkflowTask) -> Result<(), String> {
    const SCOPE: &str = "`forever`, `unfinished` or a duration such as 1h";
    let has_key = task.task.key.is_some();
    let keyed = |name: &str| {
        if has_key {
            Ok(())
        } else {
            Err(format!("{name}: it needs a `key`"))
        }
    };
    if let Some(scope) = field::<Length>(fields, "key_scope", SCOPE)? {
        task.settings.key_scope = match &scope {
            Length::Text(text) => {
                key_scope(text).map_err(|sentence| format!("key_scope: {sentence}"))?
            }
            Length::Seconds(_) => KeyScope::For(scope.duration("key_scope")?),
        };
        keyed("key_scope")?;
    }
    if let Some(word) = field::<String>(fields, "on_conflict", "`existing` or `refuse`")? {
        task.settings.on_conflict =
            on_conflict(&word).map_err(|sentence| format!("on_conflict: {sentence}"))?;
        keyed("on_conflict")?;
    }
    Ok(())
}

impl WorkflowOptions {
    fn settings(&self) -> Settings {
        let mut settings = Settings::new().on_conflict(self.on_conflict.unwrap_or_default());
        self.settings.apply(&mut settings);
        settings
    }

    /// Dependencies that the arguments give to the tasks.
    fn dependencies(&self, queue: &WorkflowQueue) -> Result<Vec<Dependency>> {
        let mut dependencies = Vec::new();
        for After { tasks, condition } in &self.after {
            select::visit(queue, tasks, &[], |ids| {
                dependencies.extend(ids.iter().map(|id| Dependency::new(*id, *condition)));
                Ok(())
            })?;
        }
        Ok(dependencies)
    }

    /// Dependents that the arguments give to the tasks.
    fn dependents(&self, queue: &WorkflowQueue) -> Result<Vec<Dependent>> {
        let mut dependents = Vec::new();
        for Before { tasks, condition } in &self.before {
            let dependent = |tasks| Dependent::new(tasks, *condition);
            let Some(tasks) = tasks else {
                dependents.push(dependent(DependentTasks::OfSpawner));
                continue;
            };
            select::visit(queue, tasks, &[], |ids| {
                dependents.extend(ids.iter().map(|id| dependent(DependentTasks::Task(*id))));
                Ok(())
            })?;
        }
        Ok(dependents)
    }
}

/// The additions of this program to `add-task`.
struct Submission<'a> {
    context: &'a Context<WorkflowQueue>,
    workflow: WorkflowOptions,
    spawner: Option<Claim>,
}

impl Extra<WorkflowQueue> for Submission<'_> {
    type Task = Submitted;

    const FIELDS: &'static [&'static str] = FIELDS;

    fn extend(
        &self,
        task: NewTask,
        fields: Fields,
        line: Option<usize>,
    ) -> Result<Submitted, String> {
        Submitted::read(task, self.workflow.settings(), fields, line)
    }

    fn enqueue(&self, queue: &WorkflowQueue, mut tasks: Vec<Submitted>) -> Result<Vec<Enqueued>> {
        resolve(&mut tasks)?;
        let is_read = tasks.iter().any(|one| one.task.line.is_some());
        let dependencies = self.workflow.dependencies(queue)?;
        let dependents = self.workflow.dependents(queue)?;
        let with_defaults = |submitted: Submitted| {
            let mut task = submitted.task;
            if submitted.after_by_default {
                task.after.extend_from_slice(&dependencies);
            }
            if submitted.before_by_default {
                task.before.extend_from_slice(&dependents);
            }
            task
        };
        let tasks: Vec<WorkflowTask> = tasks.into_iter().map(with_defaults).collect();
        let is_on_stored = |dependency: &Dependency| matches!(dependency.on, On::Task(_));
        let on_stored = |task: &WorkflowTask| task.after.iter().any(is_on_stored);
        let may_be_skipped: Vec<bool> = tasks.iter().map(on_stored).collect();
        let enqueued = self.submit(queue, tasks);
        let enqueued = enqueued.map_err(|error| if is_read { of_lines(error) } else { error })?;
        let suspects = enqueued.iter().zip(may_be_skipped);
        let suspects = suspects.filter_map(|(one, may)| may.then_some(one));
        self.context
            .note_after_change(note_skipped(self.context, queue, suspects));
        Ok(enqueued)
    }

    fn access(&self) -> Access {
        match self.spawner {
            // The file of a running task exists.
            Some(_) => Access::Write,
            None => Access::Create,
        }
    }
}

impl Submission<'_> {
    fn submit(&self, queue: &WorkflowQueue, tasks: Vec<WorkflowTask>) -> Result<Vec<Enqueued>> {
        if let Some(claim) = self.spawner {
            return queue.spawn(claim, tasks, Vec::new());
        }
        submit(queue, tasks)
    }
}

/// Enqueues tasks, as a workflow only if they need one.
pub(super) fn submit(queue: &WorkflowQueue, tasks: Vec<WorkflowTask>) -> Result<Vec<Enqueued>> {
    let is_plain = |task: &WorkflowTask| {
        task.after.is_empty() && task.before.is_empty() && task.settings == Settings::default()
    };
    if tasks.iter().all(is_plain) {
        return queue.enqueue(tasks.into_iter().map(|task| task.task).collect());
    }
    queue.enqueue_workflow(tasks)
}

/// Turns the `after` entries of the lines into edges, which needs the names of all lines.
///
/// # Errors
/// [`Error::Invalid`] that names the line.
pub(super) fn resolve(tasks: &mut [Submitted]) -> Result<()> {
    if tasks.iter().all(|one| one.after.is_empty()) {
        return Ok(());
    }
    let names = Names::of(tasks.iter().map(|one| one.task.task.name.as_str()));
    let mut edges = Vec::with_capacity(tasks.len());
    for one in tasks.iter() {
        let of_one: Result<Vec<_>, _> = one
            .after
            .iter()
            .map(|entry| entry.dependency(&names))
            .collect();
        edges.push(of_one.map_err(|sentence| {
            let line = one.task.line.unwrap_or_default();
            of_lines(Error::invalid(format!("line {line}: {sentence}")))
        })?);
    }
    for (one, edges) in tasks.iter_mut().zip(edges) {
        one.task.after.extend(edges);
    }
    Ok(())
}

/// A refusal of one line, which refuses all lines.
pub(super) fn of_lines(error: Error) -> Error {
    let all = |what| format!("{what}; no line was enqueued");
    if let Error::Invalid { what } = error {
        return Error::invalid(all(what));
    }
    if let Error::NotFound { what } = error {
        return Error::not_found(all(what));
    }
    error
}

/// Prints a note on standard error about tasks that can never start, because a dependency had
/// already ended otherwise.
fn note_skipped<'a>(
    context: &Context<WorkflowQueue>,
    queue: &WorkflowQueue,
    enqueued: impl Iterator<Item = &'a Enqueued>,
) -> Result<()> {
    let mut skipped = Vec::new();
    for one in enqueued.filter(|one| !one.existed) {
        let task = queue.get(one.id)?;
        if task.is_some_and(|task| task.state == State::Skipped) {
            skipped.push(one.id);
        }
    }
    match skipped.as_slice() {
        [] => {}
        [id] => note(&format!(
            "task {id} is skipped: a dependency did not end as required; {} says which",
            context.command(&format!("why {id}"))
        )),
        many => note(&format!(
            "{} are skipped ({}): a dependency did not end as required; {} says which",
            tasks::count(many.len() as u64),
            select::show(many),
            context.command(&format!("why {}", many[0]))
        )),
    }
    Ok(())
}

pub(crate) fn run(
    context: &Context<WorkflowQueue>,
    arguments: Arguments,
    verb: &str,
) -> Result<(), Failure> {
    let Arguments { task, workflow } = arguments;
    if !workflow.spawn {
        let submission = Submission {
            context,
            workflow,
            spawner: None,
        };
        return add_task::run(context, task, &submission, verb);
    }
    let running = spawner::running()?;
    let context = context.on(running.database)?;
    let submission = Submission {
        context: &context,
        workflow,
        spawner: Some(running.claim),
    };
    add_task::run(&context, task, &submission, verb)
}
