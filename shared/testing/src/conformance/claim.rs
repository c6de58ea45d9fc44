use std::collections::HashSet;
use std::sync::Mutex;

use super::{Bench, Engine, OTHER, WORKER, ids};
use queue_core::claim::ClaimRequest;
use queue_core::options::TaskOptions;
use queue_core::outcome::Outcome;
use queue_core::queue::Queue;
use queue_core::state::State;
use queue_core::task::{NewTask, TaskId, Work};

fn prioritised(priority: i32) -> NewTask {
    NewTask::shell("task", "true").priority(priority)
}

fn of(handlers: &[&str], commands: bool, limit: usize) -> ClaimRequest {
    ClaimRequest::new(WORKER, limit)
        .commands(commands)
        .handlers(handlers.iter().copied())
}

fn of_queue(queue: &str) -> ClaimRequest {
    ClaimRequest::new(WORKER, 20).commands(true).queues(queue)
}

pub fn claim_takes_the_highest_priority_and_then_the_oldest<E: Engine>() {
    let bench = Bench::<E>::default();
    let priorities = [0, 5, -5, 5, i32::MAX, 0, i32::MIN];
    let tasks = priorities.map(prioritised).to_vec();
    bench.queue.enqueue(tasks).unwrap();
    let expected = [5, 2, 4, 1, 6, 3, 7].map(TaskId);
    let one_by_one: Vec<_> = (0..4).flat_map(|_| bench.claim_ids(1)).collect();
    assert_eq!(one_by_one, expected[..4]);
    assert_eq!(bench.claim_ids(100), expected[4..]);
}

pub fn a_large_claim_is_in_the_same_order<E: Engine>() {
    let bench = Bench::<E>::default();
    let tasks: Vec<_> = (0..300)
        .map(|index| prioritised(index * 7919 % 11))
        .collect();
    bench.queue.enqueue(tasks).unwrap();
    let mut claimed = bench.claim(120);
    assert_eq!(claimed.len(), 120);
    claimed.extend(bench.claim(500));
    assert_eq!(claimed.len(), 300);
    let order =
        |one: &queue_core::claim::ClaimedTask| (std::cmp::Reverse(one.priority), one.claim.task);
    assert!(claimed.is_sorted_by_key(order));
}

pub fn claim_never_takes_more_than_its_limit<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.queue.enqueue(vec![prioritised(0); 12]).unwrap();
    assert_eq!(bench.claim_ids(0), []);
    assert_eq!(bench.claim_ids(1).len(), 1);
    assert_eq!(bench.claim_ids(8).len(), 8);
    assert_eq!(bench.claim_ids(8).len(), 3);
    assert_eq!(bench.claim_ids(8), []);
}

pub fn a_claim_carries_every_field_its_worker_needs<E: Engine>() {
    let bench = Bench::<E>::default();
    let new = NewTask::argv("näme", ["printf", "a b"]).priority(3);
    let id = bench.add(new.clone());
    bench.advance(10);
    let claimed = bench.claim(1).remove(0);
    assert_eq!((claimed.claim.task, claimed.claim.worker), (id, WORKER));
    assert_eq!((&claimed.name, &claimed.work), (&new.name, &new.work));
    assert_eq!((claimed.priority, claimed.attempt), (3, 1));
    assert_eq!(claimed.options, new.options);
    let task = bench.task(id);
    assert_eq!((task.state, task.worker), (State::Running, Some(WORKER)));
    assert_eq!((task.attempt, task.crashes), (1, 0), "it has not crashed");
    assert_eq!(task.token, claimed.claim.token);
    assert_eq!(task.started_at, Some(bench.now()));
}

pub fn claims_of_one_task_carry_the_same_as_claims_of_many<E: Engine>() {
    let options = TaskOptions::new().max_attempts(7);
    let tasks = vec![
        NewTask::shell("shell", "echo 'a  b'"),
        NewTask::argv("argv", ["echo", "", "ü"]).priority(-3),
        NewTask::shell("options", "true")
            .priority(-4)
            .options(options),
    ];
    let (singly, together) = (Bench::<E>::default(), Bench::<E>::default());
    singly.queue.enqueue(tasks.clone()).unwrap();
    together.queue.enqueue(tasks).unwrap();
    let one_by_one: Vec<_> = (0..4).flat_map(|_| singly.claim(1)).collect();
    assert_eq!(one_by_one.len(), 3);
    assert_eq!(one_by_one, together.claim(4));
    let rows = |bench: &Bench<E>| [1, 2, 3].map(|id| bench.task(TaskId(id)));
    assert_eq!(rows(&singly), rows(&together));
}

