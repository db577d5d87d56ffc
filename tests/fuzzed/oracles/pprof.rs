//! Profiles that servers take of themselves.

use flameload::{
    sample::pprof::{Decoded, decode},
    unit::Samples,
};

/// Any bytes are a profile or an error with its reason, the same each time. Each stack of a
/// profile has frames with names, and was seen at least once; the sum is one that can be kept.
pub(super) fn check(bytes: &[u8]) {
    let (first, second) = (decode(bytes), decode(bytes));
    assert_eq!(first, second);
    match first {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(Decoded { period, stacks, lost, .. }) => {
            assert!(period.0 > 0);
            for stack in &stacks {
                assert!(!stack.frames.is_empty() && stack.count > Samples(0));
                assert!(stack.frames.iter().all(|frame| !frame.name.is_empty()));
            }
            let kept: Samples = stacks.iter().map(|stack| stack.count).sum();
            assert!((kept + lost).0 <= 1 << 53);
        }
    }
}
