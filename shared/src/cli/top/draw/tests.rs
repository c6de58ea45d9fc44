//! Snapshots of the screen at two sizes.

use std::rc::Rc;

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use unicode_width::UnicodeWidthStr;

use super::super::super::tasks::tests::ended;
use super::super::keys::{About, Key, Keys, Panel, Row, View};
use super::super::rates::{QueueTotals, Rates, Totals};
use super::super::reading::{Caption, Reading};
use super::{Scene, draw, plain};
use crate::cli::escape::is_unsafe;
use crate::clock::{BootTime, Now, Timestamp};
use crate::outcome::Reason;
use crate::queue::QueueGauges;
use crate::state::State;
use crate::task::{Task, TaskId, Work};
use crate::usage::Usage;

const NOW: Timestamp = Timestamp(1_000_000);

fn queue(name: &str, is_paused: bool, counts: [u64; 6]) -> QueueGauges {
    let mut gauges = QueueGauges::new(name, is_paused);
    let states = [
        State::Queued,
        State::Running,
        State::Scheduled,
        State::Failed,
        State::Blocked,
    ];
    for (state, count) in states.into_iter().zip(counts) {
        gauges.add(state, count);
    }
    gauges.held = counts[5];
    gauges.since = (counts[0] > 0).then_some(Timestamp(NOW.0 - 125_000));
    gauges
}

fn task(id: i64, name: &str, state: State) -> Task {
    Task {
        name: name.to_owned(),
        work: Work::Shell(format!("./send --number {id}")),
        state,
        started_at: Some(Timestamp(NOW.0 - 10_000 * id)),
        finished_at: Some(Timestamp(NOW.0 - 5_000 * id)),
        reason: Some(Reason::Exit),
        exit_code: Some(3),
        usage: Usage::new(Some(1_540_000), Some(98_765)),
        ..ended(id)
    }
}

/// A file with so many running and failed tasks of that name.
fn reading(tasks: i64, name: &str) -> Reading {
    let running = (1..=tasks).map(|id| (task(id, name, State::Running), "w3-77-1".to_owned()));
    let failed = (1..=tasks).map(|id| task(100 + id, name, State::Failed));
    let count = tasks.cast_unsigned();
    let totals = |enqueued, ended| QueueTotals { enqueued, ended };
    let queues = [
        ("default".to_owned(), totals(20_000, 15_000)),
        (name.to_owned(), totals(7, 3)),
    ];
    let mut reading = Reading {
        now: Now {
            wall: NOW,
            boot: BootTime(0),
        },
        queues: vec![
            queue("default", false, [10_000, count, 7, count, 12, 0]),
            queue(name, true, [4, 0, 0, 0, 3, 2]),
        ],
        running: running.collect(),
        failed: failed.collect(),
        workers: 2,
        slots: 40,
        alerts: vec!["backlog".to_owned()],
        totals: Totals {
            enqueued: 20_000,
            ended: None,
            queues: Some(Rc::new(queues.into())),
        },
        has_queue_rates: true,
        ..Reading::default()
    };
    reading.count_tasks();
    reading
}

/// The screen after these keys.
fn shown(reading: &Reading, (width, height): (u16, u16), keys: &Keys) -> String {
    let caption = Caption {
        program: "workflow-queue",
        file: "tasks.db".to_owned(),
        clock: "2026-12-01 14:02:11".to_owned(),
    };
    let mut rates = Rates::default();
    let totals = reading.totals.clone();
    rates.take(BootTime(0), totals.clone());
    let risen = totals.queues.iter().flat_map(|queues| queues.iter());
    let risen = risen.map(|(name, queue)| {
        let (enqueued, ended) = (queue.enqueued + 60, queue.ended + 59);
        (name.clone(), QueueTotals { enqueued, ended })
    });
    let after = Totals {
        enqueued: totals.enqueued + 61,
        queues: Some(Rc::new(risen.collect())),
        ..totals
    };
    rates.take(BootTime(5_000), after);
    let scene = Scene {
        caption: &caption,
        reading,
        rates: Some(&rates),
        keys,
        now: NOW,
        color: true,
    };
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| draw(&scene, frame.area(), frame.buffer_mut()))
        .unwrap();
    terminal.backend().to_string()
}

/// The keys after these presses.
fn pressed(reading: &Reading, keys: &[Key]) -> Keys {
    let mut state = Keys::new(false);
    for key in keys {
        state.press(*key, &Row::all(reading));
    }
    state
}

const SIZES: [(u16, u16); 2] = [(80, 24), (200, 60)];

#[test]
fn an_empty_file_says_how_to_begin() {
    let shown = shown(&Reading::default(), (80, 24), &Keys::new(false));
    insta::assert_snapshot!("empty_80x24", shown);
}