pub fn claims_across_handlers_carry_the_same_as_claims_for_one_handler<E: Engine>() {
    let options = TaskOptions::new().max_attempts(7);
    let task = NewTask::shell("options", "true")
        .priority(-4)
        .options(options);
    let benches = [Bench::<E>::default(), Bench::<E>::default()];
    let [across, alone] = benches.each_ref().map(|bench| {
        bench.add(task.clone());
        bench.add(NewTask::handler("resize", b"photo".to_vec()));
        bench
    });
    let both = across.queue.claim(&of(&["resize"], true, 2)).unwrap().tasks;
    let one = |handlers: &[&str]| {
        let request = of(handlers, handlers.is_empty(), 2);
        alone.queue.claim(&request).unwrap().tasks
    };
    assert_eq!(both, [one(&["resize"]), one(&[])].concat());
}

pub fn every_claim_raises_the_token<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.shell("again");
    let mut tokens = Vec::new();
    for _ in 0..4 {
        let claim = bench.claim_only();
        tokens.push(claim.token);
        bench.settle(claim, Outcome::Returned);
    }
    assert!(tokens.is_sorted_by(|a, b| a < b), "{tokens:?}");
}

pub fn claim_skips_tasks_not_due<E: Engine>() {
    let bench = Bench::<E>::default();
    let delayed = prioritised(9).run_at(bench.later(1_000));
    let first = bench.add(delayed);
    let second = bench.shell("now");
    assert_eq!(bench.claim_ids(10), [second]);
    bench.advance(999);
    assert_eq!(bench.claim_ids(10), []);
    bench.advance(1);
    assert_eq!(bench.claim_ids(10), [first]);
}

pub fn due_tasks_are_claimed_by_priority<E: Engine>() {
    let bench = Bench::<E>::default();
    let low = bench.add(prioritised(1).run_at(bench.later(10)));
    let high = bench.add(prioritised(2).run_at(bench.later(500)));
    let now = bench.add(prioritised(0));
    bench.advance(500);
    assert_eq!(bench.claim_ids(1), [high]);
    assert_eq!(bench.claim_ids(2), [low, now]);
}

pub fn a_task_scheduled_by_another_handle_is_claimed_within_a_tenth_of_a_second<E: Engine>() {
    let bench = Bench::<E>::default();
    let other = bench.another();
    bench.shell("leaves nothing scheduled");
    assert_eq!(bench.claim(1).len(), 1);
    let soon = NewTask::shell("soon", "true")
        .run_at(bench.later(10))
        .priority(1);
    let soon = other.enqueue(vec![soon]).unwrap()[0].id;
    let waiting = bench.shell("waits too");
    bench.advance(100);
    assert_eq!(bench.claim_ids(1), [soon]);
    assert_eq!(bench.claim_ids(1), [waiting]);
}

pub fn a_claim_below_its_limit_tells_when_the_next_task_is_due<E: Engine>() {
    let bench = Bench::<E>::default();
    let next_due = |queue: &E::Queue, limit| {
        let claims = queue
            .claim(&ClaimRequest::new(WORKER, limit).commands(true))
            .unwrap();
        claims.next_due
    };
    assert_eq!(next_due(&bench.queue, 1), None);
    let late = bench.later(60_000);
    let soon = bench.later(20);
    bench.add(prioritised(0).run_at(late));
    assert_eq!(next_due(&bench.queue, 1), Some(late));
    let other = bench.another();
    other.enqueue(vec![prioritised(0).run_at(soon)]).unwrap();
    bench.shell("one of two");
    assert_eq!(next_due(&bench.queue, 2), Some(soon));
    bench.advance(20);
    assert_eq!(next_due(&bench.queue, 2), Some(late));
}

pub fn thousands_of_tasks_due_together_are_all_claimed<E: Engine>() {
    let bench = Bench::<E>::default();
    let due = bench.later(1_000);
    bench
        .queue
        .enqueue(vec![prioritised(0).run_at(due); 2_500])
        .unwrap();
    bench.advance(1_000);
    let mut claimed = HashSet::new();
    while claimed.len() < 2_500 {
        let answer = bench
            .queue
            .claim(&ClaimRequest::new(WORKER, 5_000).commands(true))
            .unwrap();
        assert!(!answer.tasks.is_empty(), "due tasks are claimed");
        claimed.extend(ids(&answer.tasks));
        let more = answer.next_due.is_some_and(|next| next <= bench.now());
        assert_eq!(
            more,
            claimed.len() < 2_500,
            "the claim tells that more tasks are due"
        );
    }
}

