//! What makes the figures of a side doubtful, over all its rounds.

use super::bout::Bout;

/// The doubts, each with how many rounds it is of.
pub(super) fn doubts(bouts: &[&Bout]) -> Vec<String> {
    let mut told: Vec<(String, &str, usize)> = Vec::new();
    for warning in bouts.iter().flat_map(|bout| &bout.warnings) {
        // The same doubt has other figures in each round.
        let kind: String = warning.chars().filter(|c| c.is_alphabetic()).collect();
        match told.iter_mut().find(|(known, ..)| *known == kind) {
            Some((.., count)) => *count += 1,
            None => told.push((kind, warning, 1)),
        }
    }
    let all = bouts.len();
    let mut doubts: Vec<String> = told
        .into_iter()
        .map(|(_, warning, count)| match count {
            1 if all == 1 => warning.to_owned(),
            _ => format!("{warning} (in {count} of {all} rounds)"),
        })
        .collect();
    let (bad, slices) =
        bouts.iter().fold((0, 0), |(bad, all), bout| (bad + bout.slices.0, all + bout.slices.1));
    if bad > 0 {
        let error = bouts.iter().find_map(|bout| bout.first_error.as_ref());
        let error = error.map(|error| format!("; first error: {error}")).unwrap_or_default();
        doubts.push(format!("{bad} of {slices} slices do not count{error}"));
    }
    doubts
}

/// Why the figures of a side must not be quoted: most of its rounds are not valid.
pub(super) fn invalid(bouts: &[&Bout]) -> Option<String> {
    let reasons: Vec<&String> = bouts.iter().filter_map(|bout| bout.invalid.as_ref()).collect();
    (reasons.len() * 2 > bouts.len()).then(|| {
        format!("{} of {} rounds are not valid: {}", reasons.len(), bouts.len(), reasons[0])
    })
}
