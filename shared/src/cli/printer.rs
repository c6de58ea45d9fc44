//! Prints on a thread of its own: a worker that has something to say never waits for whoever reads
//! it, be it a full pipe, a stopped reader or a terminal that was told to hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

/// Lines that may wait to be printed.
const ROOM: usize = 1024;

/// Takes lines; clones print through the same thread.
#[derive(Clone, Debug)]
pub(super) struct Printer {
    lines: Sender<Line>,
    shared: Arc<Shared>,
    /// Disconnected once the thread has ended.
    done: Receiver<()>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Lines there was no room for.
    lost: AtomicU64,
    /// Something is to be drawn anew.
    redraws: AtomicBool,
}

enum Line {
    Text(String),
    Redraw,
    End,
}

/// What a printer's thread does with what it is given.
pub(super) trait Paper: Send + 'static {
    /// Prints a line.
    fn line(&mut self, text: &str);

    /// Draws anew what is not a line.
    fn redraw(&mut self) {}
}

/// Standard error.
#[derive(Debug)]
pub(super) struct Notes;

impl Paper for Notes {
    fn line(&mut self, text: &str) {
        super::screen::note(text);
    }
}

impl Printer {
    /// A printer on `paper`. Where the system refuses a thread, nothing is printed.
    pub(super) fn new(paper: impl Paper) -> Self {
        let (lines, waiting) = bounded(ROOM);
        let (alive, done) = bounded(0);
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("queue-printer".to_owned());
        let _ = thread.spawn(move || {
            print(paper, &waiting, &own);
            drop(alive);
        });
        Self {
            lines,
            shared,
            done,
        }
    }

    /// Has a line printed. Never waits: without room it is counted, and the count is printed later.
    pub(super) fn say(&self, line: String) {
        if self.lines.try_send(Line::Text(line)).is_err() {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Has drawn anew what is not a line.
    pub(super) fn redraw(&self) {
        if !self.shared.redraws.swap(true, Ordering::AcqRel)
            && self.lines.try_send(Line::Redraw).is_err()
        {
            self.shared.redraws.store(false, Ordering::Release);
        }
    }

    /// Waits until what was said is printed, at most so long. Says whether it is.
    pub(super) fn finish(&self, patience: Duration) -> bool {
        let ends = self.lines.send_timeout(Line::End, patience);
        if ends.is_err_and(|error| error.is_timeout()) {
            return false;
        }
        let ended = self.done.recv_timeout(patience);
        ended.is_err_and(|error| !error.is_timeout())
    }
}

fn print(mut paper: impl Paper, lines: &Receiver<Line>, shared: &Shared) {
    for line in lines {
        match line {
            Line::Text(text) => paper.line(&text),
            Line::Redraw => {
                shared.redraws.store(false, Ordering::Release);
                paper.redraw();
            }
            Line::End => return,
        }
        let lost = shared.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            paper.line(&format!(
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

    use super::{Paper, Printer, ROOM};

    /// Paper that takes a line only when it is allowed to.
    struct Stuck {
        allowed: Receiver<()>,
        printed: Arc<Mutex<Vec<String>>>,
    }

    impl Paper for Stuck {
        fn line(&mut self, text: &str) {
            let _ = self.allowed.recv();
            self.printed.lock().unwrap().push(text.to_owned());
        }
    }

    /// Bug: a worker printed on its own thread. Cost: a reader that stopped reading stopped the worker,
    /// its timeouts and its signals. Fix: lines wait for a thread of their own, and are counted where
    /// too many do.
    #[test]
    fn whoever_says_something_never_waits_for_the_reader_and_what_is_lost_is_counted() {
        let (allow, allowed) = bounded(2 * ROOM);
        let lines = Arc::new(Mutex::new(Vec::new()));
        let paper = Stuck {
            allowed,
            printed: Arc::clone(&lines),
        };
        let printer = Printer::new(paper);
        for number in 0..ROOM + 100 {
            printer.say(number.to_string());
        }
        assert!(!printer.finish(Duration::from_millis(1)), "nobody reads");
        drop(allow);
        assert!(printer.finish(Duration::from_secs(60)));
        let lines = lines.lock().unwrap();
        let lost = lines.iter().find(|line| line.contains("were not printed"));
        let lost = lost.unwrap().split(' ').next().unwrap();
        let lost: usize = lost.parse().unwrap();
        assert!((90..=100).contains(&lost), "{lost}");
        assert_eq!(lines.len() - 1 + lost, ROOM + 100);
    }
}
