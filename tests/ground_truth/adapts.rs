//! The copy of the stack grows where stacks are deep.

use flameload::{
    sample::Access,
    unit::{Bytes, Nanos},
};

use super::{
    callers::callers_are_right,
    known::{Known, sample_for, sampler},
    view::resolved,
};
use crate::{
    measured::{Measured, holds, repeated},
    skip::skip,
};

#[test]
fn deep_stacks_are_whole_once_the_copy_has_grown() {
    repeated(measure);
}

fn measure() -> Measured {
    let Some((known, mut sampler)) = Known::new().zip(sampler()) else { return Ok(()) };
    if sampler.access() != Access::KernelAndUser {
        skip("no samples below the deep stacks: they are in the kernel");
        return Ok(());
    }
    let _running = super::known::release(known.hold_watched(&mut sampler, "deep", 1e6, "ready"));
    assert_eq!(sampler.dump(), Bytes(8 << 10));
    let span = Nanos(500_000_000);
    sample_for(&sampler, span);
    let cut = sampler.counts();
    let share = cut.dump_exhausted.share_of(cut.samples).0;
    holds((0.15..0.35).contains(&share), format_args!("a quarter of the stacks is deep: {cut:?}"))?;
    // The stacks are a little deeper than 32 KiB.
    let mut grown = Bytes(8 << 10);
    for larger in [16, 24, 32].map(|kib| Bytes(kib << 10)) {
        assert_eq!(sampler.adapt(), Some(larger));
        assert_eq!(sampler.adapt(), None, "nothing is known of the new size yet");
        sample_for(&sampler, span);
        grown = larger;
    }
    if let Some(largest) = sampler.adapt() {
        grown = largest;
        sample_for(&sampler, span);
    }
    assert!(grown > Bytes(32 << 10), "{grown}");
    assert_eq!(sampler.adapt(), None);
    sampler.begin_window();
    sample_for(&sampler, span);
    let capture = sampler.finish();
    let counts = capture.counts;
    assert_eq!(capture.dump, grown);
    holds(counts.lost.0 == 0, format_args!("{counts:?}"))?;
    assert!(counts.truncated().share_of(counts.samples).0 <= 0.01, "{counts:?}");
    let expected = "caller_of_kernel > fill_randomly (inlined)";
    callers_are_right(&resolved(&capture).profile, "caller_of_kernel", &[expected])
}
