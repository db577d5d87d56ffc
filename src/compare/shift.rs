//! [`Shift`]: what happened to every function alike, as when the machine became slower.

use serde::{Deserialize, Serialize};

use super::{
    moderated::{Cost, Sureness, Table},
    robust::weighted_median,
    student,
};

/// A change that most functions have in common.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    /// It, over the mean of both sides.
    pub relative: f64,
    /// Its 95 % interval.
    pub ci95: [f64; 2],
    /// What it makes of the whole, in microseconds for each request.
    pub change_us: f64,
}

/// Fewer functions have nothing in common.
const FUNCTIONS_MIN: usize = 8;
/// No function has more than this share of the say, so that a single hot one is not "everything".
const SHARE_MAX: f64 = 0.1;
/// Functions with this share of the say must fit the shift.
const MOST: f64 = 2.0 / 3.0;
/// Functions of one kind agree with the shift if they are as near to it as this share of it.
const ALIKE: f64 = 0.25;
/// What noise may excuse where they do not. Of a server of which nearly all samples are in one
/// function and what is inlined there, the kernel's few are known to some ten percent: they fit
/// a change of two thirds of that function, too.
const EXCUSED: f64 = 0.05;
/// How much wider than that of a mean the interval of a median is (of a normal distribution).
const MEDIAN_WIDTH: f64 = 1.2533;

/// What a function says of all.
#[derive(Debug, Clone, Copy)]
struct Voice {
    kernel: bool,
    /// Its own change, how far that is known, and how much it counts.
    relative: f64,
    sureness: Sureness,
    say: f64,
}

impl Shift {
    /// The shift that functions have in common, of those that are judged, with their places in the
    /// table. None where they have none that is sure, or where they do not agree: a function that
    /// became slower, and all that it calls, is not the host.
    pub(super) fn of(table: &Table<'_>, judged: &[(usize, Cost)]) -> Option<Self> {
        if judged.len() < FUNCTIONS_MIN {
            return None;
        }
        let voices = voices(table, judged);
        let (relative, reach) = middle(&voices)?;
        let all: f64 = voices.iter().map(|voice| voice.say).sum();
        let fits = |voice: &&Voice| (voice.relative - relative).abs() <= voice.sureness.reach();
        let fitting: f64 = voices.iter().filter(fits).map(|voice| voice.say).sum();
        let is_sure = relative.abs() > reach && fitting >= MOST * all;
        (is_sure && kinds_agree(&voices, relative)).then_some(Self {
            relative,
            ci95: [relative - reach, relative + reach],
            change_us: relative * table.whole,
        })
    }
}

fn voices(table: &Table<'_>, judged: &[(usize, Cost)]) -> Vec<Voice> {
    let voice = |(at, cost): &(usize, Cost)| {
        let sureness = table.sureness(cost);
        let say = sureness.sd.powi(-2);
        Voice { kernel: table.is_kernel(*at), relative: cost.relative, sureness, say }
    };
    let mut voices: Vec<Voice> = judged.iter().map(voice).collect();
    let limit = voices.iter().map(|voice| voice.say).sum::<f64>() * SHARE_MAX;
    for voice in &mut voices {
        voice.say = voice.say.min(limit);
    }
    voices
}

/// The weighted median, and how far its interval reaches. None without any.
fn middle(voices: &[Voice]) -> Option<(f64, f64)> {
    let mut weighted: Vec<(f64, f64)> =
        voices.iter().map(|voice| (voice.relative, voice.say)).collect();
    let middle = weighted_median(&mut weighted)?;
    // The variance of a weighted mean, widened for the median.
    let all: f64 = voices.iter().map(|voice| voice.say).sum();
    let noise: f64 = voices.iter().map(|voice| (voice.say * voice.sureness.sd).powi(2)).sum();
    let reach = student::quantile(0.975, f64::INFINITY) * MEDIAN_WIDTH * noise.sqrt() / all;
    Some((middle, reach))
}

/// Whether it happened to the kernel's functions and to the program's. Each by itself, functions
/// fit nearly anything; those of a kind together do not.
fn kinds_agree(voices: &[Voice], relative: f64) -> bool {
    [false, true].into_iter().all(|kernel| {
        let kind: Vec<Voice> =
            voices.iter().filter(|voice| voice.kernel == kernel).copied().collect();
        middle(&kind).is_none_or(|(middle, reach)| {
            (middle - relative).abs() <= reach.min(EXCUSED).max(ALIKE * relative.abs())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_is_hardly_known_does_not_agree_with_anything() {
        let voices = |kernel_relative, kernel_sd: f64| -> Vec<Voice> {
            let voice = |kernel, relative, sd: f64| {
                let sureness = Sureness { sd, degrees: 20.0 };
                Voice { kernel, relative, sureness, say: sd.powi(-2) }
            };
            let program = (0..10).map(|_| voice(false, 0.66, 0.03));
            program.chain((0..6).map(|_| voice(true, kernel_relative, kernel_sd))).collect()
        };
        assert!(kinds_agree(&voices(0.66, 0.35), 0.66));
        assert!(kinds_agree(&voices(0.52, 0.35), 0.66));
        assert!(!kinds_agree(&voices(0.35, 0.35), 0.66), "known to 0.35, and yet");
        let small = |relative| kinds_agree(&voices(relative, 0.35), 0.66);
        assert!(!small(0.0));
    }
}
