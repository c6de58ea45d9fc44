//! Driver of the deliveries of a file: reads hooks and events, sends, records, waits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender as Channel, bounded, unbounded};

use super::super::watchdog::WatchedLoop;
use super::election::Election;
use super::letter::Letter;
use super::notice::Notice;
use super::parcel::Parcel;
use super::send::Sender;
use super::store::{HookStore, StoredHook};
use super::{Action, Deliveries, HookChange, HookId, Input};
use crate::error::{Error, Result};
use crate::journal::Cursor;
use crate::runtime::trust;
use crate::sidecar::Sidecar;

/// Interval at which the file is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Interval at which a process that does not deliver stands for election.
const STAND_EVERY: Duration = Duration::from_millis(500);
/// Pause after an error of the file.
const ERROR_PAUSE: Duration = Duration::from_secs(1);
/// Most events that are read at once.
const PAGE: usize = 1_000;
/// Longest reason that is kept, in bytes.
const LONGEST_REASON: usize = 500;
/// Time for the last deliveries once it is to stop.
const LAST_DELIVERIES: Duration = Duration::from_secs(3);
/// Time for programs that are ended then.
const LAST_ENDS: Duration = Duration::from_millis(1_500);

/// Options of a deliverer.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// True if root runs the commands of hooks even from a file that others can change.
    pub trust_file: bool,
    /// The deliverer as a loop that a watchdog watches.
    pub watched: Option<WatchedLoop>,
}

impl Options {
    /// The usual options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets if the file is trusted.
    #[must_use]
    pub fn trust_file(mut self, trust_file: bool) -> Self {
        self.trust_file = trust_file;
        self
    }

    /// Sets the deliverer as a loop that a watchdog watches.
    #[must_use]
    pub fn watched(mut self, watched: WatchedLoop) -> Self {
        self.watched = Some(watched);
        self
    }

    fn moved(&self) {
        if let Some(watched) = &self.watched {
            watched.moved();
        }
    }
}

/// Thread that delivers until it is dropped.
#[derive(Debug)]
pub struct Deliverer {
    stop: Arc<AtomicBool>,
    ended: Receiver<()>,
}

impl Deliverer {
    /// Starts a thread that delivers, if this process is elected, until the value is dropped. `tell`
    /// gets notices, and the error that ends it.
    ///
    /// # Errors
    /// As [`deliver`] at its start; if the system refuses a thread.
    pub fn start<S: HookStore + 'static>(
        store: Arc<S>,
        options: Options,
        tell: impl Fn(&Notice) + Send + 'static,
    ) -> Result<Self> {
        check(&*store, &options)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (alive, ended) = bounded(0);
        let stopped = Arc::clone(&stop);
        let work = move || {
            if let Err(error) = run(&store, &options, &stopped, &tell) {
                tell(&Notice::Trouble(error.to_string()));
            }
            drop::<Channel<()>>(alive);
        };
        std::thread::Builder::new()
            .name("queue-hooks".to_owned())
            .spawn(work)
            .map_err(|error| Error::io("cannot start a thread for hooks", error))?;
        Ok(Self { stop, ended })
    }
}

impl Drop for Deliverer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self
            .ended
            .recv_timeout(LAST_DELIVERIES + LAST_ENDS + LOOK_EVERY);
    }
}

/// Delivers until `stop` is set. `tell` gets notices.
///
/// # Errors
/// [`Error::Unusable`] as root, for a file that others can change, and for one that was deleted or
/// replaced. Other errors of the file pass, and are told.
pub fn deliver<S: HookStore + 'static>(
    store: &Arc<S>,
    options: &Options,
    stop: &AtomicBool,
    tell: &dyn Fn(&Notice),
) -> Result<()> {
    check(&**store, options)?;
    run(store, options, stop, tell)
}

fn check<S: HookStore>(store: &S, options: &Options) -> Result<()> {
    if options.trust_file {
        return Ok(());
    }
    trust::check(&**store.coordination())
}

fn run<S: HookStore + 'static>(
    store: &Arc<S>,
    options: &Options,
    stop: &AtomicBool,
    tell: &dyn Fn(&Notice),
) -> Result<()> {
    let mut election = Election::new(&Sidecar::at(store.coordination().folder()));
    let mut driver = Driver::new(Arc::clone(store), options, tell);
    let mut is_elected = false;
    while !stop.load(Ordering::Relaxed) {
        options.moved();
        match election.is_won() {
            Ok(false) => driver.wait(STAND_EVERY),
            Ok(true) => {
                if !is_elected {
                    is_elected = true;
                    tell(&Notice::Elected);
                }
                match driver.round() {
                    Ok(pause) => driver.wait(pause),
                    Err(error @ Error::Gone { .. }) => return Err(error),
                    Err(error) => driver.trouble(&error),
                }
            }
            Err(error) => driver.trouble(&error),
        }
    }
    // A process that ends soon may be told to stop before it was elected.
    if !is_elected && matches!(election.is_won(), Ok(true)) {
        is_elected = true;
        tell(&Notice::Elected);
    }
    if is_elected {
        driver.finish();
    }
    Ok(())
}

