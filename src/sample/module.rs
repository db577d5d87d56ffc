//! Modules: the files, and the other places, that code comes from.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _},
    os::{
        fd::AsRawFd as _,
        unix::{ffi::OsStrExt as _, fs::OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
    sync::Arc,
};

use rustc_hash::FxHashMap;

use super::{
    elf::Elf,
    record::{FileId, Mapping},
};

/// Index into [`super::Capture::modules`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId(pub u32);

/// Somewhere that code comes from.
#[derive(Debug, Clone)]
pub struct Module {
    /// How a frame without a name is called after it: the base name of the file.
    pub name: String,
    /// What kind of place it is, and how to look into it.
    pub code: Code,
    /// GNU build id of the file, where it has one.
    pub build_id: Option<Vec<u8>>,
    /// What the file looked like when it was read.
    stamp: Option<Stamp>,
}

/// What changes with the contents of a file that is written over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    length: u64,
    /// When it was last written, in seconds and nanoseconds.
    written: (i64, i64),
}

impl Stamp {
    fn of(file: &File) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = file.metadata().ok()?;
        let written = (metadata.mtime(), metadata.mtime_nsec());
        Some(Self { length: metadata.len(), written })
    }
}

/// What kind of place code comes from.
#[derive(Debug, Clone)]
pub enum Code {
    /// An ELF file; addresses are those that the file states.
    Elf {
        /// Its path as this process can open it.
        path: PathBuf,
        /// Keeps the file readable after it was deleted or replaced.
        file: Arc<File>,
    },
    /// The code that the kernel maps into every process; addresses count from its start.
    Vdso,
    /// The kernel; addresses are absolute.
    Kernel,
    /// Code generated at run time by a process; addresses are absolute.
    Generated {
        /// The process.
        pid: u32,
    },
    /// A file that could not be opened or read; addresses are offsets in it.
    Unreadable,
}

impl Module {
    /// Without a file that could change.
    pub(crate) fn new(name: String, code: Code) -> Self {
        Self { name, code, build_id: None, stamp: None }
    }

    /// Whether the file is no longer what it was when it was mapped: it was written over, and what
    /// it says now is about other code.
    fn is_overwritten(&self) -> bool {
        let Code::Elf { file, .. } = &self.code else { return false };
        if self.stamp == Stamp::of(file) {
            return false;
        }
        // Only touched, if it is still the same build.
        let build_id = Elf::read(file).ok().and_then(|elf| elf.build_id);
        build_id.is_none() || build_id != self.build_id
    }

    /// A path under which the file as it was mapped can be opened now.
    ///
    /// The original path is better, because files beside it (debug links) are found from there.
    /// None where the file has been written over.
    pub fn readable_path(&self) -> Option<PathBuf> {
        use std::os::unix::fs::MetadataExt as _;
        let Code::Elf { path, file } = &self.code else { return None };
        if self.is_overwritten() {
            return None;
        }
        let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        let mapped = file.metadata().ok().map(identity);
        let at_path = fs::metadata(path).ok().map(identity);
        if mapped == at_path {
            return Some(path.clone());
        }
        Some(PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd())))
    }
}

/// All modules seen, each once however many processes map it.
#[derive(Debug)]
pub(super) struct Modules {
    all: Vec<Module>,
    elves: Vec<Arc<Elf>>,
    by_key: FxHashMap<Key, ModuleId>,
    /// Copies of one file are one module: by build id and length.
    by_build: FxHashMap<(Vec<u8>, u64), ModuleId>,
    /// What cannot be read, by its name.
    unreadable: FxHashMap<String, ModuleId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// Whatever it is called, and whatever else is called so now.
    File(FileId),
    /// Where the kernel does not say which file it is.
    Path(Vec<u8>),
    Vdso,
    Generated(u32),
}

