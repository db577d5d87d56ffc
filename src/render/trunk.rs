//! Runs of frames that tell nothing: machinery with a single caller and a single callee.
//!
//! An asynchronous server has forty frames of runtime and standard library between a thread's
//! start and its own code. Where such frames all have the same samples, one box stands for the
//! run. Only the picture is shortened: the folded text and the profile keep every frame.

use std::ops::Range;

use super::palette::{Class, Palette, namespace};
use crate::{fold::clean, unit::Samples};

/// A shorter run stays as it is.
pub(super) const RUN_MIN: usize = 4;
/// Where the whole is this narrow, all frames stay: there they do not push others out of sight.
pub(super) const SHARE_MIN: f64 = 0.02;

/// The frames of a stack from the root on, and its samples.
type Stack<Name> = (Vec<Name>, Samples);

/// What begins the name of a box that stands for a run.
pub(super) const MARK: char = '⋯';

/// Puts one frame in place of each run. `stacks` are sorted by their frames.
pub(super) fn shorten(stacks: &[Stack<&str>], palette: &Palette) -> Vec<Stack<String>> {
    let total: Samples = stacks.iter().map(|(_, samples)| *samples).sum();
    let mut shortener = Shortener { stacks, palette, total, drawn: Vec::new() };
    shortener.visit(0..stacks.len(), 0, &mut Vec::new());
    shortener.drawn
}

/// The same with every frame in its place.
pub(super) fn whole(stacks: &[Stack<&str>]) -> Vec<Stack<String>> {
    let owned = |frames: &Vec<&str>| frames.iter().map(|frame| (*frame).to_owned()).collect();
    stacks.iter().map(|(frames, samples)| (owned(frames), *samples)).collect()
}

struct Shortener<'a> {
    stacks: &'a [Stack<&'a str>],
    palette: &'a Palette,
    total: Samples,
    drawn: Vec<Stack<String>>,
}

impl Shortener<'_> {
    /// Draws the stacks in `range`, which share their first `depth` frames; those are drawn as
    /// `callers`.
    fn visit(&mut self, range: Range<usize>, depth: usize, callers: &mut Vec<String>) {
        let mut start = range.start;
        while start < range.end {
            let Some(frame) = self.stacks[start].0.get(depth) else {
                self.drawn.push((callers.clone(), self.stacks[start].1));
                start += 1;
                continue;
            };
            let same = |(frames, _): &&Stack<&str>| frames.get(depth) == Some(frame);
            let end = start + self.stacks[start..range.end].iter().take_while(same).count();
            let kept = callers.len();
            let chain_end = self.chain_end(start..end, depth);
            self.draw_chain(start..end, depth..chain_end, callers);
            self.visit(start..end, chain_end, callers);
            callers.truncate(kept);
            start = end;
        }
    }

    /// Up to which depth the stacks in `range` go on alike.
    fn chain_end(&self, range: Range<usize>, depth: usize) -> usize {
        // They are sorted, so that the first and the last differ wherever any two do.
        let (first, last) = (&self.stacks[range.start].0, &self.stacks[range.end - 1].0);
        let alike = first[depth..].iter().zip(&last[depth..]).take_while(|(a, b)| a == b).count();
        depth + alike
    }

    fn draw_chain(&self, range: Range<usize>, chain: Range<usize>, callers: &mut Vec<String>) {
        let samples: Samples = self.stacks[range.clone()].iter().map(|(_, samples)| *samples).sum();
        let frames = &self.stacks[range.start].0[chain];
        let wide = samples.share_of(self.total).0 >= SHARE_MIN;
        // The ends of a chain show where it comes from and what it leads to.
        let inner = 1..frames.len().saturating_sub(1);
        let is_dull = |index: usize| {
            wide && inner.contains(&index) && is_machinery(self.palette, frames[index])
        };
        let mut index = 0;
        while index < frames.len() {
            let run = (index..frames.len()).take_while(|index| is_dull(*index)).count();
            if run >= RUN_MIN {
                callers.push(name(self.palette, frames[index..index + run].iter().copied()));
            } else {
                callers.extend(frames[index..index + run.max(1)].iter().map(|f| (*f).to_owned()));
            }
            index += run.max(1);
        }
    }
}

