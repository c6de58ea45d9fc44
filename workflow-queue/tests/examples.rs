//! Runs every example to its end. Each is compiled into this test unchanged, and checks itself.

#[path = "../examples/fan_out_and_join.rs"]
mod fan_out_and_join;
#[path = "../examples/fan_out_with_results.rs"]
mod fan_out_with_results;
#[path = "../examples/limits.rs"]
mod limits;
#[path = "../examples/schedule.rs"]
mod schedule;
#[path = "../examples/several_queues.rs"]
mod several_queues;
#[path = "../examples/worker_with_handlers.rs"]
mod worker_with_handlers;

#[test]
fn fan_out_and_join_runs() {
    fan_out_and_join::main().unwrap();
}

#[test]
fn fan_out_with_results_runs() {
    fan_out_with_results::main().unwrap();
}

#[test]
fn limits_runs() {
    limits::main().unwrap();
}

#[test]
fn several_queues_runs() {
    several_queues::main().unwrap();
}

#[test]
fn schedule_runs() {
    schedule::main().unwrap();
}

#[test]
fn worker_with_handlers_runs() {
    worker_with_handlers::main().unwrap();
}
