//! Where each frame is drawn: see [`super`] for what a width is.

use super::shown::Shown;
use crate::fold::Costs;

/// Frames that cost less than this share of the whole on both sides are not drawn: half a pixel.
pub(super) const SHARE_MIN: f64 = 0.0004;

/// Which costs a picture of the tree shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// Those of side A.
    A,
    /// Those of side B.
    B,
    /// The mean of both.
    Difference,
}

impl View {
    /// How wide a frame is, in microseconds per request.
    pub(super) fn width(self, costs: Costs) -> f64 {
        match self {
            Self::A => costs.a,
            Self::B => costs.b,
            Self::Difference => costs.mean(),
        }
    }
}

/// Where a frame begins and how wide it is, in microseconds per request.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Span {
    pub(super) x: f64,
    pub(super) width: f64,
}

/// The place of each frame.
///
/// What a frame calls begins where it begins, without gaps, and ends where its own cost starts.
/// Frames that are not drawn keep their room.
pub(super) fn spans(shown: &[Shown], view: View) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::with_capacity(shown.len());
    // Where the next callee of each frame begins.
    let mut next: Vec<f64> = Vec::with_capacity(shown.len());
    for frame in shown {
        let width = view.width(frame.total);
        let mut x = 0.0;
        if let Some(next) = frame.parent.and_then(|parent| next.get_mut(parent)) {
            x = *next;
            *next += width;
        }
        spans.push(Span { x, width });
        next.push(x);
    }
    spans
}

/// Whether a frame is drawn, in whichever view it costs something.
pub(super) fn is_drawn(frame: &Shown, whole: Costs) -> bool {
    frame.total.max() > 0.0 && frame.total.max() >= SHARE_MIN * whole.max()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{
            graph::{DiffCaption, DiffGraph},
            shown::shown,
        },
        *,
    };
    use crate::fold::DeltaTree;

    fn frames() -> impl Strategy<Value = (Vec<Shown>, Costs)> {
        let cost = || prop_oneof![Just(0.0), 0.000_001..0.01_f64, 0.01..100.0_f64];
        let stack = (prop::collection::vec(0..5_u8, 1..8), cost(), cost());
        prop::collection::vec(stack, 0..40).prop_map(|stacks| {
            let stacks: Vec<(String, Costs)> = stacks
                .into_iter()
                .map(|(names, a, b)| {
                    // Some are machinery, so that there are runs.
                    let name = |n: u8| if n < 2 { format!("std::{n}") } else { format!("x::{n}") };
                    let names: Vec<_> = names.into_iter().map(name).collect();
                    (names.join(";"), Costs { a, b })
                })
                .collect();
            let stacks = stacks.iter().map(|(stack, costs)| (stack.as_str(), *costs));
            let graph = DiffGraph::new(DeltaTree::from_costs(stacks), DiffCaption::default());
            (shown(&graph), graph.tree().total())
        })
    }

    proptest! {
        #[test]
        fn what_a_frame_calls_fills_it_but_for_its_own_cost((shown, whole) in frames()) {
            let slack = 1e-9 * whole.max().max(1.0);
            for view in [View::A, View::B, View::Difference] {
                let spans = spans(&shown, view);
                prop_assert_eq!(spans.len(), shown.len());
                for (at, span) in spans.iter().enumerate() {
                    let inside = shown.iter().zip(&spans).filter(|(child, _)| child.parent == Some(at));
                    let mut end = span.x;
                    for (_, child) in inside {
                        prop_assert!((child.x - end).abs() <= slack, "siblings touch");
                        end = child.x + child.width;
                    }
                    let own = view.width(shown[at].own);
                    prop_assert!((end + own - (span.x + span.width)).abs() <= slack, "it is full");
                }
            }
        }

        #[test]
        fn widths_are_on_one_scale((shown, whole) in frames()) {
            for (view, all) in [(View::A, whole.a), (View::B, whole.b), (View::Difference, whole.mean())] {
                let spans = spans(&shown, view);
                prop_assert_eq!(spans[0], Span { x: 0.0, width: all });
                for (frame, span) in shown.iter().zip(&spans) {
                    prop_assert_eq!(span.width, view.width(frame.total));
                }
            }
        }

        #[test]
        fn what_either_side_has_is_drawn((shown, whole) in frames()) {
            let spans = spans(&shown, View::Difference);
            for (frame, span) in shown.iter().zip(&spans) {
                let is_seen = is_drawn(frame, whole);
                let costs = frame.total.max();
                prop_assert_eq!(is_seen, costs > 0.0 && costs >= SHARE_MIN * whole.max());
                prop_assert!(span.width >= costs / 2.0 && span.width <= costs, "{:?}", span);
                // So that what is drawn hangs together.
                prop_assert!(!is_seen || frame.parent.is_none_or(|parent| is_drawn(&shown[parent], whole)));
            }
        }
    }
}
