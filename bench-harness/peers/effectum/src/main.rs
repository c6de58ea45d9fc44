//! effectum: a worker inside the process takes the tasks; no call claims one.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use effectum::{Job, JobBuilder, JobRunner, Queue, RunningJob, Worker};
use peer_driver::{Peer, Result};
use tokio::runtime::{Handle, Runtime};

const KIND: &str = "echo";
/// Interval between two polls of the number of ended tasks.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

struct Effectum {
    queue: Queue,
    runtime: Handle,
}

fn main() -> ExitCode {
    let runtime = Runtime::new().expect("threads can be started");
    // Dropping a queue starts a task, which needs the runtime.
    let _inside = runtime.enter();
    peer_driver::main::<Effectum>()
}

impl Peer for Effectum {
    fn version() -> String {
        "0.7.0".to_owned()
    }

    fn limits() -> Vec<String> {
        let claim = "no claim API: its worker runs half of the tasks, one at a time, to their end";
        vec![claim.to_owned()]
    }

    fn open(folder: &Path) -> Result<Self> {
        let runtime = Handle::current();
        let queue = runtime.block_on(Queue::new(&folder.join("effectum.db")))?;
        Ok(Self { queue, runtime })
    }

    fn synchronous(&self) -> Result<String> {
        Ok("normal (as its source sets it)".to_owned())
    }

    fn enqueue(&mut self, number: usize) -> Result<()> {
        self.runtime.block_on(job(number).add_to(&self.queue))?;
        Ok(())
    }

    fn enqueue_all(&mut self, count: usize) -> Result<bool> {
        let jobs = (0..count).map(|number| job(number).build()).collect();
        self.runtime.block_on(self.queue.add_jobs(jobs))?;
        Ok(true)
    }

    fn claim_then_settle(&mut self, claims: usize, _settles: usize) -> Result<()> {
        if self.cycle(claims, Duration::from_secs(60))? < claims {
            return Err(format!("its worker has not run {claims} tasks in a minute").into());
        }
        Ok(())
    }

    fn cycle(&mut self, count: usize, limit: Duration) -> Result<usize> {
        let queue = &self.queue;
        self.runtime.block_on(async {
            let runner = JobRunner::builder(KIND, run).build();
            let worker = Worker::builder(queue, ())
                .max_concurrency(1)
                .jobs([runner])
                .build()
                .await?;
            let start = Instant::now();
            let finished = || usize::try_from(worker.counts().finished).unwrap_or(usize::MAX);
            while finished() < count && start.elapsed() < limit {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
            let done = finished();
            worker.unregister(None).await?;
            Ok(done)
        })
    }
}

fn job(number: usize) -> JobBuilder {
    let priority = i32::try_from(number % 10).unwrap_or(0);
    Job::builder(KIND)
        .name(format!("task {number}"))
        .payload(format!("echo {number}").into_bytes())
        .priority(priority)
}

async fn run(_job: RunningJob, _context: ()) -> std::result::Result<(), std::fmt::Error> {
    Ok(())
}
