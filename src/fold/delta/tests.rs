use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

fn tree(a: &str, a_us: f64, b: &str, b_us: f64) -> DeltaTree {
    let parse = |text: &str| text.parse::<Folded>().expect("folded stacks");
    DeltaTree::merge((&parse(a), a_us), (&parse(b), b_us))
}

fn check(tree: &DeltaTree, expected: Expect) {
    let lines: String = tree
        .nodes()
        .iter()
        .map(|node| {
            let DeltaNode { name, depth, own, total, .. } = node;
            let indent = "  ".repeat(*depth);
            format!("{indent}{name} {} {} own {} {}\n", total.a, total.b, own.a, own.b)
        })
        .collect();
    expected.assert_eq(&lines);
}

#[test]
fn two_sides_become_one_tree() {
    check(
        &tree("app;f 2\napp;f;old 3\napp;z 1\n", 2.0, "app;f 4\napp;f;new;deep 1\napp;z 1\n", 1.0),
        expect![[r#"
            all 12 6 own 0 0
              app 12 6 own 0 0
                f 10 5 own 4 4
                  new 0 1 own 0 0
                    deep 0 1 own 0 1
                  old 6 0 own 6 0
                z 2 1 own 2 1
        "#]],
    );
}

#[test]
fn a_name_that_begins_like_another_is_another() {
    check(
        &tree("p;a 1\np;a b;c 1\np;a;d 1\n", 1.0, "p;a;d 2\nall 1\n", 1.0),
        expect![[r#"
            all 3 3 own 0 0
              all 0 1 own 0 1
              p 3 2 own 0 0
                a 2 2 own 1 0
                  d 1 2 own 1 2
                a b 1 0 own 0 0
                  c 1 0 own 1 0
        "#]],
    );
}

#[test]
fn nothing_on_either_side_is_a_tree_too() {
    check(
        &tree("", 1.0, "", 1.0),
        expect![[r#"
            all 0 0 own 0 0
        "#]],
    );
}

#[test]
fn what_is_no_cost_costs_nothing() {
    let tree = tree("a 1\n", f64::NAN, "a 1\nb 1\n", -1.0);
    assert_eq!(tree.total(), Costs::default());
    let endless = Costs { a: f64::INFINITY, b: 2.0 };
    assert_eq!(DeltaTree::from_costs([("a", endless)]).total(), Costs { a: 0.0, b: 2.0 });
}

#[test]
fn a_walk_names_the_callers() {
    let mut lines = Vec::new();
    tree("app;f;g 1\napp;h 1\n", 1.0, "", 1.0).walk(|path, node| {
        lines.push(format!("{}|{}", path.join(";"), node.name));
    });
    assert_eq!(lines, ["|all", "app|app", "app;f|f", "app;f;g|g", "app;h|h"]);
}

/// Folded stacks of few names, so that sides have many in common.
fn folded() -> impl Strategy<Value = Folded> {
    prop::collection::vec((prop::collection::vec(0..4_u8, 1..6), 1..1000_u32), 0..30).prop_map(
        |stacks| {
            let text: String = stacks
                .iter()
                .map(|(names, count)| {
                    let names: Vec<_> = names.iter().map(|name| format!("f{name}")).collect();
                    format!("{} {count}\n", names.join(";"))
                })
                .collect();
            text.parse().expect("folded stacks")
        },
    )
}

proptest! {
    #[test]
    fn the_changes_add_up(a in folded(), b in folded(), us in (0.001..10.0_f64, 0.001..10.0_f64)) {
        let tree = DeltaTree::merge((&a, us.0), (&b, us.1));
        let whole = Costs { a: a.total().0 as f64 * us.0, b: b.total().0 as f64 * us.1 };
        let near = |one: f64, other: f64| (one - other).abs() <= 1e-9 * whole.max().max(1.0);
        prop_assert!(near(tree.total().a, whole.a) && near(tree.total().b, whole.b));
        let sum: f64 = tree.nodes().iter().map(|node| node.own.change()).sum();
        prop_assert!(near(sum, whole.change()), "{sum} is not {}", whole.change());
        for (at, node) in tree.nodes().iter().enumerate() {
            let below = tree.nodes().iter().filter(|child| child.parent == Some(at));
            let below: f64 = below.map(|child| child.total.change()).sum();
            prop_assert!(near(node.own.change() + below, node.total.change()), "{}", node.name);
            let is_below =
                |parent: usize| parent < at && tree.nodes()[parent].depth + 1 == node.depth;
            prop_assert!(node.parent.is_none_or(is_below), "{}", node.name);
        }
    }

    #[test]
    fn a_side_read_back_is_that_side(a in folded(), b in folded()) {
        let tree = DeltaTree::merge((&a, 1.0), (&b, 1.0));
        let mut text = String::new();
        tree.walk(|path, node| {
            if node.own.a > 0.0 {
                text.push_str(&format!("{} {}\n", path.join(";"), node.own.a));
            }
        });
        prop_assert_eq!(text.parse::<Folded>(), Ok(a));
    }
}
