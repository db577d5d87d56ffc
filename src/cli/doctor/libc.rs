//! What a profile can make of the C library: its callers, and its names.

use std::path::{Path, PathBuf};

use object::{Architecture, Object as _, ObjectSection as _, ObjectSymbol as _};

use super::{check::Check, privileges::Privileges, proc::proc_file};

/// Functions shorter than this in bytes make no frame in any library.
const FUNCTION_BYTES_MIN: u64 = 64;
/// The instructions that set up a frame stand this near a function's start.
const PROLOGUE_BYTES: usize = 24;
/// A library has frame pointers if at least this share of its functions set one up.
const SHARE_MIN: f64 = 0.5;
/// Where separate debug information is looked for.
const DEBUG_DIRS: [&str; 2] = ["/usr/lib/debug", "/lib/debug"];

/// What is known of the C library that this process uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Libc {
    name: String,
    /// Exported functions that were looked at.
    functions: usize,
    /// Those that set up a frame pointer.
    with_frame: usize,
    /// Where the names of its inner functions are, if anywhere.
    symbols: Option<String>,
}

impl Libc {
    /// Looks at the C library in this process's memory map.
    pub(super) fn read() -> Option<Self> {
        let path = mapped_libc(&proc_file("self/maps")?)?;
        Self::of(&path, &std::fs::read(&path).ok()?)
    }

    fn of(path: &Path, bytes: &[u8]) -> Option<Self> {
        let file = object::File::parse(bytes).ok()?;
        let (mut functions, mut with_frame) = (0, 0);
        for symbol in file.dynamic_symbols() {
            if symbol.kind() != object::SymbolKind::Text || symbol.size() < FUNCTION_BYTES_MIN {
                continue;
            }
            let Some(code) = prologue(&file, &symbol) else { continue };
            functions += 1;
            with_frame += usize::from(sets_up_frame(file.architecture(), code));
        }
        let name = path.file_name()?.to_string_lossy().into_owned();
        Some(Self { name, functions, with_frame, symbols: find_symbols(&file, path) })
    }
}

/// The C library among the files of `/proc/self/maps`.
fn mapped_libc(maps: &str) -> Option<PathBuf> {
    let files = maps.lines().filter_map(|line| Some(Path::new(&line[line.find('/')?..])));
    let is_libc = |path: &&Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        ["libc.so", "libc-2.", "ld-musl-"].iter().any(|start| name.starts_with(start))
    };
    files.into_iter().find(is_libc).map(Path::to_owned)
}

/// The first instructions of a function.
fn prologue<'a>(file: &object::File<'a>, symbol: &object::Symbol<'a, '_>) -> Option<&'a [u8]> {
    let section = file.section_by_index(symbol.section_index()?).ok()?;
    section.data_range(symbol.address(), PROLOGUE_BYTES as u64).ok()?
}

/// Whether these first instructions of a function set up a frame pointer.
fn sets_up_frame(architecture: Architecture, code: &[u8]) -> bool {
    match architecture {
        // `push %rbp; mov %rsp,%rbp`, in either encoding of the move.
        Architecture::X86_64 => {
            let setups: [&[u8]; 2] = [&[0x55, 0x48, 0x89, 0xe5], &[0x55, 0x48, 0x8b, 0xec]];
            code.windows(4).any(|window| setups.contains(&window))
        }
        // `add x29, sp, #n`, of which `mov x29, sp` is the case 0.
        Architecture::Aarch64 => code.chunks_exact(4).any(|bytes| {
            let word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            word & 0xffc0_03ff == 0x9100_03fd
        }),
        _ => false,
    }
}

/// Where the names of a library's inner functions are: in itself, or in a separate file, found by
/// its build id or by the name in its `.gnu_debuglink`.
fn find_symbols(file: &object::File<'_>, path: &Path) -> Option<String> {
    if file.symbols().next().is_some() {
        return Some("in itself".to_owned());
    }
    let build_id = file.build_id().ok().flatten();
    let link = file.gnu_debuglink().ok().flatten().map(|(name, _)| name);
    let candidates = debug_files(path, build_id, link);
    candidates.into_iter().find(|path| path.is_file()).map(|path| path.display().to_string())
}

