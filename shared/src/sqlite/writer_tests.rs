//! The writer with threads.

use std::time::Duration;

use rusqlite::Connection;

use super::options::{Durability, OpenOptions};
use super::writer::Writer;
use crate::error::{Error, Result};

/// Until one operation waits behind the one that leads.
#[expect(
    clippy::disallowed_methods,
    reason = "a caller that joined the queue sleeps; nothing tells when"
)]
fn until_one_waits(writer: &Writer) {
    while !writer.has_waiting() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_lone_statement_that_comes_to_lead_after_a_failed_sync_never_runs() {
    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::open_in_memory().unwrap();
    let options = OpenOptions::new(Durability::Fast).unwrap();
    let lock_path = folder.path().join("writer.lock");
    let path = folder.path().join("q.db");
    let writer = Writer::new(path, lock_path, connection, &options).unwrap();
    let (inside, entered) = crossbeam_channel::bounded(1);
    let (leave, left) = crossbeam_channel::bounded::<()>(1);
    std::thread::scope(|scope| {
        let leader = scope.spawn(|| {
            writer.write(
                move |_| {
                    inside.send(()).unwrap();
                    left.recv().unwrap();
                    Ok(())
                },
                false,
            )
        });
        entered.recv().unwrap();
        let follower = scope.spawn(|| writer.write(|_| -> Result<()> { panic!("it ran") }, true));
        until_one_waits(&writer);
        writer.poison().set(None);
        leave.send(()).unwrap();
        leader.join().unwrap().unwrap();
        let refused = follower.join().unwrap().unwrap_err();
        assert!(matches!(refused, Error::Unusable { .. }), "{refused:?}");
    });
    let refused = writer.write(|_| Ok(()), true).unwrap_err();
    assert!(matches!(refused, Error::Unusable { .. }), "{refused:?}");
}
