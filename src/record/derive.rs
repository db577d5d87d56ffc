//! [`derive()`]: the files that a record and a profile determine.

mod caption;
mod stacks;

use self::stacks::Stacks;
use super::{
    run::{AloneFacts, OtherProfile, ProcessFacts, ProfileFacts, Run},
    store,
};
use crate::{
    fold::Folded,
    render::{RenderError, flamegraph},
    symbolize::Profile,
};

/// The derived files of a run: `cpu.folded` and `cpu.svg` first, then whatever else its record
/// and its profile determine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// The files, each with a name of its own.
    pub files: Vec<DerivedFile>,
}

/// A file that a record and a profile determine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DerivedFile {
    /// Its name in the run's directory.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Derives folded text and flamegraph, of the whole target, of each of several processes, and of
/// each request that had slices of its own.
/// Writing a run and rendering it again both come here, so the bytes are the same.
///
/// # Errors
/// When a flamegraph cannot be drawn.
pub fn derive(run: &Run, profile: &Profile) -> Result<Derived, RenderError> {
    let mix = profile.only(Profile::MIX);
    let whole = View { run, profile: &mix, process: None, alone: None, other: None };
    let mut derived = draw(whole.all())?;
    for (tag, alone) in (1..).zip(&run.alone) {
        if alone.file_names().is_some() {
            let profile = &*profile.only(tag);
            let view = View { profile, alone: Some(alone), ..whole };
            derived.files.extend(draw(std::iter::once(view))?.files);
        }
    }
    Ok(derived)
}

/// The same for the profile of another backend, in files of these names: folded text, picture and
/// profile.
///
/// # Errors
/// When the flamegraph cannot be drawn.
pub(super) fn derive_other(
    run: &Run,
    other: &OtherProfile,
    names: [&str; 3],
    profile: &Profile,
) -> Result<Derived, RenderError> {
    let other = Some(Other { facts: other, names });
    let profile = &*profile.only(Profile::MIX);
    draw(std::iter::once(View { run, profile, process: None, alone: None, other }))
}

fn draw<'a>(views: impl Iterator<Item = View<'a>>) -> Result<Derived, RenderError> {
    let mut files = Vec::new();
    for view in views {
        let (folded, caption) = caption::caption(&view, Stacks::of(&view));
        let mut svg = Vec::new();
        flamegraph(&folded, &caption, &mut svg)?;
        let folded = view.folded().to_string().into_bytes();
        files.push(DerivedFile { name: view.file(store::FOLDED), bytes: folded });
        files.push(DerivedFile { name: view.file(store::SVG), bytes: svg });
    }
    Ok(Derived { files })
}

/// What one picture of a run shows.
#[derive(Clone, Copy)]
struct View<'a> {
    run: &'a Run,
    profile: &'a Profile,
    /// The only process of the target that it shows; none for all.
    process: Option<&'a ProcessFacts>,
    /// The only request that was sent; none for the mix of all.
    alone: Option<&'a AloneFacts>,
    /// The backend that the profile is of, where that is not the run's own.
    other: Option<Other<'a>>,
}

/// A profile beside the run's own, and its files: folded text, picture and profile.
#[derive(Clone, Copy)]
struct Other<'a> {
    facts: &'a OtherProfile,
    names: [&'a str; 3],
}

impl<'a> View<'a> {
    /// All pictures of the run's own profile: the whole first, then each process where several
    /// were profiled.
    fn all(&self) -> impl Iterator<Item = Self> {
        let Self { run, profile, alone, other, .. } = *self;
        let profiled = move || run.processes.iter().filter(|process| process.samples.is_some());
        let each = profiled().filter(move |_| profiled().count() > 1).map(Some);
        std::iter::once(None).chain(each).map(move |process| Self {
            run,
            profile,
            process,
            alone,
            other,
        })
    }

    /// How the profile was taken; none where nothing was sampled.
    fn facts(&self) -> Option<&'a ProfileFacts> {
        match self.other {
            Some(other) => Some(&other.facts.profile),
            None => self.run.profile.as_ref(),
        }
    }

    fn name(&self) -> Option<&'a str> {
        self.process.map(|process| process.name.as_str())
    }

    /// Its stacks with every frame.
    fn folded(&self) -> Folded {
        match self.name() {
            None => Folded::from_profile(self.profile),
            Some(process) => Folded::of_process(self.profile, process),
        }
    }

    /// The name of a file of this picture: `cpu.svg` of the whole is `cpu-front.svg` of a process,
    /// and `request-read.svg` of a request alone.
    fn file(&self, whole: &str) -> String {
        if let Some(Other { names: [folded, svg, profile], .. }) = self.other {
            return match whole {
                store::FOLDED => folded,
                store::SVG => svg,
                _ => profile,
            }
            .to_owned();
        }
        if let Some([folded, svg]) = self.alone.and_then(AloneFacts::file_names) {
            return match whole {
                store::FOLDED => folded,
                store::SVG => svg,
                _ => whole,
            }
            .to_owned();
        }
        self.process.map_or(whole.to_owned(), |process| process.file(whole))
    }
}
