//! Connection to a server: statements go out together, and one trip brings all their answers.
//!
//! The client library is asynchronous, the engine is not. A thread of its own drives the library, and a
//! call hands it one trip and waits for the answer.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use futures_util::future::join_all;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};

use super::address::Address;
use super::fault::{self, Moment};
use super::value::{Parameter, Value};
use crate::error::{Error, Result};

/// The oldest server that is used: older ones are no longer maintained, and the oldest tested is newer.
const OLDEST_SERVER: i32 = 140_000;

/// Time within which a server must answer a trip. A server that takes longer is taken for one that
/// cannot be reached: with it, the connection is dropped.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Settings of a session, or, behind a pooler, of each transaction. They pin the plans of statements by
/// key, however small, bloated or unknown to the planner a table is.
const SETTINGS: &str = include_str!("../../queries/postgres/settings.sql");
const LOOK: &str = include_str!("../../queries/postgres/look.sql");

/// Durability of commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commits {
    /// Acknowledged once they are on the server's disk, and on those standbys that the server waits for.
    Synchronous,
    /// Acknowledged before that: a crash of the server may lose the last ones.
    Asynchronous,
}

/// A statement with its parameters.
#[derive(Clone, Debug)]
pub struct Query {
    sql: &'static str,
    parameters: Vec<Value>,
}

impl Query {
    /// Makes a query of a statement and the values of `$1`, `$2` ….
    pub fn new(sql: &'static str, parameters: impl Into<Vec<Value>>) -> Self {
        Self {
            sql,
            parameters: parameters.into(),
        }
    }
}

/// Rows of each query of a trip, in their order.
pub type Replies = Vec<Vec<Row>>;

/// Connection to a server.
pub struct Connection {
    driver: Driver,
    session: Session,
    address: Address,
    is_in_transaction: bool,
    /// True if the server left a trip without an answer.
    is_silent: bool,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects, and checks that the server can be used.
    ///
    /// # Errors
    /// [`Error::Unusable`] with the reason and the way out: no server, a wrong password or certificate, a
    /// server that is too old or read-only; [`Error::Refused`] for a server that starts or stops.
    pub fn open(address: &Address, commits: Commits) -> Result<Self> {
        let driver = Driver::start()?;
        let connecting = connect(address.clone());
        let client = driver
            .run(connecting)
            .map_err(|error| fault::of(address, &error, Moment::Connect))?;
        let mut connection = Self {
            driver,
            session: Session {
                client,
                prepared: HashMap::new(),
                is_pooled: address.is_pooled,
            },
            address: address.clone(),
            is_in_transaction: false,
            is_silent: false,
        };
        connection.look()?;
        if !address.is_pooled {
            connection.trip(&[settings(address, commits, false)])?;
        }
        Ok(connection)
    }

    /// The server's address.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// True if the connection was lost.
    pub fn is_lost(&self) -> bool {
        self.is_silent || self.session.client.is_closed()
    }

    /// Sends queries together, and returns the rows of each. If one fails, the error is returned, and
    /// within a transaction those behind it are not executed.
    ///
    /// # Errors
    /// The errors of the server, and those of a connection that is lost.
    pub fn trip(&mut self, queries: &[Query]) -> Result<Replies> {
        self.send(queries, Moment::Statement)
    }

    /// Begins a transaction, with the queries of its first trip.
    ///
    /// # Errors
    /// As [`trip`](Self::trip).
    pub fn begin(&mut self, commits: Commits, mut first: Vec<Query>) -> Result<Replies> {
        let mut queries = vec![Query::new("BEGIN", [])];
        if self.address.is_pooled {
            queries.push(settings(&self.address, commits, true));
        }
        let own = queries.len();
        queries.append(&mut first);
        self.is_in_transaction = true;
        let mut replies = self.trip(&queries)?;
        Ok(replies.split_off(own))
    }

    /// Sends the queries of the last trip, and commits.
    ///
    /// # Errors
    /// As [`trip`](Self::trip); nothing is committed then. [`Error::CommitUnknown`] if the connection is
    /// lost before the server's answer.
    pub fn commit(&mut self, mut last: Vec<Query>) -> Result<Replies> {
        last.push(Query::new("COMMIT", []));
        let mut replies = self.send(&last, Moment::Commit)?;
        self.is_in_transaction = false;
        replies.pop();
        Ok(replies)
    }

    /// Ends a transaction without a change. A lost connection has ended it already.
    pub fn roll_back(&mut self) {
        if std::mem::take(&mut self.is_in_transaction) && !self.is_lost() {
            // The error of a rollback is that of a lost connection, which the next call meets too.
            let _ = self.send(&[Query::new("ROLLBACK", [])], Moment::Statement);
        }
    }

    /// Executes a file of statements, without parameters and rows.
    ///
    /// # Errors
    /// As [`trip`](Self::trip).
    pub fn execute_all(&mut self, sql: &str) -> Result<()> {
        let done = self.driver.run(self.session.client.batch_execute(sql));
        done.map_err(|error| fault::of(&self.address, &error, Moment::Statement))
    }

    fn send(&mut self, queries: &[Query], moment: Moment) -> Result<Replies> {
        let (session, driver) = (&mut self.session, &self.driver);
        let answered = driver.run(async {
            let trip = session.trip(queries);
            tokio::time::timeout(ANSWER_WITHIN, trip).await
        });
        match answered {
            Ok(Ok(replies)) => Ok(replies),
            Ok(Err(error)) => {
                let fault = fault::of(&self.address, &error, moment);
                self.roll_back();
                Err(fault)
            }
            Err(_) => {
                // Its answers may still come, to nobody's question.
                self.is_silent = true;
                Err(fault::silent(&self.address, moment))
            }
        }
    }

