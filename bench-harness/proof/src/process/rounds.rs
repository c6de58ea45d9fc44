//! Rounds that mostly wait, several at the same time.

use crate::Result;

/// Runs `round` for each item of `of`, `at_once` of them at the same time, and returns all their
/// faults.
///
/// # Errors
/// The first error of `round`.
pub fn rounds<T: Sync>(
    of: &[T],
    at_once: usize,
    round: impl Fn(&T) -> Result<Vec<String>> + Sync,
) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let round = &round;
    for some in of.chunks(at_once.max(1)) {
        let ends: Vec<Result<Vec<String>>> = std::thread::scope(|scope| {
            let threads: Vec<_> = some
                .iter()
                .map(|one| scope.spawn(move || round(one)))
                .collect();
            let ends = threads.into_iter().map(|thread| match thread.join() {
                Ok(end) => end,
                Err(_) => Err("a thread has panicked".into()),
            });
            ends.collect()
        });
        for end in ends {
            faults.extend(end?);
        }
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::rounds;

    #[test]
    fn every_round_runs_and_all_faults_are_returned() {
        let faults = rounds(&[1, 2, 3, 4, 5], 2, |one| {
            Ok(vec![format!("{one} is odd"); one % 2])
        });
        let faults = faults.expect("no round fails");
        assert_eq!(faults, ["1 is odd", "3 is odd", "5 is odd"]);
        assert!(rounds(&[1], 1, |_| Err("in vain".into())).is_err());
    }
}
