//! Handlers on their threads.

use super::*;

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use queue_core::Outcome;
use queue_core::runtime::handlers::{Done, HandlerError};

fn work(handler: &str, payload: &[u8]) -> Work {
    Work::Handler {
        handler: handler.to_owned(),
        payload: payload.to_vec(),
    }
}

/// What a handler made of its task.
fn outcome(bench: &mut Bench, handler: &str, payload: &[u8]) -> Outcome {
    let claim = bench.start(work(handler, payload));
    match bench.end_of(claim).end {
        End::Handler(outcome) => outcome,
        end @ (End::Exited(_) | End::Signalled(_) | End::Unstarted | End::Dropped) => {
            panic!("{end:?}")
        }
    }
}

#[test]
fn a_handlers_return_is_its_outcome() {
    let handlers = Handlers::new()
        .register("parse", |task| {
            let number: i32 = std::str::from_utf8(task.payload())?.parse()?;
            if number < 0 {
                return Err(HandlerError::from("negative").fatal());
            }
            Ok(Done::Succeeded)
        })
        .register("later", |_| Ok(Done::SnoozeFor(Duration::from_secs(60))));
    let mut bench = Bench::with(handlers);
    assert_eq!(outcome(&mut bench, "parse", b"5"), Outcome::Succeeded);
    let failed = |message: &str, fatal| Outcome::HandlerFailed {
        message: message.to_owned(),
        fatal,
    };
    let unparsed = failed("invalid digit found in string", false);
    assert_eq!(outcome(&mut bench, "parse", b"x"), unparsed);
    assert_eq!(
        outcome(&mut bench, "parse", b"-1"),
        failed("negative", true)
    );
    let before = SystemClock.now().wall.after(Duration::from_secs(60));
    let Outcome::Snoozed { until } = outcome(&mut bench, "later", b"") else {
        panic!("not snoozed");
    };
    assert!(until >= before);
}

#[test]
fn a_handler_knows_its_task() {
    let handlers = Handlers::new().register("look", |task| {
        let text = format!(
            "{} {} {} {}",
            task.id(),
            task.name(),
            task.attempt(),
            task.claim().token
        );
        Err(text.into())
    });
    let mut bench = Bench::with(handlers);
    let expected = Outcome::HandlerFailed {
        message: "1 task 1 1 1".to_owned(),
        fatal: false,
    };
    assert_eq!(outcome(&mut bench, "look", b""), expected);
}

#[test]
fn a_panic_is_an_outcome_and_its_thread_works_on() {
    let handlers = Handlers::new()
        .register("panic", |task| {
            let name = task.name();
            panic!("no way, {name}")
        })
        .register("fine", |_| Ok(Done::Succeeded));
    let mut bench = Bench::with(handlers);
    let expected = Outcome::Panicked {
        message: "no way, task 1".to_owned(),
    };
    assert_eq!(outcome(&mut bench, "panic", b""), expected);
    assert_eq!(outcome(&mut bench, "fine", b""), Outcome::Succeeded);
}

#[test]
fn as_many_handlers_run_at_once_as_were_started() {
    let barrier = Arc::new(Barrier::new(8));
    let handlers = Handlers::new().register("meet", move |_| {
        barrier.wait();
        Ok(Done::Succeeded)
    });
    let mut bench = Bench::with(handlers);
    let claims: Vec<_> = (0..8).map(|_| bench.start(work("meet", b""))).collect();
    for claim in claims {
        assert_eq!(bench.end_of(claim).end, End::Handler(Outcome::Succeeded));
    }
    assert_eq!(bench.executor.running(), 0);
}

#[test]
fn a_handler_is_asked_to_end_and_what_it_returns_counts() {
    let begun = Arc::new(AtomicBool::new(false));
    let begins = Arc::clone(&begun);
    let handlers = Handlers::new().register("patient", move |task| {
        begins.store(true, Ordering::SeqCst);
        while !task.is_cancelled() {
            std::thread::yield_now();
        }
        Ok(Done::Succeeded)
    });
    let mut bench = Bench::with(handlers);
    let claim = bench.start(work("patient", b""));
    bench.until(|| begun.load(Ordering::SeqCst));
    bench
        .executor
        .signal(claim, Ending::Terminate, StopReason::Shutdown);
    assert_eq!(bench.end_of(claim).end, End::Handler(Outcome::Succeeded));
}

#[test]
fn a_task_of_a_handler_nobody_registered_is_refused() {
    let mut bench = Bench::with(Handlers::new().register("one", |_| Ok(Done::Succeeded)));
    let task = bench.task(work("other", b""));
    let problem = bench.executor.start(&task, SystemClock.now()).unwrap_err();
    assert_eq!(problem.to_string(), "this worker has no handler \"other\"");
}

#[test]
fn a_long_message_is_cut_at_a_character() {
    let handlers = Handlers::new().register("long", |_| Err("ü".repeat(5000).as_str().into()));
    let mut bench = Bench::with(handlers);
    let Outcome::HandlerFailed { message, .. } = outcome(&mut bench, "long", b"") else {
        panic!("it failed");
    };
    assert_eq!(message.len(), 4096);
}
