//! Untrusted text in HTML.

use std::fmt::Write as _;

use queue_core::cli::escape;

use crate::report::text::short;

/// Escapes text for content or an attribute's value; a character that would change how its neighbours
/// read is shown as an escape sequence.
pub(in crate::report) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in escape::line(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// Escapes text for content, and turns text between backticks into code.
pub(super) fn inline(line: &str) -> String {
    let parts: Vec<&str> = line.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return text(line);
    }
    let mut out = String::new();
    for (index, part) in parts.into_iter().enumerate() {
        let part = text(part);
        let _ = if index.is_multiple_of(2) {
            write!(out, "{part}")
        } else {
            write!(out, "<code>{part}</code>")
        };
    }
    out
}

/// A note under a heading; empty for an empty note.
pub(super) fn note(note: &str) -> String {
    if note.is_empty() {
        return String::new();
    }
    format!("<p class=\"note\">{}</p>", inline(note))
}

/// A share of a length, 0 to 1, in percent; shares outside are drawn at the edge.
pub(super) fn percent(share: f64) -> String {
    format!("{:.2}", share.clamp(0.0, 1.0) * 100.0)
}

/// A number at a mark of an axis: as [`short`], without trailing zeros.
pub(in crate::report) fn mark(value: f64) -> String {
    let shown = short(value);
    if shown.contains('e') {
        return shown;
    }
    let digits = shown.trim_end_matches(char::is_alphabetic);
    let suffix = &shown[digits.len()..];
    let trimmed = if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        digits
    };
    match trimmed.strip_suffix("000") {
        Some(thousands) if suffix.is_empty() => format!("{thousands}k"),
        Some(_) | None => format!("{trimmed}{suffix}"),
    }
}

/// CSS class that colours a series: a system has the same colour in every chart.
pub(in crate::report) fn colour(label: &str, index: usize) -> String {
    let has = |word: &str| label.contains(word);
    if has("raw") || has("bare") || has("floor") {
        "floor".to_owned()
    } else if has("fast-queue") {
        "fast".to_owned()
    } else if has("workflow-queue") {
        "workflow".to_owned()
    } else {
        format!("other{}", index % 4)
    }
}

#[cfg(test)]
mod tests {
    use super::{inline, mark, percent, text};

    #[test]
    fn untrusted_text_stays_text() {
        assert_eq!(
            text("<b a='\"'>&\u{1b}"),
            "&lt;b a=&#39;&quot;&#39;&gt;&amp;\\x1b"
        );
        assert_eq!(inline("`a<b` is"), "<code>a&lt;b</code> is");
        assert_eq!(inline("one ` alone"), "one ` alone");
    }

    #[test]
    fn marks_have_no_needless_zeros() {
        let values = [0.0, 1.0, 0.25, 64.0, 500.0, 1e3, 2e4, 1.5e6, 5e12];
        let shown = values.map(mark);
        assert_eq!(
            shown,
            [
                "0", "1", "0.25", "64", "500", "1k", "20k", "1.5M", "5.00e12"
            ]
        );
    }

    #[test]
    fn shares_are_drawn_inside_the_chart() {
        assert_eq!([0.5, 7.0, -1.0].map(percent), ["50.00", "100.00", "0.00"]);
    }
}