pub fn the_earliest_are_claimed_first_if_more_are_due_than_one_claim_handles<E: Engine>() {
    let bench = Bench::<E>::default();
    let due = |index: u64| prioritised(0).run_at(bench.later(1_500 - index));
    bench.queue.enqueue((0..1_500).map(due).collect()).unwrap();
    bench.advance(1_500);
    let first = bench.claim_ids(1_500);
    assert!(first.len() < 1_500, "one claim handles a bounded number");
    let taken = i64::try_from(first.len()).unwrap();
    let expected = (1_501 - taken..=1_500).map(TaskId);
    assert!(first.into_iter().eq(expected), "the last are due first");
}

pub fn a_paused_queue_gives_nothing<E: Engine>() {
    let bench = Bench::<E>::default();
    let paused = bench.add(prioritised(9));
    let other = bench.add(prioritised(0).queue("other"));
    // A claim that need not look for due tasks is a single statement.
    let running = bench.add(prioritised(i32::MAX));
    assert_eq!(bench.claim_ids(1), [running]);
    assert!(bench.queue.set_paused("default", true).unwrap());
    assert_eq!(bench.claim_ids(1), []);
    assert_eq!(bench.claim_ids(20), []);
    let request = of_queue("other");
    assert_eq!(ids(&bench.queue.claim(&request).unwrap().tasks), [other]);
    assert!(bench.queue.set_paused("default", false).unwrap());
    assert_eq!(bench.claim_ids(20), [paused]);
}

pub fn a_queue_gives_its_own_tasks_only<E: Engine>() {
    let bench = Bench::<E>::default();
    let here = bench.shell("here");
    bench.add(prioritised(9).queue("elsewhere"));
    assert_eq!(bench.claim_ids(10), [here]);
    let request = of_queue("a queue without tasks");
    assert_eq!(bench.queue.claim(&request).unwrap().tasks, []);
}

pub fn claims_of_one_take_from_their_own_queue_only<E: Engine>() {
    let bench = Bench::<E>::default();
    let first = bench.shell("first");
    bench.add(NewTask::shell("elsewhere", "true").queue("other"));
    // A claim that need not look for due tasks is a single statement.
    assert_eq!(bench.claim_ids(1), [first]);
    assert_eq!(bench.claim_ids(1), []);
}

pub fn a_worker_claims_only_tasks_it_can_run<E: Engine>() {
    let bench = Bench::<E>::default();
    let mail = bench.add(NewTask::handler("mail", "a").priority(9));
    let report = bench.add(NewTask::handler("report", "b").priority(9));
    let command = bench.shell("command");
    assert_eq!(bench.claim_ids(10), [command]);
    let claim = |request| bench.queue.claim(&request).unwrap().tasks;
    assert_eq!(claim(of(&["unknown"], true, 10)), []);
    bench.shell("another command");
    for limit in [1, 10] {
        assert_eq!(claim(of(&[], false, limit)), []);
    }
    let claimed = claim(of(&["mail"], false, 10));
    assert_eq!(ids(&claimed), [mail]);
    let Work::Handler { handler, payload } = &claimed[0].work else {
        panic!("a handler's task is claimed as one");
    };
    assert_eq!((handler.as_str(), payload.as_slice()), ("mail", &b"a"[..]));
    assert_eq!(ids(&claim(of(&["mail", "report"], true, 1))), [report]);
}

pub fn the_highest_priority_wins_across_commands_and_handlers<E: Engine>() {
    let bench = Bench::<E>::default();
    let handler = |name, priority| NewTask::handler(name, "").priority(priority);
    let tasks = vec![
        prioritised(1),
        handler("a", 3),
        handler("b", 2),
        handler("a", 1),
        prioritised(3),
        handler("b", 4),
    ];
    bench.queue.enqueue(tasks).unwrap();
    let request = |limit| of(&["a", "b"], true, limit);
    let claim = |limit| ids(&bench.queue.claim(&request(limit)).unwrap().tasks);
    assert_eq!(claim(1), [TaskId(6)]);
    assert_eq!(claim(3), [2, 5, 3].map(TaskId));
    assert_eq!(claim(10), [1, 4].map(TaskId));
}

pub fn ties_across_commands_and_handlers_go_to_the_oldest<E: Engine>() {
    let bench = Bench::<E>::default();
    let pair = || [prioritised(0), NewTask::handler("a", "")];
    let tasks = (0..10).flat_map(|_| pair()).collect();
    bench.queue.enqueue(tasks).unwrap();
    let request = |limit| of(&["a"], true, limit);
    let claim = |limit| ids(&bench.queue.claim(&request(limit)).unwrap().tasks);
    assert_eq!(claim(3), [1, 2, 3].map(TaskId));
    assert_eq!(claim(1), [4].map(TaskId));
    assert!(claim(100).into_iter().eq((5..=20).map(TaskId)));
}

