//! List.

use super::tasks::{once, one_in_each};
use super::{Bench, Engine, WORKER};
use queue_core::ServedQueues;
use queue_core::claim::ClaimRequest;
use queue_core::outcome::Outcome;
use queue_core::queue::{DEFAULT_PAGE, ListQuery, Queue};
use queue_core::state::State;
use queue_core::task::{Task, TaskId};
use std::collections::BTreeSet;

fn list<E: Engine>(bench: &Bench<E>, query: &ListQuery) -> Vec<TaskId> {
    let tasks = bench.queue.list(query).unwrap();
    tasks.into_iter().map(|task| task.id).collect()
}

fn all() -> ListQuery {
    ListQuery::new().limit(100)
}

/// Tasks of two queues and two names, in each state that the core schema has.
fn several_in_each<E: Engine>(bench: &Bench<E>) -> Vec<Task> {
    let states = [
        State::Running,
        State::Failed,
        State::Succeeded,
        State::Cancelled,
        State::Scheduled,
        State::Queued,
    ];
    for state in states {
        for (queue, name) in [("a", "x"), ("b", "x"), ("a", "y"), ("a", "x"), ("b", "y")] {
            let mut task = once(name).queue(queue);
            task.run_at = (state == State::Scheduled).then(|| bench.later(1_000));
            let id = bench.add(task);
            let claim = || {
                let request = ClaimRequest::new(WORKER, 1).commands(true).queues(queue);
                bench.queue.claim(&request).unwrap().tasks[0].claim
            };
            if state == State::Cancelled {
                bench.queue.cancel(&[id]).unwrap();
            } else if state == State::Running {
                claim();
            } else if state == State::Failed {
                bench.settle(claim(), Outcome::TimedOut);
            } else if state == State::Succeeded {
                bench.settle(claim(), Outcome::Succeeded);
            }
            assert_eq!(bench.state(id), state);
        }
    }
    bench.queue.list(&all()).unwrap()
}

pub fn last_id_is_the_highest_id_ever_given_out<E: Engine>() {
    let bench = Bench::<E>::default();
    assert_eq!(bench.queue.last_id().unwrap(), None);
    let ids = one_in_each(&bench).map(|(_, id)| id);
    assert_eq!(bench.queue.last_id().unwrap(), ids.into_iter().max());
}

pub fn list_pages_through_all_tasks_newest_first<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.queue.enqueue(vec![once("t"); 7]).unwrap();
    let mut seen = Vec::new();
    let mut query = all().limit(3);
    loop {
        let page = list(&bench, &query);
        let Some(last) = page.last() else {
            break;
        };
        assert!(page.len() <= 3);
        query = query.before(*last);
        seen.extend(page);
    }
    assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1].map(TaskId));
    assert_eq!(list(&bench, &all().from(TaskId(6))), [7, 6].map(TaskId));
    assert_eq!(list(&bench, &all().limit(0)), []);
    assert_eq!(ListQuery::default().limit, DEFAULT_PAGE);
}

pub fn list_filters_by_any_set_of_states<E: Engine>() {
    let bench = Bench::<E>::default();
    let each = one_in_each(&bench);
    for chosen in 0..1_u32 << each.len() {
        let chosen = |index: usize| chosen >> index & 1 == 1;
        let picked: Vec<_> = each
            .iter()
            .enumerate()
            .filter(|(index, _)| chosen(*index))
            .collect();
        let states: Vec<_> = picked.iter().map(|(_, (state, _))| *state).collect();
        let mut expected: Vec<_> = picked.iter().map(|(_, (_, id))| *id).collect();
        if states.is_empty() {
            expected = each.iter().map(|(_, id)| *id).collect();
        }
        expected.sort_unstable_by(|a, b| b.cmp(a));
        let first = all().states(states.clone()).limit(2);
        assert_eq!(list(&bench, &first), expected[..expected.len().min(2)]);
        assert_eq!(list(&bench, &all().states(states)), expected);
    }
}

pub fn list_finds_few_and_many_waiting_tasks_alike<E: Engine>() {
    let bench = Bench::<E>::default();
    let waiting = all().states([State::Queued, State::Scheduled]).limit(3);
    let mut last = 0;
    for count in [10, 20_100] {
        let delayed = once("t").run_at(bench.later(1_000));
        let tasks = (0..count).map(|index| {
            if index % 2 == 0 {
                once("t")
            } else {
                delayed.clone()
            }
        });
        bench.queue.enqueue(tasks.collect()).unwrap();
        bench.add(once("ended").priority(9));
        bench.settle(bench.claim(1)[0].claim, Outcome::Succeeded);
        last += count + 1;
        assert_eq!(
            list(&bench, &waiting),
            [last - 1, last - 2, last - 3].map(TaskId)
        );
        let queued = waiting.clone().states([State::Queued]);
        assert_eq!(
            list(&bench, &queued),
            [last - 2, last - 4, last - 6].map(TaskId)
        );
    }
}