    /// Checks version and state of the server.
    fn look(&mut self) -> Result<()> {
        let replies = self.trip(&[Query::new(LOOK, [])])?;
        let row = &replies[0][0];
        let (version, in_recovery, read_only): (i32, bool, bool) =
            (row.get(0), row.get(1), row.get(2));
        let what = if version < OLDEST_SERVER {
            format!(
                "the server is PostgreSQL {}, and 14 is the oldest that can be used",
                version / 10_000
            )
        } else if in_recovery {
            "the server is a standby, which cannot be written to; name the primary, or several hosts and \
             target_session_attrs=read-write"
                .to_owned()
        } else if read_only {
            "the server or the role is set to read only (default_transaction_read_only)".to_owned()
        } else {
            return Ok(());
        };
        Err(fault::unusable(&self.address, what))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.roll_back();
    }
}

/// The statement that makes the settings; `is_local` for those of one transaction.
fn settings(address: &Address, commits: Commits, is_local: bool) -> Query {
    let synchronous = match commits {
        Commits::Synchronous => "on",
        Commits::Asynchronous => "off",
    };
    Query::new(
        SETTINGS,
        [
            Value::from(address.schema.as_str()),
            Value::from(synchronous),
            Value::from(is_local),
        ],
    )
}

/// Connects by the first mode that the server accepts.
async fn connect(address: Address) -> std::result::Result<Client, tokio_postgres::Error> {
    let first = attempt(&address.config, &address).await;
    let Err(refused) = first else {
        return first;
    };
    let Some(mode) = address.encryption.second_mode() else {
        return Err(refused);
    };
    let mut config = address.config.clone();
    config.ssl_mode(mode);
    attempt(&config, &address).await.map_err(|_| refused)
}

async fn attempt(
    config: &tokio_postgres::Config,
    address: &Address,
) -> std::result::Result<Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(address.encryption.connector()).await?;
    // It ends with an error that every call of the client meets too.
    drop(tokio::spawn(connection));
    Ok(client)
}

/// A session of the server and the statements that it knows.
struct Session {
    client: Client,
    prepared: HashMap<&'static str, tokio_postgres::Statement>,
    is_pooled: bool,
}

impl Session {
    /// Sends all queries before it waits for an answer.
    async fn trip(
        &mut self,
        queries: &[Query],
    ) -> std::result::Result<Replies, tokio_postgres::Error> {
        if !self.is_pooled {
            self.prepare(queries).await?;
        }
        let (client, prepared) = (&self.client, &self.prepared);
        let answers = queries.iter().map(|query| async move {
            let parameters = query.parameters.iter().map(Value::parameter);
            // Behind a pooler the statements have no names: the next may go to another session.
            let rows = if let Some(statement) = prepared.get(query.sql) {
                let parameters = parameters.map(|Parameter { value, .. }| value);
                let parameters: Vec<_> = parameters.collect();
                client.query_raw(statement, parameters).await?
            } else {
                let parameters = parameters.map(|Parameter { value, of }| (value, of));
                let parameters: Vec<_> = parameters.collect();
                client.query_typed_raw(query.sql, parameters).await?
            };
            rows.try_collect::<Vec<Row>>().await
        });
        let mut replies = Vec::with_capacity(queries.len());
        let mut first = None;
        for answer in join_all(answers).await {
            match answer {
                Ok(rows) => replies.push(rows),
                // A failed statement makes those behind it fail: the first tells why.
                Err(error) => first = Some(worse(first, error)),
            }
        }
        first.map_or(Ok(replies), Err)
    }

    async fn prepare(
        &mut self,
        queries: &[Query],
    ) -> std::result::Result<(), tokio_postgres::Error> {
        let mut unknown: Vec<&Query> = Vec::new();
        for query in queries {
            if !self.prepared.contains_key(query.sql)
                && !unknown.iter().any(|other| other.sql == query.sql)
            {
                unknown.push(query);
            }
        }
        let client = &self.client;
        let prepared = join_all(unknown.iter().map(|query| async move {
            let types: Vec<_> = query.parameters.iter().map(Value::of).collect();
            client.prepare_typed(query.sql, &types).await
        }));
        for (query, statement) in unknown.iter().zip(prepared.await) {
            self.prepared.insert(query.sql, statement?);
        }
        Ok(())
    }
}

/// The error that tells why: not that a transaction had failed before.
fn worse(
    before: Option<tokio_postgres::Error>,
    next: tokio_postgres::Error,
) -> tokio_postgres::Error {
    before
        .filter(|error| error.code() != Some(&SqlState::IN_FAILED_SQL_TRANSACTION))
        .unwrap_or(next)
}

/// The thread that drives the client library.
struct Driver {
    handle: Handle,
    /// Dropped with the driver, which ends the thread.
    _stop: oneshot::Sender<()>,
}

impl Driver {
    fn start() -> Result<Self> {
        let failed = |source| Error::io("cannot start the thread of a connection", source);
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        std::thread::Builder::new()
            .name("postgres".to_owned())
            .spawn(move || {
                // The sender is dropped, not used.
                let _ = runtime.block_on(stopped);
            })
            .map_err(failed)?;
        Ok(Self {
            handle,
            _stop: stop,
        })
    }

    /// Polls a future on this thread, which may be one of another runtime's.
    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let _context = self.handle.enter();
        pollster::block_on(future)
    }
}
