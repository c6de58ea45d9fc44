//! A chart of lines. Marks and labels are HTML around a stretching drawing, whose strokes keep their
//! width; a dot is a stroke of zero length.

use std::fmt::Write as _;

use super::html::{self, colour, inline, note, percent, text};
use super::scale::Scale;
use crate::report::document::{Curves, Line, Point};
use crate::report::text::short;

/// Largest number of `x` values that are all marked on the axis.
const OWN_MARKS: usize = 8;

/// The chart as HTML.
pub(super) fn html(curves: &Curves) -> String {
    let xs = curves.xs();
    let own = xs.len() <= OWN_MARKS;
    let x = if own {
        Scale::between(curves.x.log, &xs)
    } else {
        Scale::over(curves.x.log, xs.iter().copied())
    };
    let points = curves.lines.iter().flat_map(|line| &line.points);
    let values = points.flat_map(|point| [point.value.min, point.value.median, point.value.max]);
    let y = Scale::over(curves.y.log, values);
    let (mut across, mut up, mut grid) = (String::new(), String::new(), String::new());
    for mark in if own { xs } else { x.marks() } {
        if let Some(place) = x.position(mark) {
            let (at, mark) = (percent(place), html::mark(mark));
            let _ = write!(across, "<span style=\"left:{at}%\">{mark}</span>");
            let _ = write!(grid, "M{at} 0V100");
        }
    }
    for mark in y.marks() {
        if let Some(place) = y.position(mark) {
            let (at, from_top) = (percent(place), percent(1.0 - place));
            let mark = html::mark(mark);
            let _ = write!(up, "<span style=\"bottom:{at}%\">{mark}</span>");
            let _ = write!(grid, "M0 {from_top}H100");
        }
    }
    let drawn = curves.lines.iter().enumerate();
    let drawn: String = drawn
        .map(|(index, line)| draw(line, index, &x, &y))
        .collect();
    let key = curves.lines.iter().enumerate();
    let key: String = key.map(|(index, line)| legend(line, index)).collect();
    format!(
        "<figure class=\"curves\">\n<figcaption><h3>{}</h3>{}<p class=\"key\">{key}</p>\
         </figcaption>\n<p class=\"unit\">{}{}</p>\n<div class=\"plot\"><div class=\"up\">{up}</div>\
         <svg viewBox=\"0 0 100 100\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">\
         <path class=\"grid\" d=\"{grid}\"/>\n{drawn}</svg>\
         <div class=\"across\">{across}</div></div>\n<p class=\"unit x\">{}{}</p>\n</figure>\n",
        inline(&curves.title),
        note(&curves.note),
        text(&curves.y.label),
        if curves.y.log { ", logarithmic" } else { "" },
        text(&curves.title),
        text(&curves.x.label),
        if curves.x.log { ", logarithmic" } else { "" },
    )
}

/// A line through the medians, with a dot and the range at each.
fn draw(line: &Line, index: usize, x: &Scale, y: &Scale) -> String {
    let mut through = String::new();
    let mut dots = String::new();
    for Point { x: at, value } in &line.points {
        let down = |value| y.position(value).map(|place| percent(1.0 - place));
        let (Some(at), Some(median)) = (x.position(*at).map(percent), down(value.median)) else {
            continue;
        };
        let step = if through.is_empty() { 'M' } else { 'L' };
        let _ = write!(through, "{step}{at} {median}");
        let (min, max) = (down(value.min), down(value.max));
        let ends = min.zip(max).filter(|(min, max)| min != max);
        let range = ends.map_or_else(String::new, |(min, max)| {
            format!("<path class=\"range\" d=\"M{at} {min}V{max}\"/>")
        });
        let said = format!(
            "{}: {} ({} to {})",
            text(&line.label),
            short(value.median),
            short(value.min),
            short(value.max)
        );
        let _ = write!(
            dots,
            "{range}<path class=\"dot\" d=\"M{at} {median}h0\"><title>{said}</title></path>"
        );
    }
    let class = colour(&line.label, index);
    format!("<g class=\"{class}\"><path class=\"line\" d=\"{through}\"/>{dots}</g>\n")
}

fn legend(line: &Line, index: usize) -> String {
    let (class, label) = (colour(&line.label, index), inline(&line.label));
    format!("<span class=\"{class}\"><i></i>{label}</span> ")
}

#[cfg(test)]
mod tests {
    use super::html;
    use crate::measure::Spread;
    use crate::report::document::tests::document;

    #[test]
    fn a_line_goes_through_its_medians() {
        let page = html(&document().curves[0]);
        // 2 on an axis up to 4, at both ends of the `x` axis.
        assert!(page.contains("d=\"M0.00 50.00L100.00 50.00\""), "{page}");
        assert!(page.contains(">1M</span>"), "{page}");
    }

    #[test]
    fn a_logarithmic_axis_omits_values_not_above_zero() {
        let mut curves = document().curves.remove(0);
        curves.y.log = true;
        curves.lines[0].points[0].value = Spread::of(&[0.0]);
        let page = html(&curves);
        assert_eq!(page.matches("class=\"dot\"").count(), 1, "{page}");
    }
}