/// Where debug information for the file at `path` may be, as gdb and others have agreed.
fn debug_files(path: &Path, build_id: Option<&[u8]>, link: Option<&[u8]>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    if let Some([first, rest @ ..]) = build_id {
        let rest: String = rest.iter().map(|byte| format!("{byte:02x}")).collect();
        let name = format!(".build-id/{first:02x}/{rest}.debug");
        files.extend(DEBUG_DIRS.map(|dir| Path::new(dir).join(&name)));
    }
    if let (Some(link), Some(folder)) = (link, path.parent()) {
        let link = String::from_utf8_lossy(link).into_owned();
        files.extend([folder.join(&link), folder.join(".debug").join(&link)]);
        let below = folder.strip_prefix("/").unwrap_or(folder);
        files.extend(DEBUG_DIRS.map(|dir| Path::new(dir).join(below).join(&link)));
    }
    files
}

/// Whether the C library keeps frame pointers.
pub(super) fn frame_pointers(libc: Option<&Libc>) -> Check {
    let name = "libc frame pointers";
    let Some(libc) = libc.filter(|libc| libc.functions > 0) else {
        return Check::unknown(
            name,
            None,
            "this tool uses no shared C library; stacks are unwound by tables all the same",
        );
    };
    let share = libc.with_frame as f64 / libc.functions as f64;
    let has = if share >= SHARE_MIN { "yes" } else { "no" };
    let found = format!(
        "{has}: {} of {} exported functions of {} set one up",
        libc.with_frame, libc.functions, libc.name
    );
    let means = if share >= SHARE_MIN {
        "stacks through it can be followed by any profiler"
    } else {
        "it does not matter: stacks are unwound by tables; a profiler that follows frame pointers \
         would lose the callers of memcpy and malloc"
    };
    Check::ok(name, found, means)
}

/// Whether the C library's inner functions have names.
pub(super) fn symbols(
    libc: Option<&Libc>,
    os_release: Option<&str>,
    privileges: Privileges,
) -> Check {
    let name = "libc symbols";
    let Some(libc) = libc else {
        return Check::unknown(name, None, "this tool uses no shared C library");
    };
    if let Some(place) = &libc.symbols {
        return Check::ok(
            name,
            format!("{}: {place}", libc.name),
            "all functions of the C library have names",
        );
    }
    let check = Check::note(
        name,
        format!("{} has only those that it exports", libc.name),
        "inner functions of the C library, such as those behind malloc, are shown as [libc.so.6]",
    );
    match install_command(os_release.unwrap_or_default()) {
        Some(command) => check.lifted_by(privileges.command(command)),
        None => check,
    }
}

