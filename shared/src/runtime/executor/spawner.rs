//! Starts several commands at the same time. The thread that starts a command sleeps until that
//! command's program is loaded, and one thread leaves processors idle meanwhile.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::super::child::Process;
use super::super::command::CommandDefaults;
use super::StartError;
use super::command_inputs::CommandInputs;
use crate::claim::{Claim, ClaimedTask};
use crate::clock::{BootTime, Clock, SystemClock};
use crate::panics::panicked;
use crate::runtime::host::{Batch, StartResult};

/// Order to start a command.
#[derive(Debug)]
pub(super) struct StartOrder {
    /// Index in the batch.
    pub(super) index: usize,
    pub(super) task: ClaimedTask,
    pub(super) inputs: CommandInputs,
    pub(super) now: BootTime,
}

impl StartOrder {
    fn carry_out(self, defaults: &CommandDefaults) -> Done {
        let index = self.index;
        // If the thread ended by a panic, its result would be awaited for ever.
        let began = catch_unwind(AssertUnwindSafe(|| self.begin(defaults)));
        let said = |panic: Box<dyn Any + Send>| {
            let what = panicked(&*panic);
            Err(format!("its start failed with a bug: {what}").into())
        };
        (index, began.unwrap_or_else(said))
    }

    fn begin(self, defaults: &CommandDefaults) -> Result<Began, StartError> {
        let inputs = match self.inputs {
            CommandInputs::None => None,
            CommandInputs::Prepared(inputs) => Some(inputs),
            CommandInputs::Unread(outputs) => match outputs.prepare_few(self.task.claim)? {
                Some(inputs) => Some(inputs),
                None => return Ok(Began::Waits(Box::new(self.task))),
            },
        };
        let at = SystemClock.now().boot;
        let process = Process::start(&self.task, self.now, defaults, inputs)?;
        Ok(Began::Runs(Box::new(process), at))
    }
}

/// Result of an order.
#[derive(Debug)]
pub(super) enum Began {
    /// The command was started at this time.
    Runs(Box<Process>, BootTime),
    /// The command's inputs have to be written first.
    Waits(Box<ClaimedTask>),
}

/// Result of a [`StartOrder`], with its index.
type Done = (usize, Result<Began, StartError>);

/// Tasks to be started. They need no access to the executor, since a program may take long to load.
#[derive(Debug)]
pub struct CommandBatch {
    pub(super) now: BootTime,
    pub(super) claims: Vec<Claim>,
    /// Results that are known already.
    pub(super) known: Vec<(Claim, StartResult)>,
    pub(super) orders: Vec<StartOrder>,
    pub(super) spawner: Option<Spawner>,
}

/// Results of a batch.
#[derive(Debug)]
pub struct StartedBatch {
    pub(super) now: BootTime,
    pub(super) claims: Vec<Claim>,
    pub(super) known: Vec<(Claim, StartResult)>,
    pub(super) done: Vec<Done>,
    pub(super) spawner: Option<Spawner>,
}

impl Batch for CommandBatch {
    type Started = StartedBatch;

    fn is_quick(&self) -> bool {
        self.orders.is_empty()
    }

    fn start(self) -> StartedBatch {
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
        StartedBatch {
            now,
            claims,
            known,
            done: started,
            spawner,
        }
    }
}

/// Starts commands on the worker's thread and a second one, which ends with the spawner.
#[derive(Debug)]
pub(super) struct Spawner {
    defaults: Arc<CommandDefaults>,
    orders: Sender<StartOrder>,
    taken: Receiver<StartOrder>,
    done: Sender<Done>,
    started: Receiver<Done>,
    has_thread: bool,
}

impl Spawner {
    pub(super) fn new(defaults: CommandDefaults) -> Self {
        let (orders, taken) = unbounded();
        let (done, started) = unbounded();
        Self {
            defaults: Arc::new(defaults),
            orders,
            taken,
            done,
            started,
            has_thread: false,
        }
    }

    /// Common settings of commands; `None` once the second thread runs.
    pub(super) fn defaults(&mut self) -> Option<&mut CommandDefaults> {
        Arc::get_mut(&mut self.defaults)
    }

    /// Carries out all orders. Returns when all are done, in no particular order.
    pub(super) fn start(&mut self, orders: Vec<StartOrder>) -> Vec<Done> {
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
        // Each thread takes the next order when it is free.
        while let Ok(order) = self.taken.try_recv() {
            started.push(order.carry_out(&self.defaults));
        }
        while started.len() < count {
            match self.started.recv() {
                Ok(one) => started.push(one),
                Err(_) => unreachable!("both ends of the channel are here"),
            }
        }
        started
    }

    /// Starts the second thread. If the system refuses, the worker's thread starts everything.
    fn add_thread(&self) -> bool {
        let defaults = Arc::clone(&self.defaults);
        let (taken, done) = (self.taken.clone(), self.done.clone());
        std::thread::Builder::new()
            .name("queue-spawn".to_owned())
            .spawn(move || {
                for order in taken {
                    if done.send(order.carry_out(&defaults)).is_err() {
                        return;
                    }
                }
            })
            .is_ok()
    }
}
