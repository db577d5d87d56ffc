//! Writes a run: into a hidden directory beside its place, which takes its place when complete.

use std::{
    collections::BTreeMap,
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock, statvfs};
use tempfile::TempDir;

use super::{FOLDED, PROFILE, RUN, RecordError, SVG, Store, directories, parse};
use crate::{
    record::{
        derive::{DerivedFile, derive, derive_other},
        run::Run,
    },
    symbolize::Profile,
    unit::Nanos,
};

/// Less free space than this is not enough to begin with: a run of ten seconds has about two
/// mebibytes, one of a minute at the highest rates ten.
pub(super) const FREE_BYTES_MIN: u64 = 16 << 20;

/// A file of a run that others have made, such as the output of a load tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// What it is, for the record's list.
    pub what: String,
    /// Its name in the run's directory.
    pub file: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Begins the name of a directory that is being written, before its writer's process id.
const UNFINISHED: &str = ".writing-";

impl Store {
    /// Makes sure, before a measurement, that a run of `target` can be kept; removes what
    /// writers that died have left.
    ///
    /// # Errors
    /// When the directory cannot be made or written to, or its file system is nearly full.
    pub fn check_writable(&self, target: &str) -> Result<(), RecordError> {
        let directory = self.target_directory(target)?;
        self.remove_leftovers()?;
        let unwritable = |source| RecordError::Unwritable { path: directory.clone(), source };
        Unfinished::create(&directory).map_err(unwritable)?;
        let space = statvfs(&directory).map_err(|error| unwritable(error.into()))?;
        let free_bytes = space.f_bavail.saturating_mul(space.f_frsize);
        if free_bytes < FREE_BYTES_MIN {
            return Err(RecordError::DiskFull { path: directory, free_bytes });
        }
        Ok(())
    }

    /// Keeps a run and returns its directory. Nothing is left where it cannot be kept whole.
    ///
    /// # Errors
    /// When a file cannot be written, or the run has been kept already.
    pub fn write(&self, run: &Run, profile: Option<&Profile>) -> Result<PathBuf, RecordError> {
        self.keep(&mut run.clone(), profile.as_slice(), &[], None)
    }

    /// Keeps a run whose load ended at `load_ended` with files of its own, and adds to its record
    /// how long everything took from then until the flamegraph was on disk. Of the profiles, the
    /// first is the run's own, and the rest are those of its `other_profiles`, in their order.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn finish(
        &self,
        mut run: Run,
        profiles: &[&Profile],
        attachments: &[Attachment],
        load_ended: Nanos,
    ) -> Result<(Run, PathBuf), RecordError> {
        let directory = self.keep(&mut run, profiles, attachments, Some(load_ended))?;
        Ok((run, directory))
    }

    fn keep(
        &self,
        run: &mut Run,
        profiles: &[&Profile],
        attachments: &[Attachment],
        load_ended: Option<Nanos>,
    ) -> Result<PathBuf, RecordError> {
        let target = self.target_directory(&run.target.name)?;
        let place = target.join(run.id.as_str());
        let unfinished = Unfinished::create(&target)
            .map_err(|source| RecordError::Unwritable { path: target.clone(), source })?;
        let directory = unfinished.directory.path();
        run.artifacts = BTreeMap::new();
        for Attachment { what, file, bytes } in attachments {
            write_file(directory, file, |to| to.write_all(bytes))?;
            run.artifacts.insert(what.clone(), file.clone());
        }
        // From the record as it will be read, not as it is here: numbers may differ in their last
        // bit.
        let record = parse(&record_json(run, &place)?, &place.join(RUN))?;
        if let Some((profile, others)) = profiles.split_first() {
            write_profile(directory, PROFILE, profile)?;
            run.artifacts.insert(what(PROFILE).to_owned(), PROFILE.to_owned());
            let mut derived = derive(&record, profile)?;
            for (other, profile) in record.other_profiles.iter().zip(others) {
                let Some(names @ [_, _, file]) = other.file_names() else { continue };
                write_profile(directory, file, profile)?;
                run.artifacts.insert(file.to_owned(), file.to_owned());
                derived.files.extend(derive_other(&record, other, names, profile)?.files);
            }
            for DerivedFile { name, bytes } in derived.files {
                write_file(directory, &name, |file| file.write_all(&bytes))?;
                run.artifacts.insert(what(&name).to_owned(), name);
            }
        }
        if let (Some(ended), Some(facts)) = (load_ended, &mut run.profile) {
            let took = Nanos::now().since(ended);
            facts.post_processing_ms = Some((took.as_micros_f64() / 1e3).round());
        }
        let json = record_json(run, &place)?;
        write_file(directory, RUN, |file| file.write_all(&json))?;
        unfinished.finish(&place)?;
        Ok(place)
    }

    /// The directory of a target's runs, without looking whether it is there.
    fn target_directory(&self, target: &str) -> Result<PathBuf, RecordError> {
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
        if target.is_empty() || target.starts_with('.') || !target.chars().all(fits) {
            return Err(RecordError::TargetName(target.to_owned()));
        }
        Ok(self.root().join(target))
    }

    /// Removes unfinished directories whose writers are dead.
    fn remove_leftovers(&self) -> Result<(), RecordError> {
        for (_, target) in directories(self.root())? {
            let Ok(entries) = fs::read_dir(&target) else { continue };
            for path in entries.flatten().map(|entry| entry.path()) {
                if is_abandoned(&path) {
                    // Another process may be removing it too; what stays is met again.
                    let _ = fs::remove_dir_all(&path);
                }
            }
        }
        Ok(())
    }
}

