//! Damage and the messages about it.

/// Messages about violated invariants, each with statements that cause it.
pub(super) const EXAMPLES: &[(&str, &str)] = &[
    (
        "task 6 is held and could be admitted",
        "INSERT INTO queue_holds VALUES (6, 1)",
    ),
    (
        "task 4 waits for 3 tasks, not for 2",
        "INSERT INTO queue_holds VALUES (4, 1)",
    ),
    (
        "task 4 in state 1 is to wait for nothing",
        "UPDATE queue_tasks SET unmet = 0 WHERE id = 4",
    ),
    (
        "task 5 in state 2 is to wait for dependencies",
        "UPDATE queue_tasks SET unmet = 1 WHERE id = 5",
    ),
    (
        "the edge from task 98 to task 4 has no end or no meaning",
        "INSERT INTO queue_dependencies VALUES (98, 4, 0)",
    ),
    (
        "the edge from task 1 to task 99 has no end or no meaning",
        "INSERT INTO queue_dependencies VALUES (1, 99, 0)",
    ),
    (
        "the edge from task 3 to task 4 has no end or no meaning",
        "UPDATE queue_dependencies SET condition = 3 WHERE task = 3",
    ),
    (
        "task 2 says not to depend on others",
        "UPDATE queue_tasks SET depends = 0 WHERE id = 2",
    ),
    (
        "task 1 says to depend on others",
        "UPDATE queue_tasks SET depends = 1 WHERE id = 1",
    ),
    (
        "task 3 did not wait for the success of task 2",
        "UPDATE queue_tasks SET state = 0, run_at = 1 WHERE id = 3",
    ),
    (
        "task 3 did not wait for the success of task 2",
        "UPDATE queue_tasks SET state = 2 WHERE id = 3",
    ),
    (
        "task 3 did not wait for the success of task 2",
        "UPDATE queue_tasks SET state = 3, worker = 1, started_at = 1 WHERE id = 3",
    ),
    (
        "task 3 did not wait for the success of task 2",
        "UPDATE queue_tasks SET state = 4, finished_at = 1 WHERE id = 3",
    ),
    (
        "task 3 did not wait for the success of task 2",
        "UPDATE queue_tasks SET unmet = 0 WHERE id = 3",
    ),
    (
        "task 3 waits in vain for the success of task 2",
        "UPDATE queue_tasks SET state = 5, finished_at = 1 WHERE id = 2",
    ),
    (
        "task 3 waits in vain for the success of task 2",
        "UPDATE queue_tasks SET state = 7, finished_at = 1 WHERE id = 2",
    ),
    (
        "queue slow is not marked as limited",
        "UPDATE queue_queues SET limited = 0 WHERE name = 'slow'",
    ),
    (
        "queue default is marked as limited",
        "UPDATE queue_queues SET limited = 1 WHERE name = 'default'",
    ),
    (
        "task 5 counts towards limit 9, not none",
        "UPDATE queue_tasks SET gate = 9 WHERE id = 5",
    ),
    (
        "task 7 counts towards limit none, not 4",
        "UPDATE queue_tasks SET gate = NULL WHERE id = 7",
    ),
    (
        "task 2 counts towards limit 9, not none",
        "UPDATE queue_tasks SET gate = 9 WHERE id = 2",
    ),
    (
        "task 7 counts towards limit 4, not none",
        "DELETE FROM queue_queues WHERE name = 'slow'",
    ),
    (
        "task 5 in state 2 has a lease",
        "UPDATE queue_tasks SET lease_until = 1 WHERE id = 5",
    ),
    (
        "task 4 would miss its deadline waiting",
        "UPDATE queue_tasks SET deadline_at = 5 WHERE id = 4",
    ),
    (
        "task 2 would miss its deadline waiting",
        "UPDATE queue_tasks SET expires_at = 6, deadline_at = 5 WHERE id = 2",
    ),
    (
        "task 4 in state 1 has a cause or none",
        "UPDATE queue_tasks SET cause = 1 WHERE id = 4",
    ),
    (
        "task 3 in state 7 has a cause or none",
        "UPDATE queue_tasks SET state = 7, finished_at = 1 WHERE id = 3",
    ),
    (
        "task 5 in state 2 is in no workflow",
        "UPDATE queue_tasks SET spawner = 1, workflow = NULL WHERE id = 5",
    ),
    (
        "attempt 1 of task 99 under token 1: there is no such task",
        "INSERT INTO queue_attempts VALUES (99, 1, 1, 1, 1, 1, 5, 1, NULL, 1, NULL, NULL)",
    ),
    (
        "attempt 1 of task 1 under token 9: there is no such claim",
        "UPDATE queue_tasks SET event = 0 WHERE id = 1; DELETE FROM queue_events WHERE task = 1;
             INSERT INTO queue_attempts VALUES (1, 9, 1, 1, 1, 1, 4, 0, NULL, NULL, NULL, NULL)",
    ),
    (
        "attempt 1 of task 1 under token 0 does not follow the one before",
        "UPDATE queue_tasks SET event = 0 WHERE id = 1; DELETE FROM queue_events WHERE task = 1;
             INSERT INTO queue_attempts VALUES (1, 0, 1, 1, 1, 1, 4, 0, NULL, NULL, NULL, NULL)",
    ),
    (
        "attempt 0 of task 1 under token 1 does not follow the one before",
        "UPDATE queue_tasks SET event = 0 WHERE id = 1; DELETE FROM queue_events WHERE task = 1;
             INSERT INTO queue_attempts VALUES (1, 1, 0, 1, 1, 1, 4, 0, NULL, NULL, NULL, NULL)",
    ),
    (
        "attempt 3 of task 1 under token 2 does not follow the one before",
        "UPDATE queue_tasks SET token = 2 WHERE id = 1;
             INSERT INTO queue_attempts VALUES (1, 2, 3, 1, 1, 1, 4, 0, NULL, NULL, NULL, NULL)",
    ),
    (
        "task 1 has 2 successes and is in state 4",
        "UPDATE queue_tasks SET token = 2 WHERE id = 1;
             INSERT INTO queue_attempts VALUES (1, 2, 2, 1, 1, 1, 4, 0, NULL, NULL, NULL, NULL)",
    ),
    (
        "task 1 has 1 successes and is in state 4",
        "UPDATE queue_tasks SET token = 2 WHERE id = 1",
    ),
    (
        "task 2 has 1 successes and is in state 3",
        "INSERT INTO queue_attempts VALUES (2, 1, 1, 1, 1, 1, 4, 0, NULL, NULL, NULL, NULL)",
    ),
    (
        "task 99 has 1 successes and is in state none",
        "INSERT INTO queue_attempts VALUES (99, 1, 1, 1, 1, 1, 4, 0, NULL, NULL, NULL, NULL)",
    ),
    (
        "task 1 succeeded and no attempt did",
        "UPDATE queue_tasks SET event = 0 WHERE id = 1; DELETE FROM queue_events WHERE task = 1;
             INSERT INTO queue_attempts VALUES (1, 1, 1, 1, 1, 1, 5, 0, NULL, NULL, NULL, NULL)",
    ),
    (
        "task 1 succeeded and no attempt did",
        "UPDATE queue_tasks SET token = 2, event = 0 WHERE id = 1",
    ),
    (
        "task 5 succeeded and no attempt did",
        "UPDATE queue_tasks SET (state, token, finished_at, event) =
             (SELECT state, token, finished_at, 0 FROM queue_tasks WHERE id = 1) WHERE id = 5",
    ),
    (
        "task 1 succeeded and no attempt did",
        "UPDATE queue_tasks SET event = 0 WHERE id = 1; DELETE FROM queue_events WHERE task = 1;
             INSERT INTO queue_schema VALUES ('another', 1, (SELECT max(finished_at) FROM queue_tasks))",
    ),
    (
        "events 3 to 4 are missing",
        "DELETE FROM queue_events WHERE seq IN (3, 4)",
    ),
    (
        "event 100 of task 1 does not follow event 6",
        "INSERT INTO queue_events (seq, at, kind, task, prev, was, state)
             VALUES (100, 1, 13, 1, 5, 4, 4)",
    ),
    (
        "event 100 of task 1 does not follow event 6",
        "INSERT INTO queue_events (seq, at, kind, task, prev, was, state)
             VALUES (100, 1, 13, 1, 6, 2, 2)",
    ),
    (
        "event 6 of task 9 does not follow event none",
        "DELETE FROM queue_events WHERE seq = 6;
             INSERT INTO queue_events (seq, at, kind, task, prev, was, state)
             VALUES (6, 1, 13, 9, 5, 2, 2)",
    ),
    (
        "task 1 in state 4 names event 5 as its last",
        "UPDATE queue_tasks SET event = 5 WHERE id = 1",
    ),
    (
        "task 5 in state 6 names event none as its last",
        "UPDATE queue_tasks SET state = 6, finished_at = 1 WHERE id = 5",
    ),
    (
        "task 5 in state 2 names event 1 as its last",
        "UPDATE queue_tasks SET event = 1 WHERE id = 5; DELETE FROM queue_events WHERE seq = 1",
    ),
    (
        "task 1 in state 6 names event 6 as its last",
        "UPDATE queue_tasks SET state = 6 WHERE id = 1",
    ),
    (
        "task 1 has had 2 attempts and 0 crashes, and its events tell of 1 and 0",
        "UPDATE queue_tasks SET attempt = 2 WHERE id = 1",
    ),
    (
        "task 1 has had 1 attempts and 1 crashes, and its events tell of 1 and 0",
        "UPDATE queue_tasks SET crashes = 1 WHERE id = 1",
    ),
    (
        "the log tells of 1 tasks in state 4, and there are 0",
        "UPDATE queue_tasks SET state = 5 WHERE id = 1",
    ),
    (
        "the log tells of 0 tasks in state 5, and there are 1",
        "UPDATE queue_tasks SET state = 5 WHERE id = 1",
    ),
    (
        "task 4 waits for 2 tasks, not for 7",
        "UPDATE queue_waiting SET pending = 7 WHERE dependent = 4",
    ),
    (
        "task 3 waits for 0 tasks, not for 1",
        "DELETE FROM queue_dependencies WHERE dependent = 3",
    ),
    (
        "task 4 waits for 0 tasks, not for 2",
        "DELETE FROM queue_dependencies WHERE dependent = 4",
    ),
    (
        "task 4 waits for an unknown number of tasks",
        "DELETE FROM queue_waiting WHERE dependent = 4",
    ),
    (
        "task 6 does not wait, and has a number of tasks to wait for",
        "INSERT INTO queue_waiting VALUES (6, 1)",
    ),
    (
        "task 4 does not wait, and has a number of tasks to wait for",
        "UPDATE queue_tasks SET state = 6, finished_at = 1, reason = 8 WHERE id = 4",
    ),
    (
        "task 99 does not wait, and has a number of tasks to wait for",
        "INSERT INTO queue_waiting VALUES (99, 1)",
    ),
    (
        "1 tasks of queue id 1 wait for a free slot of key X'6469736B'",
        "DELETE FROM queue_tasks WHERE id = 5",
    ),
    (
        "1 tasks of queue id 1 wait for a free slot of key X'6469736B'",
        "DELETE FROM queue_limits WHERE kind = 1",
    ),
    (
        "there are dependencies of task 99, which is not there",
        "INSERT INTO queue_upstream VALUES (99, x'')",
    ),
];
