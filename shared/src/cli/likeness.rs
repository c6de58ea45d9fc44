//! Likeness of names, for hints about mistyped ones.

/// True if the names differ by at most one edit, or two in longer names.
pub(super) fn is_like(name: &str, other: &str) -> bool {
    let (name, other): (Vec<char>, Vec<char>) = (name.chars().collect(), other.chars().collect());
    let most = name.len().min(other.len()).saturating_sub(1).min(2);
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, letter) in name.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], above + 1);
        for at in 0..other.len() {
            let changed = diagonal + usize::from(*letter != other[at]);
            diagonal = row[at + 1];
            row[at + 1] = changed.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[other.len()] <= most
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn a_mistyped_name_is_like_the_right_one() {
        for (name, other) in [
            ("defualt", "default"),
            ("gpus", "gpu"),
            ("nigthly", "nightly"),
        ] {
            assert!(
                is_like(name, other) && is_like(other, name),
                "{name}, {other}"
            );
        }
        for (name, other) in [("a", "b"), ("typo", "default"), ("", "ab"), ("ab", "cd")] {
            assert!(!is_like(name, other), "{name}, {other}");
        }
    }
}