impl Key {
    fn of(mapping: &Mapping) -> Self {
        match (mapping.path.as_slice(), mapping.file) {
            (b"[vdso]", _) => Self::Vdso,
            _ if !mapping.is_in_file() => Self::Generated(mapping.pid),
            (_, Some(file)) => Self::File(file),
            (path, None) => Self::Path(path.to_vec()),
        }
    }
}

/// How paths begin of memory that is no file, but is mapped like one: runtimes write code there so
/// that they can run it at another address.
const MEMORY: [&[u8]; 4] = [b"/memfd:", b"/dev/zero", b"/SYSV", b"/anon_hugepage"];

/// The kernel's module is always there, and first.
pub(super) const KERNEL: ModuleId = ModuleId(0);

/// Longest vDSO that is read.
const VDSO_BYTES_MAX: u64 = 1 << 20;

impl Modules {
    pub(super) fn new() -> Self {
        let kernel = Module::new("kernel".to_owned(), Code::Kernel);
        Self {
            all: vec![kernel],
            elves: vec![Arc::default()],
            by_key: FxHashMap::default(),
            by_build: FxHashMap::default(),
            unreadable: FxHashMap::default(),
        }
    }

    /// The module that a mapping of code is of. The same place mapped again is another module where
    /// the file is another one, or was written over.
    pub(super) fn of_mapping(&mut self, mapping: &Mapping) -> (ModuleId, Arc<Elf>) {
        let key = Key::of(mapping);
        if let Some(id) = self.by_key.get(&key).filter(|id| self.is_current(**id)) {
            return (*id, self.elves[id.0 as usize].clone());
        }
        let (module, elf) = match &key {
            Key::Generated(pid) => generated(*pid),
            Key::Vdso => vdso(),
            Key::File(_) | Key::Path(_) => match file(mapping) {
                Some(read) => read,
                None if MEMORY.iter().any(|begin| mapping.path.starts_with(begin)) => {
                    let anonymous = Mapping { path: Vec::new(), file: None, ..mapping.clone() };
                    return self.of_mapping(&anonymous);
                }
                // By another path it may be readable, the next time.
                None => return self.unreadable(base_name(&mapping.path)),
            },
        };
        let id = self.known_build(&module).unwrap_or_else(|| self.add(module, elf));
        self.by_key.insert(key, id);
        (id, self.elves[id.0 as usize].clone())
    }

    fn unreadable(&mut self, name: String) -> (ModuleId, Arc<Elf>) {
        let id = match self.unreadable.get(&name) {
            Some(id) => *id,
            None => self.add(Module::new(name.clone(), Code::Unreadable), Elf::default()),
        };
        self.unreadable.insert(name, id);
        (id, self.elves[id.0 as usize].clone())
    }

    fn add(&mut self, module: Module, elf: Elf) -> ModuleId {
        let id = ModuleId(self.all.len() as u32);
        if let Some(build) = build(&module) {
            self.by_build.insert(build, id);
        }
        self.all.push(module);
        self.elves.push(Arc::new(elf));
        id
    }

    /// The module that a file is a copy of.
    fn known_build(&self, module: &Module) -> Option<ModuleId> {
        let id = self.by_build.get(&build(module)?)?;
        self.is_current(*id).then_some(*id)
    }

    /// Whether a module is still what it was.
    fn is_current(&self, id: ModuleId) -> bool {
        !self.get(id).is_overwritten()
    }

    pub(super) fn get(&self, id: ModuleId) -> &Module {
        &self.all[id.0 as usize]
    }

    pub(super) fn elf(&self, id: ModuleId) -> &Elf {
        &self.elves[id.0 as usize]
    }

    pub(super) fn all(&self) -> &[Module] {
        &self.all
    }
}

/// What copies of a file have in common, with and without symbols apart.
fn build(module: &Module) -> Option<(Vec<u8>, u64)> {
    Some((module.build_id.clone()?, module.stamp?.length))
}

