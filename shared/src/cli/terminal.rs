//! What a worker does about the keys of its terminal that would stop it: a stopped worker loses its
//! leases, and finds its work taken away when it goes on.

use std::io::Read;
use std::os::unix::net::UnixStream;

use signal_hook::SigId;
use signal_hook::consts::{SIGTSTP, SIGTTOU};

use super::printer::Printer;
use crate::error::{Error, Result};
use crate::runtime::spawn::block;
use crate::runtime::stop::is_ignored;

const ANSWER: &str = "not suspended: a suspended worker would lose its tasks to others; Ctrl-C lets \
                      them finish and stops, and `worker --background` leaves the terminal free";

/// Has the program print from the background of a terminal that is set to stop whoever does. Called
/// before there are other threads, it holds for them too.
pub(super) fn print_in_background() {
    block(&[SIGTTOU]);
}

/// Ctrl-Z is answered with a sentence as long as this lives. Afterwards it does nothing.
#[derive(Debug)]
pub(super) struct Awake(Option<SigId>);

impl Awake {
    /// # Errors
    /// When the system refuses a signal handler, a socket pair or a thread.
    pub(super) fn new(printer: &Printer) -> Result<Self> {
        if is_ignored(SIGTSTP) {
            return Ok(Self(None));
        }
        let refused = |error| Error::io("cannot answer Ctrl-Z", error);
        let (sender, mut receiver) = UnixStream::pair().map_err(refused)?;
        sender.set_nonblocking(true).map_err(refused)?;
        let printer = printer.clone();
        std::thread::Builder::new()
            .name("queue-terminal".to_owned())
            .spawn(move || {
                let mut presses = [0; 16];
                while receiver.read(&mut presses).is_ok_and(|count| count > 0) {
                    printer.say(ANSWER.to_owned());
                }
            })
            .map_err(refused)?;
        let id = signal_hook::low_level::pipe::register(SIGTSTP, sender).map_err(refused)?;
        Ok(Self(Some(id)))
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        if let Some(id) = self.0.take() {
            signal_hook::low_level::unregister(id);
        }
    }
}
