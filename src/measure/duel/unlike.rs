//! In what else than the servers themselves two contenders differ.

use super::Contender;
use crate::{
    compare::Unlike,
    target::{Difference, Manifest},
};

/// What is a budget's: servers of two kinds are compared under the same one.
const BUDGET: [&str; 5] = ["budget", "cpus", "workers", "db_connections", "memory"];

/// What makes a difference doubtful that the names of the sides do not tell: each setting that
/// their manifests have differently. Two targets are two servers, with settings of their own; of
/// them it is that they are two, and their budgets.
pub(super) fn unlike([a, b]: [&Contender; 2]) -> Vec<Unlike> {
    let of = |contender: &Contender| contender.launch.manifest.budget(contender.launch.budget);
    let manifests = [a, b].map(|contender| &contender.launch.manifest);
    let [name_a, name_b] = manifests.map(|manifest| &manifest.name);
    let differences = Manifest::differences((manifests[0], of(a)), (manifests[1], of(b)));
    let same = name_a == name_b;
    let is_meant = |it: &Difference| {
        !a.changes.tell_apart(&b.changes, &it.setting)
            && (same || BUDGET.contains(&it.setting.as_str()))
    };
    let target =
        (!same).then(|| Unlike { what: "target".to_owned(), a: name_a.clone(), b: name_b.clone() });
    target.into_iter().chain(differences.into_iter().filter(is_meant).map(told)).collect()
}

fn told(difference: Difference) -> Unlike {
    let Difference { setting, owner, values: [a, b] } = difference;
    let what = match owner {
        Some(owner) => format!("{setting} of {owner} in the manifest"),
        None => format!("{setting} in the manifest"),
    };
    Unlike { what, a, b }
}
