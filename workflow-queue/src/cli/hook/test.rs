//! `hook test`: sends a test to a hook.

use std::sync::atomic::AtomicBool;

use queue_core::cli::{Access, Context, Failure, escape};
use queue_core::watch::deliver::{HookStore as _, Letter, Parcel, Sender};
use serde::Serialize;
use workflow_queue::WorkflowQueue;

use super::missing;

/// Send a test event to a hook now, once, and show if it was taken
///
/// The event has the type hook.test. Nothing is recorded, and no other event is sent.
#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The hook
    name: String,
}

#[derive(Serialize)]
struct View<'a> {
    hook: &'a str,
    id: &'a str,
    taken: bool,
}

pub(super) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    let name = &arguments.name;
    let all = queue_core::watch::deliver::HookStore::hooks(&queue)?;
    let hook = all.into_iter().find(|one| one.choice.hook == *name);
    let hook = hook.ok_or_else(|| missing(name))?;
    let (source, at) = (queue.source()?, queue.now().wall);
    let letter = Letter::test(&source, queue.events_end()?, (name, at))?;
    let parcel = Parcel {
        hook: name,
        target: &hook.target,
        secret: hook.secret.as_ref(),
        limit: hook.limit,
        database: context.path(),
        source: &source,
        id: &letter.id,
        kind: letter.kind.name(),
        body: &letter.body,
        at,
    };
    let sent = Sender::new().send(&parcel, &AtomicBool::new(false));
    let shown = escape::line(name);
    if let Err(reason) = sent {
        return Err(Failure::Tasks(format!(
            "hook {shown} did not take the test: {}",
            escape::line(&reason)
        )));
    }
    let view = View {
        hook: name,
        id: &letter.id,
        taken: true,
    };
    let sentence = format!("Hook {shown} took the test {}", letter.id);
    context.printer.of_done().say(&sentence, &view)
}
