//! Numbers over time, one line per node: offsets, and how far clocks are off.

use std::fmt::Write as _;

use repl_core::base::time::Instant;

use super::{
    scale::{LEFT, RIGHT, spread},
    text::signed_span,
    timeline::Picture,
};
use crate::record::{Record, State, What};

const OFFSETS_HEIGHT: f64 = 118.0;
const CLOCKS_HEIGHT: f64 = 62.0;

/// How high a label is.
const LABEL: f64 = 14.0;

/// A line of a chart.
struct Curve {
    node: usize,
    points: Vec<(Instant, f64)>,
    /// What stands at its end.
    name: String,
}

/// Offsets of all nodes.
pub(super) fn offsets(picture: &mut Picture<'_>) {
    let curves = curves(
        picture.record,
        |state| state.offset as f64,
        |node, state| format!("{node} {}", state.offset),
    );
    let top = curves.iter().flat_map(|curve| &curve.points).fold(1.0, |top, (_, y)| y.max(top));
    draw(picture, "offset", OFFSETS_HEIGHT, &curves, |value| value / top);
    let text = format!("{top:.0}");
    let y = picture.y - OFFSETS_HEIGHT + 8.0;
    picture.label(0.0, y, "tick left", &text);
}

/// Wall clocks of all nodes, against virtual time. The scale is logarithmic on either side of zero:
/// clocks are off by milliseconds or by hours.
pub(super) fn clocks(picture: &mut Picture<'_>) {
    let value = |state: &State| log(state.skew_millis);
    let curves = curves(picture.record, value, |node, state| {
        format!("{node} {}", signed_span(state.skew_millis))
    });
    let far =
        curves.iter().flat_map(|curve| &curve.points).fold(1.0, |far, (_, y)| y.abs().max(far));
    draw(picture, "clock", CLOCKS_HEIGHT, &curves, |value| 0.5 + value / far / 2.0);
}

fn log(millis: i64) -> f64 {
    let size = (1.0 + millis.unsigned_abs() as f64).log10();
    if millis < 0 { -size } else { size }
}

/// The curve of each node, and what its last state is called.
fn curves(
    record: &Record,
    value: impl Fn(&State) -> f64,
    name: impl Fn(&str, &State) -> String,
) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for (node, called) in record.nodes.iter().enumerate() {
        let states = record.events.iter().filter_map(|event| match event.node {
            Some((at, state)) if at == node && event.what != What::Booted => {
                Some((event.at, state))
            }
            _ => None,
        });
        let states: Vec<(Instant, State)> = states.collect();
        let Some((_, last)) = states.last() else { continue };
        let points = states.iter().map(|(at, state)| (*at, value(state))).collect();
        curves.push(Curve { node, points, name: name(called, last) });
    }
    curves
}

/// Draws curves in a box; `place` gives 0 for its bottom and 1 for its top.
fn draw(
    picture: &mut Picture<'_>,
    name: &str,
    height: f64,
    curves: &[Curve],
    place: impl Fn(f64) -> f64,
) {
    let top = picture.y + 4.0;
    let bottom = top + height - 14.0;
    let y = |value: f64| bottom - place(value) * (bottom - top);
    picture.add(format_args!(
        "<path class=\"grid\" d=\"M{LEFT} {:.1}H{RIGHT}M{LEFT} {:.1}H{RIGHT}\"/>",
        y(0.0),
        top
    ));
    picture.label(0.0, y(0.0).min(bottom) + 4.0, "row", name);
    let mut ends: Vec<f64> = Vec::new();
    for curve in curves {
        let last = curve.points.last().map_or(0.0, |(_, value)| *value);
        ends.push(y(last));
        let path = path(picture, &curve.points, &y);
        let dash = curve.node % 4;
        picture.add(format_args!("<path class=\"curve d{dash}\" d=\"{path}\"/>"));
    }
    let places = ends.clone();
    spread(&mut ends, LABEL, top, bottom.max(top + LABEL * curves.len() as f64));
    for ((curve, end), place) in curves.iter().zip(&ends).zip(places) {
        picture.add(format_args!(
            "<path class=\"leader\" d=\"M{RIGHT} {place:.1}L{:.1} {end:.1}\"/>",
            RIGHT + 8.0
        ));
        picture.label(RIGHT + 12.0, end + 4.0, "end", &curve.name);
    }
    let lowest = ends.iter().fold(bottom, |low, end| low.max(*end));
    picture.y = top + height.max(lowest - top + LABEL);
}

/// A curve of steps, a point per place of the picture.
fn path(picture: &Picture<'_>, points: &[(Instant, f64)], y: &impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    let mut last: Option<(i64, i64)> = None;
    for (place, (at, value)) in points.iter().enumerate() {
        let here = ((picture.scale.x(*at) * 2.0).round() as i64, (y(*value) * 4.0).round() as i64);
        let (x, height) = (here.0 as f64 / 2.0, here.1 as f64 / 4.0);
        let is_last = place + 1 == points.len();
        match last {
            None => write!(path, "M{x} {height}"),
            Some((before, same)) if !is_last && (same == here.1 || before == here.0) => continue,
            Some(_) => write!(path, "H{x}V{height}"),
        }
        .expect("writing to a String never fails");
        last = Some(here);
    }
    write!(path, "H{:.1}", picture.scale.x(picture.end)).expect("writing to a String never fails");
    path
}
