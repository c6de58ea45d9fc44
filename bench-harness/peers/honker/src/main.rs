//! honker: completing a task deletes its row.

use std::path::Path;
use std::process::ExitCode;

use honker::{Database, EnqueueOpts, Job, Queue, QueueOpts};
use peer_driver::{Claims, Result};
use serde_json::{Value, json};

const WORKER: &str = "bench";

struct Honker {
    database: Database,
    queue: Queue,
}

fn main() -> ExitCode {
    peer_driver::main::<Honker>()
}

impl Claims for Honker {
    type Claim = Job;

    fn version() -> String {
        "0.5.0".to_owned()
    }

    fn limits() -> Vec<String> {
        vec!["completing deletes the row".to_owned()]
    }

    fn open(folder: &Path) -> Result<Self> {
        let database = Database::open(folder.join("honker.db"))?;
        let queue = database.queue("bench", QueueOpts::default());
        Ok(Self { database, queue })
    }

    fn synchronous(&self) -> Result<String> {
        let level = |connection: &rusqlite::Connection| {
            connection.query_row("PRAGMA synchronous", [], |row| row.get::<_, i64>(0))
        };
        Ok(peer_driver::synchronous(self.database.with_conn(level)?))
    }

    fn enqueue(&mut self, number: usize) -> Result<()> {
        self.queue.enqueue(&payload(number), options(number))?;
        Ok(())
    }

    fn enqueue_all(&mut self, count: usize) -> Result<bool> {
        let transaction = self.database.transaction()?;
        for number in 0..count {
            self.queue
                .enqueue_tx(&transaction, &payload(number), options(number))?;
        }
        transaction.commit()?;
        Ok(true)
    }

    fn claim(&mut self) -> Result<Option<Job>> {
        Ok(self.queue.claim_one(WORKER)?)
    }

    fn settle(&mut self, claim: Job) -> Result<()> {
        if claim.ack()? {
            return Ok(());
        }
        Err("a claim was lost although no other worker uses the file".into())
    }
}

fn payload(number: usize) -> Value {
    json!({ "name": format!("task {number}"), "command": format!("echo {number}") })
}

fn options(number: usize) -> EnqueueOpts {
    EnqueueOpts {
        priority: i64::try_from(number % 10).unwrap_or(0),
        ..EnqueueOpts::default()
    }
}