#[test]
fn twenty_tasks_fit_both_screens() {
    let reading = reading(20, "mail");
    for size in SIZES {
        let keys = pressed(&reading, &[Key::Down, Key::Tab]);
        let name = format!("twenty_{}x{}", size.0, size.1);
        insta::assert_snapshot!(name, shown(&reading, size, &keys));
    }
}

#[test]
fn names_of_200_characters_and_of_other_scripts_break_no_column() {
    let long = "n".repeat(200);
    for (name, text) in [
        ("long", long.as_str()),
        ("right_to_left", "שלום \u{202e}עולם\u{202c} \u{1b}[31m"),
        ("wide", "世界世界 👩‍🔬 e\u{301}"),
        (
            "hostile",
            "\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}31m\r\n\t\u{2066}\u{202e}世\u{200b}\u{200f}\u{0}",
        ),
    ] {
        let reading = reading(3, text);
        for size in SIZES {
            let name = format!("{name}_{}x{}", size.0, size.1);
            insta::assert_snapshot!(name, shown(&reading, size, &Keys::new(false)));
        }
    }
}

#[test]
fn a_filter_is_named_and_its_rates_are_those_of_the_queue() {
    let reading = reading(3, "mail");
    let mut keys = Keys::new(true);
    keys.only = Some("mail".to_owned());
    let shown = shown(&reading, (80, 24), &keys);
    let mut lines = shown.lines();
    assert!(
        lines
            .next()
            .unwrap()
            .contains("tasks.db  queue mail  read-only")
    );
    assert!(
        lines
            .nth(1)
            .unwrap()
            .contains("enqueued 12.0/s  ended 11.8/s")
    );
}

#[test]
fn the_selected_row_is_always_on_the_screen() {
    let reading = reading(20, "mail");
    let rows = Row::all(&reading).len();
    for presses in 1..=rows {
        let keys = pressed(&reading, &vec![Key::Down; presses]);
        let Some(Row::Running { id, .. } | Row::Failed { id, .. }) = keys.selected else {
            continue;
        };
        let shown = shown(&reading, (80, 24), &keys);
        let is_there = |line: &str| {
            line.trim_start_matches(['"', ' '])
                .starts_with(&id.to_string())
        };
        assert!(shown.lines().any(is_there), "{id}: {shown}");
    }
}

#[test]
fn questions_help_and_texts_stand_in_their_places() {
    let reading = reading(2, "mail");
    let question = pressed(&reading, &[Key::Down, Key::Tab, Key::Char('c')]);
    let shown_question = shown(&reading, (80, 24), &question);
    assert!(shown_question.contains("Cancel task 1? y n"));
    let help = pressed(&reading, &[Key::Char('?')]);
    insta::assert_snapshot!("help_80x24", shown(&reading, (80, 24), &help));
    let mut text = Keys::new(false);
    text.view = View::Text(Panel {
        about: About::Log(TaskId(7)),
        lines: (1..=40).map(|line| format!("line {line}")).collect(),
        below: 2,
    });
    let shown_text = shown(&reading, (80, 24), &text);
    assert!(shown_text.contains("Output of task 7"));
    assert!(shown_text.contains("line 18") && shown_text.contains("line 38"));
    assert!(!shown_text.contains("line 17") && !shown_text.contains("line 39"));
}

#[test]
fn plain_text_has_all_rows_and_no_keys() {
    let reading = reading(20, "mail");
    let scene = Scene {
        caption: &Caption::default(),
        reading: &reading,
        rates: None,
        keys: &Keys::new(false),
        now: NOW,
        color: false,
    };
    let text = plain(&scene, None);
    assert!(
        text.contains("\n   120 ") && text.contains("\n     20 "),
        "{text}"
    );
    assert!(!text.contains("quit") && !text.contains('\u{1b}'));
}

proptest! {
    #[test]
    fn no_text_of_a_task_reaches_the_screen_unescaped(
        name in "(\\PC|[\x1b\r\n\u{202e}\u{200f}]){1,40}",
        width in 1..220_u16,
        height in 1..70_u16,
    ) {
        let reading = reading(3, &name);
        let shown = shown(&reading, (width, height), &Keys::new(false));
        prop_assert!(!shown.contains(|c| is_unsafe(c) && c != '\n'), "{shown:?}");
        prop_assert_eq!(shown.lines().count(), usize::from(height));
    }

    #[test]
    fn plain_lines_fit_their_width(name in "\\PC{1,40}", width in 100..200_usize) {
        let reading = reading(2, &name);
        let scene = Scene {
            caption: &Caption::default(),
            reading: &reading,
            rates: None,
            keys: &Keys::new(false),
            now: NOW,
            color: false,
        };
        for line in plain(&scene, Some(width)).lines() {
            prop_assert!(line.width() <= width, "{line:?}");
        }
    }
}
