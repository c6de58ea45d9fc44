//! Starts several commands at the same time. The thread that starts a command sleeps until that
//! command's program is loaded, and one thread leaves processors idle meanwhile.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::super::child::Process;
use super::super::command::Surroundings;
use super::StartError;
use super::given::Given;
use crate::claim::{Claim, ClaimedTask};
use crate::clock::{BootTime, Clock, SystemClock};
use crate::panics::panicked;
use crate::runtime::shell::{Batch, StartResult};

/// A command to be started.
#[derive(Debug)]
pub(super) struct Order {
    /// Which of several it is.
    pub(super) place: usize,
    pub(super) task: ClaimedTask,
    pub(super) given: Given,
    pub(super) now: BootTime,
}

impl Order {
    fn carry_out(self, surroundings: &Surroundings) -> Done {
        let place = self.place;
        // A thread that ended here would be waited for without an end.
        let began = catch_unwind(AssertUnwindSafe(|| self.begin(surroundings)));
        let said = |panic: Box<dyn Any + Send>| {
            let what = panicked(&*panic);
            Err(format!("to start it failed with a bug: {what}").into())
        };
        (place, began.unwrap_or_else(said))
    }

    fn begin(self, surroundings: &Surroundings) -> Result<Began, StartError> {
        let inputs = match self.given {
            Given::Nothing => None,
            Given::Inputs(inputs) => Some(inputs),
            Given::Outputs(outputs) => match outputs.few(self.task.claim)? {
                Some(inputs) => Some(inputs),
                None => return Ok(Began::Waits(Box::new(self.task))),
            },
        };
        let at = SystemClock.now().boot;
        let process = Process::start(&self.task, self.now, surroundings, inputs)?;
        Ok(Began::Runs(Box::new(process), at))
    }
}

/// How far a command has come.
#[derive(Debug)]
pub(super) enum Began {
    /// It was started then.
    Runs(Box<Process>, BootTime),
    /// Its inputs are yet to be prepared.
    Waits(Box<ClaimedTask>),
}

/// What became of an [`Order`], by its place.
type Done = (usize, Result<Began, StartError>);

/// Tasks to be started, away from the executor: a program may take long to load.
#[derive(Debug)]
pub struct Commands {
    pub(super) now: BootTime,
    pub(super) claims: Vec<Claim>,
    /// What is known of some already.
    pub(super) known: Vec<(Claim, StartResult)>,
    pub(super) orders: Vec<Order>,
    pub(super) spawner: Option<Spawner>,
}

/// Tasks that were started, or not.
#[derive(Debug)]
pub struct Started {
    pub(super) now: BootTime,
    pub(super) claims: Vec<Claim>,
    pub(super) known: Vec<(Claim, StartResult)>,
    pub(super) done: Vec<Done>,
    pub(super) spawner: Option<Spawner>,
}

impl Batch for Commands {
    type Started = Started;

    fn is_quick(&self) -> bool {
        self.orders.is_empty()
    }

    fn start(self) -> Started {
        let Self {
            now,
            claims,
            known,
            orders,
            mut spawner,
        } = self;
        let started = match &mut spawner {
            Some(spawner) => spawner.start(orders),
            None => unreachable!("there is one batch at a time"),
        };
        Started {
            now,
            claims,
            known,
            done: started,
            spawner,
        }
    }
}

/// A second thread that starts commands beside the worker's own. It ends with the spawner.
#[derive(Debug)]
pub(super) struct Spawner {
    surroundings: Arc<Surroundings>,
    orders: Sender<Order>,
    taken: Receiver<Order>,
    done: Sender<Done>,
    started: Receiver<Done>,
    has_thread: bool,
}

impl Spawner {
    pub(super) fn new(surroundings: Surroundings) -> Self {
        let (orders, taken) = unbounded();
        let (done, started) = unbounded();
        Self {
            surroundings: Arc::new(surroundings),
            orders,
            taken,
            done,
            started,
            has_thread: false,
        }
    }

    /// What commands are started with. A spawner that has a thread already goes on as it began.
    pub(super) fn surroundings(&mut self) -> Option<&mut Surroundings> {
        Arc::get_mut(&mut self.surroundings)
    }

    /// Starts all of them, and returns once all are started or refused, in no particular order.
    pub(super) fn start(&mut self, orders: Vec<Order>) -> Vec<Done> {
        let count = orders.len();
        if count > 1 && !self.has_thread {
            self.has_thread = self.add_thread();
        }
        for order in orders {
            if self.orders.send(order).is_err() {
                unreachable!("both ends of the channel are here");
            }
        }
        let mut started = Vec::with_capacity(count);
        // What is left in the channel belongs to whoever is free first.
        while let Ok(order) = self.taken.try_recv() {
            started.push(order.carry_out(&self.surroundings));
        }
        while started.len() < count {
            match self.started.recv() {
                Ok(one) => started.push(one),
                Err(_) => unreachable!("both ends of the channel are here"),
            }
        }
        started
    }

    /// Without a second thread the worker's own starts everything.
    fn add_thread(&self) -> bool {
        let surroundings = Arc::clone(&self.surroundings);
        let (taken, done) = (self.taken.clone(), self.done.clone());
        std::thread::Builder::new()
            .name("queue-spawn".to_owned())
            .spawn(move || {
                for order in taken {
                    if done.send(order.carry_out(&surroundings)).is_err() {
                        return;
                    }
                }
            })
            .is_ok()
    }
}
