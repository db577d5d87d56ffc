//! `xtask bench-truth`: a server of known costs, profiled, and what is said of it.

use super::{
    case::{run, tool},
    system::{alone, can_sample},
};

#[test]
fn a_case_is_profiled_and_judged() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let mut command = tool();
    command.args(["bench-truth", "--costs", "334.3", "--connections", "4", "--runs", "1"]);
    let output = run(command.args(["--duration", "2s"]));
    // Whether the figures are good is not what is tested: a busy machine has its say in them.
    assert!(matches!(output.code, Some(0 | 1)), "{output:?}");
    let lines: Vec<&str> = output.stdout.lines().collect();
    assert!(lines[0].ends_with("in truth 60 : 30 : 10"), "{output:?}");
    let cells: Vec<f64> = lines[4].split('|').filter_map(|cell| cell.trim().parse().ok()).collect();
    assert_eq!((cells.len(), &cells[..3]), (10, [334.3, 4.0, 1.0].as_slice()), "{output:?}");
    let [check, render, write] = [cells[4], cells[5], cells[6]];
    assert!((check + render + write - 100.0).abs() < 0.1, "{output:?}");
    for expected in ["truth in the interval of 95 %: ", "beyond 4 standard deviations: ", "p "] {
        assert!(output.stdout.contains(expected), "{output:?}");
    }
    assert!(output.stderr.contains("1 of 1: 334.3 µs, connections: 4"), "{output:?}");
}

#[test]
fn a_cost_that_is_none_is_refused() {
    let output = run(tool().args(["bench-truth", "--costs", "0"]));
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.contains("a cost is a number of microseconds"), "{output:?}");
}
