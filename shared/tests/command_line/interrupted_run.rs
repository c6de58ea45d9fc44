//! `run FILE`, stopped and started again.

use rustix::process::Signal;

use super::program::{Place, until, variable};

/// How often each word was appended to the file `marks`.
fn marks(place: &Place, word: &str) -> usize {
    place
        .read("marks")
        .lines()
        .filter(|line| *line == word)
        .count()
}

#[test]
fn a_killed_run_goes_on_where_it_was() {
    let place = Place::new();
    place.write(
        "tasks",
        "echo first >> marks\n\
         echo begun >> marks; while ! test -e go; do sleep 0.05; done; echo middle >> marks\n\
         echo last >> marks\n",
    );
    let mut run = place.start(&["run", "--slots", "1", "tasks"]);
    until("the second line runs", || marks(&place, "begun") == 1);
    run.signal(Signal::KILL);
    assert_eq!(run.ended(), None);
    let mut again = place.start(&["run", "--slots", "1", "tasks"]);
    until("the second line runs again", || marks(&place, "begun") == 2);
    place.write("go", "");
    assert_eq!(again.ended(), Some(0), "{}", again.stderr());
    until("the end is told", || {
        again
            .stdout()
            .starts_with("3 succeeded, 0 failed, 1 had ended before")
    });
    assert_eq!(
        marks(&place, "first"),
        1,
        "a line that ended is not run again"
    );
    assert_eq!(marks(&place, "begun"), 2, "the line that was cut off is");
    assert_eq!(marks(&place, "middle"), 1, "what was cut off did not go on");
    assert_eq!(marks(&place, "last"), 1);
}

#[test]
fn a_stopped_run_hands_back_and_says_how_much_is_left() {
    let place = Place::new();
    place.write("tasks", "touch begun; exec sleep 1000\ntouch second\n");
    let mut run = place.start(&["run", "--slots", "1", "tasks"]);
    until("the first line runs", || place.path("begun").exists());
    run.signal(Signal::INT);
    run.signal(Signal::TERM);
    assert_eq!(run.ended(), Some(1));
    until("the end is told", || {
        run.stderr().contains("2 tasks left; run it again")
    });
    assert!(!place.path("second").exists());
    let goes_on = format!("`{} run tasks` goes on with it", super::program::name());
    for words in [&["status"][..], &["why", "1"]] {
        let done = place.run(words);
        let said = done.stdout() + &done.stderr();
        assert!(said.contains(&goes_on), "{words:?}: {said}");
    }
}

#[test]
fn only_the_lines_of_the_file_are_worked_and_judged() {
    let place = Place::new();
    place.ok(&["add-task", "other", "touch other", "1000"]);
    place.write("tasks", "exit 3\n");
    assert_eq!(place.run(&["run", "tasks"]).code(), 1);
    place.write("tasks", "true\n");
    let done = place.run(&["run", "tasks"]);
    assert_eq!(
        done.code(),
        0,
        "what failed is not in the file any more: {}",
        done.stderr()
    );
    assert!(
        !place.path("other").exists(),
        "the file has a queue of its own"
    );
    assert_eq!(place.state("1"), "queued");
}

/// Of many failures twenty were named, and nothing said that there were more.
#[test]
fn of_many_failures_the_rest_is_counted_and_can_be_listed() {
    let place = Place::new();
    place.write("tasks 'n' all", "exit 3\n".repeat(23));
    let done = place.run(&["run", "tasks 'n' all"]);
    assert_eq!(done.code(), 1);
    let stderr = done.stderr();
    let (_, rest) = stderr
        .split_once("\n3 more did not succeed; `")
        .expect(&stderr);
    let (list, _) = rest.split_once("` lists them all\n").expect(&stderr);
    let (_, words) = list.split_once(' ').unwrap();
    let line = format!("exec \"$0\" {words} -o json");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &line, crate::PROGRAM]);
    command.env(variable("DB"), place.path("queue.db"));
    let listed: Vec<serde_json::Value> =
        serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    assert_eq!(listed.len(), 23);
    place.write("few", "exit 3\n".repeat(20));
    let done = place.run(&["run", "few"]);
    assert!(!done.stderr().contains("more did not succeed"));
}

#[test]
fn waiting_lines_that_were_edited_away_are_cancelled_and_come_back_with_their_text() {
    let place = Place::new();
    let both = "{\"command\": \"touch one\", \"delay\": \"1h\"}\ntouch two\n";
    place.write("tasks", both);
    let mut run = place.start(&["run", "tasks"]);
    until("the second line has run", || place.path("two").exists());
    run.signal(Signal::TERM);
    assert_eq!(run.ended(), Some(1), "the first line is left");
    place.write("tasks", "# nothing here\ntouch two\n");
    assert_eq!(place.run(&["run", "tasks"]).code(), 0);
    assert_eq!(place.state("1"), "cancelled");
    place.write("tasks", both);
    let mut run = place.start(&["run", "tasks"]);
    until("the line waits again", || place.state("1") != "cancelled");
    run.signal(Signal::TERM);
    run.ended();
}

#[test]
fn failed_lines_run_again_only_if_that_is_asked_for() {
    let place = Place::new();
    place.write("tasks", "echo run >> marks; test -e fixed\n");
    assert_eq!(place.run(&["run", "tasks"]).code(), 1);
    place.write("fixed", "");
    assert_eq!(place.run(&["run", "tasks"]).code(), 1);
    assert_eq!(marks(&place, "run"), 1);
    assert_eq!(place.run(&["run", "tasks", "--retry-failed"]).code(), 0);
    assert_eq!(marks(&place, "run"), 2);
}
