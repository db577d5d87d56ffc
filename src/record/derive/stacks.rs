//! The stacks of a picture, and what its names stand for.

use std::collections::BTreeMap;

use super::View;
use crate::{
    fold::{Folded, Hottest, KERNEL_SUFFIX, Language, Readable, clean},
    render::{Class, Frames, Palette, Spread},
    symbolize::{Frame, FrameId, FrameKind},
};

/// The stacks of a picture, and what its names stand for.
pub(super) struct Stacks {
    pub(super) folded: Folded,
    pub(super) palette: Palette,
    pub(super) full_names: BTreeMap<String, Vec<String>>,
    pub(super) frames: Frames,
    pub(super) spread: Option<Spread>,
}

impl Stacks {
    pub(super) fn of(view: &View<'_>) -> Self {
        let raw = view.facts().is_some_and(|profile| profile.raw_stacks);
        match raw {
            true => Self::raw(view),
            false => Self::readable(view),
        }
    }

    /// With every frame.
    fn raw(view: &View<'_>) -> Self {
        let mut palette = palette(view);
        let classes: BTreeMap<String, Class> = view
            .profile
            .frames
            .iter()
            .zip(Language::of_frames(view.profile))
            .filter(|(_, language)| *language != Language::Other)
            .map(|(frame, language)| (full(frame), palette.class_in(&frame.name, language)))
            .collect();
        palette.classes = classes;
        let labels = view.profile.frames.iter().map(|frame| (full(frame), vec![frame]));
        Self {
            folded: view.folded(),
            palette,
            full_names: BTreeMap::new(),
            frames: Frames::Raw,
            spread: spread(view, labels),
        }
    }

    fn readable(view: &View<'_>) -> Self {
        let Readable { folded, names } = Readable::of(view.profile, view.name());
        let mut palette = palette(view);
        let languages = Language::of_frames(view.profile);
        let mut full_names = BTreeMap::new();
        let mut classes = BTreeMap::new();
        let spread = {
            let of = |id: &FrameId| view.profile.frames.get(id.0 as usize);
            let labels = names.iter().map(|(label, frames)| {
                (label.clone(), frames.iter().filter_map(of).collect::<Vec<&Frame>>())
            });
            spread(view, labels)
        };
        for (label, frames) in names {
            let frames = frames.iter().map(|id| id.0 as usize);
            let mut known: Vec<(String, Class)> = Vec::new();
            for index in frames {
                let Some(frame) = view.profile.frames.get(index) else { continue };
                let language = languages.get(index).copied().unwrap_or(Language::Other);
                let full = full(frame);
                let class = palette.class_in(&full, language);
                known.push((full, class));
            }
            if let Some((_, class)) = known.first() {
                classes.insert(label.clone(), *class);
            }
            if known.iter().any(|(full, _)| *full != label) {
                // The picture shows names without their suffix.
                let full = known.iter().map(|(full, _)| clean(full).to_owned());
                full_names.insert(clean(&label).to_owned(), full.collect());
            }
        }
        palette.classes = classes;
        Self { folded, palette, full_names, frames: Frames::Readable, spread }
    }
}

/// How far the shares of frames can be trusted, by the labels that they have in the picture. One
/// that stands for several functions has the design effect of the worst.
fn spread<'a>(
    view: &View<'_>,
    labels: impl Iterator<Item = (String, Vec<&'a Frame>)>,
) -> Option<Spread> {
    let facts = view.facts()?;
    let scatter = facts.scatter()?;
    let parts = view.run.parts(facts, view.alone.map(|alone| alone.name.as_str()));
    let known = Hottest::design_effects(view.profile, &parts, facts.counted(view.profile));
    let mut by_name = BTreeMap::new();
    for (label, frames) in labels {
        let effects = frames.iter().filter_map(|frame| known.get(&frame.name).copied());
        if let Some(worst) = effects.reduce(f64::max) {
            by_name.insert(clean(&label).to_owned(), worst);
        }
    }
    Some(Spread { scatter, by_name })
}

/// The name as the folded text has it.
fn full(frame: &Frame) -> String {
    match frame.kind {
        FrameKind::Kernel => format!("{}{KERNEL_SUFFIX}", frame.name),
        _ => frame.name.clone(),
    }
}

fn palette(view: &View<'_>) -> Palette {
    Palette {
        own: view.profile.own_namespaces(),
        roots: Folded::root_names(view.profile),
        ..Palette::default()
    }
}
