//! A task that exists if and only if its order does: one transaction writes both.
//!
//! Otherwise a program that crashes between the two leaves an order that no one ships, or ships an
//! order that was never taken.
//!
//! ```text
//! cargo run -p fast-queue --example transactional_enqueue
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use fast_queue::{FastQueue, NewTask, Queue};
use rusqlite::{Connection, TransactionBehavior};

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A program has a path of its own; this folder is deleted with the example.
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("shop.db");

    // The queue's tables begin with `queue_` and are in the same file as the program's own.
    let queue = FastQueue::open(&path)?;
    let mut shop = Connection::open(&path)?;
    // The queue moves the write-ahead log itself, and sees when a sync fails.
    shop.execute_batch(
        "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0;
         CREATE TABLE orders (id INTEGER PRIMARY KEY, what TEXT)",
    )?;

    // The transaction begins as IMMEDIATE: it takes the right to write before it reads.
    let tx = shop.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute("INSERT INTO orders (what) VALUES ('a lamp')", [])?;
    let order = tx.last_insert_rowid();
    let (added, wake) = queue.enqueue_in(&tx, &[NewTask::handler("ship", order.to_string())])?;
    tx.commit()?;
    // Workers are woken after the commit: before it they would see nothing.
    wake.fire();
    println!("order {order} is taken, task {} ships it", added[0].id);
    assert!(queue.get(added[0].id)?.is_some());

    // A rollback removes the task together with the order.
    let tx = shop.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute("INSERT INTO orders (what) VALUES ('a mistake')", [])?;
    let (taken_back, wake) = queue.enqueue_in(&tx, &[NewTask::handler("ship", "2")])?;
    tx.rollback()?;
    drop(wake);
    assert!(queue.get(taken_back[0].id)?.is_none());
    println!("the mistake left no task");
    Ok(())
}
