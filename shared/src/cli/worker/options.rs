//! Options of a worker.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::super::extra::Plain;
use super::super::program::{Access, Context};
use super::super::served::Served;
use super::super::{duration, number, option_values};
use super::control::Control;
use crate::error::Result;
use crate::queue::Queue;
use crate::runtime::WorkerOptions;

/// Run tasks
///
/// Reports the end of each execution on standard error. SIGTERM, SIGINT (Ctrl-C) or SIGHUP (a closed
/// terminal) stops it: it claims nothing more, lets tasks finish for the grace time and hands back
/// the rest; a second signal makes it hand back at once. If it is killed, the next worker ends its
/// commands and returns its tasks.
#[derive(clap::Args, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own; any combination of them occurs"
)]
pub struct Arguments {
    /// Number of tasks to run at once [default: the number of cores]
    #[arg(short, long, value_name = "NUMBER", value_parser = number::within(1..=10_000_u32))]
    pub(super) slots: Option<u32>,

    #[command(flatten)]
    pub(super) served: Served,

    /// End once nothing is queued, running or scheduled, retries included; the exit code is 1 if a
    /// task failed, or if tasks are left that need a person, which it names
    #[arg(long)]
    pub(super) drain: bool,

    #[command(flatten)]
    pub(super) commands: Commands,

    /// Leave the terminal, log to worker.log in the folder beside the database, print the pid
    #[arg(long)]
    pub(super) background: bool,

    /// With --background, start a worker even if one that serves the same queues runs already
    #[arg(long, requires = "background")]
    pub(super) another: bool,

    #[command(subcommand)]
    pub(super) control: Option<Control>,

    /// Tell the waiting parent on standard output that this worker is registered
    #[arg(long, hide = true, conflicts_with = "background")]
    pub(super) detached: bool,

    /// The folder that the waiting parent was started in
    #[arg(long, hide = true, requires = "detached")]
    pub(super) folder: Option<PathBuf>,
}

/// Options about running and ending commands, which a worker in the background and a service take
/// too.
#[derive(clap::Args, Debug)]
#[group(skip)]
pub(in super::super) struct Commands {
    /// Time that tasks may go on once the worker is asked to stop, and the time from SIGTERM to
    /// SIGKILL when a task is ended
    #[arg(
        long,
        value_name = "DURATION",
        default_value = GRACE,
        allow_hyphen_values = true,
        value_parser = duration::parse
    )]
    pub(super) grace: Duration,

    /// The shell that runs the commands of tasks that name none, with `-c`, such as bash
    #[arg(long, value_name = "SHELL", default_value = SHELL, value_parser = option_values::shell)]
    shell: String,

    /// Time to wait for the rest of a command's output after its exit, while a process that it left
    /// running still holds the output open; other tasks never wait for this
    #[arg(
        long,
        value_name = "DURATION",
        default_value = OUTPUT_GRACE,
        allow_hyphen_values = true,
        value_parser = duration::parse
    )]
    output_grace: Duration,

    /// Run this command with `/bin/sh -c` after every task that succeeded, failed or was cancelled,
    /// while it ran or because its worker died. Its environment has `QUEUE_TASK_ID`,
    /// `QUEUE_TASK_NAME`, `QUEUE_STATE`, `QUEUE_EXIT_CODE`, `QUEUE_SIGNAL`, `QUEUE_ATTEMPT` and
    /// `QUEUE_DB`
    #[arg(long, value_name = "COMMAND")]
    pub(super) on_finish: Option<String>,

    /// Time that the command of --on-finish may run before it is ended
    #[arg(
        long,
        value_name = "DURATION",
        default_value = HOOK_TIMEOUT,
        allow_hyphen_values = true,
        value_parser = duration::parse
    )]
    pub(super) hook_timeout: Duration,

    /// As root, run commands even from a database that others can change: one that root does not
    /// own, that others may write to, or that lies in such a folder
    #[arg(long)]
    pub(super) trust_file: bool,
}

const GRACE: &str = "10s";
const SHELL: &str = "/bin/sh";
const OUTPUT_GRACE: &str = "2s";
const HOOK_TIMEOUT: &str = "1m";

impl Commands {
    /// Time from SIGTERM to SIGKILL.
    pub(in super::super) fn grace(&self) -> Duration {
        self.grace
    }

    /// Arguments for every option that is not the default.
    pub(in super::super) fn words(&self) -> Vec<String> {
        let options = [
            ("--grace", duration::show(self.grace), GRACE),
            ("--shell", self.shell.clone(), SHELL),
            (
                "--output-grace",
                duration::show(self.output_grace),
                OUTPUT_GRACE,
            ),
            (
                "--on-finish",
                self.on_finish.clone().unwrap_or_default(),
                "",
            ),
            (
                "--hook-timeout",
                duration::show(self.hook_timeout),
                HOOK_TIMEOUT,
            ),
        ];
        let options = options
            .into_iter()
            .filter(|(_, value, default)| value != default);
        let words = options.flat_map(|(name, value, _)| [name.to_owned(), value]);
        let trust = self.trust_file.then(|| "--trust-file".to_owned());
        words.chain(trust).collect()
    }
}

/// Something that runs beside a worker until it is dropped.
pub type Beside = Option<Box<dyn std::any::Any>>;

/// Function that prints a line of a worker's log.
pub type Say = Box<dyn Fn(String) + Send>;

/// A program's additions to its worker and to the worker's service.
pub trait Extra<Q: Queue> {
    /// Number of slots unless the arguments say; `None` for one slot per core.
    fn slots(&self) -> Option<NonZeroU32> {
        None
    }

    /// Most tasks that it claims at a time.
    fn batch(&self) -> Option<NonZeroU32> {
        None
    }

    /// Arguments that give the same additions to another worker, none of them secret.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for values that the worker would refuse at its
    /// start.
    fn words(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// Starts what this program runs beside its worker, until the value is dropped. `say` prints a line of
    /// the worker's log.
    ///
    /// # Errors
    /// As the engine; if the system refuses a thread.
    fn beside(&self, queue: &Arc<Q>, trust_file: bool, say: Say) -> Result<Beside> {
        let _ = (queue, trust_file, say);
        Ok(None)
    }

    /// Opens the queue.
    ///
    /// # Errors
    /// As the engine.
    fn open(&self, context: &Context<Q>) -> Result<Q> {
        context.open(Access::Serve)
    }
}

impl<Q: Queue> Extra<Q> for Plain {}

impl Arguments {
    /// The options of the library's worker.
    pub(super) fn options<Q: Queue>(&self, extra: &impl Extra<Q>) -> WorkerOptions {
        let asked = self.slots.and_then(NonZeroU32::new);
        let slots = asked.or(extra.slots()).unwrap_or_else(|| slots(None));
        let mut options = WorkerOptions::new(slots)
            .commands(true)
            .queues(self.served.queues())
            .drain(self.drain)
            .trust_file(self.commands.trust_file)
            .grace(self.commands.grace)
            .output_grace(self.commands.output_grace)
            .shell(&self.commands.shell)
            .owns_process(true);
        options.folder.clone_from(&self.folder);
        options.batch = extra.batch();
        options
    }
}

/// Number of slots asked for, else one per core.
pub(in super::super) fn slots(asked: Option<u32>) -> NonZeroU32 {
    asked.and_then(NonZeroU32::new).unwrap_or_else(|| {
        std::thread::available_parallelism()
            .ok()
            .and_then(|cores| cores.try_into().ok())
            .unwrap_or(NonZeroU32::MIN)
    })
}
