//! Where observations lie that come in groups, whatever a few of them say.

use super::robust::{mean, median};

/// Beyond so many standard deviations an observation pulls no more than one that is there
/// (Huber 1964): of normal observations, the estimate is 95 % as good as the mean.
const PULL: f64 = 1.345;
/// The standard deviation of a normal distribution over its median absolute deviation.
const MAD_TO_SD: f64 = 1.4826;
/// The same over its mean absolute deviation.
const MEAN_TO_SD: f64 = 1.2533;
/// It is the same to all the digits of a number long before.
const STEPS_MAX: usize = 200;

/// Where grouped observations lie, and how sure that is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Clustered {
    /// Huber's estimate of all observations together.
    pub(super) value: f64,
    /// Its variance, from how the groups differ; none with a single group.
    pub(super) variance: Option<f64>,
    /// How many groups there are.
    pub(super) groups: usize,
}

impl Clustered {
    /// Of groups of observations, such as the blocks of rounds. None without any.
    ///
    /// What is the same in all observations of a group, such as where a process has its code, is
    /// known only as well as there are groups. So each group counts once in the variance, with the
    /// sum of what its observations pull (the sandwich estimate for clusters, Liang and Zeger
    /// 1986). Where nothing is far off, it is the mean and the variance of the groups' means.
    pub(super) fn of(groups: &[Vec<f64>]) -> Option<Self> {
        let all: Vec<f64> = groups.concat();
        let mut value = median(&mut all.clone())?;
        let limit = limit(&all, value);
        let pull = |observation: f64, value: f64| (observation - value).clamp(-limit, limit);
        for _ in 0..STEPS_MAX {
            let step = mean(&all.iter().map(|it| pull(*it, value)).collect::<Vec<_>>());
            value += step;
            if step.abs() <= f64::EPSILON * value.abs().max(limit) {
                break;
            }
        }
        let near = all.iter().filter(|it| (**it - value).abs() <= limit).count() as f64;
        let count = groups.iter().filter(|group| !group.is_empty()).count();
        let squares: f64 = groups
            .iter()
            .map(|group| group.iter().map(|it| pull(*it, value)).sum::<f64>().powi(2))
            .sum();
        let spread = count as f64 / (count as f64 - 1.0);
        let variance = (count > 1).then(|| squares / near.powi(2) * spread);
        Some(Self { value, variance, groups: count })
    }
}

/// How far from the middle an observation pulls with all of its distance.
fn limit(all: &[f64], middle: f64) -> f64 {
    let mut distances: Vec<f64> = all.iter().map(|it| (it - middle).abs()).collect();
    // Where most are the same, only their mean tells how the others scatter.
    let of_mean = MEAN_TO_SD * mean(&distances);
    let of_median = MAD_TO_SD * median(&mut distances).unwrap_or_default();
    PULL * if of_median > 0.0 { of_median } else { of_mean }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(groups: &[&[f64]]) -> Clustered {
        let groups: Vec<Vec<f64>> = groups.iter().map(|group| group.to_vec()).collect();
        Clustered::of(&groups).expect("there are some")
    }

    #[test]
    fn without_outliers_it_is_the_mean_of_the_groups() {
        let found = of(&[&[1.0, 1.0], &[3.0, 3.0]]);
        assert_eq!((found.value, found.groups), (2.0, 2));
        // The variance of 1 and 3 is 2, and that of their mean half of it.
        assert!((found.variance.expect("two groups") - 1.0).abs() < 1e-12);
        assert_eq!(of(&[&[5.0]]).variance, None);
        assert_eq!(Clustered::of(&[Vec::new()]), None);
    }

    #[test]
    fn a_round_far_off_hardly_moves_it() {
        let mut rounds: Vec<Vec<f64>> = (0..7)
            .map(|i| (0..3).map(|j| 0.004 * f64::from((i * 3 + j) % 5 - 2)).collect())
            .collect();
        let before = Clustered::of(&rounds).expect("there are some");
        rounds[3] = vec![0.25, 0.24, 0.26];
        let after = Clustered::of(&rounds).expect("there are some");
        assert!((after.value - before.value).abs() < 0.003, "{before:?} {after:?}");
        assert!(after.variance.expect("seven").sqrt() < 0.005, "{after:?}");
        assert!(mean(&rounds.concat()) > 0.03);
    }

    #[test]
    fn where_most_are_the_same_the_others_count() {
        let found = of(&[&[0.0, 0.0], &[0.0, 4.0]]);
        // The mean distance is 1, so the last pulls by 1.345 · 1.2533: three times as much as
        // each of the others is to the other side.
        assert!((found.value - 1.345 * 1.2533 / 3.0).abs() < 1e-9, "{found:?}");
        assert!(found.variance > Some(0.0), "{found:?}");
        let same = of(&[&[2.0, 2.0], &[2.0]]);
        assert_eq!((same.value, same.variance), (2.0, Some(0.0)));
    }

    proptest! {
        #[test]
        fn the_reverse_is_the_reverse(
            groups in proptest::collection::vec(
                proptest::collection::vec(-1.0..1.0_f64, 1..5), 1..9,
            ),
        ) {
            let found = Clustered::of(&groups).expect("there are some");
            let negated: Vec<Vec<f64>> =
                groups.iter().map(|group| group.iter().map(|it| -it).collect()).collect();
            let back = Clustered::of(&negated).expect("there are some");
            prop_assert!((found.value + back.value).abs() < 1e-9);
            let (least, most) = groups.concat().iter().fold((1.0_f64, -1.0_f64), |(l, m), it| {
                (l.min(*it), m.max(*it))
            });
            prop_assert!((least - 1e-9..=most + 1e-9).contains(&found.value));
            prop_assert!(found.variance.is_none_or(|variance| variance >= 0.0));
        }
    }
}
