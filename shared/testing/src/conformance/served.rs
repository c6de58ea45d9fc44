//! Claims for several queues.

use super::tasks::once;
use super::{Bench, Engine, WORKER};
use queue_core::claim::{ClaimRequest, Claims};
use queue_core::outcome::Outcome;
use queue_core::queue::Queue;
use queue_core::task::{NewTask, TaskId};
use queue_core::{ServedQueue, ServedQueues};

fn served(queues: &[(&str, u32)]) -> ServedQueues {
    let queue = |(name, reserved): &(&str, u32)| ServedQueue::new(*name).reserving(*reserved);
    ServedQueues::named(queues.iter().map(queue))
}

fn request(queues: ServedQueues, limit: usize) -> ClaimRequest {
    ClaimRequest::new(WORKER, limit)
        .commands(true)
        .queues(queues)
}

fn names(claims: &Claims) -> Vec<&str> {
    claims.tasks.iter().map(|task| &*task.queue).collect()
}

impl<E: Engine> Bench<E> {
    fn add_to(&self, queue: &str, count: usize) -> Vec<TaskId> {
        let tasks = vec![once("t").queue(queue); count];
        let enqueued = self.queue.enqueue(tasks).unwrap();
        enqueued.into_iter().map(|one| one.id).collect()
    }
}

pub fn queues_take_turns_at_the_slots_of_a_worker<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.add_to("a", 50);
    bench.add_to("b", 2);
    bench.add_to("c", 1);
    let queues = || served(&[("c", 0), ("b", 0), ("a", 0), ("empty", 0)]);
    let claims = bench.queue.claim(&request(queues(), 7)).unwrap();
    assert_eq!(names(&claims), ["a", "b", "c", "a", "b", "a", "a"]);
    assert_eq!(claims.after.as_deref(), Some("a"));
    let claims = bench.queue.claim(&request(queues(), 100)).unwrap();
    assert_eq!(claims.tasks.len(), 46);
    let claims = bench.queue.claim(&request(queues(), 100)).unwrap();
    assert_eq!((claims.tasks.len(), claims.left), (0, false));
}

pub fn the_turn_passes_on_from_claim_to_claim<E: Engine>() {
    let bench = Bench::<E>::default();
    for queue in ["a", "b", "c"] {
        bench.add_to(queue, 2);
    }
    let mut order = String::new();
    let mut request = request(served(&[("a", 0), ("b", 0), ("c", 0)]), 1);
    for _ in 0..6 {
        let claims = bench.queue.claim(&request).unwrap();
        order += &names(&claims).concat();
        request.after = claims.after;
    }
    assert_eq!(order, "abcabc");
}

pub fn kept_slots_are_taken_by_no_other_queue<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.add_to("build", 9);
    let queues = || served(&[("mail", 2), ("build", 0)]);
    let claims = bench.queue.claim(&request(queues(), 5)).unwrap();
    assert_eq!(names(&claims), ["build"; 3]);
    assert!(claims.left, "more could be claimed if slots were not kept");
    bench.add_to("mail", 9);
    // Both of its slots and a turn at the others.
    let claims = bench.queue.claim(&request(queues(), 4)).unwrap();
    assert_eq!(names(&claims), ["mail", "mail", "build", "mail"]);
    assert!(!claims.left);
    // A claim that fills only some of the free slots.
    let few = request(served(&[("other", 4), ("build", 0)]), 2).free(5);
    assert_eq!(names(&bench.queue.claim(&few).unwrap()), ["build"]);
}

pub fn priorities_count_within_a_queue<E: Engine>() {
    let bench = Bench::<E>::default();
    let task = |queue, priority| once("t").queue(queue).priority(priority);
    let tasks = vec![
        task("a", 0),
        task("b", 900),
        task("b", 901),
        task("a", 1),
        task("b", 902),
    ];
    bench.queue.enqueue(tasks).unwrap();
    let claims = bench
        .queue
        .claim(&request(served(&[("a", 0), ("b", 0)]), 4));
    let ids: Vec<_> = claims
        .unwrap()
        .tasks
        .iter()
        .map(|one| one.claim.task.0)
        .collect();
    assert_eq!(ids, [4, 5, 1, 3]);
}

