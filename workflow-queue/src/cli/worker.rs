//! `worker`: runs tasks under leases.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use queue_core::cli::{Access, Context, Failure, duration, number, worker};
use queue_core::error::Result;
use queue_core::watch::deliver::{Deliverer, Notice, Options};
use workflow_queue::{SqliteOptions, WorkflowQueue, check_lease};

use super::hook;

/// Run tasks
///
/// Reports the end of each execution on standard error. SIGTERM, SIGINT (Ctrl-C) or SIGHUP (a closed
/// terminal) stops it: it claims nothing more, lets tasks finish for the grace time and hands back
/// the rest; a second signal makes it hand back at once. If it is killed, or stopped beyond its lease,
/// another worker ends its commands and returns its tasks.
#[derive(clap::Args, Debug)]
#[group(skip)]
pub(crate) struct Arguments {
    #[command(flatten)]
    leased: Leased,

    #[command(flatten)]
    common: worker::Arguments,
}

/// The additions of this program to its worker.
#[derive(clap::Args, Debug)]
#[group(skip)]
pub(crate) struct Leased {
    /// Number of tasks to claim at a time, and to run at once unless --slots is given
    #[arg(value_name = "BATCH_SIZE", value_parser = number::within(1..=10_000_u32))]
    batch_size: Option<u32>,

    /// Time that a claim is held without a heartbeat: one second to one day
    #[arg(
        long,
        value_name = "DURATION",
        default_value = DEFAULT_LEASE,
        allow_hyphen_values = true,
        value_parser = duration::parse
    )]
    lease: Duration,

    /// Deliver the events of hooks too, unless another process does
    #[arg(long)]
    hooks: bool,
}

const DEFAULT_LEASE: &str = "30s";

impl worker::Extra<WorkflowQueue> for Leased {
    fn slots(&self) -> Option<NonZeroU32> {
        self.batch()
    }

    fn batch(&self) -> Option<NonZeroU32> {
        self.batch_size.and_then(NonZeroU32::new)
    }

    fn words(&self) -> Result<Vec<String>> {
        check_lease(self.lease)?;
        let lease = duration::show(self.lease);
        let mut words = Vec::new();
        if lease != DEFAULT_LEASE {
            words.extend(["--lease".to_owned(), lease]);
        }
        words.extend(self.hooks.then(|| "--hooks".to_owned()));
        words.extend(self.batch_size.map(|size| size.to_string()));
        Ok(words)
    }

    fn beside(
        &self,
        queue: &Arc<WorkflowQueue>,
        trust_file: bool,
        say: worker::Say,
    ) -> Result<worker::Beside> {
        if !self.hooks {
            return Ok(None);
        }
        let options = Options::new().trust_file(trust_file);
        let tell = move |notice: &Notice| say(hook::run::line(notice));
        let deliverer = Deliverer::start(Arc::clone(queue), options, tell)?;
        Ok(Some(Box::new(deliverer)))
    }

    fn open(&self, context: &Context<WorkflowQueue>) -> Result<WorkflowQueue> {
        let open = context.options(Access::Serve)?;
        let options = SqliteOptions::new()?.open(open).lease(self.lease);
        WorkflowQueue::open_with(context.path(), options)
    }
}

pub(crate) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    worker::run(context, &arguments.common, &arguments.leased)
}
