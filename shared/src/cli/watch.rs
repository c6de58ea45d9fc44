//! Reports that are shown once, or anew every second in the same place.

use std::fmt::Write as _;
use std::io::Read as _;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use serde::Serialize;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH};

use super::interrupt::Interrupt;
use super::printer::{Printer, note};
use super::table::cut;
use super::{Failure, escape, json};
use crate::error::{Error, Result};

/// Time between two frames.
const INTERVAL: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// Size of the terminal, as far as there is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Screen {
    /// Columns.
    pub(super) width: Option<usize>,
    /// Lines that a report may have.
    pub(super) height: Option<usize>,
}

/// One state of a report.
#[derive(Debug, Default)]
pub(super) struct Frame {
    /// The data, in lines that are no wider than the screen.
    pub(super) text: String,
    /// Sentences for people.
    pub(super) notes: Vec<String>,
}

impl Frame {
    /// A frame of one JSON value.
    ///
    /// # Errors
    /// [`Failure::Output`] if the value cannot be written.
    pub(super) fn json(value: &impl Serialize) -> Result<Self, Failure> {
        let mut text = json::text(value).map_err(|error| Failure::Output(error.into()))?;
        text.push('\n');
        let notes = Vec::new();
        Ok(Self { text, notes })
    }

    /// The frame drawn over the one before: from the top left corner, each line erased to its end,
    /// then all below. At most `height` lines, the last without a line feed, which would scroll.
    fn drawn(&self, screen: Screen) -> String {
        let width = screen.width.unwrap_or(usize::MAX);
        let notes: Vec<String> = self
            .notes
            .iter()
            .map(|note| cut(&escape::line(note), width).into_owned())
            .collect();
        let gap = (!notes.is_empty()).then_some("");
        let lines = self.text.lines().chain(gap);
        let lines: Vec<&str> = lines
            .chain(notes.iter().map(String::as_str))
            .take(screen.height.unwrap_or(usize::MAX))
            .collect();
        let mut drawn = String::from("\x1b[H");
        for (index, line) in lines.iter().enumerate() {
            let end = if index + 1 < lines.len() { "\r\n" } else { "" };
            let _ = write!(drawn, "{line}\x1b[K{end}");
        }
        drawn + "\x1b[J"
    }
}

/// Prints a report once, or, with `watch`, until a signal comes.
///
/// # Errors
/// The failure of a frame or of the output.
pub(super) fn show(
    printer: Printer,
    watch: bool,
    mut frame: impl FnMut(Screen) -> Result<Frame, Failure>,
) -> Result<(), Failure> {
    if watch {
        return repeat(printer, frame);
    }
    // The prompt takes a line.
    let frame = frame(screen(printer, 1))?;
    printer.raw(frame.text.as_bytes())?;
    for sentence in &frame.notes {
        note(sentence);
    }
    Ok(())
}

/// The screen less so many lines.
fn screen(printer: Printer, less: usize) -> Screen {
    let size = printer.size();
    Screen {
        width: size.map(|(columns, _)| columns),
        height: size.map(|(_, lines)| lines.saturating_sub(less).max(1)),
    }
}

/// Prints a frame every second until a signal asks to stop. On a terminal each is drawn over the one
/// before.
fn repeat(
    printer: Printer,
    mut frame: impl FnMut(Screen) -> Result<Frame, Failure>,
) -> Result<(), Failure> {
    let signals = Signals::listen()?;
    let in_place = printer.terminal && !printer.is_json();
    if in_place {
        // What the screen shows scrolls up and is kept.
        let lines = screen(printer, 0).height.unwrap_or_default();
        printer.stream("\n".repeat(lines).as_bytes())?;
    }
    let result = loop {
        let screen = screen(printer, 0);
        let outcome = frame(screen).and_then(|frame| {
            if in_place {
                return printer.stream(frame.drawn(screen).as_bytes());
            }
            let sentences = frame.notes.iter().map(|note| format!("{note}\n"));
            let text = frame.text + &escape::block(&sentences.collect::<String>());
            printer.stream(text.as_bytes())
        });
        if outcome.is_err() {
            break outcome;
        }
        if signals.wait(None, &INTERVAL)? {
            break Ok(());
        }
        if !in_place && !printer.is_json() {
            printer.stream(b"\n")?;
        }
    };
    if in_place {
        printer.stream(b"\r\n")?;
    }
    result
}

/// Signals that end the wait for the next frame.
pub(super) struct Signals {
    interrupt: Interrupt,
    /// Readable after a signal.
    came: UnixStream,
}

impl Signals {
    /// Installs the signal handlers.
    ///
    /// # Errors
    /// [`Error::Io`] if the system refuses.
    pub(super) fn listen() -> Result<Self> {
        let refused = |error| Error::io("cannot listen for signals", error);
        let interrupt = Interrupt::listen()?;
        let (came, sender) = UnixStream::pair().map_err(refused)?;
        came.set_nonblocking(true).map_err(refused)?;
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGWINCH] {
            let sender = sender.try_clone().map_err(refused)?;
            signal_hook::low_level::pipe::register(signal, sender).map_err(refused)?;
        }
        Ok(Self { interrupt, came })
    }

    /// Waits so long for the next frame, for a signal, after which the size may be another, or for
    /// `input`. Returns true if it is to end.
    ///
    /// # Errors
    /// [`Error::Io`] if the system refuses.
    pub(super) fn wait(&self, input: Option<BorrowedFd<'_>>, time: &Timespec) -> Result<bool> {
        let mut ready = vec![PollFd::new(&self.came, PollFlags::IN)];
        ready.extend(input.map(|input| PollFd::from_borrowed_fd(input, PollFlags::IN)));
        match poll(&mut ready, Some(time)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(Error::io("cannot wait for the next second", error)),
        }
        while (&self.came).read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
        Ok(self.interrupt.is_asked())
    }
}

#[cfg(test)]
mod tests {
    use super::{Frame, Screen};

    #[test]
    fn a_frame_is_drawn_over_the_one_before_and_never_scrolls() {
        let frame = Frame {
            text: "one\ntwo\n".to_owned(),
            notes: vec!["a long note\x1b[2J".to_owned()],
        };
        let screen = |width, height| Screen {
            width: Some(width),
            height: Some(height),
        };
        assert_eq!(
            frame.drawn(screen(10, 24)),
            "\x1b[Hone\x1b[K\r\ntwo\x1b[K\r\n\x1b[K\r\na long no…\x1b[K\x1b[J"
        );
        assert_eq!(
            frame.drawn(screen(10, 2)),
            "\x1b[Hone\x1b[K\r\ntwo\x1b[K\x1b[J"
        );
        assert!(!frame.drawn(screen(80, 24)).contains("\x1b[2J"));
    }
}
