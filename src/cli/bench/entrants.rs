//! The targets of a benchmark: found, named apart, and each with its script for each level.

use crate::{
    load::Script,
    measure::{Backends, Contest, Entrant, Launch, Settings, What, share_of},
    symbolize::Detail,
    target::{Manifest, Secrets},
};
use anyhow::{Context as _, bail, ensure};

use super::Args;
use crate::cli::{
    called, paths,
    profile::{choice::CpuChoice, default_backends},
};

impl Args {
    /// What is to be measured against each other.
    pub(super) fn contest(&self) -> anyhow::Result<Contest> {
        let manifests = self.manifests()?;
        let levels = self.levels(&manifests)?;
        let mut entrants: Vec<Entrant> = Vec::new();
        for manifest in manifests {
            let taken: Vec<&str> = entrants.iter().map(|entrant| entrant.name.as_str()).collect();
            let name = distinct(&manifest.name, &taken);
            entrants.push(self.entrant(name, manifest, &levels)?);
        }
        let names = || entrants.iter().map(|entrant| entrant.name.as_str());
        check_baseline(self.baseline.as_deref(), names())?;
        let baseline = names().position(|name| Some(name) == self.baseline.as_deref());
        let rounds = self.rounds.get() as usize;
        let baseline = baseline.unwrap_or_default();
        Ok(Contest { entrants, rounds, baseline, command: command() })
    }

    fn manifests(&self) -> anyhow::Result<Vec<Manifest>> {
        let named = self.targets.iter().map(|name| Manifest::find(paths::targets(), name));
        let elsewhere = self.manifest.iter().map(|path| Manifest::read(path));
        Ok(named.chain(elsewhere).collect::<Result<_, _>>()?)
    }

    fn entrant(
        &self,
        name: String,
        manifest: Manifest,
        levels: &[Script],
    ) -> anyhow::Result<Entrant> {
        let CpuChoice { server, load } = CpuChoice::or_usual(self.cpus.as_ref())?;
        let backends = match self.profile {
            true => default_backends(&manifest)?,
            false => Backends::none(),
        };
        if self.db_url.is_some() && !manifest.uses_database() {
            bail!("--db-url is of no use: no process of '{name}' asks for {{db_url}}");
        }
        let launch = Launch {
            color: std::io::IsTerminal::is_terminal(&std::io::stderr()),
            cache: paths::cache(),
            budget: self.budget,
            db_url: self.db_url.clone(),
            ..Launch::new(manifest)
        };
        let settings = |script: &Script| Settings {
            script: script.clone(),
            backends: backends.clone(),
            raw_stacks: false,
            hz: self.hz,
            on_threads: false,
            dump: None,
            server_cpus: server.clone(),
            load_cpus: load.clone(),
            detail: Detail::Auto,
            command: command(),
        };
        let levels = levels.iter().map(settings).collect();
        Ok(Entrant { name, what: What::Target(Box::new(launch)), levels })
    }

    /// The script once for each level, as long as a round.
    fn levels(&self, manifests: &[Manifest]) -> anyhow::Result<Vec<Script>> {
        let mut levels = Script::find(paths::scripts(), &self.script_name(manifests)?)?;
        if !self.rate.is_empty() {
            levels = Script::at_rates(&levels, &self.rate)?;
        }
        if !self.connections.is_empty() {
            levels = Script::at_connections(&levels, &self.connections)?;
        }
        levels.into_iter().map(|script| self.changed(script)).collect()
    }

    fn changed(&self, mut script: Script) -> anyhow::Result<Script> {
        if let Some(duration) = self.duration {
            script = script.with_duration(duration)?;
        }
        if let Some(warmup) = self.warmup {
            script = script.with_warmup(warmup)?;
        }
        if let Some(engine) = self.engine {
            script = script.with_engine(engine)?;
        }
        Ok(share_of(script, self.rounds.get() as usize)?)
    }

    /// The script that was asked for, or the one that all manifests name.
    fn script_name(&self, manifests: &[Manifest]) -> anyhow::Result<String> {
        if let Some(script) = &self.script {
            return Ok(script.clone());
        }
        let of = |manifest: &Manifest| manifest.script.clone().unwrap_or("hello".to_owned());
        let mut scripts: Vec<String> = manifests.iter().map(of).collect();
        scripts.sort();
        scripts.dedup();
        ensure!(
            scripts.len() < 2,
            "the targets have different scripts ({}): choose one with --script",
            scripts.join(", ")
        );
        scripts.pop().context("name a target, or give --manifest")
    }
}

/// The command line, for the record.
pub(crate) fn command() -> String {
    let arguments = std::env::args().skip(1).map(|word| Secrets::of(&word).mask(&word));
    std::iter::once(called().to_owned()).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// Whether the baseline is one of the targets.
pub(super) fn check_baseline<'a>(
    baseline: Option<&str>,
    targets: impl Iterator<Item = &'a str>,
) -> anyhow::Result<()> {
    let Some(baseline) = baseline else { return Ok(()) };
    let mut names: Vec<&str> = targets.collect();
    if !names.contains(&baseline) {
        names.dedup();
        bail!("the baseline '{baseline}' is none of the targets: {}", names.join(", "));
    }
    Ok(())
}

/// A name that is not taken yet: of a second target with the same name, `name #2`.
fn distinct(name: &str, taken: &[&str]) -> String {
    if !taken.contains(&name) {
        return name.to_owned();
    }
    let numbered = (2..).map(|number| format!("{name} #{number}"));
    numbered.into_iter().find(|name| !taken.contains(&name.as_str())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_named_apart() {
        assert_eq!(distinct("shop", &[]), "shop");
        assert_eq!(distinct("shop", &["shop"]), "shop #2");
        assert_eq!(distinct("shop", &["shop", "shop #2", "other"]), "shop #3");
    }

    #[test]
    fn the_baseline_is_a_target() {
        assert!(check_baseline(None, ["a"].into_iter()).is_ok());
        assert!(check_baseline(Some("a"), ["b", "a"].into_iter()).is_ok());
        let error = check_baseline(Some("c"), ["a", "b"].into_iter()).expect_err("it is not there");
        assert_eq!(error.to_string(), "the baseline 'c' is none of the targets: a, b");
    }
}
