//! Random holds and releases.

use queue_core::queue::Queue as _;
use queue_core::task::TaskId;
use queue_testing::simulation::Call;

use crate::actors::{Context, Workflows};

impl Workflows {
    /// Holds a task, or releases one.
    pub(crate) fn hold(&self, context: &Context<'_>) {
        let released = context.ledger.chance(300);
        if let Some(task) = context.ledger.pick(&context.tasks()) {
            self.hold_or_release(context, task, released);
        }
    }

    pub(crate) fn hold_or_release(&self, context: &Context<'_>, task: TaskId, released: bool) {
        if released {
            context.ledger.releases(task);
        }
        // The result is read from the file.
        let _ = context.write("hold", |queue| {
            let ids = &[task];
            let changes = if released {
                queue.release(ids)?
            } else {
                queue.hold(ids)?
            };
            let changes = &changes;
            self.follow(queue, context.ledger, |checks, at| {
                let call = if released {
                    Call::Release { ids, changes }
                } else {
                    Call::Hold { ids, changes }
                };
                checks.core_call(&call, at);
            });
            Ok(())
        });
    }
}
