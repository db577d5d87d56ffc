//! What other load tools print.

use flameload::load::{EngineKind, fuzzing::figures};

const TOOLS: [EngineKind; 6] = [
    EngineKind::Wrk,
    EngineKind::Wrk2,
    EngineKind::K6,
    EngineKind::Hey,
    EngineKind::Oha,
    EngineKind::Bombardier,
];

/// Any text is figures or an error with its reason, the same each time, and no total is beyond
/// what a sum can hold. The first byte chooses the tool, the second the connections.
pub(super) fn check(bytes: &[u8]) {
    let [tool, connections, text @ ..] = bytes else { return };
    let tool = TOOLS[usize::from(*tool) % TOOLS.len()];
    let text = String::from_utf8_lossy(text);
    let read = || figures(tool, u64::from(*connections), 1, &text);
    let (first, second) = (read(), read());
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
    match first {
        Err(error) => assert!(error.to_string().contains(&tool.to_string()), "{error}"),
        Ok(reported) => {
            let errors = reported.errors.named().into_iter().filter_map(|(_, count)| count);
            assert!(errors.max().unwrap_or(0) <= reported.errors.total());
            let observed = reported.histogram.as_ref().map_or(0, |histogram| histogram.len());
            assert!(observed <= reported.requests.saturating_add(reported.errors.total()));
        }
    }
}