fn generated(pid: u32) -> (Module, Elf) {
    (Module::new("generated code".to_owned(), Code::Generated { pid }), Elf::default())
}

fn vdso() -> (Module, Elf) {
    let elf = read_own_vdso().and_then(|image| Elf::parse(&image)).unwrap_or_default();
    let build_id = elf.build_id.clone();
    (Module { build_id, ..Module::new("vdso".to_owned(), Code::Vdso) }, elf)
}

/// What the kernel appends to the path of a file that has none any more.
const DELETED: &[u8] = b" (deleted)";

/// The path of a mapping as the file had it.
fn path_of(path: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(path.strip_suffix(DELETED).unwrap_or(path)))
}

fn base_name(path: &[u8]) -> String {
    let path = path_of(path);
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// The file that was mapped; none where it cannot be opened, or is no ELF file.
fn file(mapping: &Mapping) -> Option<(Module, Elf)> {
    let (path, file) = open_mapped(mapping, path_of(&mapping.path))?;
    // Before it is read: what is written from now on shows.
    let stamp = Stamp::of(&file);
    let elf = Elf::read(&file).ok()?;
    let build_id = elf.build_id.clone();
    let code = Code::Elf { path, file: Arc::new(file) };
    Some((Module { name: base_name(&mapping.path), code, build_id, stamp }, elf))
}

/// The facts of the file that was mapped.
pub(super) fn elf(mapping: &Mapping) -> Option<Elf> {
    Some(file(mapping)?.1)
}

/// The module of a file that nobody has mapped.
#[cfg(feature = "fuzzing")]
pub(crate) fn of_file(path: &Path) -> Option<Module> {
    let mapping = Mapping {
        pid: std::process::id(),
        address: 0,
        length: 0,
        file_offset: 0,
        executable: true,
        path: path.as_os_str().as_bytes().to_vec(),
        file: None,
    };
    file(&mapping).map(|(module, _)| module)
}

/// Whether an open file is the one that was mapped: surely if at all, where `surely` is set.
///
/// File systems that lie over others may state the device, and the inode, of those below.
fn is_mapped_file(file: &File, mapping: &Mapping, surely: bool) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(metadata) = file.metadata() else { return false };
    let is_same = mapping.file.is_none_or(|mapped| {
        metadata.ino() == mapped.inode || (!surely && metadata.dev() != mapped.device)
    });
    metadata.is_file() && is_same
}

/// Opens the file that was mapped from the path `mapped`, and says where else it can be found.
///
/// The links that the kernel keeps lead to the very file, even if it was deleted or another is in
/// its place meanwhile; but only the privileged may follow those of mappings. The path itself is
/// looked up as the process sees it: through its root, which differs in a container.
fn open_mapped(mapping: &Mapping, mapped: &Path) -> Option<(PathBuf, File)> {
    let process = Path::new("/proc").join(mapping.pid.to_string());
    let program = process.join("exe");
    let is_program = fs::read_link(&program).is_ok_and(|link| {
        let link = link.as_os_str().as_bytes();
        link.strip_suffix(DELETED).unwrap_or(link) == mapped.as_os_str().as_bytes()
    });
    let (start, end) = (mapping.address, mapping.address.saturating_add(mapping.length));
    let link = process.join(format!("map_files/{start:x}-{end:x}"));
    let in_root = mapped.strip_prefix("/").map(|path| process.join("root").join(path)).ok();
    let same_root = fs::read_link(process.join("root")).is_ok_and(|root| root == Path::new("/"));
    let found_at = match &in_root {
        Some(in_root) if !same_root => in_root,
        _ => mapped,
    };
    let places = [
        is_program.then_some((found_at, program.as_path())),
        Some((found_at, link.as_path())),
        Some((found_at, found_at)),
        // A process that has ended has no root any more.
        Some((mapped, mapped)),
    ];
    let found: Vec<(&Path, File)> = places
        .into_iter()
        .flatten()
        // What stands there now may be a pipe, which nobody writes to.
        .filter_map(|(path, place)| {
            let open = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(place);
            Some((path, open.ok()?))
        })
        .collect();
    let best = [true, false].iter().find_map(|surely| {
        found.iter().position(|(_, file)| is_mapped_file(file, mapping, *surely))
    })?;
    let (path, file) = found.into_iter().nth(best)?;
    Some((path.to_owned(), file))
}

