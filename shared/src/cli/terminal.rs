//! Keeps terminal keys from suspending a worker: a suspended worker loses its leases, and other
//! workers take its tasks.

use std::io::Read;
use std::os::unix::net::UnixStream;

use signal_hook::SigId;
use signal_hook::consts::{SIGTSTP, SIGTTOU};

use super::print_thread::PrintThread;
use crate::error::{Error, Result};
use crate::runtime::spawn::block;
use crate::runtime::stop::is_ignored;

const ANSWER: &str = "not suspended: a suspended worker would lose its tasks to others; Ctrl-C lets \
                      them finish and stops, and `worker --background` leaves the terminal free";

/// Lets the program print from the background of a terminal with `tostop`. Must be called before
/// other threads start, so that it holds for them too.
pub(super) fn print_in_background() {
    block(&[SIGTTOU]);
}

/// Answers Ctrl-Z with a sentence for as long as it lives. Afterwards Ctrl-Z does nothing.
#[derive(Debug)]
pub(super) struct SuspendGuard(Option<SigId>);

impl SuspendGuard {
    /// # Errors
    /// When the system refuses a signal handler, a socket pair or a thread.
    pub(super) fn new(print_thread: &PrintThread) -> Result<Self> {
        if is_ignored(SIGTSTP) {
            return Ok(Self(None));
        }
        let refused = |error| Error::io("cannot answer Ctrl-Z", error);
        let (sender, mut receiver) = UnixStream::pair().map_err(refused)?;
        sender.set_nonblocking(true).map_err(refused)?;
        let print_thread = print_thread.clone();
        std::thread::Builder::new()
            .name("queue-terminal".to_owned())
            .spawn(move || {
                let mut presses = [0; 16];
                while receiver.read(&mut presses).is_ok_and(|count| count > 0) {
                    print_thread.say(ANSWER.to_owned());
                }
            })
            .map_err(refused)?;
        let id = signal_hook::low_level::pipe::register(SIGTSTP, sender).map_err(refused)?;
        Ok(Self(Some(id)))
    }
}

impl Drop for SuspendGuard {
    fn drop(&mut self) {
        if let Some(id) = self.0.take() {
            signal_hook::low_level::unregister(id);
        }
    }
}
