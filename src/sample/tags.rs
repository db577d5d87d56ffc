//! What samples are told apart by beside their stacks.

use crate::unit::Nanos;

/// A tag for each span of time: whatever is going on then, a sample of that time bears its tag.
///
/// Samples come later than they were taken, so that the tag which holds now may not be theirs.
#[derive(Debug, Default)]
pub(super) struct Tags {
    since: Vec<(Nanos, u16)>,
}

impl Tags {
    /// From `since` on, until the next.
    pub(super) fn set(&mut self, since: Nanos, tag: u16) {
        self.since.push((since, tag));
    }

    /// The tag at `time`; 0 before there was any.
    pub(super) fn at(&self, time: Nanos) -> u16 {
        let mut latest = self.since.iter().rev();
        latest.find(|(since, _)| *since <= time).map_or(0, |(_, tag)| *tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_bears_the_tag_of_its_time() {
        let mut tags = Tags::default();
        assert_eq!(tags.at(Nanos(7)), 0);
        tags.set(Nanos(10), 3);
        tags.set(Nanos(20), 0);
        tags.set(Nanos(20), 5);
        let at = [0, 9, 10, 19, 20, 99].map(|time| tags.at(Nanos(time)));
        assert_eq!(at, [0, 0, 3, 3, 5, 5]);
    }
}
