//! Output that is cut, garbled, or none at all: an error, or no other figures than those it has.

use std::fs;

use proptest::prelude::*;

use super::support::{context, parse};
use crate::load::{EngineKind, Reported};

const TOOLS: [EngineKind; 6] = [
    EngineKind::Wrk,
    EngineKind::Wrk2,
    EngineKind::K6,
    EngineKind::Hey,
    EngineKind::Oha,
    EngineKind::Bombardier,
];

/// Recorded outputs with their tool.
fn outputs() -> Vec<(EngineKind, Vec<u8>)> {
    let dir = format!("{}/tests/data/external", env!("CARGO_MANIFEST_DIR"));
    let mut outputs = Vec::new();
    for entry in fs::read_dir(dir).expect("the recorded outputs") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let of_tool = |kind: &EngineKind| name.starts_with(&format!("{kind}-"));
        let kind = TOOLS.into_iter().find(of_tool).expect("the name of a tool");
        outputs.push((kind, fs::read(path).expect("an output")));
    }
    outputs
}

fn read(kind: EngineKind, output: &[u8]) -> Option<Reported> {
    parse(kind, context(), output, Some(0)).ok()
}

proptest! {
    #[test]
    fn any_bytes_are_refused(
        kind in prop::sample::select(&TOOLS[..]),
        bytes in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        prop_assert!(read(kind, &bytes).is_none());
    }

    #[test]
    fn any_text_that_looks_like_figures_is_taken_without_a_panic(
        kind in prop::sample::select(&TOOLS[..]),
        text in "(Summary:\n|  Total:\t[0-9e.-]{1,8} secs\n|Status code distribution:\n|\
                 \t\\[[0-9]{1,4}\\]\t[0-9]{1,21} responses\n|  99% in [0-9.e]{1,6} secs\n|\
                 flameload \\{\"duration_us\":[0-9]{1,30},\"requests\":[0-9]{1,20}\\}\n|\
                 [0-9]{1,22} requests in [0-9.]{1,9}(us|ms|s|m), [0-9.]{1,9}(B|KB|TB) read\n|\
                 Transfer/sec: 0\n|    50% [0-9.naif-]{1,7}(us|ms|s)\n|\
                 \\{\"metrics\":\\{\"http_reqs\":\\{\"count\":[0-9e.-]{1,9}\\}\\}\\}\n){0,12}",
    ) {
        let _ = read(kind, text.as_bytes());
    }

    #[test]
    fn cut_output_has_no_figure_that_the_whole_has_not(
        (kind, output) in prop::sample::select(outputs()),
        share in 0.0..1.0_f64,
    ) {
        let whole = read(kind, &output).expect("it is complete");
        let cut = &output[..(output.len() as f64 * share) as usize];
        if let Some(reported) = read(kind, cut) {
            prop_assert!(reported.requests <= whole.requests);
            let figures = reported.latency.named().into_iter().zip(whole.latency.named());
            for ((name, figure), (_, whole)) in figures {
                // wrk's own text has its estimates, and fewer digits.
                let is_known = kind == EngineKind::Wrk || figure.is_none() || figure == whole;
                prop_assert!(is_known, "{} is {:?}, not {:?}", name, figure, whole);
            }
        }
    }

    #[test]
    fn garbled_output_is_taken_without_a_panic(
        (kind, mut output) in prop::sample::select(outputs()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        tool in prop::sample::select(&TOOLS[..]),
    ) {
        for (index, byte) in changes {
            let at = index.index(output.len());
            output[at] = byte;
        }
        let _ = (read(kind, &output), read(tool, &output));
    }
}
