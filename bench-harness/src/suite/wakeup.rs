//! Wakeup of an idle worker in another process.

use std::num::NonZeroU32;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use queue_core::sqlite::Durability;
use queue_core::{NewTask, Queue};

use super::context::{Context, database};
use super::stamp::{KeptAwake, Sleeper, monotonic_nanos};
use crate::Result;
use crate::measure::{Spread, count, pause, percentile};
use crate::report::{Bar, Figure, short};
use crate::systems::Engine;
use crate::systems::raw::Raw;
use crate::workload::{System, tasks};

/// Name of the figure.
const NAME: &str = "wakeup of an idle worker process, p50";
/// Name of the figure with processors that do not halt.
const NAME_AWAKE: &str = "wakeup with processors kept awake, p50";
/// Rounds before the first counted one: the processes warm up, and both logs start over, after 2,048
/// frames at the latest. Until then every frame needs a new page of the file, which on a virtual
/// machine takes 100 us and more if the host has not allocated that memory yet.
const UNCOUNTED: usize = 300;
/// Ratio to the bare probe of the same run: where processors halt, the probe alone takes 60 to 170 us.
const BAR: Bar = Bar::AtMost(1.5);

/// Measures on the machine as it is, and with processors that do not halt between two tasks: waking a
/// halted processor is the machine's part, which a virtual machine makes far longer than the rest.
pub(super) fn measure<E: Engine>(context: &Context) -> Result<Vec<Figure>> {
    let found = reach::<E>(context, NAME)?;
    let awake = match KeptAwake::start()? {
        Some(_awake) => reach::<E>(context, NAME_AWAKE)?,
        None => Figure::skipped(NAME_AWAKE, BAR, "needs chrt, of util-linux"),
    };
    Ok(vec![found, awake])
}

/// Compares the engine with a bare connection in turns: the same pauses, and for each a file and a
/// sleeping process.
fn reach<E: Engine>(context: &Context, name: &str) -> Result<Figure> {
    let folder = context.scratch()?;
    let queue = E::open(&database(folder.path()), Durability::Fast)?;
    let path = queue.coordination().location().path();
    let mut worker = Sleeper::worker(E::NAME, path, NonZeroU32::MIN)?;
    let push = || -> Result<()> {
        queue.enqueue(vec![NewTask::handler("stamp", [])])?;
        Ok(())
    };
    let (bare_db, socket) = (folder.path().join("bare.db"), folder.path().join("socket"));
    let raw = Raw::open(&bare_db, Durability::Fast)?;
    let mut bare = Sleeper::bare(&bare_db, &socket)?;
    let sender = UnixDatagram::unbound()?;
    sender.connect(&socket)?;
    let push_bare = || -> Result<()> {
        raw.enqueue(tasks(1))?;
        sender.send(&[0])?;
        Ok(())
    };
    let (mut own, mut floor) = (Reached::default(), Reached::default());
    let uncounted = context.either(1, UNCOUNTED);
    for round in 0..uncounted + context.either(100, 1_000) {
        let own_sample = wake(&mut worker, push)?;
        let floor_sample = wake(&mut bare, push_bare)?;
        if round >= uncounted {
            own.add(own_sample);
            floor.add(floor_sample);
        }
    }
    let (own_p50, floor_p50) = (own.percentile(0.5), floor.percentile(0.5));
    let figure = Figure::value(name, own_p50 / floor_p50, "× bare", BAR);
    Ok(figure.beside(format!(
        "{} us from the start of the push until the worker has claimed and started the task, {} us \
         where a bare connection and a datagram wake a bare process that claims; p99 {} us, bare {} \
         us; the push itself {} us, bare {} us; {}",
        short(own_p50),
        short(floor_p50),
        short(own.percentile(0.99)),
        short(floor.percentile(0.99)),
        short(Spread::of(&own.pushed).median),
        short(Spread::of(&floor.pushed).median),
        leases(&queue)
    )))
}

/// Microseconds of every round.
#[derive(Default)]
struct Reached {
    woken: Vec<f64>,
    pushed: Vec<f64>,
}

impl Reached {
    fn add(&mut self, [woken, pushed]: [f64; 2]) {
        self.woken.push(woken);
        self.pushed.push(pushed);
    }

    fn percentile(&self, share: f64) -> f64 {
        let mut sorted = self.woken.clone();
        sorted.sort_by(f64::total_cmp);
        percentile(&sorted, share)
    }
}

/// Microseconds from the start of a push until the sleeping process has the task, and until the push is
/// done.
fn wake(sleeper: &mut Sleeper, push: impl FnOnce() -> Result<()>) -> Result<[f64; 2]> {
    // Long enough for the other process to settle the last task and fall asleep.
    pause(Duration::from_millis(3));
    let start = monotonic_nanos();
    push()?;
    let pushed = monotonic_nanos();
    let woken = sleeper.next()?;
    let micros = |end: i64| -> Result<f64> { Ok(count(usize::try_from(end - start)?) / 1e3) };
    Ok([micros(woken)?, micros(pushed)?])
}

/// Description of a queue's leases.
pub(super) fn leases(queue: &impl Queue) -> String {
    match queue.lease() {
        Some(lease) => format!("leases of {} s", lease.as_secs()),
        None => "no leases".to_owned(),
    }
}
