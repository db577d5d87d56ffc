//! [`Stacks`]: the stacks of a comparison by the names that a picture has.

use std::collections::BTreeMap;

use crate::{
    compare::Paths,
    fold::{Costs, DeltaTree, NamedFunctions, clean},
    render::Palette,
};

/// What stands for CPU time that nobody could sample.
pub(super) const UNSAMPLED: &str = "[not sampled]";

/// The stacks of a comparison by the names that a picture has.
pub(super) struct Stacks {
    functions: NamedFunctions,
    /// Each stack with what it costs.
    costs: BTreeMap<String, Costs>,
    /// The functions that each label stands for, by their places.
    labels: BTreeMap<String, Vec<usize>>,
    /// The functions that each frame stands for, by the numbers of the labels from the outermost
    /// caller to it.
    frames: BTreeMap<Vec<usize>, Vec<usize>>,
    numbers: BTreeMap<String, usize>,
}

impl Stacks {
    pub(super) fn of(paths: &Paths) -> Self {
        let names = paths.functions.iter().map(|function| (&*function.name, function.kernel));
        let functions = NamedFunctions::of(names);
        let mut costs = BTreeMap::<String, Costs>::new();
        let mut labels = BTreeMap::<String, Vec<usize>>::new();
        let mut frames = BTreeMap::<Vec<usize>, Vec<usize>>::new();
        let mut numbers = BTreeMap::<String, usize>::new();
        for path in &paths.paths {
            let shown = functions.stack(&path.functions);
            let names: Vec<&str> = shown.iter().map(|(label, _)| *label).collect();
            let mut frame = Vec::with_capacity(shown.len());
            for (label, place) in &shown {
                let next = numbers.len();
                frame.push(*numbers.entry((*label).to_owned()).or_insert(next));
                note(labels.entry((*label).to_owned()).or_default(), *place);
                note(frames.entry(frame.clone()).or_default(), *place);
            }
            // Time in nothing but the start of a thread is the whole's own.
            let stack = if names.is_empty() { DeltaTree::ALL.to_owned() } else { names.join(";") };
            let [a, b] = path.us;
            let sum = costs.entry(stack).or_default();
            *sum = Costs { a: sum.a + a, b: sum.b + b };
        }
        let [a, b] = paths.unsampled_us;
        if a > 0.0 || b > 0.0 {
            costs.insert(UNSAMPLED.to_owned(), Costs { a, b });
        }
        Self { functions, costs, labels, frames, numbers }
    }

    pub(super) fn tree(&self) -> DeltaTree {
        DeltaTree::from_costs(self.costs.iter().map(|(stack, costs)| (stack.as_str(), *costs)))
    }

    /// The functions that a frame stands for, by their places; `path` has the labels from the
    /// outermost caller to it.
    pub(super) fn places(&self, path: &[&str]) -> &[usize] {
        let numbers: Option<Vec<usize>> =
            path.iter().map(|label| self.numbers.get(*label).copied()).collect();
        let places = numbers.and_then(|numbers| self.frames.get(&numbers));
        places.map(Vec::as_slice).unwrap_or_default()
    }

    /// What the function at a place is called; none where it is part of its callers.
    pub(super) fn label(&self, place: usize) -> Option<&str> {
        let found = self.labels.iter().find(|(_, places)| places.contains(&place));
        found.map(|(label, _)| label.as_str())
    }

    /// Whose code the labels are, by the first function of each.
    pub(super) fn palette(&self, paths: &Paths) -> Palette {
        let mut palette = Palette { own: paths.own.clone(), ..Palette::default() };
        let class = |(label, places): (&String, &Vec<usize>)| {
            let (full, language) = self.functions.full(*places.first()?)?;
            Some((label.clone(), palette.class_in(&full, language)))
        };
        palette.classes = self.labels.iter().filter_map(class).collect();
        palette
    }

    /// What the labels stand for, where that says more.
    pub(super) fn full_names(&self) -> BTreeMap<String, Vec<String>> {
        let full = |places: &Vec<usize>| -> Vec<String> {
            let full = places.iter().filter_map(|place| self.functions.full(*place));
            full.map(|(name, _)| name).collect()
        };
        self.labels
            .iter()
            .map(|(label, places)| (label, full(places)))
            .filter(|(label, names)| names.iter().any(|name| name != *label))
            .map(|(label, names)| {
                let names = names.iter().map(|name| clean(name).to_owned()).collect();
                (clean(label).to_owned(), names)
            })
            .collect()
    }
}

fn note(places: &mut Vec<usize>, place: usize) {
    if !places.contains(&place) {
        places.push(place);
    }
}

/// The stacks of both sides in folded text with their full names, for other tools.
pub(in super::super) fn folded(paths: &Paths) -> [String; 2] {
    let names = paths.functions.iter().map(|function| (&*function.name, function.kernel));
    let functions = NamedFunctions::of(names);
    let full = |place: &usize| functions.full(*place).map(|(name, _)| name).unwrap_or_default();
    [0, 1].map(|side| {
        let mut lines: Vec<String> = paths
            .paths
            .iter()
            .filter(|path| path.samples[side] > 0)
            .map(|path| {
                let names: Vec<String> = path.functions.iter().map(full).collect();
                format!("{} {}\n", names.join(";"), path.samples[side])
            })
            .collect();
        lines.sort_unstable();
        lines.concat()
    })
}