/// Everything of the process that delivers.
struct Driver<'a, S> {
    store: Arc<S>,
    options: &'a Options,
    /// Set to end the programs that are under way.
    quit: Arc<AtomicBool>,
    tell: &'a dyn Fn(&Notice),
    sender: Sender,
    machine: Deliveries,
    hooks: BTreeMap<HookId, StoredHook>,
    /// Inputs that the machine has not taken yet.
    inputs: Vec<Input>,
    ends: (Channel<Input>, Receiver<Input>),
    /// Number of deliveries under way.
    under_way: usize,
    /// The change counter at which hooks were read; `None` to read them in any case.
    counter: Option<i64>,
    source: Option<Arc<str>>,
    /// The last error of the file that was told.
    told: Option<String>,
}

impl<'a, S: HookStore + 'static> Driver<'a, S> {
    fn new(store: Arc<S>, options: &'a Options, tell: &'a dyn Fn(&Notice)) -> Self {
        Self {
            store,
            options,
            quit: Arc::default(),
            tell,
            sender: Sender::new(),
            machine: Deliveries::default(),
            hooks: BTreeMap::new(),
            inputs: Vec::new(),
            ends: unbounded(),
            under_way: 0,
            counter: None,
            source: None,
            told: None,
        }
    }

    /// Does everything that can be done now. Returns the time until something is due.
    fn round(&mut self) -> Result<Duration> {
        self.refresh()?;
        loop {
            self.options.moved();
            let now = self.store.now().wall;
            let step = self.machine.step(now, std::mem::take(&mut self.inputs));
            if step.actions.is_empty() {
                self.told = None;
                let pause = step
                    .wake
                    .map(|at| u64::try_from(at.since(now)).unwrap_or(0));
                let pause = pause.map_or(LOOK_EVERY, Duration::from_millis);
                return Ok(pause.min(LOOK_EVERY));
            }
            // All of them, whatever happens: the machine waits for the answer to each.
            let mut first = Ok(());
            for action in step.actions {
                match self.perform(action) {
                    Ok(input) => self.inputs.extend(input),
                    Err(error) => first = first.and(Err(error)),
                }
            }
            first?;
            if self.counter.is_none() {
                self.refresh()?;
            }
        }
    }

    /// Reads the hooks if the file has changed.
    fn refresh(&mut self) -> Result<()> {
        // Read before the hooks: a commit in between is seen again.
        let counter = self.store.change_counter()?;
        if self.counter == Some(counter) {
            return Ok(());
        }
        let hooks = self.store.hooks()?;
        let progress = hooks.iter().map(|hook| hook.progress).collect();
        self.inputs.push(Input::Hooks(progress));
        self.hooks = hooks
            .into_iter()
            .map(|hook| (hook.progress.id, hook))
            .collect();
        self.counter = Some(counter);
        Ok(())
    }

    fn perform(&mut self, action: Action) -> Result<Option<Input>> {
        match action {
            Action::Read { hook, after } => {
                let read = self.read(hook, after);
                if read.is_err() {
                    self.inputs.push(nothing_read(hook, after));
                }
                read.map(Some)
            }
            Action::Deliver { hook, letter } => Ok(self.send(hook, letter)),
            Action::DeliverAgain { hook, letter } => Ok(match self.kept(hook, letter) {
                Ok(letter) => self.send(hook, letter),
                Err(reason) => Some(ended(hook, Err(reason))),
            }),
            Action::Record { hook, from, change } => self.record(hook, from, &change).map(Some),
        }
    }

    fn read(&mut self, hook: HookId, after: Cursor) -> Result<Input> {
        let source = self.source()?;
        let page = self.store.events(after, PAGE)?;
        let Some(stored) = self.hooks.get(&hook) else {
            return Ok(nothing_read(hook, after));
        };
        let now = self.store.now().wall;
        let (letters, end) = stored.choice.letters(&source, (after, now), &page)?;
        Ok(Input::Read {
            hook,
            letters,
            end,
            is_last: page.is_last,
        })
    }

    fn source(&mut self) -> Result<Arc<str>> {
        if let Some(source) = &self.source {
            return Ok(Arc::clone(source));
        }
        let source: Arc<str> = self.store.source()?.into();
        self.source = Some(Arc::clone(&source));
        Ok(source)
    }

    /// A dead letter as it was.
    fn kept(&self, hook: HookId, letter: i64) -> Result<Arc<Letter>, String> {
        let kept = self.store.dead_letter(hook, letter);
        let kept = kept.map_err(|error| error.to_string())?;
        let kept = kept.ok_or("the dead letter is gone")?;
        let kind = crate::journal::EventKind::of(&kept.kind);
        Ok(Arc::new(Letter {
            after: Cursor::start(0),
            kind: kind.unwrap_or(crate::journal::EventKind::Unknown),
            id: kept.event,
            body: kept.body,
        }))
    }

    /// Sends on a thread of its own: a slow hook holds up no other one.
    fn send(&mut self, hook: HookId, letter: Arc<Letter>) -> Option<Input> {
        let stored = self.hooks.get(&hook)?.clone();
        let source = self.source.clone().unwrap_or_default();
        let database = self.store.coordination().location().path().to_owned();
        let at = self.store.now().wall;
        let (sender, quit, ends) = (
            self.sender.clone(),
            Arc::clone(&self.quit),
            self.ends.0.clone(),
        );
        let work = move || {
            let parcel = Parcel {
                hook: &stored.choice.hook,
                target: &stored.target,
                secret: stored.secret.as_ref(),
                limit: stored.limit,
                database: &database,
                source: &source,
                id: &letter.id,
                kind: letter.kind.name(),
                body: &letter.body,
                at,
            };
            let result = sender.send(&parcel, &quit).map_err(clipped);
            let _ = ends.send(ended(hook, result));
        };
        let started = std::thread::Builder::new()
            .name("queue-hook".to_owned())
            .spawn(work);
        match started {
            Ok(_) => {
                self.under_way += 1;
                None
            }
            Err(error) => Some(ended(hook, Err(format!("cannot start a thread: {error}")))),
        }
    }

    fn record(&mut self, hook: HookId, from: Cursor, change: &HookChange) -> Result<Input> {
        let is_current = self.store.record(hook, from, change)?;
        if is_current {
            self.notice(hook, change);
        }
        // The change itself, or somebody else's, is read.
        self.counter = None;
        Ok(Input::Recorded { hook, is_current })
    }

    fn notice(&self, hook: HookId, change: &HookChange) {
        let Some(stored) = self.hooks.get(&hook) else {
            return;
        };
        let hook = stored.choice.hook.clone();
        match change {
            HookChange::Failed {
                failures,
                next_try_at,
                reason,
                letter,
            } => {
                let pause = next_try_at.since(self.store.now().wall);
                (self.tell)(&Notice::Failed {
                    hook,
                    event: letter.id.clone(),
                    failures: *failures,
                    reason: reason.clone(),
                    pause: Duration::from_millis(u64::try_from(pause).unwrap_or(0)),
                });
            }
            HookChange::Buried { letter, reason } => (self.tell)(&Notice::Dead {
                hook,
                event: letter.id.clone(),
                reason: reason.clone(),
            }),
            HookChange::Passed(_)
            | HookChange::Delivered(_)
            | HookChange::Redelivered(_)
            | HookChange::Kept { .. } => {}
        }
    }

    /// Waits for an end of a delivery, for that time at most.
    fn wait(&mut self, pause: Duration) {
        match self.ends.1.recv_timeout(pause) {
            Ok(end) => self.took(end),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
        }
        while let Ok(end) = self.ends.1.try_recv() {
            self.took(end);
        }
    }

    fn took(&mut self, end: Input) {
        self.under_way = self.under_way.saturating_sub(1);
        self.inputs.push(end);
    }

    fn trouble(&mut self, error: &Error) {
        let message = error.to_string();
        if self.told.as_ref() != Some(&message) {
            (self.tell)(&Notice::Trouble(message.clone()));
            self.told = Some(message);
        }
        self.wait(ERROR_PAUSE);
    }

    /// Delivers the last events for some seconds. What is still under way then is ended, is not counted
    /// as tried, and is delivered again by the next deliverer.
    fn finish(&mut self) {
        self.wait_for_last(LAST_DELIVERIES, true);
        self.quit.store(true, Ordering::Relaxed);
        self.wait_for_last(LAST_ENDS, false);
        let taken = |input: &Input| matches!(input, Input::Ended { result: Ok(()), .. });
        self.inputs.retain(taken);
        let now = self.store.now().wall;
        let step = self.machine.step(now, std::mem::take(&mut self.inputs));
        for action in step.actions {
            if let Action::Record { hook, from, change } = action {
                // If it fails, the event is delivered again.
                let _ = self.store.record(hook, from, &change);
            }
        }
    }

    /// Waits until nothing is under way, for that time at most, and delivers what is due meanwhile.
    fn wait_for_last(&mut self, patience: Duration, delivers: bool) {
        let until = self.store.now().boot.after(patience);
        loop {
            let is_bad = delivers && self.round().is_err();
            let left = until.since(self.store.now().boot);
            if is_bad || self.under_way == 0 || left.is_zero() {
                return;
            }
            self.wait(left.min(LOOK_EVERY));
        }
    }
}

fn ended(hook: HookId, result: Result<(), String>) -> Input {
    Input::Ended { hook, result }
}

/// The answer to a read that failed: there may be more.
fn nothing_read(hook: HookId, after: Cursor) -> Input {
    Input::Read {
        hook,
        letters: Vec::new(),
        end: after,
        is_last: false,
    }
}

fn clipped(mut reason: String) -> String {
    let mut end = LONGEST_REASON.min(reason.len());
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason.truncate(end);
    reason
}

#[cfg(test)]
mod tests;
