//! `top`, with rates from the sums of the log.

use crate::sandbox;

#[test]
fn top_once_has_the_rates_of_the_last_five_minutes_unless_it_may_only_read() {
    let sandbox = sandbox();
    sandbox.enqueue(&"true\n".repeat(400));
    let standing = |options: &[&str]| {
        let words = [&["top", "--once"], options].concat();
        let shown = sandbox.ok(&words);
        let line = shown.lines().nth(2).unwrap().to_owned();
        (line, shown)
    };
    let (line, shown) = standing(&[]);
    let (_, rate) = line.split_once("enqueued ").unwrap();
    let (rate, rest) = rate.split_once("/s").unwrap();
    // 400 tasks in five to six minutes.
    let rate: f64 = rate.parse().unwrap();
    assert!((1.0..1.4).contains(&rate), "{line}");
    assert!(rest.starts_with("  ended 0.0/s  oldest "), "{line}");
    assert!(shown.contains("ENQUEUED  ENDED"), "{shown}");
    let (line, shown) = standing(&["--read-only"]);
    assert!(line.starts_with("oldest "), "{line}");
    assert!(!shown.contains("ENQUEUED"), "{shown}");
}