pub fn no_task_is_claimed_twice<E: Engine>() {
    const TASKS: usize = 400;
    let bench = Bench::<E>::default();
    bench.queue.enqueue(vec![prioritised(0); TASKS]).unwrap();
    let claimed = Mutex::new(Vec::new());
    let handles = [&bench.queue, &bench.another()];
    std::thread::scope(|scope| {
        for (index, worker) in [WORKER, OTHER, WORKER, OTHER].into_iter().enumerate() {
            let claimed = &claimed;
            scope.spawn(move || {
                let request = ClaimRequest::new(worker, 1 + index * 5).commands(true);
                loop {
                    let tasks = handles[index % 2].claim(&request).unwrap().tasks;
                    if tasks.is_empty() {
                        break;
                    }
                    claimed.lock().unwrap().extend(ids(&tasks));
                }
            });
        }
    });
    let claimed = claimed.into_inner().unwrap();
    assert_eq!(claimed.len(), TASKS);
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>().len(), TASKS);
}

pub fn a_clock_set_back_starts_no_task_early<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.add(prioritised(0).run_at(bench.later(1_000)));
    assert_eq!(bench.claim_ids(1), []);
    bench.clock.jump(-500);
    bench.advance(1_000);
    assert_eq!(bench.claim_ids(1), []);
    bench.advance(500);
    assert_eq!(bench.claim_ids(1), [id]);
}

pub fn a_retry_scheduled_by_a_clock_far_ahead_does_not_wait_for_that_time<E: Engine>() {
    const DECADES_MS: i64 = 73 * 365 * 86_400_000;
    let bench = Bench::<E>::default();
    let by_person = bench.add(prioritised(0).run_at(bench.later(86_400_000)));
    let own = TaskOptions::new()
        .backoff_ms(86_400_000)
        .max_backoff_ms(2_000);
    let bounded = bench.add(prioritised(0).options(own));
    let usual = bench.add(prioritised(0));
    let claimed = bench.claim(2);
    bench.clock.jump(DECADES_MS);
    for task in claimed {
        bench.settle(task.claim, Outcome::Exited { code: 1 });
    }
    bench.clock.jump(-DECADES_MS);
    assert_eq!(bench.claim_ids(3), []);
    bench.advance(1_000);
    assert_eq!(bench.claim_ids(3), [usual]);
    bench.advance(1_000);
    assert_eq!(bench.claim_ids(3), [bounded]);
    bench.advance(86_400_000);
    assert_eq!(bench.claim_ids(3), [by_person]);
}

/// After a clock was set back, only the longest possible backoff bounded the wait of a retry: a
/// retry due in a second waited for five minutes. Now its own backoff, doubled for every attempt,
/// bounds it too.
pub fn a_clock_set_back_by_little_keeps_a_retry_within_its_own_backoff<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.add(prioritised(0));
    for waits_ms in [1_000, 2_000] {
        let claimed = bench.claim(1).remove(0);
        bench.settle(claimed.claim, Outcome::Exited { code: 1 });
        bench.clock.jump(-60_000);
        assert_eq!(bench.claim_ids(1), []);
        bench.advance(waits_ms - 1);
        assert_eq!(bench.claim_ids(1), []);
        bench.advance(1);
    }
    assert_eq!(bench.claim_ids(1), [id]);
}

pub fn a_clock_set_back_leaves_retries_within_their_backoff_alone<E: Engine>() {
    let bench = Bench::<E>::default();
    let own = |backoff_ms, max_backoff_ms| {
        prioritised(0).options(
            TaskOptions::new()
                .backoff_ms(backoff_ms)
                .max_backoff_ms(max_backoff_ms),
        )
    };
    let ids =
        [own(20_000, 90_000), own(86_400_000, 20_000), prioritised(0)].map(|task| bench.add(task));
    let doubled = bench.add(own(10_000, 90_000).priority(1));
    bench.settle(bench.claim(1)[0].claim, Outcome::Exited { code: 1 });
    bench.advance(10_000);
    let claimed = bench.claim(4);
    assert_eq!(claimed.len(), 4);
    for task in claimed {
        bench.settle(task.claim, Outcome::Exited { code: 1 });
    }
    bench.queue.cancel(&ids[2..]).unwrap();
    let run_at = || [doubled, ids[0], ids[1], ids[2]].map(|id| bench.task(id).run_at.unwrap());
    let before = run_at();
    bench.advance(10_000);
    bench.clock.jump(-6_000);
    assert_eq!(bench.claim_ids(5), []);
    assert_eq!(run_at(), before);
    bench.clock.jump(-30_000);
    assert_eq!(bench.claim_ids(5), []);
    let longest = bench.later(20_000);
    assert_eq!(run_at(), [longest, longest, longest, before[3]]);
}
