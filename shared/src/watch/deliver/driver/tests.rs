use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::bounded;

use super::super::{Choice, HookChange, HookId, HookProgress, HookStore, KeptLetter, StoredHook};
use super::{Deliverer, Options};
use crate::clock::{Clock as _, Now, SystemClock, Timestamp};
use crate::coordination::Coordination;
use crate::error::{Error, Result};
use crate::hook::HookTarget;
use crate::journal::{Cursor, Event, EventKind, EventPage};
use crate::sidecar::{Local, Sidecar};
use crate::watch::Watchdog;

/// A file with two hooks and two events, whose calls fail now and then.
struct Unsteady {
    coordination: Arc<dyn Coordination>,
    positions: Mutex<[i64; 2]>,
    calls: AtomicU32,
    counter: AtomicU32,
}

impl Unsteady {
    /// Fails at two of three calls.
    fn may_fail(&self) -> Result<()> {
        if self.calls.fetch_add(1, Ordering::Relaxed) % 3 == 2 {
            return Ok(());
        }
        Err(Error::invalid("the disk is full"))
    }

    fn positions(&self) -> [i64; 2] {
        *self.positions.lock().unwrap()
    }
}

fn at(seq: i64) -> Cursor {
    let mut cursor = Cursor::start(0);
    cursor.seq = seq;
    cursor
}

impl HookStore for Unsteady {
    fn now(&self) -> Now {
        SystemClock.now()
    }

    fn coordination(&self) -> &Arc<dyn Coordination> {
        &self.coordination
    }

    fn change_counter(&self) -> Result<i64> {
        Ok(self.counter.load(Ordering::Relaxed).into())
    }

    fn source(&self) -> Result<String> {
        Ok("urn:x".to_owned())
    }

    fn hooks(&self) -> Result<Vec<StoredHook>> {
        let positions = self.positions();
        let hook = |id: usize| StoredHook {
            progress: HookProgress::new(id.try_into().unwrap(), at(positions[id])),
            choice: Choice::new("own", vec![EventKind::Failed]),
            target: HookTarget::Command {
                argv: vec!["true".to_owned()],
                cwd: None,
            },
            secret: None,
            limit: Duration::from_secs(60),
        };
        Ok(vec![hook(0), hook(1)])
    }

    fn events(&self, after: Cursor, _: usize) -> Result<EventPage> {
        self.may_fail()?;
        let failed = |seq| {
            let mut event = Event::new(EventKind::Failed, Timestamp(0));
            event.seq = Some(seq);
            (at(seq), event)
        };
        Ok(EventPage {
            events: (after.seq + 1..=2).map(failed).collect(),
            next: Some(at(2)),
            is_last: true,
            missed: 0,
        })
    }

    fn dead_letter(&self, _: HookId, _: i64) -> Result<Option<KeptLetter>> {
        Ok(None)
    }

    fn record(&self, hook: HookId, from: Cursor, change: &HookChange) -> Result<bool> {
        self.may_fail()?;
        let position = &mut self.positions.lock().unwrap()[usize::try_from(hook).unwrap()];
        assert_eq!(*position, from.seq);
        let HookChange::Delivered(to) = change else {
            panic!("{change:?}");
        };
        *position = to.seq;
        self.counter.fetch_add(1, Ordering::Relaxed);
        Ok(true)
    }
}

fn unsteady(folder: &Path) -> Arc<Unsteady> {
    let path = folder.canonicalize().unwrap().join("q.db");
    std::fs::write(&path, "").unwrap();
    Sidecar::of(&path).create().unwrap();
    Arc::new(Unsteady {
        coordination: Arc::new(Local::of(&path)),
        positions: Mutex::default(),
        calls: AtomicU32::new(0),
        counter: AtomicU32::new(0),
    })
}

/// A deliverer that a call of the file, or of its owner, held up looked alive to probes.
#[test]
fn a_deliverer_that_is_held_up_has_stopped_until_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = unsteady(folder.path());
    let watchdog = Watchdog::default();
    let options = Options::new().trust_file(true);
    let options = options.watched(watchdog.watch("hooks"));
    let ((at_notice, told), (release, released)) = (bounded(0), bounded::<()>(0));
    let wait = move |_: &super::Notice| {
        // At the first notice alone: both fail once the other ends are gone.
        let _ = at_notice.send(());
        let _ = released.recv();
    };
    let deliverer = Deliverer::start(Arc::clone(&store), options, wait).unwrap();
    told.recv().unwrap();
    for _ in 0..30 {
        watchdog.tick();
    }
    assert_eq!(watchdog.stopped(), ["hooks"]);
    drop((told, release));
    queue_testing::patience::until("it goes on", || watchdog.stopped().is_empty());
    drop(deliverer);
}

#[test]
fn an_error_of_the_file_delays_deliveries_and_loses_none() {
    let folder = tempfile::tempdir().unwrap();
    let store = unsteady(folder.path());
    let options = Options::new().trust_file(true);
    let (tell, told) = crossbeam_channel::unbounded();
    let say = move |notice: &super::Notice| drop(tell.send(notice.to_string()));
    let deliverer = Deliverer::start(Arc::clone(&store), options, say).unwrap();
    queue_testing::patience::until("both hooks got both events", || store.positions() == [2, 2]);
    drop(deliverer);
    let told: Vec<String> = told.iter().collect();
    assert_eq!(told[0], "delivers the events of hooks");
    let trouble = "hooks wait for the file: the disk is full; trying again";
    assert!(told.iter().any(|line| line == trouble), "{told:?}");
}