/// Whether a directory is unfinished and its writer dead: no such process, and no lock either,
/// which also shows a writer in another container that shares the directory.
fn is_abandoned(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let pid = name.strip_prefix(UNFINISHED).and_then(|rest| rest.split('-').next());
    let Some(pid) = pid.and_then(|pid| pid.parse::<u32>().ok()) else {
        return false;
    };
    let locked = || {
        let free = File::open(path).is_ok_and(|directory| {
            flock(&directory, FlockOperation::NonBlockingLockExclusive).is_ok()
        });
        !free
    };
    !Path::new("/proc").join(pid.to_string()).exists() && !locked()
}

/// A directory that is being written; dropping it removes it.
pub(super) struct Unfinished {
    directory: TempDir,
    /// Holds the lock that says that the writer is alive.
    _lock: File,
}

impl Unfinished {
    pub(super) fn create(target: &Path) -> io::Result<Self> {
        fs::create_dir_all(target)?;
        let directory = tempfile::Builder::new()
            .prefix(&format!("{UNFINISHED}{}-", std::process::id()))
            // As any directory: what others may read is for the umask to say.
            .permissions(Permissions::from_mode(0o777))
            .tempdir_in(target)?;
        let lock = File::open(directory.path())?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self { directory, _lock: lock })
    }

    /// Where it is written.
    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(super) fn finish(mut self, place: &Path) -> Result<(), RecordError> {
        fs::rename(self.directory.path(), place)
            .map_err(|source| RecordError::Write { path: place.to_owned(), source })?;
        self.directory.disable_cleanup(true);
        Ok(())
    }
}

fn write_profile(directory: &Path, name: &str, profile: &Profile) -> Result<(), RecordError> {
    let path = directory.join(name);
    let file =
        File::create(&path).map_err(|source| RecordError::Write { path: path.clone(), source })?;
    profile.write(file).map_err(|source| RecordError::Profile { path, source })
}

/// What a file that goes with every profile is called in the record's list; any other is listed
/// by its name.
fn what(file: &str) -> &str {
    match file {
        PROFILE => "profile",
        FOLDED => "folded",
        SVG => "svg",
        other => other,
    }
}

fn record_json(run: &Run, place: &Path) -> Result<Vec<u8>, RecordError> {
    let mut json = serde_json::to_vec_pretty(&run)
        .map_err(|source| RecordError::Parse { path: place.join(RUN), source })?;
    json.push(b'\n');
    Ok(json)
}

pub(super) fn write_file(
    directory: &Path,
    name: &str,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), RecordError> {
    let path = directory.join(name);
    File::create(&path)
        .and_then(|mut file| write(&mut file))
        .map_err(|source| RecordError::Write { path, source })
}

/// Replaces a file in one step, so that nobody sees half of it.
pub(super) fn replace(directory: &Path, name: &str, bytes: &[u8]) -> Result<(), RecordError> {
    let error = |source| RecordError::Write { path: directory.join(name), source };
    let mut file = tempfile::Builder::new()
        .prefix(".rendering-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(directory)
        .map_err(error)?;
    file.write_all(bytes).map_err(error)?;
    file.persist(directory.join(name)).map_err(|failed| error(failed.error))?;
    Ok(())
}
