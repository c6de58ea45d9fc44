//! Operations on the core line of the schema that both engines share, within a transaction or on a
//! snapshot of the engine's. Every verb is a file of its name, and the engine's verb of that name
//! calls it.

mod ageing;
mod backlog;
mod cancel;
mod claim;
mod edit;
mod file_id;
mod gauges;
mod get;
mod held;
mod hold;
mod list;
mod named;
mod next_waiting;
mod one_line;
mod output;
mod pause;
mod prune;
mod queues;
mod register;
mod release;
mod reprioritize;
mod retry;
mod settings;
mod stats;
mod why;
mod workers;

pub use ageing::set_ageing;
pub use backlog::backlog;
pub use cancel::{cancel, cancel_waiting, request_cancel, store_reason};
pub(super) use claim::one::add_function;
pub use claim::one::{claim_in_turn, claim_one};
pub use claim::ready::{ReadyHandler, ReadyQueue, ReadyStatements, claim_ready};
pub use claim::{NEXT_DUE, claim_peek, next_due, rebase_retries};
pub use edit::edit;
pub use file_id::file_id;
pub use gauges::gauges;
pub use get::{get, of_ids, state_of, with_outputs};
pub use held::held;
pub use hold::{add_hold, is_held};
pub use list::{last_failed, last_id, list};
pub use named::{keyed, named};
pub use next_waiting::next_waiting;
pub use output::{attempt_of, output, output_of, store_output};
pub use pause::set_paused;
pub use prune::{Keeper, Pruned, delete_logs, prune};
pub use queues::queues;
pub use register::{deregister, forget, register};
pub use release::end_hold;
pub use reprioritize::reprioritize;
pub use retry::retried;
pub use settings::{change_setting, settings};
pub use stats::stats;
pub use why::waits;
pub use workers::{claims_of, workers};

/// Every statement of the verbs by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub fn statements() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    [
        ageing::STATEMENTS,
        backlog::STATEMENTS,
        cancel::STATEMENTS,
        claim::STATEMENTS,
        claim::heads::STATEMENTS,
        edit::STATEMENTS,
        file_id::STATEMENTS,
        gauges::STATEMENTS,
        get::STATEMENTS,
        held::STATEMENTS,
        hold::STATEMENTS,
        list::STATEMENTS,
        named::STATEMENTS,
        next_waiting::STATEMENTS,
        output::STATEMENTS,
        pause::STATEMENTS,
        prune::STATEMENTS,
        queues::STATEMENTS,
        register::STATEMENTS,
        release::STATEMENTS,
        reprioritize::STATEMENTS,
        retry::STATEMENTS,
        settings::STATEMENTS,
        stats::STATEMENTS,
        why::STATEMENTS,
        workers::STATEMENTS,
    ]
    .into_iter()
    .flatten()
}