/// Whether a frame tells nothing to those who look for the target's own time.
pub(super) fn is_machinery(palette: &Palette, frame: &str) -> bool {
    matches!(
        palette.class(frame),
        Class::Runtime | Class::GoRuntime | Class::Standard | Class::Native
    )
}

/// The name of the box that stands for a run: how many frames it has, and whose code they are, by
/// the first names of their paths, such as `std, tokio`.
pub(super) fn name<'a>(palette: &Palette, run: impl Iterator<Item = &'a str>) -> String {
    let mut owners: Vec<&str> = Vec::new();
    let mut count = 0;
    for frame in run {
        let owner = match palette.class(frame) {
            Class::GoRuntime => "the Go runtime",
            _ => namespace(clean(frame)).or(package(frame)).unwrap_or("native code"),
        };
        if !owners.contains(&owner) {
            owners.push(owner);
        }
        count += 1;
    }
    format!("{MARK} {count} frames of {}", owners.join(", "))
}

/// The package of a function of Go, `http` of `http.(*conn).serve`.
fn package(frame: &str) -> Option<&str> {
    let (package, function) = frame.split_once('.')?;
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let fits = !package.is_empty() && package.chars().all(is_name);
    (fits && function.starts_with(|c: char| c.is_alphabetic() || c == '(')).then_some(package)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(lines: &[(&str, u64)], expected: Expect) {
        let mut stacks: Vec<Stack<&str>> =
            lines.iter().map(|(line, n)| (line.split(';').collect(), Samples(*n))).collect();
        stacks.sort();
        let palette = Palette {
            own: ["shop".to_owned()].into(),
            roots: ["shop".to_owned(), "worker".to_owned()].into(),
            ..Palette::default()
        };
        let drawn = shorten(&stacks, &palette);
        let text = drawn.iter().map(|(frames, n)| format!("{} {}\n", frames.join(";"), n.0));
        expected.assert_eq(&text.collect::<String>());
    }

    #[test]
    fn a_run_of_machinery_becomes_one_box() {
        check(
            &[
                ("shop;worker;std::a;std::b;tokio::c;std::d;tokio::e;tokio::f;shop::serve;x::y", 5),
                ("shop;worker;std::a;std::b;tokio::c;std::d;tokio::e;tokio::f;shop::serve;x::z", 5),
            ],
            expect![[r#"
                shop;worker;⋯ 6 frames of std, tokio;shop::serve;x::y 5
                shop;worker;⋯ 6 frames of std, tokio;shop::serve;x::z 5
            "#]],
        );
    }

    #[test]
    fn what_branches_or_has_time_of_its_own_stays() {
        check(
            &[
                ("shop;std::a;std::b;std::c;std::c2;std::d", 1),
                (
                    "shop;std::a;std::b;std::c;std::c2;std::d;std::e;std::f;std::g;std::h;std::i;own::x",
                    4,
                ),
                ("shop;std::a;std::b;std::c;std::c2;std::d;tokio::park", 2),
            ],
            expect![[r#"
                shop;⋯ 4 frames of std;std::d 1
                shop;⋯ 4 frames of std;std::d;std::e;⋯ 4 frames of std;own::x 4
                shop;⋯ 4 frames of std;std::d;tokio::park 2
            "#]],
        );
    }

    #[test]
    fn own_code_is_never_hidden() {
        check(
            &[("shop;std::a;shop::b;shop::c;shop::d;shop::e;std::f", 1)],
            expect![[r#"
                shop;std::a;shop::b;shop::c;shop::d;shop::e;std::f 1
            "#]],
        );
    }

    #[test]
    fn recursion_of_great_depth_is_drawn() {
        let deep = vec!["shop::deep"; 2_000].join(";");
        let stacks = vec![(deep.split(';').collect(), Samples(1))];
        let drawn = shorten(&stacks, &Palette::default());
        assert_eq!(drawn[0].0.len(), 2_000);
    }
}
