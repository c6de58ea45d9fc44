//! Random sequences of operations leave fast-queue in the state of the model.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod common;

use common::Fast;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use queue_testing::conformance::model::{Ask, Changed, Ending, Op, Spec, check};

fn spec() -> impl Strategy<Value = Spec> {
    (
        -2..3_i8,
        prop_oneof![4 => Just(0_u8), 1 => Just(1)],
        prop_oneof![3 => Just(0_u8), 1 => Just(1), 1 => Just(2)],
        option::weighted(0.3, 0..3_000_u16),
        proptest::bool::weighted(0.1),
        option::weighted(0.3, 0..6_u8),
        any::<u8>(),
        any::<u8>(),
    )
        .prop_map(
            |(priority, queue, handler, delay_ms, held, key, max_attempts, max_crashes)| Spec {
                priority,
                queue,
                handler,
                delay_ms,
                held,
                key,
                max_attempts,
                max_crashes,
            },
        )
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        3 => Just(Ending::Success),
        3 => Just(Ending::Exit),
        1 => Just(Ending::Fatal),
        1 => Just(Ending::Returned),
        1 => (0..2_000_u16).prop_map(Ending::Snoozed),
        1 => any::<u8>().prop_map(Ending::WithOutput),
    ]
}

/// Mostly a transaction of the engine, sometimes of the caller.
fn transaction() -> impl Strategy<Value = Option<bool>> {
    option::weighted(0.2, any::<bool>())
}

fn picks() -> impl Strategy<Value = Vec<u16>> {
    vec(any::<u16>(), 0..4)
}

/// Mostly a claim of one queue, sometimes of several that may keep slots.
fn ask() -> impl Strategy<Value = Ask> {
    let one = (
        prop_oneof![4 => Just(1_u8), 1 => Just(2)],
        Just([0; 2]),
        Just(9_u8),
    );
    let several = (
        prop_oneof![Just(0_u8), Just(3)],
        [0..4_u8, 0..4_u8],
        0..3_u8,
    );
    let commands = (0..8_u8, 0..14_u8).prop_map(|(serves, limit)| (serves | 1, limit));
    let one_task = (0..8_u8, Just(1_u8));
    (
        any::<u8>(),
        prop_oneof![3 => one, 2 => several],
        prop_oneof![5 => commands, 1 => one_task],
    )
        .prop_map(|(worker, (queues, kept, after), (serves, limit))| Ask {
            worker,
            queues,
            kept,
            after,
            serves,
            limit,
        })
}

fn changed() -> impl Strategy<Value = Changed> {
    (
        any::<bool>(),
        option::of(-2..3_i8),
        option::of(option::of(0..3_000_u16)),
        option::weighted(0.2, 1..4_u8),
    )
        .prop_map(|(command, priority, delay_ms, max_attempts)| Changed {
            command,
            priority,
            delay_ms,
            max_attempts,
        })
}

fn op() -> impl Strategy<Value = Op> {
    let prune = (0..3_000_u16, any::<bool>(), 0..3_u8);
    prop_oneof![
        4 => (vec(spec(), 0..6), transaction()).prop_map(|(specs, tx)| Op::Enqueue(specs, tx)),
        6 => ask().prop_map(Op::Claim),
        5 => (vec((any::<u16>(), ending()), 0..6), transaction())
            .prop_map(|(picks, tx)| Op::Settle(picks, tx)),
        1 => any::<u8>().prop_map(Op::Reap),
        1 => picks().prop_map(Op::Cancel),
        1 => picks().prop_map(Op::Retry),
        1 => picks().prop_map(Op::Hold),
        1 => picks().prop_map(Op::Release),
        1 => picks().prop_map(Op::Start),
        1 => (picks(), any::<bool>()).prop_map(|(ids, held)| Op::Rerun(ids, held)),
        1 => (picks(), changed()).prop_map(|(ids, changed)| Op::Edit(ids, changed)),
        1 => (picks(), -2..3_i8).prop_map(|(ids, priority)| Op::Reprioritize(ids, priority)),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(queue, on)| Op::Pause(queue, on)),
        1 => (any::<u8>(), option::of(0..4_u8)).prop_map(|(queue, step)| Op::Age(queue, step)),
        1 => prune.prop_map(|(age_ms, failed_only, keep)| Op::Prune { age_ms, failed_only, keep }),
        3 => (0..20_u8, prop_oneof![3 => Just(0_u16), 1 => 0..3_000_u16])
            .prop_map(|(tenths, jump_ms)| Op::Pass { tenths, jump_ms }),
        1 => Just(Op::Switch),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_operations_leaves_the_engine_as_the_model(ops in vec(op(), 1..60)) {
        check::<Fast>(&ops);
    }
}
