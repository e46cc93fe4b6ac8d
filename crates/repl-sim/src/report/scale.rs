//! Where things are in a picture: time from left to right, labels that do not touch one another.

use repl_core::base::time::Instant;

/// The width of all pictures.
pub(super) const WIDTH: f64 = 1180.0;

/// Names of rows stand left of here.
pub(super) const LEFT: f64 = 78.0;

/// What lines end at stands right of here.
pub(super) const RIGHT: f64 = WIDTH - 112.0;

/// How wide a character of a label is at the most, in parts of its size.
pub(super) const GLYPH: f64 = 0.64;

/// Time as places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    end: f64,
}

impl Scale {
    /// From the start of a run to `end`.
    pub(super) fn new(end: Instant) -> Self {
        Self { end: (end.as_nanos() as f64).max(1.0) }
    }

    pub(super) fn x(self, at: Instant) -> f64 {
        LEFT + (at.as_nanos() as f64 / self.end).min(1.0) * (RIGHT - LEFT)
    }

    /// Round moments, at most twelve of them, and how they are called.
    pub(super) fn ticks(self) -> Vec<(Instant, String)> {
        let seconds = self.end / 1e9;
        let raw = seconds / 12.0;
        let power = 10_f64.powf(raw.log10().floor());
        let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= raw);
        let step = factor.unwrap_or(10.0) * power;
        let digits = if step >= 1.0 { 0 } else { (-step.log10()).ceil() as usize };
        let count = (seconds / step).floor() as u64;
        (0..=count)
            .map(|number| {
                let at = number as f64 * step;
                (Instant::from_nanos((at * 1e9) as u64), format!("{at:.digits$}"))
            })
            .collect()
    }
}

/// Moves places apart so that each is `apart` from the next, as little as that takes, inside
/// `low..=high` where that is possible. Keeps their order.
pub(super) fn spread(places: &mut [f64], apart: f64, low: f64, high: f64) {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by(|a, b| places[*a].total_cmp(&places[*b]).then(a.cmp(b)));
    let mut above = f64::NEG_INFINITY;
    for &place in &order {
        places[place] = places[place].max(low).max(above + apart);
        above = places[place];
    }
    let mut below = high + apart;
    for &place in order.iter().rev() {
        places[place] = places[place].min(below - apart);
        below = places[place];
    }
}

/// The first row in which a box of `x..x + width` touches nothing; `None` if there is none.
pub(super) fn free_row(rows: &mut [f64], x: f64, width: f64) -> Option<usize> {
    let row = rows.iter().position(|end| *end <= x)?;
    rows[row] = x + width;
    Some(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_moved_apart_and_keep_their_order() {
        let mut places = [50.0, 10.0, 12.0, 49.0];
        spread(&mut places, 14.0, 0.0, 60.0);
        assert_eq!(places, [60.0, 10.0, 24.0, 46.0]);
    }

    #[test]
    fn ticks_are_round_and_few() {
        for (seconds, last) in [(9.7, "9"), (61.0, "60"), (0.013, "0.012"), (3_600.0, "3500")] {
            let ticks = Scale::new(Instant::from_nanos((seconds * 1e9) as u64)).ticks();
            assert!(ticks.len() <= 13, "{ticks:?}");
            assert_eq!(ticks.last().expect("some").1, last);
        }
    }

    #[test]
    fn boxes_in_a_row_do_not_touch() {
        let mut rows = [0.0; 2];
        assert_eq!(free_row(&mut rows, 5.0, 10.0), Some(0));
        assert_eq!(free_row(&mut rows, 10.0, 10.0), Some(1));
        assert_eq!(free_row(&mut rows, 14.0, 10.0), None);
        assert_eq!(free_row(&mut rows, 15.0, 10.0), Some(0));
    }
}
