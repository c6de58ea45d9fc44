//! Recorded workflows: source files of bench-harness, compiled into this package.

pub(crate) use harness::trace;
/// Path that the files' own tests use.
#[cfg(test)]
use harness::wfformat;

use crate::check_sentence;

#[path = "../../src/replay"]
#[expect(dead_code, reason = "a trace is read here, not replayed")]
mod harness {
    mod trace;
    pub(super) mod wfformat;

    use trace::Trace;

    /// An accepted trace lists every task once, after all its dependencies.
    pub(crate) fn trace(bytes: &[u8]) {
        let read = wfformat::parse(bytes).and_then(Trace::new);
        let trace = match read {
            Ok(trace) => trace,
            Err(error) => return super::check_sentence(&error.to_string()),
        };
        assert_eq!(trace.order.len(), trace.tasks.len());
        let mut done = vec![false; trace.tasks.len()];
        for index in &trace.order {
            let task = &trace.tasks[*index];
            assert!(
                task.dependencies.iter().all(|on| done[*on]),
                "{index} comes too early"
            );
            assert!(
                !std::mem::replace(&mut done[*index], true),
                "{index} comes twice"
            );
        }
        assert!(trace.edges() <= bytes.len());
        match trace.scaled(0.5) {
            Ok(seconds) => assert!(seconds.iter().all(|seconds| *seconds >= 0.0)),
            Err(error) => super::check_sentence(&error.to_string()),
        }
    }
}
