//! [`DeltaTree`]: the stacks of two sides as one tree, with what each frame costs on either.

use std::collections::BTreeMap;

use super::Folded;

/// No request takes longer: more than eleven days, in microseconds.
const COST_MAX: f64 = 1e12;

/// What the same thing costs on two sides, in microseconds of CPU time per request.
///
/// Per request, and not as shares: a share falls when something else grows, so that shares find
/// winners where nothing changed. These differences add up to that of the whole.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Costs {
    /// On side A, which is what B is compared with.
    pub a: f64,
    /// On side B.
    pub b: f64,
}

impl Costs {
    /// How much more B costs; negative where it costs less.
    pub fn change(self) -> f64 {
        self.b - self.a
    }

    /// What lies in the middle.
    pub fn mean(self) -> f64 {
        f64::midpoint(self.a, self.b)
    }

    /// The larger of both.
    pub fn max(self) -> f64 {
        self.a.max(self.b)
    }

    /// Whether these are the same but for rounding.
    pub fn is_near(self, other: Self) -> bool {
        let near = |one: f64, other: f64| (one - other).abs() <= 1e-9 * one.abs().max(1.0);
        near(self.a, other.a) && near(self.b, other.b)
    }

    /// What has no meaning as a cost is none, and no sum of costs overflows.
    fn sane(self) -> Self {
        let sane = |cost: f64| if cost.is_finite() { cost.clamp(0.0, COST_MAX) } else { 0.0 };
        Self { a: sane(self.a), b: sane(self.b) }
    }

    fn add(&mut self, other: Self) {
        self.a += other.a;
        self.b += other.b;
    }
}

/// A frame below its callers.
#[derive(Debug, Clone, PartialEq)]
pub struct DeltaNode {
    /// The frame's name in folded text; that of the whole is [`DeltaTree::ALL`].
    pub name: String,
    /// The place of its caller in [`DeltaTree::nodes`]; none for the whole.
    pub parent: Option<usize>,
    /// How many callers it has, the whole included.
    pub depth: usize,
    /// What it costs itself.
    pub own: Costs,
    /// What it costs with everything that it calls.
    pub total: Costs,
}

/// The stacks of two sides as one tree of frames.
///
/// Frames are the same where their names and those of all their callers are. A frame that one
/// side does not have costs nothing there.
#[derive(Debug, Clone, PartialEq)]
pub struct DeltaTree {
    nodes: Vec<DeltaNode>,
}

impl DeltaTree {
    /// The name of the node that holds all others.
    pub const ALL: &str = "all";

    /// Merges two sides, each with the time per request that one of its samples stands for.
    pub fn merge(a: (&Folded, f64), b: (&Folded, f64)) -> Self {
        let mut costs = BTreeMap::<&str, Costs>::new();
        for (stack, samples) in a.0.iter() {
            costs.entry(stack).or_default().a = samples.0 as f64 * a.1;
        }
        for (stack, samples) in b.0.iter() {
            costs.entry(stack).or_default().b = samples.0 as f64 * b.1;
        }
        Self::from_costs(costs)
    }

    /// The tree of stacks in folded text, each with its cost without what it calls. The same
    /// stack may come several times; its costs are summed up.
    pub fn from_costs<'a>(stacks: impl IntoIterator<Item = (&'a str, Costs)>) -> Self {
        let mut stacks: Vec<(Vec<&str>, Costs)> =
            stacks.into_iter().map(|(stack, costs)| (stack.split(';').collect(), costs)).collect();
        // By frames rather than by bytes, so that a parent's children stand together.
        stacks.sort_by(|(one, _), (other, _)| one.cmp(other));
        let whole = DeltaNode {
            name: Self::ALL.to_owned(),
            parent: None,
            depth: 0,
            own: Costs::default(),
            total: Costs::default(),
        };
        let mut nodes = vec![whole];
        // The places of the last stack's frames, below that of the whole.
        let mut open = vec![0];
        for (frames, costs) in &stacks {
            let alike = open[1..].iter().zip(frames).take_while(|(at, name)| {
                let node: &DeltaNode = &nodes[**at];
                node.name == **name
            });
            open.truncate(1 + alike.count());
            for name in &frames[open.len() - 1..] {
                let parent = open.last().copied();
                nodes.push(DeltaNode {
                    name: (*name).to_owned(),
                    parent,
                    depth: open.len(),
                    own: Costs::default(),
                    total: Costs::default(),
                });
                open.push(nodes.len() - 1);
            }
            nodes[open[open.len() - 1]].own.add(costs.sane());
        }
        // Callers come before what they call.
        for at in (0..nodes.len()).rev() {
            let own = nodes[at].own;
            nodes[at].total.add(own);
            if let Some(parent) = nodes[at].parent {
                let total = nodes[at].total;
                nodes[parent].total.add(total);
            }
        }
        Self { nodes }
    }

    /// The frames: each directly before all that it calls, these in the order of their names.
    /// The first is the whole.
    pub fn nodes(&self) -> &[DeltaNode] {
        &self.nodes
    }

    /// What a request costs.
    pub fn total(&self) -> Costs {
        self.nodes.first().map(|whole| whole.total).unwrap_or_default()
    }

    /// Calls `visit` for each frame, in their order, with the names from the outermost caller to
    /// the frame itself; none for the whole.
    pub fn walk(&self, mut visit: impl FnMut(&[&str], &DeltaNode)) {
        let mut path: Vec<&str> = Vec::new();
        for node in &self.nodes {
            path.truncate(node.depth.saturating_sub(1));
            if node.parent.is_some() {
                path.push(&node.name);
            }
            visit(&path, node);
        }
    }
}

#[cfg(test)]
mod tests;
