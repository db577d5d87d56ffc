//! Bars of blocks, as wide as the terminal allows.

/// Eighths of a block.
const PARTS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// A bar for `value` where one for `most` is `width` columns wide. What is not zero can be seen.
pub(super) fn bar(value: f64, most: f64, width: usize) -> String {
    let share = (value / most).clamp(0.0, 1.0);
    if !share.is_finite() || share == 0.0 {
        return String::new();
    }
    let eighths = ((share * width as f64 * 8.0).round() as usize).max(1);
    let (whole, part) = (eighths / 8, eighths % 8);
    let mut bar = "█".repeat(whole);
    if part > 0 {
        bar.extend(PARTS.get(part));
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_in_proportion() {
        assert_eq!(bar(8.0, 8.0, 4), "████");
        assert_eq!(bar(3.0, 8.0, 4), "█▌");
        assert_eq!(bar(0.0001, 8.0, 4), "▏");
        assert_eq!(bar(9.0, 8.0, 4), "████");
        for nothing in [(0.0, 8.0), (1.0, f64::NAN), (f64::NAN, 8.0), (0.0, 0.0)] {
            assert_eq!(bar(nothing.0, nothing.1, 4), "", "{nothing:?}");
        }
    }
}
