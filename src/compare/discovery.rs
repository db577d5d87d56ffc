//! Many tests at once: how many of those that are called a change are none.

/// For each p-value the q-value of Benjamini and Hochberg (1995): of all tests whose q-value is at
/// most 0.05, at most 5 % are expected to be of something that did not change.
///
/// Costs of functions rise together with those of their callers, for which it still holds
/// (Benjamini and Yekutieli 2001).
pub(super) fn q_values(p_values: &[f64]) -> Vec<f64> {
    let count = p_values.len() as f64;
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*b].total_cmp(&p_values[*a]));
    let mut q_values = vec![1.0; p_values.len()];
    let mut least = 1.0_f64;
    for (place, index) in order.into_iter().enumerate() {
        let rank = count - place as f64;
        least = least.min(p_values[index] * count / rank);
        q_values[index] = least;
    }
    q_values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_values_by_hand() {
        // Sorted: 0.01 · 4/1, 0.02 · 4/2, 0.03 · 4/3, 0.5 · 4/4, and no more than a later one.
        let q = q_values(&[0.03, 0.01, 0.5, 0.02]);
        for (found, expected) in q.iter().zip([0.04, 0.04, 0.5, 0.04]) {
            assert!((found - expected).abs() < 1e-12, "{q:?}");
        }
        let q = q_values(&[0.004, 0.9]);
        assert!((q[0] - 0.008).abs() < 1e-12 && q[1] == 0.9, "{q:?}");
        assert_eq!(q_values(&[]), [0.0; 0]);
    }
}
