//! The verbs that only workflow-queue has, and the answer of fast-queue to them.

use std::ffi::OsString;

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Names and aliases of the verbs that only workflow-queue has.
pub const WORKFLOW_VERBS: [&str; 9] = [
    "alert", "attempts", "events", "hook", "limit", "promote", "schedule", "test", "tree",
];

/// The sentence for a command line that `A` refuses because its verb is one of workflow-queue.
pub(super) fn missing<A: Parser>(error: &clap::Error, arguments: &[OsString]) -> Option<String> {
    let Some(ContextValue::String(verb)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    if error.kind() != ErrorKind::InvalidSubcommand || !WORKFLOW_VERBS.contains(&verb.as_str()) {
        return None;
    }
    // The word may belong to a verb of this program, such as `service`.
    let own = A::command();
    let is_own = |word: &OsString| own.get_subcommands().any(|one| one.get_name() == word);
    let mut before = arguments.iter().take_while(|word| *word != verb.as_str());
    if before.any(is_own) || is_own(&verb.into()) {
        return None;
    }
    Some(format!(
        "only workflow-queue has the verb `{verb}`; `workflow-queue promote FILE` turns a file of this \
         program into one of workflow-queue, with its tasks"
    ))
}
