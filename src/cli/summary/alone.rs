//! What each request costs alone, as a table, and what they cost together.

use crate::{
    record::{AloneFacts, MixFacts, Run},
    unit::Ratio,
};

use super::figure;
use crate::cli::width::Width;

/// The requests that had slices of their own, and how the mix of all compares; nothing without
/// any.
pub(super) fn text(run: &Run, width: Width) -> String {
    if run.alone.is_empty() {
        return String::new();
    }
    let header = ["request alone", "share", "µs/request", "95 %", "requests", "hottest function"];
    let mut rows = vec![header.map(str::to_owned).into()];
    rows.extend(run.alone.iter().map(|alone| row(alone).into()));
    let mut out = format!("\n{}", width.table(&rows, |_| false, Some(5)));
    if let Some(mix) = &run.mix {
        out += &width.line("mix", &mixing(mix));
    }
    out
}

fn row(alone: &AloneFacts) -> [String; 6] {
    let cost = match alone.cpu_us_per_request {
        Some(us) => figure(Some(us), 2),
        None => "NOT VALID".to_owned(),
    };
    let interval = alone.cpu_ci95.map(|[low, high]| format!("{low:.2} to {high:.2}"));
    [
        alone.name.clone(),
        alone.share.map_or("-".to_owned(), |share| Ratio(share).to_string()),
        cost,
        interval.unwrap_or("-".to_owned()),
        alone.requests.to_string(),
        alone.hottest.first().map_or("-".to_owned(), |hot| hot.name.clone()),
    ]
}

/// `106.34 µs, weighted sum of the requests 105.91 µs: +0.43 (+0.10 to +0.70) µs by mixing`.
fn mixing(mix: &MixFacts) -> String {
    let (Some(together), Some(sum)) = (mix.cpu_us_per_request, mix.sum_us_per_request) else {
        return "not every request of it has a figure of its own: there is no weighted sum".into();
    };
    // What is shown adds up to the last digit.
    let shown = |us: f64| (us * 100.0).round() / 100.0;
    let more = shown(together) - shown(sum);
    let sides = format!("{together:.2} µs, weighted sum of the requests {sum:.2} µs");
    match mix.difference_ci95 {
        Some([low, high]) if low <= 0.0 && high >= 0.0 => {
            format!("{sides}: no certain difference ({low:+.2} to {high:+.2} µs)")
        }
        Some([low, high]) => {
            format!(
                "{sides}: {more:+.2} ({low:+.2} to {high:+.2}) µs by mixing (caches, contention)"
            )
        }
        None => format!("{sides}: {more:+.2} µs (too few blocks of slices for an interval)"),
    }
}

#[cfg(test)]
mod tests {
    use crate::record::{HotFacts, TargetFacts, UtcTime};
    use expect_test::expect;

    use super::*;

    fn mix(difference_ci95: Option<[f64; 2]>) -> MixFacts {
        MixFacts {
            cpu_us_per_request: Some(12.345),
            sum_us_per_request: Some(11.904),
            difference_ci95,
            ..MixFacts::default()
        }
    }

    #[test]
    fn a_difference_is_named_with_its_doubt() {
        let lines: Vec<String> =
            [Some([0.1, 0.7]), Some([-0.1, 0.9]), None].map(|ci95| mixing(&mix(ci95))).into();
        expect![[r#"
            12.35 µs, weighted sum of the requests 11.90 µs: +0.45 (+0.10 to +0.70) µs by mixing (caches, contention)
            12.35 µs, weighted sum of the requests 11.90 µs: no certain difference (-0.10 to +0.90 µs)
            12.35 µs, weighted sum of the requests 11.90 µs: +0.45 µs (too few blocks of slices for an interval)"#]]
        .assert_eq(&lines.join("\n"));
        assert!(mixing(&MixFacts::default()).starts_with("not every request"));
    }

    #[test]
    fn each_request_has_a_row() {
        let mut run = Run::new(UtcTime::now(), String::new(), TargetFacts::default());
        assert_eq!(text(&run, Width::ANY), "");
        let hottest = vec![HotFacts { name: "shop::read".to_owned(), ..HotFacts::default() }];
        let read = AloneFacts {
            name: "read".to_owned(),
            share: Some(0.6),
            cpu_us_per_request: Some(41.204),
            cpu_ci95: Some([40.9, 41.5]),
            requests: 12_300,
            hottest,
            ..AloneFacts::default()
        };
        let broken = AloneFacts { name: "broken".to_owned(), ..AloneFacts::default() };
        run.alone = vec![read, broken];
        run.mix = Some(mix(None));
        expect![[r#"

              request alone   share  µs/request            95 %  requests  hottest function
                       read  60.0 %       41.20  40.90 to 41.50     12300        shop::read
                     broken       -   NOT VALID               -         0                 -
              mix          12.35 µs, weighted sum of the requests 11.90 µs: +0.45 µs (too few blocks of slices for an interval)
        "#]]
        .assert_eq(&text(&run, Width::ANY).replace("\n  ", "\n"));
    }
}
