//! One recipe of a version -> its product, made once.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
};

use super::{
    Beside, BuildError, BuildOptions, Runner, Version, VersionError, checkout::Checkout, hint,
};
use crate::target::{
    build::{Product, Slot, build_id, cargo, go, make},
    manifest::{Build, Recipe},
};

/// Variables by which users change what a compiler makes.
const VARIABLES: [&str; 5] = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CC", "CFLAGS", "GOFLAGS"];
const VARIABLES_START: [&str; 5] =
    ["CARGO_BUILD_", "CARGO_PROFILE_", "CARGO_TARGET_", "CGO_", "GO"];

/// What products of a version are made with.
pub(super) struct Workshop<'a> {
    pub(super) version: &'a Version<'a>,
    pub(super) beside: Beside,
    /// The folder for what is made of commits.
    pub(super) cache: PathBuf,
    /// The files of the commit.
    pub(super) sources: PathBuf,
    pub(super) options: &'a BuildOptions,
    pub(super) runner: Runner<'a>,
}

impl Workshop<'_> {
    /// What `recipe`, whose files are in the sources, makes.
    pub(super) fn product(&mut self, recipe: &Recipe) -> Result<Product, VersionError> {
        let commit = self.version.commit.short().to_owned();
        self.check(recipe).map_err(|source| VersionError::Build { commit, source })?;
        match &recipe.build {
            Build::Cargo(_) | Build::Go(_) => self.compiled(recipe),
            // It is a cache of its own, and its program is among the sources.
            Build::Python(_) => self.made(recipe, &self.sources.clone()),
            Build::Command(_) => self.made_in_place(recipe),
        }
    }

    /// Whether what is built is a part of the commit.
    fn check(&self, recipe: &Recipe) -> Result<(), BuildError> {
        let dir = recipe.sources();
        if dir.canonicalize().is_ok_and(|dir| !dir.starts_with(&self.sources)) {
            return Err(BuildError::Need(format!(
                "the sources of '{}' are not in its repository: {}",
                recipe.target,
                dir.display()
            )));
        }
        Ok(())
    }

    /// Compiled in the checkout; the binary is kept.
    fn compiled(&mut self, recipe: &Recipe) -> Result<Product, VersionError> {
        let slot = self.slot(recipe)?;
        let folder = slot.dir().join("bin");
        if !slot.is_whole() {
            // Taken last and given back first: whoever waits for it holds nothing that we want.
            let checkout = Checkout::of(self.version, &self.beside, &self.cache, &mut self.runner)?;
            let dir = recipe.dir.strip_prefix(&self.sources).unwrap_or(&recipe.dir);
            let there = Recipe { dir: checkout.dir().join(dir), ..recipe.clone() };
            let product = self.made(&there, checkout.dir())?;
            copy(&product.binary, &folder).map_err(|error| self.failed(&folder, error))?;
            self.finish(slot)?;
        }
        let binary = only(&folder).map_err(|error| self.failed(&folder, error))?;
        Ok(Product { build_id: build_id(&binary), binary, env: BTreeMap::new(), perf_maps: false })
    }

    /// Made among the sources, since nobody knows what belongs to it.
    fn made_in_place(&mut self, recipe: &Recipe) -> Result<Product, VersionError> {
        let slot = self.slot(recipe)?;
        if let (true, Build::Command(build)) = (slot.is_whole(), &recipe.build) {
            let binary = recipe.dir.join(&build.binary);
            return Ok(Product {
                build_id: build_id(&binary),
                binary,
                env: BTreeMap::new(),
                perf_maps: false,
            });
        }
        let product = self.made(recipe, &self.sources.clone())?;
        let dir = slot.dir().to_owned();
        fs::create_dir_all(&dir).map_err(|error| self.failed(&dir, error))?;
        self.finish(slot)?;
        Ok(product)
    }

    /// Made in the checkout `folder`.
    fn made(&mut self, recipe: &Recipe, folder: &Path) -> Result<Product, VersionError> {
        make(recipe, self.options, &mut self.runner).map_err(|source| {
            self.wrong(hint::with_hint(source, self.version.repository.top(), folder))
        })
    }

    /// The place for what is made of just these files, in just this way.
    fn slot(&mut self, recipe: &Recipe) -> Result<Slot, VersionError> {
        let dir = recipe.sources();
        let compiler = match &recipe.build {
            Build::Cargo(_) => cargo::compiler(&dir, &mut self.runner),
            Build::Go(_) => go::compiler(&dir, &mut self.runner),
            Build::Python(_) | Build::Command(_) => Ok(String::new()),
        };
        let compiler = compiler.map_err(|source| self.wrong(source))?;
        let place = recipe.dir.strip_prefix(&self.sources).unwrap_or(&recipe.dir);
        let Version { repository, commit, .. } = self.version;
        let origin = format!(
            "{}\n{}\n{}\n{:?}\n{compiler}\n{}{}",
            repository.top().display(),
            commit.tree,
            place.display(),
            recipe.build,
            variables(),
            self.beside.key()
        );
        Slot::open(&self.cache, &recipe.target, origin, &mut self.runner)
            .map_err(|source| self.wrong(source))
    }

    fn finish(&self, mut slot: Slot) -> Result<(), VersionError> {
        slot.finish().map_err(|source| self.wrong(source))
    }

    fn failed(&self, path: &Path, source: io::Error) -> VersionError {
        self.wrong(BuildError::Cache { path: path.to_owned(), source })
    }

    fn wrong(&self, source: BuildError) -> VersionError {
        VersionError::Build { commit: self.version.commit.short().to_owned(), source }
    }
}

/// What the user's environment has to say on builds.
fn variables() -> String {
    let says = |name: &str| {
        VARIABLES.contains(&name) || VARIABLES_START.iter().any(|start| name.starts_with(start))
    };
    let mut lines: Vec<String> = env::vars_os()
        .filter(|(name, _)| name.to_str().is_some_and(says))
        .map(|(name, value)| format!("{name:?}={value:?}"))
        .collect();
    lines.sort_unstable();
    lines.join("\n")
}

fn copy(binary: &Path, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let name = binary.file_name().unwrap_or_default();
    // Not a link: what a linker does to a file that is there already is its own affair.
    fs::copy(binary, folder.join(name)).map(drop)
}

/// The one file in a folder.
fn only(folder: &Path) -> io::Result<PathBuf> {
    let entry = folder.read_dir()?.next();
    entry.unwrap_or_else(|| Err(io::ErrorKind::NotFound.into())).map(|entry| entry.path())
}
