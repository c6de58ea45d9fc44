use queue_core::Error;
use queue_core::postgres::{Commits, Connection, Creation, migrate};
use queue_testing::postgres_server::shared_server;

use super::{address, open, sentence};

const CREATION: Creation = Creation { file_id: 42 };

#[test]
fn a_queue_is_made_once_by_any_number_of_processes() {
    let Some(server) = shared_server() else {
        return;
    };
    let database = server.new_database();
    let text = server.address(&database);
    std::thread::scope(|scope| {
        let makers: Vec<_> = (0..8)
            .map(|file_id| {
                let text = &text;
                scope.spawn(move || {
                    let mut connection = open(text).unwrap();
                    migrate(&mut connection, Creation { file_id }).unwrap();
                })
            })
            .collect();
        for maker in makers {
            maker.join().unwrap();
        }
    });
    let count = |table: &str| {
        let sql = format!("SELECT count(*) FROM queue.{table}");
        server.psql(&database, &sql).unwrap()
    };
    assert_eq!(count("queue_file"), "1");
    assert_eq!(count("queue_schema"), "1");
    assert_eq!(count("queue_queues"), "1");
}

#[test]
fn schemas_hold_a_queue_each() {
    let Some(server) = shared_server() else {
        return;
    };
    let database = server.new_database();
    for (schema, file_id) in [("day", 1), ("night", 2)] {
        let text = format!("{}?schema={schema}", server.address(&database));
        migrate(&mut open(&text).unwrap(), Creation { file_id }).unwrap();
    }
    let ids = "SELECT (SELECT file_id FROM day.queue_file), (SELECT file_id FROM night.queue_file)";
    assert_eq!(server.psql(&database, ids).unwrap(), "1|2");
}

#[test]
fn a_queue_of_a_newer_program_and_foreign_tables_are_left_alone() {
    let Some(server) = shared_server() else {
        return;
    };
    let database = server.new_database();
    let text = server.address(&database);
    migrate(&mut open(&text).unwrap(), CREATION).unwrap();
    let newer = "INSERT INTO queue.queue_schema VALUES (99, 0)";
    server.psql(&database, newer).unwrap();
    let error = sentence(migrate(&mut open(&text).unwrap(), CREATION));
    assert!(error.contains("made by a newer workflow-queue"), "{error}");

    let foreign = "CREATE SCHEMA other; CREATE TABLE other.queue_things (n int)";
    server.psql(&database, foreign).unwrap();
    let mut connection = open(&format!("{text}?schema=other")).unwrap();
    let error = sentence(migrate(&mut connection, CREATION));
    assert!(error.contains("name another schema"), "{error}");
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'other'";
    assert_eq!(server.psql(&database, tables).unwrap(), "1");
}

#[test]
fn a_role_without_the_right_to_make_tables_is_told_so() {
    let Some(server) = shared_server() else {
        return;
    };
    let database = server.new_database();
    server.psql(&database, "CREATE ROLE guest LOGIN").unwrap();
    let text = server.address(&database).replace("postgres@", "guest@");
    let error = sentence(migrate(&mut open(&text).unwrap(), CREATION));
    assert!(error.contains("the role lacks this right"), "{error}");

    // One that owns its schema needs no right on the database.
    let own = "CREATE SCHEMA queue AUTHORIZATION guest";
    server.psql(&database, own).unwrap();
    migrate(&mut open(&text).unwrap(), CREATION).unwrap();
}

#[test]
fn a_step_that_fails_leaves_nothing() {
    let Some(server) = shared_server() else {
        return;
    };
    let database = server.new_database();
    // The schema is there, but a table of its own stands in the way of the last statements.
    let blocked = "CREATE SCHEMA queue; CREATE VIEW queue.queue_workers AS SELECT 1 AS one";
    server.psql(&database, blocked).unwrap();
    let mut connection =
        Connection::open(&address(&server.address(&database)), Commits::Synchronous).unwrap();
    let error = migrate(&mut connection, CREATION).unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'queue'";
    assert_eq!(server.psql(&database, tables).unwrap(), "0");
    server
        .psql(&database, "DROP VIEW queue.queue_workers")
        .unwrap();
    migrate(&mut connection, CREATION).unwrap();
}
