//! [`Frames`]: which functions changed, and how their changes add up to the whole.

use serde::{Deserialize, Serialize};

use super::{
    causes,
    change::Verdict,
    discovery::q_values,
    functions::{Family, Functions},
    moderated::{Cost, Table},
    moved,
    name::{clean, without_generics},
    shift::Shift,
    side::{Design, Pair},
    stacks::Function,
    waterfall::Waterfall,
};

/// Which functions changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frames {
    /// Whether there are replicates. Without them, how functions scatter from one process to the
    /// next is guessed from how they differ among each other.
    pub replicated: bool,
    /// What happened to all of them alike.
    pub shift: Option<Shift>,
    /// A function whose change is smaller is not named, in microseconds for each request.
    pub least_us: f64,
    /// How many functions cost enough to be judged by the time in themselves.
    pub judged: usize,
    /// The functions in the order of their names.
    pub functions: Vec<FunctionChange>,
    /// Functions from which a change comes that is not in themselves but in what they call, by
    /// their places, the largest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<usize>,
    /// How the changes of the time in each function itself add up to that of the whole.
    pub waterfall: Waterfall,
}

/// What became of a function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionChange {
    /// Its name.
    pub name: String,
    /// Whether it is the kernel's.
    pub kernel: bool,
    /// What can be said of the time in itself.
    pub kind: Kind,
    /// The functions that its time moved to or came from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moved_with: Vec<String>,
    /// The time in the function itself.
    #[serde(rename = "self")]
    pub own: Delta,
    /// The time in it and in what it calls.
    pub total: Delta,
}

/// What can be said of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It surely costs more.
    Slower,
    /// It surely costs less.
    Faster,
    /// It surely costs something, and was not seen in A.
    New,
    /// It surely cost something, and was not seen in B.
    Gone,
    /// Its time is with its caller, or with what it calls, and came to as much there.
    Moved,
    /// Nothing.
    Unsure,
}

/// A cost on both sides, in microseconds for each request.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    /// What it was on each side.
    pub a_us: f64,
    /// What it was in B.
    pub b_us: f64,
    /// How often it was seen.
    pub samples: [u64; 2],
    /// The difference.
    pub change_us: f64,
    /// The 95 % interval of the difference; none where it is too small to be judged.
    pub ci95_us: Option<[f64; 2]>,
    /// The q-value of the difference beyond the common shift: of all functions with at most 0.05,
    /// at most 5 % are expected to be false.
    pub q: Option<f64>,
    /// Whether it surely changed, by enough to be named, beyond the common shift.
    pub sure: bool,
}

/// A change of less than this share of the whole is not named.
const LEAST_SHARE: f64 = 0.005;
/// What was seen less often on both sides together is not judged.
const SAMPLES_MIN: u64 = 20;
/// Of what is called a change, at most this share may be none.
const FALSE_SHARE: f64 = 0.05;

/// A family of costs with its table and its verdicts.
pub(super) struct Judged<'a> {
    pub(super) table: Table<'a>,
    pub(super) costs: Vec<Cost>,
    pub(super) deltas: Vec<Delta>,
    judged: Vec<usize>,
}

/// Compares functions; none where a side has no samples.
pub(super) fn frames(pair: &Pair) -> Option<Frames> {
    let functions = Functions::of(&pair.a, &pair.b)?;
    let mut own = Judged::of(&functions, pair.design, Family::Own);
    let judged: Vec<(usize, Cost)> = own.judged.iter().map(|at| (*at, own.costs[*at])).collect();
    let shift = Shift::of(&own.table, &judged);
    let relative = shift.map_or(0.0, |shift| shift.relative);
    own.judge(relative);
    let mut total = Judged::of(&functions, pair.design, Family::Total);
    total.judge(relative);
    let mut changes: Vec<FunctionChange> = functions
        .names
        .iter()
        .zip(own.deltas.iter().zip(&total.deltas))
        .map(|(function, (own, total))| FunctionChange::of(function, *own, *total, relative))
        .collect();
    moved::mark(&mut changes, &functions.calls, &own, relative);
    Some(Frames {
        replicated: functions.a.len() + functions.b.len() > 2,
        shift,
        least_us: own.least(),
        judged: own.judged.len(),
        causes: causes::causes(&changes, &functions.calls, relative),
        waterfall: Waterfall::of(pair, &own.table, &changes, shift),
        functions: changes,
    })
}

