//! apalis-sqlite through the queries of its own worker, each in a transaction as in the original.

use std::path::Path;
use std::process::ExitCode;

use apalis_core::task::Task;
use apalis_core::task::builder::TaskBuilder;
use apalis_core::task::status::Status;
use apalis_core::worker::context::WorkerContext;
use apalis_sqlite::queries::{AckPayload, ack_tasks, fetch_next, lock_tasks, push_tasks};
use apalis_sqlite::{Config, SqliteStorage, queries};
use peer_driver::{Claims, Result};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use tokio::runtime::Runtime;

const QUEUE: &str = "bench";

struct Apalis {
    pool: SqlitePool,
    config: Config,
    worker: WorkerContext,
    runtime: Runtime,
}

fn main() -> ExitCode {
    peer_driver::main::<Apalis>()
}

impl Claims for Apalis {
    type Claim = Task<Vec<u8>>;

    fn version() -> String {
        "1.0.0".to_owned()
    }

    fn limits() -> Vec<String> {
        vec![
            "claiming is two commits: fetch and lock".to_owned(),
            "one connection: its setup changes synchronous on one alone".to_owned(),
        ]
    }

    fn open(folder: &Path) -> Result<Self> {
        let runtime = Runtime::new()?;
        let config = Config::default().queue(QUEUE).batch_size(1);
        let worker = WorkerContext::new("bench");
        let file = SqliteConnectOptions::new()
            .filename(folder.join("apalis.db"))
            .create_if_missing(true);
        let pool = runtime.block_on(async {
            let one = SqlitePoolOptions::new().max_connections(1);
            let pool = one.connect_with(file).await?;
            SqliteStorage::setup(&pool).await?;
            let mut connection = pool.acquire().await?;
            queries::register_worker(&mut *connection, &config, &worker, "SqliteStorage").await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(pool)
        })?;
        Ok(Self {
            pool,
            config,
            worker,
            runtime,
        })
    }

    fn synchronous(&self) -> Result<String> {
        let query = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&self.pool);
        Ok(peer_driver::synchronous(self.runtime.block_on(query)?))
    }

    fn enqueue(&mut self, number: usize) -> Result<()> {
        self.push(&[task(number)])
    }

    fn enqueue_all(&mut self, count: usize) -> Result<bool> {
        let tasks: Vec<_> = (0..count).map(task).collect();
        self.push(&tasks)?;
        Ok(true)
    }

    fn claim(&mut self) -> Result<Option<Task<Vec<u8>>>> {
        self.runtime.block_on(async {
            let mut transaction = self.pool.begin().await?;
            let fetched = fetch_next(&mut *transaction, &self.config, &self.worker).await?;
            transaction.commit().await?;
            let Some(task) = fetched.into_iter().next() else {
                return Ok(None);
            };
            let id = task.task_id().ok_or("a fetched task has no id")?;
            let mut transaction = self.pool.begin().await?;
            lock_tasks(&mut *transaction, &[id.to_string()], self.worker.name()).await?;
            transaction.commit().await?;
            Ok(Some(task))
        })
    }

    fn settle(&mut self, claim: Task<Vec<u8>>) -> Result<()> {
        let ended = AckPayload {
            task_id: claim.task_id().cloned().ok_or("a claimed task has no id")?,
            attempt: 1,
            status: Status::Done,
            result: Ok(serde_json::Value::Null),
        };
        self.runtime.block_on(async {
            let mut transaction = self.pool.begin().await?;
            let changed = ack_tasks(&mut *transaction, &[&ended], self.worker.name()).await?;
            transaction.commit().await?;
            if changed == 1 {
                return Ok(());
            }
            Err("a claim was lost although no other worker uses the file".into())
        })
    }
}

impl Apalis {
    fn push(&self, tasks: &[Task<Vec<u8>>]) -> Result<()> {
        self.runtime.block_on(async {
            let mut transaction = self.pool.begin().await?;
            push_tasks(&mut *transaction, QUEUE, tasks).await?;
            transaction.commit().await?;
            Ok(())
        })
    }
}

fn task(number: usize) -> Task<Vec<u8>> {
    let payload = serde_json::json!([format!("task {number}"), format!("echo {number}")]);
    TaskBuilder::new(payload.to_string().into_bytes())
        .priority(number % 10)
        .build()
}
