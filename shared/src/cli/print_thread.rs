//! Prints lines on a separate thread, so that a worker never waits for its reader: a full pipe, a
//! stopped reader or a terminal on hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

/// Most lines that wait to be printed.
const ROOM: usize = 1024;

/// Handle of the thread that prints lines; clones share the thread.
#[derive(Clone, Debug)]
pub(super) struct PrintThread {
    lines: Sender<Line>,
    shared: Arc<Shared>,
    /// Disconnected once the thread has ended.
    done: Receiver<()>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Number of lines dropped because the queue was full.
    lost: AtomicU64,
    /// True while a redraw is queued.
    redraws: AtomicBool,
}

enum Line {
    Text(String),
    Redraw,
    End,
}

/// Destination of the printed lines.
pub(super) trait LineSink: Send + 'static {
    /// Prints a line.
    fn line(&mut self, text: &str);

    /// Redraws a display that is not a line, such as a progress bar.
    fn redraw(&mut self) {}
}

/// Standard error.
#[derive(Debug)]
pub(super) struct StandardError;

impl LineSink for StandardError {
    fn line(&mut self, text: &str) {
        super::printer::note(text);
    }
}

impl PrintThread {
    /// Starts a thread that prints to `sink`. If the system refuses a thread, nothing is printed.
    pub(super) fn new(sink: impl LineSink) -> Self {
        let (lines, waiting) = bounded(ROOM);
        let (alive, done) = bounded(0);
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("queue-printer".to_owned());
        let _ = thread.spawn(move || {
            print(sink, &waiting, &own);
            drop(alive);
        });
        Self {
            lines,
            shared,
            done,
        }
    }

    /// Queues a line. Never waits: if the queue is full, the line is dropped and counted, and the
    /// count is printed later.
    pub(super) fn say(&self, line: String) {
        if self.lines.try_send(Line::Text(line)).is_err() {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Queues a redraw.
    pub(super) fn redraw(&self) {
        if !self.shared.redraws.swap(true, Ordering::AcqRel)
            && self.lines.try_send(Line::Redraw).is_err()
        {
            self.shared.redraws.store(false, Ordering::Release);
        }
    }

    /// Waits until all queued lines are printed, for `patience` at most. Returns true if they are.
    pub(super) fn finish(&self, patience: Duration) -> bool {
        let ends = self.lines.send_timeout(Line::End, patience);
        if ends.is_err_and(|error| error.is_timeout()) {
            return false;
        }
        let ended = self.done.recv_timeout(patience);
        ended.is_err_and(|error| !error.is_timeout())
    }
}

fn print(mut sink: impl LineSink, lines: &Receiver<Line>, shared: &Shared) {
    for line in lines {
        match line {
            Line::Text(text) => sink.line(&text),
            Line::Redraw => {
                shared.redraws.store(false, Ordering::Release);
                sink.redraw();
            }
            Line::End => return,
        }
        let lost = shared.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            sink.line(&format!(
                "{lost} lines were not printed because nobody read them"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use crossbeam_channel::{Receiver, bounded};

    use super::{LineSink, PrintThread, ROOM};

    /// Sink that takes a line only when the test allows it.
    struct Stuck {
        allowed: Receiver<()>,
        printed: Arc<Mutex<Vec<String>>>,
    }

    impl LineSink for Stuck {
        fn line(&mut self, text: &str) {
            let _ = self.allowed.recv();
            self.printed.lock().unwrap().push(text.to_owned());
        }
    }

    /// Bug: a worker printed on its own thread. Cost: a reader that stopped reading stopped the
    /// worker, its timeouts and its signals. Fix: a separate thread prints; if too many lines wait,
    /// the others are dropped and counted.
    #[test]
    fn queueing_a_line_never_waits_and_dropped_lines_are_counted() {
        let (allow, allowed) = bounded(2 * ROOM);
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Stuck {
            allowed,
            printed: Arc::clone(&lines),
        };
        let print_thread = PrintThread::new(sink);
        for number in 0..ROOM + 100 {
            print_thread.say(number.to_string());
        }
        assert!(
            !print_thread.finish(Duration::from_millis(1)),
            "nobody reads"
        );
        drop(allow);
        assert!(print_thread.finish(Duration::from_secs(60)));
        let lines = lines.lock().unwrap();
        let lost = lines.iter().find(|line| line.contains("were not printed"));
        let lost = lost.unwrap().split(' ').next().unwrap();
        let lost: usize = lost.parse().unwrap();
        assert!((90..=100).contains(&lost), "{lost}");
        assert_eq!(lines.len() - 1 + lost, ROOM + 100);
    }
}