/// What installs the C library's symbols on a distribution, by its `/etc/os-release`.
fn install_command(os_release: &str) -> Option<&'static str> {
    let value = |key: &str| {
        let line = os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches('"').to_owned()
    };
    let ids = format!("{} {}", value("ID"), value("ID_LIKE"));
    ids.split_whitespace().find_map(|id| match id {
        "debian" | "ubuntu" => Some("apt-get install --yes libc6-dbg"),
        "fedora" | "rhel" | "centos" => Some("dnf debuginfo-install --assumeyes glibc"),
        "suse" | "opensuse" => Some("zypper --non-interactive install glibc-debuginfo"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn libc(with_frame: usize, symbols: Option<&str>) -> Libc {
        Libc {
            name: "libc.so.6".to_owned(),
            functions: 1_000,
            with_frame,
            symbols: symbols.map(str::to_owned),
        }
    }

    #[test]
    fn prologues_are_told_apart() {
        let x86 = |code: &[u8]| sets_up_frame(Architecture::X86_64, code);
        assert!(x86(&[0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0x48, 0x89, 0xe5, 0x41, 0x57]));
        assert!(x86(&[0x55, 0x48, 0x8b, 0xec]));
        // push %rbp; push %rbx; sub $8,%rsp: the register is used for something else.
        assert!(!x86(&[0x55, 0x53, 0x48, 0x83, 0xec, 0x08]));
        assert!(!x86(&[]));
        let arm = |words: &[u32]| {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            sets_up_frame(Architecture::Aarch64, &bytes)
        };
        // stp x29, x30, [sp, #-32]!; mov x29, sp.
        assert!(arm(&[0xa9be_7bfd, 0x9100_03fd]));
        // add x29, sp, #16.
        assert!(arm(&[0x9100_43fd]));
        assert!(!arm(&[0xa9be_7bfd, 0xaa00_03f3]));
        assert!(!sets_up_frame(Architecture::Riscv64, &[0x55, 0x48, 0x89, 0xe5]));
    }

    #[test]
    fn the_library_is_found_in_a_map() {
        let maps = "55d0 r-xp 00000000 08:01 5 /usr/bin/xtask\n\
                    7f00 r-xp 00000000 08:01 6 /lib/libcrypto.so.3\n\
                    7f01 r-xp 00000000 08:01 7 /lib/x86_64-linux-gnu/libc.so.6\n\
                    7fff r-xp 00000000 00:00 0 [vdso]\n";
        assert_eq!(mapped_libc(maps), Some("/lib/x86_64-linux-gnu/libc.so.6".into()));
        assert_eq!(mapped_libc("7fff r-xp 00000000 00:00 0 [vdso]\ngarbage"), None);
        assert_eq!(
            mapped_libc("x /lib/ld-musl-x86_64.so.1"),
            Some("/lib/ld-musl-x86_64.so.1".into())
        );
    }

    #[test]
    fn debug_files_are_where_others_look() {
        let files =
            debug_files(Path::new("/lib/a/libc.so.6"), Some(&[0xab, 0x01]), Some(b"c.debug"));
        let files: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
        expect![[r#"
            /usr/lib/debug/.build-id/ab/01.debug
            /lib/debug/.build-id/ab/01.debug
            /lib/a/c.debug
            /lib/a/.debug/c.debug
            /usr/lib/debug/lib/a/c.debug
            /lib/debug/lib/a/c.debug"#]]
        .assert_eq(&files.join("\n"));
        assert!(debug_files(Path::new("/a"), Some(&[]), None).is_empty());
    }

    #[track_caller]
    fn check(found: &[Check], expect: Expect) {
        let texts: Vec<String> = found.iter().map(Check::golden).collect();
        expect.assert_eq(&texts.concat());
    }

    #[test]
    fn frame_pointers_are_reported_and_do_not_matter() {
        check(
            &[Some(libc(12, None)), Some(libc(900, None)), None]
                .map(|libc| frame_pointers(libc.as_ref())),
            expect![[r#"
                ok: no: 12 of 1000 exported functions of libc.so.6 set one up
                    it does not matter: stacks are unwound by tables; a profiler that follows frame pointers would lose the callers of memcpy and malloc
                ok: yes: 900 of 1000 exported functions of libc.so.6 set one up
                    stacks through it can be followed by any profiler
                note: not there
                    this tool uses no shared C library; stacks are unwound by tables all the same
            "#]],
        );
    }

    #[test]
    fn missing_symbols_come_with_the_package() {
        let of = |libc: Libc, os| symbols(Some(&libc), os, Privileges::NONE);
        check(
            &[
                of(libc(0, Some("/usr/lib/debug/x.debug")), None),
                of(libc(0, None), Some("NAME=x\nID=ubuntu\nID_LIKE=debian\n")),
                of(libc(0, None), Some("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n")),
                of(libc(0, None), Some("ID=arch")),
                of(libc(0, None), None),
                symbols(None, None, Privileges::NONE),
            ],
            expect![[r#"
                ok: libc.so.6: /usr/lib/debug/x.debug
                    all functions of the C library have names
                note: libc.so.6 has only those that it exports
                    inner functions of the C library, such as those behind malloc, are shown as [libc.so.6]
                    $ sudo apt-get install --yes libc6-dbg
                note: libc.so.6 has only those that it exports
                    inner functions of the C library, such as those behind malloc, are shown as [libc.so.6]
                    $ sudo dnf debuginfo-install --assumeyes glibc
                note: libc.so.6 has only those that it exports
                    inner functions of the C library, such as those behind malloc, are shown as [libc.so.6]
                note: libc.so.6 has only those that it exports
                    inner functions of the C library, such as those behind malloc, are shown as [libc.so.6]
                note: not there
                    this tool uses no shared C library
            "#]],
        );
    }

    #[test]
    fn broken_files_are_no_library() {
        assert_eq!(Libc::of(Path::new("/a"), b"\x7fELF and no more"), None);
        assert_eq!(Libc::of(Path::new("/a"), b""), None);
    }
}