/// The vDSO's image from our own memory: the kernel maps the same into every process.
pub(crate) fn read_own_vdso() -> io::Result<Vec<u8>> {
    let (start, length) = own_vdso_range()
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no vdso in this process"))?;
    let mut memory = File::open("/proc/self/mem")?;
    memory.seek(io::SeekFrom::Start(start))?;
    let mut image = Vec::new();
    memory.take(length.min(VDSO_BYTES_MAX)).read_to_end(&mut image)?;
    Ok(image)
}

/// Where the vDSO lies in our own memory, as start and length.
pub(crate) fn own_vdso_range() -> Option<(u64, u64)> {
    let maps = fs::read("/proc/self/maps").ok()?;
    super::attach::parse_maps(0, &maps)
        .find(|mapping| mapping.path == b"[vdso]")
        .map(|mapping| (mapping.address, mapping.length))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    /// A mapping of a file as it is now.
    fn mapping(path: &Path) -> Mapping {
        let metadata = fs::metadata(path).expect("it is ours");
        Mapping {
            pid: std::process::id(),
            address: 0x1000,
            length: 0x1000,
            file_offset: 0,
            executable: true,
            path: path.as_os_str().as_bytes().to_vec(),
            file: Some(FileId { device: metadata.dev(), inode: metadata.ino() }),
        }
    }

    #[test]
    fn a_file_is_what_it_was_when_it_was_mapped() {
        let dir = tempfile::tempdir().expect("a folder");
        let [first, other, missing] =
            ["first", "other", "missing"].map(|name| dir.path().join(name));
        let Ok(_) = fs::copy("/bin/true", &first) else { return };
        let mut modules = Modules::new();
        let (id, _) = modules.of_mapping(&mapping(&first));
        if modules.get(id).build_id.is_none() {
            return;
        }
        assert_eq!(modules.of_mapping(&mapping(&first)).0, id);
        // By another name, and as a copy that is deleted at once.
        fs::hard_link(&first, &other).expect("a link");
        assert_eq!(modules.of_mapping(&mapping(&other)).0, id);
        fs::copy(&first, &missing).expect("a copy");
        assert_eq!(modules.of_mapping(&mapping(&missing)).0, id);
        // Another file stands there now.
        let before = mapping(&missing);
        fs::copy("/bin/false", dir.path().join("new")).expect("a copy");
        fs::rename(dir.path().join("new"), &missing).expect("a name");
        let (unread, _) = Modules::new().of_mapping(&before);
        let mut fresh = Modules::new();
        assert_eq!(fresh.of_mapping(&before).0, unread);
        assert!(matches!(fresh.get(unread).code, Code::Unreadable));
        assert_ne!(modules.of_mapping(&mapping(&missing)).0, id);
        // Written over: what it says is about other code now.
        assert!(modules.get(id).readable_path().is_some());
        fs::copy("/bin/false", &first).expect("a copy");
        assert!(modules.get(id).readable_path().is_none());
        assert_ne!(modules.of_mapping(&mapping(&first)).0, id);
    }

    #[test]
    fn memory_that_is_mapped_like_a_file_has_generated_code() {
        let mapped = Mapping {
            path: b"/memfd:jit (deleted)".to_vec(),
            file: FileId::new(0, 1, 1 << 40),
            ..mapping(Path::new("/"))
        };
        let mut modules = Modules::new();
        let (id, _) = modules.of_mapping(&mapped);
        assert!(matches!(modules.get(id).code, Code::Generated { .. }));
    }
}
