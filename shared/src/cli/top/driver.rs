//! The terminal: reads the file at intervals, draws, takes keys.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::AsFd;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use rustix::event::Timespec;

use super::super::log::Tail;
use super::super::program::Context;
use super::super::watch::Signals;
use super::super::{Failure, moment};
use super::act;
use super::draw::{Scene, draw};
use super::keys::{Action, FileChange, Key, Keys, Row, View};
use super::rates::Rates;
use super::reading::{Caption, Reading};
use crate::clock::BootTime;
use crate::error::{Error, Result};
use crate::queue::Queue;

/// Time after which a file is read even if nobody wrote to it: workers may have died.
const LONGEST: Duration = Duration::from_secs(5);

/// A full screen of the terminal. Its end restores the terminal, and so does a panic before its message.
/// The end of the terminal's own type would write to standard error if the terminal is gone.
struct FullScreen(ManuallyDrop<Terminal<CrosstermBackend<io::Stdout>>>);

impl FullScreen {
    fn enter() -> Result<Self> {
        let refused = |error| Error::io("cannot use the terminal", error);
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            report(panic);
        }));
        enable_raw_mode().map_err(refused)?;
        let entered = execute!(io::stdout(), EnterAlternateScreen)
            .and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        let entered = entered.map(|terminal| Self(ManuallyDrop::new(terminal)));
        entered.map_err(|error| {
            restore();
            refused(error)
        })
    }
}

impl Drop for FullScreen {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back as it was. A terminal that is gone needs nothing.
fn restore() {
    let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

/// The state of the program between two frames.
struct Top<'a, Q> {
    context: &'a Context<Q>,
    queue: &'a Q,
    keys: Keys,
    rates: Rates,
    reading: Reading,
    /// Change counter of the file before the reading.
    counter: Option<i64>,
    /// End of the log that the open panel shows.
    tail: Tail,
    caption: Caption,
}

/// Shows the file until `q`, a signal or the end of the terminal.
///
/// # Errors
/// As the engine, and when the terminal fails.
pub(super) fn run<Q: Queue>(
    context: &Context<Q>,
    queue: &Q,
    interval: Duration,
    is_read_only: bool,
) -> Result<(), Failure> {
    let mut top = Top {
        context,
        queue,
        keys: Keys::new(is_read_only),
        rates: Rates::default(),
        reading: Reading::default(),
        counter: None,
        tail: Tail::default(),
        caption: Caption::new(context),
    };
    top.refresh()?;
    let signals = Signals::listen()?;
    let mut screen = FullScreen::enter()?;
    match top.show(&mut screen, &signals, interval) {
        // The signal that tells of it may come after the error.
        Err(_) if rustix::termios::tcgetattr(io::stdin()).is_err() => Ok(()),
        shown => Ok(shown?),
    }
}

/// Time from `now` until `next`.
fn until(next: BootTime, now: BootTime) -> Timespec {
    let left = next.since(now);
    Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(left.subsec_nanos()),
    }
}

/// End of the program.
struct Ended;

