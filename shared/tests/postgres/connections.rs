use queue_core::Error;
use queue_core::postgres::{Commits, Connection, Query, Value};
use queue_testing::postgres_server::{ESCAPED_PASSWORD, PostgresServer, shared_server};

use super::{open, sentence};

const INSERT: &str = "INSERT INTO public.numbers (n) VALUES ($1)";
const SUM: &str = "SELECT coalesce(sum(n), 0)::int8 FROM public.numbers";
const PATH: &str = "SELECT current_setting('search_path')";
const ECHO: &str = "SELECT $1::int8";
const OTHER: &str = "SELECT $1::int8 FROM pg_sleep(0.01)";
const SOON: &str = "SELECT set_config('lock_timeout', '20ms', false)";
const INVALID: &str = "SELECT (1 / $1)::int8";

/// A database with a table of numbers, and its address.
fn numbers(server: &PostgresServer) -> (String, String) {
    let database = server.new_database();
    let create = "CREATE TABLE public.numbers (n bigint PRIMARY KEY)";
    server.psql(&database, create).unwrap();
    let address = server.address(&database);
    (database, address)
}

fn insert(n: i64) -> Query {
    Query::new(INSERT, [Value::from(n)])
}

fn sum(connection: &mut Connection) -> i64 {
    connection.trip(&[Query::new(SUM, [])]).unwrap()[0][0].get(0)
}

#[test]
fn a_transaction_is_committed_whole_or_not_at_all() {
    let Some(server) = shared_server() else {
        return;
    };
    let (_, address) = numbers(server);
    for address in [address.clone(), format!("{address}?pooled=1")] {
        let mut connection = open(&address).unwrap();
        let before = sum(&mut connection);
        let (first, second) = (before + 1, before + 2);
        connection
            .begin(Commits::Synchronous, vec![insert(first)])
            .unwrap();
        connection.commit(vec![insert(second)]).unwrap();
        let after = sum(&mut connection);
        assert_eq!(after, before + first + second);

        connection
            .begin(Commits::Asynchronous, vec![insert(100 + after)])
            .unwrap();
        let error = sentence(connection.commit(vec![
            insert(200 + after),
            Query::new(INVALID, [Value::from(0_i64)]),
            insert(300 + after),
        ]));
        assert!(error.contains("division by zero"), "{error}");
        assert_eq!(sum(&mut connection), after, "the connection goes on");

        connection
            .begin(Commits::Synchronous, vec![insert(100 + after)])
            .unwrap();
        drop(connection);
        assert_eq!(sum(&mut open(&address).unwrap()), after);
    }
}

#[test]
fn settings_of_a_pooled_connection_end_with_the_transaction() {
    let Some(server) = shared_server() else {
        return;
    };
    let database = server.new_database();
    let address = server.address(&database);
    let path = |connection: &mut Connection| {
        let rows = connection.trip(&[Query::new(PATH, [])]).unwrap();
        rows[0][0].get::<_, String>(0)
    };
    let mut pooled = open(&format!("{address}?pooled=1&schema=night")).unwrap();
    let inside = pooled.begin(Commits::Synchronous, vec![Query::new(PATH, [])]);
    assert_eq!(inside.unwrap()[0][0].get::<_, String>(0), "night");
    pooled.commit(Vec::new()).unwrap();
    assert_eq!(path(&mut pooled), "\"$user\", public");
    let mut own = open(&format!("{address}?schema=night")).unwrap();
    assert_eq!(path(&mut own), "night");
}

#[test]
fn answers_come_in_the_order_of_their_queries() {
    let Some(server) = shared_server() else {
        return;
    };
    let mut connection = open(&server.address(&server.new_database())).unwrap();
    for round in 0..3 {
        let numbers = (round..round + 200).collect::<Vec<i64>>();
        let ask = |n: &i64| Query::new(if n % 50 == 0 { OTHER } else { ECHO }, [Value::from(*n)]);
        let replies = connection
            .trip(&numbers.iter().map(ask).collect::<Vec<_>>())
            .unwrap();
        let echoed: Vec<i64> = replies.iter().map(|rows| rows[0].get(0)).collect();
        assert_eq!(echoed, numbers);
    }
}

#[test]
fn a_connection_that_is_lost_at_a_commit_leaves_it_unknown() {
    let Some(server) = shared_server() else {
        return;
    };
    let (database, address) = numbers(server);
    let mut connection = open(&address).unwrap();
    let replies = connection.begin(
        Commits::Synchronous,
        vec![insert(1), Query::new("SELECT pg_backend_pid()", [])],
    );
    let process: i32 = replies.unwrap()[1][0].get(0);
    let end = format!("SELECT pg_terminate_backend({process}, 10000)");
    assert_eq!(server.psql(&database, &end).unwrap(), "t");
    let error = connection.commit(vec![insert(2)]).unwrap_err();
    assert!(matches!(error, Error::CommitUnknown { .. }), "{error:?}");
    assert!(connection.is_lost());
    assert!(connection.trip(&[insert(3)]).unwrap_err().may_pass());
    assert_eq!(sum(&mut open(&address).unwrap()), 0);
}

#[test]
fn a_row_that_others_hold_makes_a_call_busy() {
    let Some(server) = shared_server() else {
        return;
    };
    let (_, address) = numbers(server);
    let mut holder = open(&address).unwrap();
    holder.begin(Commits::Synchronous, vec![insert(1)]).unwrap();
    let mut waiter = open(&address).unwrap();
    waiter.trip(&[Query::new(SOON, [])]).unwrap();
    let error = waiter.trip(&[insert(1)]).unwrap_err();
    assert!(error.is_busy(), "{error:?}");
}

#[test]
fn a_server_that_cannot_be_used_is_named_with_the_way_out() {
    let Some(server) = shared_server() else {
        return;
    };
    let (database, port) = (server.new_database(), server.port());
    let read_only = "ALTER ROLE reader SET default_transaction_read_only = on";
    for sql in ["CREATE ROLE reader LOGIN", read_only] {
        server.psql(&database, sql).unwrap();
    }
    let socket = server.address(&database);
    let tcp = |login: &str| format!("postgres://{login}@127.0.0.1:{port}/{database}");
    for (address, words) in [
        (tcp("postgres"), "give the password in PGPASSWORD"),
        (tcp("postgres:wrong"), "check the user, and the password"),
        (server.address("missing"), "create it with `createdb`"),
        (
            "postgres://postgres:secret@127.0.0.1:1/x".to_owned(),
            "check that the server runs",
        ),
        (
            "postgres://postgres:secret@host.invalid/x".to_owned(),
            "check that the server runs",
        ),
        (socket.replace("postgres@", "reader@"), "read only"),
    ] {
        let error = sentence(open(&address));
        assert!(error.contains(words), "{error}");
        assert!(
            !error.contains("secret") && !error.contains("wrong"),
            "{error}"
        );
    }
}

#[test]
fn a_password_may_have_any_character() {
    let Some(server) = shared_server() else {
        return;
    };
    let database = server.new_database();
    let port = server.port();
    let address = format!("postgres://postgres:{ESCAPED_PASSWORD}@127.0.0.1:{port}/{database}");
    let connection = open(&address).unwrap();
    assert!(!format!("{connection:?}").contains("secret"));
}