impl Frames {
    /// The function that a frame of either side's profile counts for.
    pub fn find(&self, name: &str, kernel: bool) -> Option<&FunctionChange> {
        let name = clean(name);
        let named = |name: &str| {
            let order = |one: &FunctionChange| (one.name.as_str(), one.kernel).cmp(&(name, kernel));
            self.functions.binary_search_by(order).ok().map(|at| &self.functions[at])
        };
        named(&name).or_else(|| named(&without_generics(&name)))
    }
}

impl<'a> Judged<'a> {
    /// The costs of a family, and how they scatter.
    fn of(functions: &'a Functions, design: Design, family: Family) -> Self {
        let table = Table::new(functions, design, family);
        let costs: Vec<Cost> =
            (0..functions.names.len()).map(|function| table.cost(&[function])).collect();
        // What costs less in both together cannot have changed by enough to be named, and how
        // often it was seen in all says nothing of a difference.
        let least = LEAST_SHARE * table.whole / 2.0;
        let counts =
            |cost: &Cost| cost.mean() >= least && cost.samples.iter().sum::<u64>() >= SAMPLES_MIN;
        let judged: Vec<usize> = (0..costs.len()).filter(|at| counts(&costs[*at])).collect();
        let of_judged: Vec<Cost> = judged.iter().map(|at| costs[*at]).collect();
        let table = table.with_excess(&of_judged);
        let deltas = costs.iter().map(Delta::of).collect();
        Self { table, costs, deltas, judged }
    }

    fn judged_costs(&self) -> Vec<Cost> {
        self.judged.iter().map(|at| self.costs[*at]).collect()
    }

    /// The least change that is named.
    pub(super) fn least(&self) -> f64 {
        LEAST_SHARE * self.table.whole
    }

    /// Says of each function that counts how sure its change is beyond a common shift.
    fn judge(&mut self, shift: f64) {
        let surenesses: Vec<_> =
            self.judged_costs().iter().map(|cost| self.table.sureness(cost)).collect();
        let p_values: Vec<f64> = self
            .judged
            .iter()
            .zip(&surenesses)
            .map(|(at, sure)| sure.p(self.costs[*at].relative, shift))
            .collect();
        let least = self.least();
        let all = self.judged.iter().zip(surenesses).zip(q_values(&p_values));
        for ((at, sure), q) in all {
            let (cost, delta) = (&self.costs[*at], &mut self.deltas[*at]);
            let reach = sure.reach() * cost.mean();
            delta.ci95_us = Some([delta.change_us - reach, delta.change_us + reach]);
            delta.q = Some(q);
            delta.sure = q <= FALSE_SHARE && beyond(cost, shift).abs() >= least;
        }
    }
}

/// What a cost changed by beyond a common shift.
pub(super) fn beyond(cost: &Cost, shift: f64) -> f64 {
    cost.change() - shift * cost.mean()
}

impl Delta {
    fn of(cost: &Cost) -> Self {
        Self {
            a_us: cost.a,
            b_us: cost.b,
            samples: cost.samples,
            change_us: cost.change(),
            ci95_us: None,
            q: None,
            sure: false,
        }
    }

    /// What can be said of it where a change up to `limit_us` is none.
    pub fn verdict(&self, limit_us: f64) -> Verdict {
        match self.ci95_us {
            Some([low, _]) if low > limit_us => Verdict::Regressed,
            Some([_, high]) if high < -limit_us => Verdict::Improved,
            Some([low, high]) if -limit_us < low && high < limit_us => Verdict::Equivalent,
            // Too small to be judged is small enough.
            None if self.a_us.max(self.b_us) < limit_us / 2.0 => Verdict::Equivalent,
            _ => Verdict::Inconclusive,
        }
    }

    /// What it changed by beyond a common shift.
    pub fn beyond_us(&self, shift: Option<&Shift>) -> f64 {
        let relative = shift.map_or(0.0, |shift| shift.relative);
        self.change_us - relative * f64::midpoint(self.a_us, self.b_us)
    }
}

impl FunctionChange {
    fn of(function: &Function, own: Delta, total: Delta, shift: f64) -> Self {
        let more = own.change_us > shift * f64::midpoint(own.a_us, own.b_us);
        let kind = match own.samples {
            _ if !own.sure => Kind::Unsure,
            [0, _] if total.samples[0] == 0 => Kind::New,
            [_, 0] if total.samples[1] == 0 => Kind::Gone,
            _ if more => Kind::Slower,
            _ => Kind::Faster,
        };
        let Function { name, kernel } = function.clone();
        Self { name, kernel, kind, moved_with: Vec::new(), own, total }
    }
}
