//! What two identical servers differ by: found, kept, and found again.

use std::collections::BTreeMap;

use crate::{
    compare::{Floor, Metric},
    record::{Calibration, FloorFacts, Host, HostClass, UtcTime},
};

/// The record of what a target differs by from itself under a script's load, on this machine.
pub fn calibration(target: &str, script: &str, floors: &BTreeMap<Metric, Floor>) -> Calibration {
    let facts = |(metric, floor): (&Metric, &Floor)| {
        let comparisons = floor.comparisons.unwrap_or_default();
        (metric.name().to_owned(), FloorFacts { sd: floor.sd, comparisons })
    };
    Calibration {
        class: HostClass::of(&Host::read()),
        target: target.to_owned(),
        script: script.to_owned(),
        at: UtcTime::now(),
        floors: floors.iter().map(facts).collect(),
    }
}

/// What is known of a target under a script's load from calibrations of machines like this. Where
/// nothing is, the largest that any target differs by.
pub fn known_floors(
    calibrations: &[Calibration],
    target: &str,
    script: &str,
) -> BTreeMap<Metric, Floor> {
    let is_of = |it: &&Calibration| (it.target.as_str(), it.script.as_str()) == (target, script);
    let of_it: Vec<&Calibration> = calibrations.iter().filter(is_of).collect();
    let chosen = if of_it.is_empty() { calibrations.iter().collect() } else { of_it };
    let floor = |metric: Metric| {
        let found = chosen.iter().filter_map(|it| it.floors.get(metric.name()));
        let largest = found.max_by(|a, b| a.sd.total_cmp(&b.sd))?;
        let floor = Floor { sd: largest.sd, comparisons: Some(largest.comparisons) };
        Some((metric, floor))
    };
    Metric::ALL.into_iter().filter_map(floor).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_own_calibration_counts_or_else_the_largest() {
        let of = |target: &str, sd| {
            let floor = Floor { sd, comparisons: Some(20) };
            calibration(target, "users", &[(Metric::Cpu, floor)].into())
        };
        let all = [of("hyper", 0.01), of("axum", 0.03), of("rocket", 0.02)];
        let cpu = |target, script| known_floors(&all, target, script)[&Metric::Cpu].sd;
        assert_eq!(cpu("hyper", "users"), 0.01);
        assert_eq!((cpu("hyper", "hello"), cpu("gin", "users")), (0.03, 0.03));
        assert!(known_floors(&[], "hyper", "users").is_empty());
    }
}
