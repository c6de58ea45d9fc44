//! Files of an older version of the program.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::path::Path;

use fast_queue::{ClaimRequest, FastQueue, Invariant, Outcome, Queue, State, TaskId, WorkerId};
use queue_core::maintenance::{Salvaged, salvage};
use queue_core::outcome::Settlement;
use queue_core::output::Output;
use queue_core::sqlite::{CORE, Database, Durability, OpenOptions, SchemaLine};

/// The core line of the first version.
const FIRST: SchemaLine = SchemaLine {
    migrations: CORE.migrations.split_at(1).0,
    ..CORE
};

/// Writes a file of that version. Task 1 has failed at its second attempt, which wrote output. Task
/// 2 runs for the second time, and its first attempt wrote output.
fn write_first_version(path: &Path) {
    let options = OpenOptions::new(Durability::Fast).unwrap();
    let database = Database::open(path, options, &[FIRST]).unwrap();
    let rows = "
        INSERT INTO queue_tasks (queue, state, priority, kind, attempt, token, worker, created_at,
                                 started_at, finished_at, exit_code, reason, crashes, name, payload)
        VALUES (1, 5, 0, 0, 2, 2, 7, 1, 2, 3, 1, 1, 0, 'failed', CAST('false' AS BLOB)),
               (1, 3, 0, 0, 2, 2, 7, 1, 2, NULL, NULL, NULL, 1, 'runs', CAST('true' AS BLOB));
        INSERT INTO queue_outputs VALUES (1, CAST('o3\ntwo' AS BLOB)), (2, CAST('o3\none' AS BLOB));";
    database.write(|tx| Ok(tx.execute_batch(rows)?)).unwrap();
}

fn wrote(queue: &FastQueue, task: i64, attempt: u32) -> Option<Vec<u8>> {
    let output = queue.output_of(TaskId(task), attempt).unwrap();
    output.map(|output| output.0)
}

fn assert_sound(queue: &FastQueue) {
    let broken = queue.verify().unwrap();
    assert!(broken.iter().all(Invariant::holds), "{broken:?}");
}

#[test]
fn a_file_of_the_first_version_continues_with_its_attempts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    write_first_version(&path);
    let queue = FastQueue::open(&path).unwrap();
    assert_sound(&queue);
    let [one, two] = [b"o3\none".to_vec(), b"o3\ntwo".to_vec()];
    assert_eq!(wrote(&queue, 1, 2), Some(two.clone()));
    assert_eq!(wrote(&queue, 2, 1), Some(one.clone()));
    let claim = queue.claims_of(WorkerId(7)).unwrap()[0];
    let settle = |claim, text: &str| {
        let output = Output(text.as_bytes().to_vec());
        let outcome = Outcome::Exited { code: 1 };
        let settlement = Settlement::new(claim, outcome).output(output);
        queue.settle(vec![settlement]).unwrap();
    };
    settle(claim, "o1\n2");
    assert_eq!(wrote(&queue, 2, 1), Some(one));
    assert_eq!(wrote(&queue, 2, 2), Some(b"o1\n2".to_vec()));

    queue.retry(&[TaskId(1)]).unwrap();
    let again = queue
        .claim(&ClaimRequest::new(WorkerId(7), 1).commands(true))
        .unwrap();
    let again = &again.tasks[0];
    assert_eq!((again.claim.task, again.attempt), (TaskId(1), 3));
    settle(again.claim, "o1\n3");
    assert_eq!(
        queue.get(TaskId(1)).unwrap().unwrap().state,
        State::Scheduled
    );
    assert_eq!(wrote(&queue, 1, 2), Some(two));
    assert_sound(&queue);
}

/// Bug: rows were copied by column position, which differs in a table that an older version made.
#[test]
fn a_file_of_the_first_version_is_salvaged_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (path, new) = (folder.path().join("q.db"), folder.path().join("new.db"));
    write_first_version(&path);
    let options = OpenOptions::new(Durability::Fast).unwrap();
    let open = |path: &Path, options| FastQueue::open_with(path, options);
    let saved = salvage(&path, &new, &options, open).unwrap().unwrap();
    assert!(saved.tables.iter().all(Salvaged::is_whole), "{saved:?}");
    let queue = FastQueue::open(&new).unwrap();
    assert_eq!(wrote(&queue, 1, 2), Some(b"o3\ntwo".to_vec()));
    assert_eq!(queue.get(TaskId(1)).unwrap().unwrap().attempt, 2);
    assert_sound(&queue);
}
