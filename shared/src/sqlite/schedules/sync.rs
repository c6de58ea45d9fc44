//! Locks, channels and threads of the writer under the scheduler's control.

pub(super) use shuttle::sync::{Condvar, Mutex, MutexGuard};
pub(super) use shuttle::thread;
/// Neither blocks here: the writer makes their contents under one of its locks.
pub(super) use std::sync::{Arc, OnceLock, PoisonError};

/// Unbounded channel, as far as the writer needs it.
pub(super) mod channel {
    use std::collections::VecDeque;

    use super::super::Plant;
    use super::{Arc, Condvar, Mutex, thread};

    #[derive(Debug)]
    struct Shared<T> {
        items: Mutex<(VecDeque<T>, bool)>,
        changed: Condvar,
    }

    impl<T> Shared<T> {
        fn push(&self, item: T) {
            self.items.lock().unwrap().0.push_back(item);
            self.changed.notify_one();
        }
    }

    /// The only sender.
    #[derive(Debug)]
    pub(in super::super) struct Sender<T>(Arc<Shared<T>>);

    /// The only receiver.
    #[derive(Debug)]
    pub(in super::super) struct Receiver<T>(Arc<Shared<T>>);

    pub(in super::super) fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
        let shared = Arc::new(Shared {
            items: Mutex::default(),
            changed: Condvar::new(),
        });
        (Sender(Arc::clone(&shared)), Receiver(shared))
    }

    impl<T: Send + 'static> Sender<T> {
        #[expect(clippy::unnecessary_wraps, reason = "as the channel it stands for")]
        pub(in super::super) fn send(&self, item: T) -> Result<(), T> {
            if Plant::LateSend.is_set() {
                let shared = Arc::clone(&self.0);
                thread::spawn(move || shared.push(item));
            } else {
                self.0.push(item);
            }
            Ok(())
        }
    }

    impl<T> Drop for Sender<T> {
        fn drop(&mut self) {
            self.0.items.lock().unwrap().1 = true;
            self.0.changed.notify_one();
        }
    }

    impl<T> Receiver<T> {
        pub(in super::super) fn try_recv(&self) -> Result<T, ()> {
            self.0.items.lock().unwrap().0.pop_front().ok_or(())
        }

        pub(in super::super) fn try_iter(&self) -> impl Iterator<Item = T> {
            std::iter::from_fn(|| self.try_recv().ok())
        }

        pub(in super::super) fn is_empty(&self) -> bool {
            self.0.items.lock().unwrap().0.is_empty()
        }
    }

    impl<T> Iterator for Receiver<T> {
        type Item = T;

        /// Waits for the next item, until the sender is gone.
        fn next(&mut self) -> Option<T> {
            let items = self.0.items.lock().unwrap();
            let waits = |(items, closed): &mut (VecDeque<T>, bool)| items.is_empty() && !*closed;
            self.0
                .changed
                .wait_while(items, waits)
                .unwrap()
                .0
                .pop_front()
        }
    }
}
