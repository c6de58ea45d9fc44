//! A chart of horizontal bars with their ranges.

use super::html::{colour, inline, note, percent, text};
use super::scale::Scale;
use crate::report::document::{BarEntry, Bars, Better};
use crate::report::text::short;

/// Ratio of the longest bar to the shortest above which the scale is logarithmic.
const FAR_APART: f64 = 100.0;

/// The chart as HTML.
pub(super) fn html(bars: &Bars) -> String {
    let medians = || bars.bars.iter().map(|bar| bar.value.median);
    let (least, most) = (
        medians().fold(f64::MAX, f64::min),
        medians().fold(0.0, f64::max),
    );
    let log = least > 0.0 && most / least > FAR_APART;
    let ends = bars
        .bars
        .iter()
        .flat_map(|bar| [bar.value.min, bar.value.max]);
    let scale = if log {
        // Starts a tenth below, so that the shortest bar is visible.
        Scale::over(log, ends.chain([least / 10.0]))
    } else {
        Scale::over(log, ends)
    };
    let better = match bars.better {
        Better::Lower => "lower is better",
        Better::Higher => "higher is better",
    };
    let kind = if log { ", logarithmic" } else { "" };
    let rows: String = bars
        .bars
        .iter()
        .map(|bar| row(bar, &scale, &bars.unit))
        .collect();
    format!(
        "<figure class=\"bars\">\n<figcaption><h3>{}</h3><p class=\"unit\">{}, {better}{kind}</p>{}\
         </figcaption>\n{rows}</figure>\n",
        inline(&bars.title),
        text(&bars.unit),
        note(&bars.note)
    )
}

fn row(bar: &BarEntry, scale: &Scale, unit: &str) -> String {
    let place = |value| percent(scale.position(value).unwrap_or(0.0));
    let (min, median, max) = (
        place(bar.value.min),
        place(bar.value.median),
        place(bar.value.max),
    );
    let range = format!(
        "{} to {} {}",
        short(bar.value.min),
        short(bar.value.max),
        text(unit)
    );
    let note = if bar.note.is_empty() {
        String::new()
    } else {
        format!(" <small>{}</small>", inline(&bar.note))
    };
    let whisker = if bar.value.min < bar.value.max {
        format!(
            "<line class=\"whisker\" x1=\"{min}%\" x2=\"{max}%\" y1=\"10\" y2=\"10\"/>\
             <line class=\"whisker\" x1=\"{min}%\" x2=\"{min}%\" y1=\"6\" y2=\"14\"/>\
             <line class=\"whisker\" x1=\"{max}%\" x2=\"{max}%\" y1=\"6\" y2=\"14\"/>"
        )
    } else {
        String::new()
    };
    format!(
        "<div class=\"row\"><span class=\"label\">{}{note}</span>\
         <svg class=\"{}\" width=\"100%\" height=\"20\" role=\"img\" aria-label=\"{range}\">\
         <title>{range}</title>\
         <rect class=\"bar\" x=\"0\" y=\"3\" height=\"14\" rx=\"2\" width=\"{median}%\"/>\
         {whisker}</svg><span class=\"value\">{}</span></div>\n",
        inline(&bar.label),
        colour(&bar.label, 0),
        short(bar.value.median)
    )
}

#[cfg(test)]
mod tests {
    use super::html;
    use crate::measure::Spread;
    use crate::report::document::tests::document;

    #[test]
    fn bars_are_as_long_as_their_medians_and_far_ones_are_logarithmic() {
        let mut bars = document().bars.remove(0);
        let linear = html(&bars);
        assert!(linear.contains("width=\"50.00%\""), "2 of 4: {linear}");
        assert!(linear.contains("whisker") && !linear.contains("logarithmic"));
        let mut far = bars.bars[0].clone();
        far.value = Spread::of(&[5_000.0]);
        bars.bars.push(far);
        assert!(html(&bars).contains("logarithmic"));
        bars.bars.remove(0);
        assert!(!html(&bars).contains("whisker"), "one round has no range");
    }

    #[test]
    fn a_chart_without_bars_is_a_heading() {
        let mut bars = document().bars.remove(0);
        bars.bars.clear();
        assert!(html(&bars).contains("<h3>push</h3>"));
    }
}
