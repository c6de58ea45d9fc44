//! Handlers on a tokio runtime.

use super::*;

use std::sync::atomic::{AtomicUsize, Ordering};

use queue_core::Outcome;
use queue_core::runtime::handlers::{Done, HandlerError};
use tokio::runtime::Runtime;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap()
}

fn work(handler: &str, payload: &[u8]) -> Work {
    Work::Handler {
        handler: handler.to_owned(),
        payload: payload.to_vec(),
    }
}

#[test]
fn an_async_handler_ends_as_a_blocking_one_does() {
    let runtime = runtime();
    let handlers = Handlers::new()
        .register_json_async::<u32, u32, _, _>("double", runtime.handle(), |_, number| async move {
            tokio::task::yield_now().await;
            match number {
                0 => Err("nothing to double".into()),
                1 => panic!("one is odd"),
                number => Ok(2 * number),
            }
        })
        .register_async("early", runtime.handle(), |_| async {
            Err(HandlerError::interrupted())
        })
        .register_async("never", runtime.handle(), |task| {
            assert!(task.payload().is_empty(), "no payload is known");
            async { Ok(Done::Succeeded) }
        });
    let mut bench = Bench::with(handlers);
    let mut end = |handler: &str, payload: &[u8]| {
        let claim = bench.start(work(handler, payload));
        let ended = bench.end_of(claim);
        (ended.end.clone(), stdout(&ended))
    };
    let failed = |message: &str, fatal| {
        End::Handler(Outcome::HandlerFailed {
            message: message.to_owned(),
            fatal,
        })
    };
    let panicked = |message: &str| {
        End::Handler(Outcome::Panicked {
            message: message.to_owned(),
        })
    };
    let nothing = String::new;
    let succeeded = End::Handler(Outcome::Succeeded);
    assert_eq!(end("double", b"21"), (succeeded, "42".to_owned()));
    assert_eq!(
        end("double", b"0"),
        (failed("nothing to double", false), nothing())
    );
    assert_eq!(end("double", b"1"), (panicked("one is odd"), nothing()));
    let (parsed, _) = end("double", b"x");
    assert!(matches!(
        parsed,
        End::Handler(Outcome::HandlerFailed { fatal: true, .. })
    ));
    let unasked = "the handler ended early, although nobody asked it to";
    assert_eq!(end("early", b""), (failed(unasked, false), nothing()));
    // A panic before there is a future.
    assert_eq!(
        end("never", b"x"),
        (panicked("no payload is known"), nothing())
    );
}

#[test]
fn an_async_handler_waits_for_the_reason_to_end() {
    let runtime = runtime();
    let begun = Arc::new(AtomicUsize::new(0));
    let begins = Arc::clone(&begun);
    let handlers = Handlers::new().register_async("wait", runtime.handle(), move |task| {
        begins.fetch_add(1, Ordering::SeqCst);
        async move {
            let reason = task.stopped().await;
            if reason == StopReason::Shutdown {
                return Err(HandlerError::interrupted());
            }
            Err(HandlerError::from(reason))
        }
    });
    let mut bench = Bench::with(handlers);
    for (reason, outcome) in [
        (StopReason::Shutdown, Outcome::Returned),
        (
            StopReason::TimedOut,
            Outcome::HandlerFailed {
                message: "timed out".to_owned(),
                fatal: false,
            },
        ),
    ] {
        begun.store(0, Ordering::SeqCst);
        let claim = bench.start(work("wait", b""));
        bench.until(|| begun.load(Ordering::SeqCst) == 1);
        bench.executor.signal(claim, Ending::Terminate, reason);
        assert_eq!(bench.end_of(claim).end, End::Handler(outcome));
    }
}

#[test]
fn a_handler_that_its_runtime_drops_has_no_result() {
    let runtime = runtime();
    let handlers = Handlers::new().register_async("wait", runtime.handle(), |task| async move {
        task.stopped().await;
        Ok(Done::Succeeded)
    });
    let mut bench = Bench::with(handlers);
    let pending = bench.start(work("wait", b""));
    runtime.shutdown_background();
    assert_eq!(bench.end_of(pending).end, End::Dropped);
    let late = bench.start(work("wait", b""));
    assert_eq!(bench.end_of(late).end, End::Dropped);
    assert_eq!(bench.executor.running(), 0);
}

#[test]
fn thousands_of_async_handlers_wait_without_a_thread_each() {
    const HANDLERS: usize = 5_000;
    let runtime = runtime();
    let begun = Arc::new(AtomicUsize::new(0));
    let begins = Arc::clone(&begun);
    let handlers = Handlers::new().register_async("wait", runtime.handle(), move |task| {
        begins.fetch_add(1, Ordering::SeqCst);
        async move {
            task.stopped().await;
            Ok(Done::Succeeded)
        }
    });
    let mut bench = Bench::with(handlers);
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    let claims: Vec<_> = (0..HANDLERS)
        .map(|_| bench.start(work("wait", b"")))
        .collect();
    bench.until(|| begun.load(Ordering::SeqCst) == HANDLERS);
    assert_eq!(bench.executor.running(), HANDLERS);
    // Other tests run beside this one.
    assert!(threads() < before + 200, "{before} to {}", threads());
    for claim in &claims {
        bench
            .executor
            .signal(*claim, Ending::Terminate, StopReason::Cancelled);
    }
    for claim in claims {
        assert_eq!(bench.end_of(claim).end, End::Handler(Outcome::Succeeded));
    }
}

#[test]
fn a_handler_that_is_asked_to_end_before_it_begins_never_begins() {
    // Nothing of this runtime runs until something blocks on it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let handlers =
        Handlers::new().register_async("wait", runtime.handle(), |_| async { Ok(Done::Succeeded) });
    let mut bench = Bench::with(handlers);
    let claims = [0, 1].map(|_| bench.start(work("wait", b"")));
    bench
        .executor
        .signal(claims[0], Ending::Terminate, StopReason::Shutdown);
    runtime.block_on(tokio::task::yield_now());
    assert_eq!(bench.end_of(claims[0]).end, End::Unstarted);
    let succeeded = End::Handler(Outcome::Succeeded);
    assert_eq!(bench.end_of(claims[1]).end, succeeded);
}
