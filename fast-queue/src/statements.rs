//! Every statement of this engine, each a file of its name in `queries/`, and the list of the hot
//! ones.

use queue_core::sqlite::verbs;

queue_core::statements! {
    "../queries/";
    ENGINE = "engine",
    ENQUEUE = "enqueue",
    ENQUEUE_ONE = "enqueue_one",
    ENQUEUE_QUEUE_OPEN = "enqueue_queue_open",
    ENQUEUE_ID_OF_KEY = "enqueue_id_of_key",
    CLAIM = "claim",
    CLAIM_ONE = "claim_one",
    CLAIM_IN_TURN = "claim_in_turn",
    CLAIM_NEXT = "claim_next",
    CLAIM_READ = "claim_read",
    CLAIM_READY = "claim_ready",
    CLAIM_READY_NAMED = "claim_ready_named",
    CLAIM_PROMOTE_DUE = "claim_promote_due",
    SETTLE = "settle",
    SETTLE_ONE = "settle_one",
    SETTLE_SUCCESS = "settle_success",
    SETTLE_READ = "settle_read",
    EDIT_TIME = "edit_time",
    HOLD = "hold",
    REAP = "reap",
    REAP_ROWS = "reap_rows",
    RELEASE = "release",
    RERUN = "rerun",
    RETRY = "retry",
    START = "start",
    STATS_BLOCKED = "stats_blocked",
}

/// Statements that producers and workers execute all the time.
pub(crate) const HOT: &[&str] = &[
    ENQUEUE_ONE,
    verbs::NEXT_DUE,
    CLAIM_ONE,
    CLAIM_NEXT,
    CLAIM,
    SETTLE_ONE,
    SETTLE_SUCCESS,
];
