//! Whether the callers in a profile are those of the program.

use std::fmt::Write as _;

use flameload::symbolize::Profile;

use super::view::chains;
use crate::measured::{Measured, holds};

/// What part of the samples may be on their way: where a section begins, or looks at the clock.
const ON_THE_WAY: f64 = 0.1;

/// What part of the samples may have callers that the program does not have. Each such stack is a
/// mistake: this is for the few instructions of which the unwind tables are wrong.
const WRONG: f64 = 0.005;

pub(super) const INLINED: &str = "caller_of_inlined > inlined_arithmetic (inlined)";

/// A run of one function: its name, and how often it is in the stack.
type Run<'a> = (&'a str, usize);

/// How a chain stands to one that is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// The program calls nothing like it.
    Wrong,
    /// It leads there, or has called something from there.
    OnTheWay,
    /// All of it, perhaps with what is inlined into its last function.
    Whole,
}

/// The samples below `root` have the callers `expected`: each of these chains has its part of
/// them, together they have nearly all, and the rest is on its way there or back.
///
/// A list of the chains that are seen would be no truth: a few samples hit what is inlined into a
/// loop for an instruction, the beginning of a function, or a clock.
///
/// # Panics
/// When stacks have callers that the program does not have.
pub(super) fn callers_are_right(profile: &Profile, root: &str, expected: &[&str]) -> Measured {
    let expected: Vec<Vec<Run<'_>>> = expected.iter().map(|chain| runs(chain)).collect();
    let seen = chains(profile, root);
    let total: u64 = seen.values().sum();
    let share = |count: u64| count as f64 / total.max(1) as f64;
    let (mut whole, mut wrong) = (vec![0; expected.len()], 0);
    let mut shown = String::new();
    for (chain, count) in &seen {
        let fits = expected.iter().map(|expected| fit(&runs(chain), expected));
        let best = fits.enumerate().max_by_key(|(_, fit)| *fit);
        match best {
            Some((at, Fit::Whole)) => whole[at] += count,
            Some((_, Fit::OnTheWay)) => {}
            _ => wrong += count,
        }
        let fit = best.map_or(Fit::Wrong, |(_, fit)| fit);
        let _ = writeln!(shown, "{count:6} {fit:?}: {chain}");
    }
    assert!(share(wrong) <= WRONG, "callers that are not in the program:\n{shown}");
    let whole_share = share(whole.iter().sum());
    holds(whole_share >= 1.0 - ON_THE_WAY, format_args!("only {whole_share:.3}:\n{shown}"))?;
    // Sections are all as long as each other.
    let few = whole.iter().position(|count| share(*count) < 0.5 / expected.len() as f64);
    holds(few.is_none(), format_args!("few of {:?}:\n{shown}", few.map(|at| &expected[at])))
}

/// The callers in the sections that do not need the kernel.
pub(super) fn callers_in_sections_are_right(profile: &Profile) -> Measured {
    callers_are_right(profile, "caller_of_inlined", &[INLINED])?;
    callers_are_right(profile, "recursive", &["recursive x 61 > bottom_of_recursion"])?;
    callers_are_right(profile, "caller_of_library", &["caller_of_library > in_plain_library"])
}

fn runs(chain: &str) -> Vec<Run<'_>> {
    let run = |text| match str::rsplit_once(text, " x ") {
        Some((name, times)) => (name, times.parse().expect("a number")),
        None => (text, 1),
    };
    chain.split(" > ").map(run).collect()
}

fn fit(chain: &[Run<'_>], expected: &[Run<'_>]) -> Fit {
    let same = chain.iter().zip(expected).take_while(|(one, other)| one == other).count();
    // A recursion that has not come to its end, or has begun to return.
    let is_less_deep = chain
        .get(same)
        .zip(expected.get(same))
        .is_some_and(|((name, times), (other, deepest))| name == other && times <= deepest);
    let beyond = &chain[same + usize::from(is_less_deep)..];
    match same == expected.len() {
        _ if (same == 0 && !is_less_deep) || !beyond.iter().all(|(name, _)| is_passing(name)) => {
            Fit::Wrong
        }
        true => Fit::Whole,
        false => Fit::OnTheWay,
    }
}

/// What any function of the program may have below it: what is inlined, an interrupt, a clock.
fn is_passing(name: &str) -> bool {
    name.ends_with(" (inlined)") || ["[kernel]", "[libc]", "[vdso]"].contains(&name)
}

#[test]
fn wrong_callers_are_told_from_those_on_the_way() {
    let fit = |chain, expected| fit(&runs(chain), &runs(expected));
    let section = "work > sum > add (inlined)";
    assert_eq!(fit(section, section), Fit::Whole);
    assert_eq!(fit("work > sum > add (inlined) > next (inlined) x 2", section), Fit::Whole);
    assert_eq!(fit("work > sum", section), Fit::OnTheWay);
    assert_eq!(fit("work > sum > clock (inlined) > [libc]", section), Fit::OnTheWay);
    assert_eq!(fit("work > add (inlined)", section), Fit::OnTheWay);
    assert_eq!(fit("work > other > add (inlined)", section), Fit::Wrong);
    assert_eq!(fit("other > sum", section), Fit::Wrong);
    let recursion = "work > down x 61 > bottom";
    assert_eq!(fit("work > down x 7", recursion), Fit::OnTheWay);
    for wrong in ["work > down x 60 > bottom", "work > down x 62 > bottom", "work > bottom"] {
        assert_eq!(fit(wrong, recursion), Fit::Wrong, "{wrong}");
    }
}