pub fn a_paused_queue_has_no_turn<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.add_to("a", 2);
    bench.add_to("b", 3);
    bench.queue.set_paused("a", true).unwrap();
    for queues in [served(&[("a", 1), ("b", 0)]), ServedQueues::all([])] {
        let claims = bench.queue.claim(&request(queues, 2)).unwrap();
        assert_eq!(names(&claims)[0], "b");
        assert!(!names(&claims).contains(&"a"));
    }
    bench.queue.set_paused("a", false).unwrap();
    let claims = bench
        .queue
        .claim(&request(ServedQueues::all([]), 9))
        .unwrap();
    assert_eq!(names(&claims), ["a", "a"]);
}

pub fn a_worker_of_all_queues_serves_later_ones_but_not_those_of_run<E: Engine>() {
    let bench = Bench::<E>::default();
    let all = || request(ServedQueues::all([]), 9);
    assert_eq!(bench.queue.claim(&all()).unwrap().tasks, []);
    bench.add_to("run:/tmp/list", 1);
    bench.add_to("new", 1);
    bench.shell("default");
    bench.add(NewTask::handler("mail", "").queue("new"));
    let claims = bench.queue.claim(&all()).unwrap();
    assert_eq!(names(&claims), ["default", "new"]);
    let run = bench.queue.claim(&request("run:/tmp/list".into(), 9));
    assert_eq!(names(&run.unwrap()), ["run:/tmp/list"]);
}

pub fn a_claim_for_many_queues_finds_the_few_with_tasks<E: Engine>() {
    let bench = Bench::<E>::default();
    let name = |number: usize| format!("q{number:03}");
    for number in [7, 70, 150] {
        bench.add_to(&name(number), 2);
    }
    bench.add_to("not served", 1);
    let many = || ServedQueues::named((0..200).map(|number| ServedQueue::new(name(number))));
    let claims = bench.queue.claim(&request(many(), 4)).unwrap();
    assert_eq!(names(&claims), ["q007", "q070", "q150", "q007"]);
    let claims = bench.queue.claim(&request(many(), 4)).unwrap();
    assert_eq!(names(&claims), ["q070", "q150"]);
}

pub fn the_handlers_of_a_queue_share_its_turn<E: Engine>() {
    let bench = Bench::<E>::default();
    let handler = |name, priority| NewTask::handler(name, "").queue("a").priority(priority);
    let tasks = vec![
        once("t").queue("a").priority(1),
        handler("x", 3),
        handler("unknown", 9),
        handler("y", 2),
        once("t").queue("b"),
        once("t").queue("b"),
    ];
    bench.queue.enqueue(tasks).unwrap();
    let request = request(served(&[("a", 0), ("b", 0)]), 9).handlers(["x", "y"]);
    let claims = bench.queue.claim(&request).unwrap();
    let ids: Vec<_> = claims.tasks.iter().map(|one| one.claim.task.0).collect();
    assert_eq!(ids, [2, 5, 4, 6, 1]);
}

pub fn due_tasks_of_several_queues_are_claimed_by_turns<E: Engine>() {
    let bench = Bench::<E>::default();
    let due = bench.later(10);
    let task = |queue| once("t").queue(queue).run_at(due);
    bench
        .queue
        .enqueue(vec![task("a"), task("a"), task("b")])
        .unwrap();
    bench.add_to("b", 1);
    bench.advance(10);
    let claims = bench
        .queue
        .claim(&request(served(&[("a", 0), ("b", 0)]), 9))
        .unwrap();
    assert_eq!(claims.tasks.len(), 4);
    assert_eq!(claims.next_due, None);
}

pub fn a_settle_makes_room_for_the_queue_whose_turn_it_is<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.add_to("a", 3);
    bench.add_to("b", 1);
    let queues = || served(&[("a", 0), ("b", 0)]);
    let first = bench.queue.claim(&request(queues(), 1)).unwrap();
    let mut next = request(queues(), 1);
    next.after.clone_from(&first.after);
    let done = super::settlement(first.tasks[0].claim, Outcome::Succeeded, None);
    let (_, claims) = bench.queue.settle_and_claim(vec![done], &next).unwrap();
    assert_eq!(names(&claims.unwrap()), ["b"]);
}
