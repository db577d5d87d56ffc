//! The values of a variable, one after the other.

use super::zipf::Zipf;
use crate::load::{
    random::Random,
    script::{Pick, Values, Var},
};

/// Draws the values of one variable.
#[derive(Debug)]
pub(super) struct Draw<'a> {
    values: &'a Values,
    chooser: Chooser,
    random: Random,
}

/// What decides the place of the next value among all.
#[derive(Debug)]
enum Chooser {
    Any,
    Next(u64),
    Zipf(Zipf),
}

impl<'a> Draw<'a> {
    pub(super) fn new(var: &'a Var, random: Random) -> Self {
        let values = &var.values;
        let chooser = match var.pick {
            Pick::Random => Chooser::Any,
            Pick::Sequential => Chooser::Next(0),
            Pick::Zipf { exponent } => Chooser::Zipf(Zipf::new(last(values), exponent)),
        };
        Self { values, chooser, random }
    }

    /// The next value.
    pub(super) fn next(&mut self) -> String {
        let last = last(self.values);
        let place = match &mut self.chooser {
            Chooser::Any => self.random.up_to(last),
            Chooser::Zipf(zipf) => zipf.draw(&mut self.random),
            Chooser::Next(next) => {
                let place = *next;
                *next = if place >= last { 0 } else { place + 1 };
                place
            }
        };
        match self.values {
            Values::Integers { min, .. } => min.wrapping_add_unsigned(place).to_string(),
            Values::Uuids => uuid(place, self.random.next()),
            Values::List(texts) => texts.get(place as usize).cloned().unwrap_or_default(),
        }
    }
}

/// The place of the last of `values`, counted from 0.
pub(super) fn last(values: &Values) -> u64 {
    match values {
        Values::Integers { min, max } => max.abs_diff(*min),
        Values::Uuids => u64::MAX,
        Values::List(texts) => (texts.len() as u64).saturating_sub(1),
    }
}

/// The UUID of these bits, but for the six that say that it is a random one (RFC 9562, 5.4).
fn uuid(high: u64, low: u64) -> String {
    let high = (high & !0xf000) | 0x4000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    let bits = (u128::from(high) << 64) | u128::from(low);
    let digits = format!("{bits:032x}");
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32];
    groups.map(|group| digits.get(group).unwrap_or_default().to_owned()).join("-")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(values: Values, pick: Pick, expected: Expect) {
        let var = Var { name: "v".to_owned(), values, pick };
        let mut draw = Draw::new(&var, Random::new(42, 0));
        let drawn: Vec<String> = (0..8).map(|_| draw.next()).collect();
        expected.assert_eq(&drawn.join(" "));
    }

    fn list() -> Values {
        Values::List(["a", "b", "c"].map(str::to_owned).to_vec())
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let integers = || Values::Integers { min: -5, max: 1_000 };
        check(integers(), Pick::Random, expect!["290 560 954 382 169 662 938 352"]);
        check(integers(), Pick::Zipf { exponent: 1.0 }, expect!["-4 977 -3 35 38 27 -5 6"]);
        check(list(), Pick::Random, expect!["a a a a b b b b"]);
    }

    #[test]
    fn a_sequence_begins_again() {
        check(list(), Pick::Sequential, expect!["a b c a b c a b"]);
        check(
            Values::Integers { min: -1, max: 0 },
            Pick::Sequential,
            expect!["-1 0 -1 0 -1 0 -1 0"],
        );
        let widest = Values::Integers { min: i64::MIN, max: i64::MAX };
        check(
            widest.clone(),
            Pick::Sequential,
            expect![
                "-9223372036854775808 -9223372036854775807 -9223372036854775806 -9223372036854775805 -9223372036854775804 -9223372036854775803 -9223372036854775802 -9223372036854775801"
            ],
        );
        check(
            widest,
            Pick::Random,
            expect![
                "5546131704271609165 -9165251949687015281 5385760320971394253 -1356087325609129607 -1549192284757607116 -811112062535750359 8539579693131482315 1626371695088113583"
            ],
        );
    }

    #[test]
    fn uuids_are_of_version_4() {
        assert_eq!(uuid(u64::MAX, u64::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(uuid(0, 0), "00000000-0000-4000-8000-000000000000");
        let var = Var { name: "v".to_owned(), values: Values::Uuids, pick: Pick::Random };
        let mut draw = Draw::new(&var, Random::new(42, 0));
        expect!["ccf7d166-7ea4-4d4d-80ce-7be94df2f88f"].assert_eq(&draw.next());
    }
}
