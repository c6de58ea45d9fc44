//! The statements of fast-queue.

use super::fast;
use crate::planted::Fault;

pub(super) const FAST_QUEUE: &[Fault] = &[
    Fault {
        name: "a retry keeps the time of a clock that was set back",
        file: "fast-queue/src/claim.rs",
        find: "if self.is_set_back {",
        replace: "if false {",
        suite: fast("conformance"),
    },
    Fault {
        name: "no fence on a lone success",
        file: "fast-queue/queries/settle_one.sql",
        find: " AND token = ?2 AND worker = ?3",
        replace: "",
        suite: fast("conformance"),
    },
    Fault {
        name: "no fence on a success",
        file: "fast-queue/queries/settle_success.sql",
        find: " AND token = ?2 AND worker = ?3",
        replace: "",
        suite: fast("conformance"),
    },
    Fault {
        name: "an attempt is not counted at the claim",
        file: "fast-queue/queries/claim.sql",
        find: "attempt = attempt + 1, ",
        replace: "",
        suite: fast("conformance"),
    },
    Fault {
        name: "a crash is not counted at the claim",
        file: "fast-queue/queries/claim_one.sql",
        find: "crashes = crashes + 1, ",
        replace: "",
        suite: fast("conformance"),
    },
    Fault {
        name: "a token that does not rise",
        file: "fast-queue/queries/claim_one.sql",
        find: "token = token + 1, ",
        replace: "",
        suite: fast("conformance"),
    },
    Fault {
        name: "a running worker ignores the promotion",
        file: "fast-queue/queries/claim_one.sql",
        find: " AND fast = 1",
        replace: "",
        suite: fast("promotion"),
    },
    Fault {
        name: "a success is recorded in a promoted file",
        file: "fast-queue/queries/settle_one.sql",
        find: "+line = 'workflow'",
        replace: "0",
        suite: fast("promotion"),
    },
    Fault {
        name: "a retry begins again with the first token",
        file: "fast-queue/queries/retry.sql",
        find: "SET state = 2, attempt = attempt",
        replace: "SET state = 2, token = 0, attempt = attempt",
        suite: fast("conformance"),
    },
    Fault {
        name: "a retry makes the first attempt again",
        file: "fast-queue/queries/retry.sql",
        find: "SET state = 2, attempt = attempt",
        replace: "SET state = 2, attempt = 0",
        suite: fast("conformance"),
    },
    Fault {
        name: "a task with a used key is inserted again",
        file: "fast-queue/queries/enqueue_one.sql",
        find: "INSERT OR IGNORE",
        replace: "INSERT OR REPLACE",
        suite: fast("conformance"),
    },
    Fault {
        name: "tasks of a paused queue are claimed",
        file: "fast-queue/queries/claim_next.sql",
        find: " AND paused_at IS NULL",
        replace: "",
        suite: fast("conformance"),
    },
];
