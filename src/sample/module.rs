//! Modules: the files, and the other places, that code comes from.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read as _, Seek as _},
    os::{fd::AsRawFd as _, unix::ffi::OsStrExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustc_hash::FxHashMap;

use super::{elf::Elf, record::Mapping};

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
    /// A path under which the file as it was mapped can be opened now.
    ///
    /// The original path is better, because files beside it (debug links) are found from there.
    pub fn readable_path(&self) -> Option<PathBuf> {
        use std::os::unix::fs::MetadataExt as _;
        let Code::Elf { path, file } = &self.code else { return None };
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
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    File(Vec<u8>),
    Generated(u32),
}

/// The kernel's module is always there, and first.
pub(super) const KERNEL: ModuleId = ModuleId(0);

/// Longest vDSO that is read.
const VDSO_BYTES_MAX: u64 = 1 << 20;

impl Modules {
    pub(super) fn new() -> Self {
        let kernel = Module { name: "kernel".to_owned(), code: Code::Kernel, build_id: None };
        Self { all: vec![kernel], elves: vec![Arc::default()], by_key: FxHashMap::default() }
    }

    /// The module that a mapping of code is of.
    pub(super) fn of_mapping(&mut self, mapping: &Mapping) -> (ModuleId, Arc<Elf>) {
        let path = mapping.path.as_slice();
        let key = match path {
            b"//anon" | b"" => Key::Generated(mapping.pid),
            [b'[', ..] if path != b"[vdso]" => Key::Generated(mapping.pid),
            _ => Key::File(path.to_vec()),
        };
        if let Some(id) = self.by_key.get(&key) {
            return (*id, self.elves[id.0 as usize].clone());
        }
        let (module, elf) = match &key {
            Key::Generated(pid) => generated(*pid),
            Key::File(path) if path == b"[vdso]" => vdso(),
            Key::File(_) => file(mapping),
        };
        let id = ModuleId(self.all.len() as u32);
        let elf = Arc::new(elf);
        self.all.push(module);
        self.elves.push(elf.clone());
        self.by_key.insert(key, id);
        (id, elf)
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

fn generated(pid: u32) -> (Module, Elf) {
    let name = "generated code".to_owned();
    (Module { name, code: Code::Generated { pid }, build_id: None }, Elf::default())
}

fn vdso() -> (Module, Elf) {
    let elf = read_own_vdso().and_then(|image| Elf::parse(&image)).unwrap_or_default();
    let build_id = elf.build_id.clone();
    (Module { name: "vdso".to_owned(), code: Code::Vdso, build_id }, elf)
}

/// What the kernel appends to the path of a file that has none any more.
const DELETED: &[u8] = b" (deleted)";

fn file(mapping: &Mapping) -> (Module, Elf) {
    let path = mapping.path.strip_suffix(DELETED).unwrap_or(&mapping.path);
    let mapped = Path::new(OsStr::from_bytes(path));
    let name = mapped.file_name().unwrap_or(mapped.as_os_str()).to_string_lossy().into_owned();
    let unreadable =
        |name| (Module { name, code: Code::Unreadable, build_id: None }, Elf::default());
    let Some((path, file)) = open_mapped(mapping, mapped) else { return unreadable(name) };
    let Ok(elf) = Elf::read(&file) else { return unreadable(name) };
    let build_id = elf.build_id.clone();
    (Module { name, code: Code::Elf { path, file: Arc::new(file) }, build_id }, elf)
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
    places.into_iter().flatten().find_map(|(path, place)| {
        let file = File::open(place).ok()?;
        file.metadata().ok()?.is_file().then(|| (path.to_owned(), file))
    })
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