impl<Q: Queue> Top<'_, Q> {
    /// Draws, and takes keys, until the end.
    fn show(
        &mut self,
        screen: &mut FullScreen,
        signals: &Signals,
        interval: Duration,
    ) -> Result<()> {
        let failed = |error| Error::io("cannot use the terminal", error);
        let mut next = self.queue.now().boot.after(interval);
        loop {
            self.draw(screen)?;
            let left = until(next, self.queue.now().boot);
            if signals.wait(Some(io::stdin().as_fd()), &left)? {
                return Ok(());
            }
            while event::poll(Duration::ZERO).map_err(failed)? {
                let event = event::read().map_err(failed)?;
                if self.take(&event)?.is_some() {
                    return Ok(());
                }
            }
            if self.queue.now().boot >= next {
                self.refresh()?;
                next = self.queue.now().boot.after(interval);
            }
        }
    }

    /// Reads the file, unless nobody wrote to it since the last time.
    fn refresh(&mut self) -> Result<()> {
        let counter = Some(self.queue.change_counter()?);
        let age = self.queue.now().boot.since(self.reading.now.boot);
        if counter != self.counter || age >= LONGEST {
            let only = self.keys.only.as_deref();
            self.reading = Reading::read(self.queue, !self.keys.is_read_only, only)?;
            self.keys.rows(&Row::all(&self.reading));
            self.counter = counter;
        }
        let totals = self.reading.totals.clone();
        self.rates.take(self.queue.now().boot, totals);
        self.read_text();
        Ok(())
    }

    fn draw(&mut self, screen: &mut FullScreen) -> Result<()> {
        let now = self.queue.now().wall;
        self.caption.clock = moment::shown(now, &jiff::tz::TimeZone::system());
        let scene = Scene {
            caption: &self.caption,
            reading: &self.reading,
            rates: Some(&self.rates),
            keys: &self.keys,
            now,
            color: self.context.printer.color(),
        };
        let drawn = screen
            .0
            .draw(|frame| draw(&scene, frame.area(), frame.buffer_mut()));
        drawn.map_err(|error| Error::io("cannot draw on the terminal", error))?;
        Ok(())
    }

    fn take(&mut self, event: &Event) -> Result<Option<Ended>> {
        if let Event::Resize(..) = event {
            // Its lines have another width.
            self.read_text();
        }
        let Event::Key(key) = event else {
            return Ok(None);
        };
        if key.kind == KeyEventKind::Release {
            return Ok(None);
        }
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        if is_control && key.code == KeyCode::Char('c') {
            return Ok(Some(Ended));
        }
        let Some(key) = named(*key) else {
            return Ok(None);
        };
        match self.keys.press(key, &Row::all(&self.reading)) {
            Some(Action::Quit) => return Ok(Some(Ended)),
            Some(Action::Change(change)) => self.change(&change)?,
            Some(Action::Read(_)) => {
                self.tail = Tail::default();
                self.read_text();
            }
            Some(Action::Reread) => {
                self.counter = None;
                self.refresh()?;
            }
            None => {}
        }
        Ok(None)
    }

    /// Makes a change; the last line tells its result.
    fn change(&mut self, change: &FileChange) -> Result<()> {
        match act::change(self.queue, change) {
            Ok(sentence) => self.keys.say(&sentence),
            Err(error) => self.keys.say(&error.to_string()),
        }
        // The counter does not tell of our own changes.
        self.counter = None;
        self.refresh()
    }

    /// Reads the text of the open panel anew.
    fn read_text(&mut self) {
        let View::Text(panel) = &mut self.keys.view else {
            return;
        };
        let width = self.context.printer.width().unwrap_or(80);
        match act::text(
            self.context,
            self.queue,
            (panel.about, &mut self.tail),
            width,
        ) {
            Ok(lines) => {
                // Whoever scrolled up keeps the lines that are on the screen.
                let more = lines.len().saturating_sub(panel.lines.len());
                if panel.below > 0 {
                    panel.below += more;
                }
                panel.lines = lines;
                panel.below = panel.below.min(panel.lines.len());
            }
            Err(failure) => {
                let sentence = failure.complete(&self.context.invocation()).sentence();
                self.keys.view = View::Rows;
                self.keys.say(&sentence);
            }
        }
    }
}

/// The key by its own name.
fn named(key: KeyEvent) -> Option<Key> {
    let other = KeyModifiers::CONTROL | KeyModifiers::ALT;
    if key.modifiers.intersects(other) {
        return None;
    }
    let keys = [
        (KeyCode::Up, Key::Up),
        (KeyCode::Down, Key::Down),
        (KeyCode::PageUp, Key::PageUp),
        (KeyCode::PageDown, Key::PageDown),
        (KeyCode::Home, Key::Home),
        (KeyCode::End, Key::End),
        (KeyCode::Tab, Key::Tab),
        (KeyCode::Enter, Key::Enter),
        (KeyCode::Esc, Key::Escape),
    ];
    if let KeyCode::Char(c) = key.code {
        return Some(Key::Char(c));
    }
    let found = keys.iter().find(|(code, _)| *code == key.code);
    found.map(|(_, key)| *key)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::{Command, Stdio};

    use queue_testing::skipped;

    use super::FullScreen;

    /// Tells the test that it is the process that panics.
    const INSIDE: &str = "QUEUE_TEST_TOP_PANICS";

    /// The test runs itself on a terminal, which `script` of util-linux makes.
    #[test]
    fn a_panic_gives_the_terminal_back_before_its_message() {
        if std::env::var_os(INSIDE).is_some() {
            let _screen = FullScreen::enter().unwrap();
            panic!("something is wrong");
        }
        let folder = tempfile::tempdir().unwrap();
        let name = std::thread::current().name().unwrap().to_owned();
        let line = format!(
            "stty -g >before; {INSIDE}=1 '{}' --exact --nocapture {name}; stty -g >after",
            std::env::current_exe().unwrap().display(),
        );
        let mut script = Command::new("script");
        script.args(["-qec", &line, "/dev/null"]);
        script.env("SHELL", "/bin/sh").current_dir(folder.path());
        let Ok(done) = script.stdin(Stdio::null()).output() else {
            skipped("there is no `script` to make a terminal with");
            return;
        };
        let read = |name| fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(!read("before").is_empty());
        assert_eq!(read("before"), read("after"), "settings of the terminal");
        let shown = String::from_utf8(done.stdout).unwrap();
        let (_, rest) = shown.split_once("\u{1b}[?1049h").expect("another screen");
        let (_, rest) = rest.split_once("\u{1b}[?1049l").expect("the first screen");
        assert!(rest.starts_with("\u{1b}[?25h"), "the cursor: {rest:?}");
        assert!(rest.contains("something is wrong"), "{rest:?}");
    }
}
