//! Recorded workflows: the harness's own files, compiled into this package.

pub(crate) use harness::trace;
/// As the files' own tests name it.
#[cfg(test)]
use harness::wfformat;

use crate::check_sentence;

#[path = "../../src/replay"]
#[expect(dead_code, reason = "a trace is read here, not replayed")]
mod harness {
    mod trace;
    pub(super) mod wfformat;

    use trace::Trace;

    /// A trace that is taken has every task once, after all that it waits for.
    pub(crate) fn trace(bytes: &[u8]) {
        let read = wfformat::parse(bytes).and_then(Trace::new);
        let trace = match read {
            Ok(trace) => trace,
            Err(error) => return super::check_sentence(&error.to_string()),
        };
        assert_eq!(trace.order.len(), trace.tasks.len());
        let mut done = vec![false; trace.tasks.len()];
        for place in &trace.order {
            let task = &trace.tasks[*place];
            assert!(
                task.dependencies.iter().all(|on| done[*on]),
                "{place} comes too early"
            );
            assert!(
                !std::mem::replace(&mut done[*place], true),
                "{place} comes twice"
            );
        }
        assert!(trace.edges() <= bytes.len());
        match trace.scaled(0.5) {
            Ok(seconds) => assert!(seconds.iter().all(|seconds| *seconds >= 0.0)),
            Err(error) => super::check_sentence(&error.to_string()),
        }
    }
}
