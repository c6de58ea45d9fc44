//! Every example runs to its end. Each is compiled into this test unchanged, and checks itself.

#[cfg(feature = "tokio")]
#[path = "../examples/async_service.rs"]
mod async_service;
#[path = "../examples/embedding.rs"]
mod embedding;
#[path = "../examples/several_queues.rs"]
mod several_queues;
#[path = "../examples/transactional_enqueue.rs"]
mod transactional_enqueue;
#[path = "../examples/typed_handlers.rs"]
mod typed_handlers;
#[path = "../examples/worker_with_handlers.rs"]
mod worker_with_handlers;

#[cfg(feature = "tokio")]
#[test]
fn async_service_runs() {
    async_service::main().unwrap();
}

#[test]
fn embedding_runs() {
    embedding::main().unwrap();
}

#[test]
fn transactional_enqueue_runs() {
    transactional_enqueue::main().unwrap();
}

#[test]
fn several_queues_runs() {
    several_queues::main().unwrap();
}

#[test]
fn typed_handlers_runs() {
    typed_handlers::main().unwrap();
}

#[test]
fn worker_with_handlers_runs() {
    worker_with_handlers::main().unwrap();
}
