//! From figures to places on a panel, and the round numbers that mark its axis.

/// A scale over a width.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    from: f64,
    to: f64,
    is_log: bool,
}

/// About how many marks an axis has.
const MARKS: f64 = 5.0;
/// Round numbers in a decade.
const ROUND: [f64; 3] = [1.0, 2.0, 5.0];
/// From such a spread on, small figures would not be told apart on an even scale.
const LOG_SPREAD: f64 = 15.0;

impl Scale {
    /// From zero to the greatest of some figures; to one where there are none.
    pub(super) fn linear(figures: impl Iterator<Item = f64>) -> Self {
        let to = figures.filter(|figure| figure.is_finite()).fold(0.0, f64::max);
        Self { from: 0.0, to: if to > 0.0 { to } else { 1.0 }, is_log: false }
    }

    /// The same, or on a scale of decades where the figures are spread too far for it.
    pub(super) fn for_spread(figures: impl Iterator<Item = f64> + Clone) -> Self {
        let sound = || figures.clone().filter(|figure| figure.is_finite() && *figure > 0.0);
        let (least, most) = (sound().fold(f64::INFINITY, f64::min), sound().fold(0.0, f64::max));
        if most <= LOG_SPREAD * least {
            return Self::linear(figures);
        }
        Self { from: round_below(least), to: most, is_log: true }
    }

    /// Whether a figure is on it, and not beyond its end.
    pub(super) fn holds(&self, figure: f64) -> bool {
        figure <= self.to * 1.000_001
    }

    pub(super) fn is_log(&self) -> bool {
        self.is_log
    }

    /// The share of the width at which a figure is; those beyond the ends are at the ends.
    pub(super) fn at(&self, figure: f64) -> f64 {
        let share = match self.is_log {
            true => (figure / self.from).ln() / (self.to / self.from).ln(),
            false => figure / self.to,
        };
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// The round figures to mark.
    pub(super) fn marks(&self) -> Vec<f64> {
        if self.is_log {
            let all: Vec<f64> = decades(self.from)
                .flat_map(|decade| ROUND.map(|digit| digit * decade))
                .skip_while(|mark| *mark < self.from * 0.999)
                .take_while(|mark| *mark <= self.to * 1.001)
                .collect();
            return thinned(all);
        }
        let step = round_above(self.to / MARKS);
        let count = (self.to / step * 1.001) as usize;
        (0..=count).map(|index| index as f64 * step).collect()
    }
}

/// As many marks of a scale of decades as have room beside each other: all, or one for each
/// decade, or for every second one, and so on.
fn thinned(marks: Vec<f64>) -> Vec<f64> {
    let has_room = |count: usize| count as f64 <= MARKS;
    if has_room(marks.len()) {
        return marks;
    }
    let power = |mark: &f64| mark.log10().round() as i32;
    let is_decade = |mark: &f64| (mark.log10() - f64::from(power(mark))).abs() < 1e-6;
    let decades: Vec<f64> = marks.into_iter().filter(is_decade).collect();
    let step = (1..).find(|step| has_room(decades.len().div_ceil(*step))).unwrap_or(1);
    decades.into_iter().step_by(step).collect()
}

/// Powers of ten from the one at or below a figure up.
fn decades(figure: f64) -> impl Iterator<Item = f64> {
    let first = figure.log10().floor() as i32;
    (first..=first + 20).map(|power| 10_f64.powi(power))
}

fn round_above(figure: f64) -> f64 {
    let round = decades(figure).flat_map(|decade| ROUND.map(|digit| digit * decade));
    round.into_iter().find(|round| *round >= figure * 0.999).unwrap_or(figure)
}

fn round_below(figure: f64) -> f64 {
    let round = decades(figure).take(1).flat_map(|decade| ROUND.map(|digit| digit * decade));
    round.into_iter().filter(|round| *round <= figure * 1.001).fold(f64::NAN, f64::max)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn axes_have_round_marks() {
        assert_eq!(Scale::linear([52_340.0].into_iter()).marks(), [0.0, 20_000.0, 40_000.0]);
        let even = Scale::linear([9.0, 10.0].into_iter());
        assert_eq!(even.marks(), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert!(even.holds(10.0) && !even.holds(10.1));
        assert_eq!(Scale::linear([].into_iter()).to, 1.0);
    }

    #[test]
    fn a_wide_spread_is_shown_in_decades() {
        assert!(!Scale::for_spread([100.0, 1_400.0].into_iter()).is_log());
        let scale = Scale::for_spread([120.0, 4_000.0].into_iter());
        assert!(scale.is_log());
        assert_eq!(scale.marks(), [100.0, 200.0, 500.0, 1_000.0, 2_000.0]);
        let wide = Scale::for_spread([0.03, 40_000.0].into_iter());
        assert_eq!(wide.marks(), [0.1, 10.0, 1_000.0]);
        let middle = Scale::for_spread([63.0, 24_600.0].into_iter());
        assert_eq!(middle.marks(), [100.0, 1_000.0, 10_000.0]);
        assert!((scale.at(4_000.0) - 1.0).abs() < 1e-9 && scale.at(100.0).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn any_figures_lie_on_their_scale(figures in prop::collection::vec(any::<f64>(), 0..6)) {
            for scale in [Scale::linear(figures.iter().copied()), Scale::for_spread(figures.iter().copied())] {
                for figure in figures.iter().copied().chain(scale.marks()) {
                    prop_assert!((0.0..=1.0).contains(&scale.at(figure)), "{figure} on {scale:?}");
                }
                prop_assert!(scale.marks().len() <= 7, "{scale:?}");
            }
        }
    }
}