pub fn list_filters_by_queue_and_name_and_state_together<E: Engine>() {
    let bench = Bench::<E>::default();
    let mut tasks = Vec::new();
    for queue in ["a", "b"] {
        for name in ["100% Größe", "x_größe", "x"] {
            tasks.push(once(name).queue(queue));
        }
    }
    bench.queue.enqueue(tasks).unwrap();
    bench.queue.cancel(&[TaskId(5), TaskId(6)]).unwrap();
    assert_eq!(list(&bench, &all().queue("a")), [3, 2, 1].map(TaskId));
    assert_eq!(list(&bench, &all().queue("none")), []);
    let named = |name: &str| all().name(name);
    assert_eq!(list(&bench, &named("röße")), [5, 4, 2, 1].map(TaskId));
    assert_eq!(
        list(&bench, &named("0%")),
        [4, 1].map(TaskId),
        "no wildcard"
    );
    assert_eq!(list(&bench, &named("_")), [5, 2].map(TaskId), "no wildcard");
    let both = named("größe").queue("b").states([State::Cancelled]);
    assert_eq!(list(&bench, &both), [TaskId(5)]);
}

pub fn a_list_of_any_state_filters_by_queue_name_and_range<E: Engine>() {
    let bench = Bench::<E>::default();
    let tasks = several_in_each(&bench);
    for state in tasks.iter().map(|task| task.state).collect::<BTreeSet<_>>() {
        let of_state: Vec<_> = tasks.iter().filter(|task| task.state == state).collect();
        let ends = || of_state.iter().map(|task| Some(task.id)).chain([None]);
        for queue in [None, Some("a"), Some("b")] {
            for name in [None, Some("x"), Some("y")] {
                for (from, before) in ends()
                    .map(|from| (from, None))
                    .chain(ends().map(|before| (None, before)))
                {
                    let mut query = ListQuery::new().states([state]).limit(4);
                    query.queue = queue.map(str::to_owned);
                    query.name = name.map(str::to_owned);
                    query.from = from;
                    query.before = before;
                    let wanted = |task: &&&Task| {
                        queue.is_none_or(|queue| task.queue == queue)
                            && name.is_none_or(|name| task.name == name)
                            && from.is_none_or(|from| task.id >= from)
                            && before.is_none_or(|before| task.id < before)
                    };
                    let expected: Vec<_> = of_state
                        .iter()
                        .filter(wanted)
                        .map(|task| task.id)
                        .take(4)
                        .collect();
                    assert_eq!(list(&bench, &query), expected, "{query:?}");
                }
            }
        }
    }
}

pub fn the_tasks_that_failed_last_come_first_whatever_their_ids<E: Engine>() {
    let bench = Bench::<E>::default();
    let queues = ["default", "mail", "mail", "default"];
    let ids = queues.map(|queue| bench.add(once("t").queue(queue)));
    let request = ClaimRequest::new(WORKER, 4).commands(true);
    let request = request.queues(ServedQueues::all([]));
    let claims = bench.queue.claim(&request).unwrap().tasks;
    let of = |id: TaskId| {
        claims
            .iter()
            .find(|one| one.claim.task == id)
            .unwrap()
            .claim
    };
    for index in [1, 3, 0] {
        bench.advance(1_000);
        bench.settle(of(ids[index]), Outcome::TimedOut);
    }
    bench.settle(of(ids[2]), Outcome::Succeeded);
    let last = |limit, queue| {
        let tasks = bench.queue.last_failed(limit, queue).unwrap();
        tasks.into_iter().map(|task| task.id).collect::<Vec<_>>()
    };
    assert_eq!(last(10, None), [ids[0], ids[3], ids[1]]);
    assert_eq!(last(2, None), [ids[0], ids[3]]);
    assert_eq!(last(1, Some("mail")), [ids[1]]);
    assert_eq!(last(10, Some("default")), [ids[0], ids[3]]);
    assert_eq!(last(10, Some("unknown")), []);
}

pub fn the_next_waiting_tasks_are_in_the_order_they_start_in<E: Engine>() {
    let bench = Bench::<E>::default();
    let next = |state, limit| {
        let tasks = bench.queue.next_waiting(state, limit).unwrap();
        tasks.into_iter().map(|task| task.id).collect::<Vec<_>>()
    };
    assert_eq!(next(State::Queued, 5), []);
    let queued = |queue: &str, priority| bench.add(once("t").queue(queue).priority(priority));
    let (low, plain) = (queued("a", -1), queued("b", 0));
    let (high, after) = (queued("c", 5), queued("a", 0));
    let due = |millis| bench.add(once("t").run_at(bench.later(millis)));
    let (late, soon) = (due(9_000), due(1_000));
    assert_eq!(next(State::Queued, 5), [high, plain, after, low]);
    assert_eq!(next(State::Queued, 2), [high, plain]);
    assert_eq!(next(State::Scheduled, 5), [soon, late]);
    assert_eq!(next(State::Blocked, 5), []);
}

pub fn tasks_are_found_by_their_exact_name_and_by_their_key<E: Engine>() {
    let bench = Bench::<E>::default();
    let first = bench.add(once("build").key("k"));
    let second = bench.add(once("build"));
    bench.add(once("builder"));
    let named = |name, limit| bench.queue.named(name, limit).unwrap();
    assert_eq!(named("build", 5), [second, first]);
    assert_eq!(named("build", 1), [second]);
    assert_eq!(named("buil", 5), []);
    assert_eq!(bench.queue.keyed(b"k").unwrap(), Some(first));
    assert_eq!(bench.queue.keyed(b"build").unwrap(), None);
}
