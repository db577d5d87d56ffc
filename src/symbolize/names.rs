//! The names at the addresses of one module.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    panic::{self, AssertUnwindSafe},
    path::Path,
};

use blazesym::{
    MaybeDefault, Pid,
    symbolize::{
        CodeInfo, Input, Sym, Symbolized, Symbolizer,
        source::{Elf, Kernel, Process, Source},
    },
};

use super::{
    debug_info::DebugInfo,
    perf_map::PerfMap,
    profile::{Frame, FrameKind},
    python::PythonNames,
    source_path,
    stubs::{Stubs, Verdict},
};
use crate::sample::{BoundFunction, Code, Module, own_vdso_range};

/// How much is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Inlined functions, files and lines, where a module has debug information.
    Full,
    /// Only the names of functions: for huge binaries, ten times faster in a hundredth of the
    /// memory.
    NamesOnly,
    /// Full, but names only for a module of 1 GiB or more.
    Auto,
}

/// A file of this size or more holds debug information whose parsing takes gigabytes of memory.
pub(super) const HUGE_BYTES: u64 = 1 << 30;

/// Looks names up, a module at a time.
pub(super) struct Names {
    full: Symbolizer,
    detail: Detail,
    /// The files whose debug information could not be read.
    unread: RefCell<BTreeSet<String>>,
}

impl Names {
    pub(super) fn new(detail: Detail) -> Self {
        Self { full: Symbolizer::new(), detail, unread: RefCell::default() }
    }

    /// The files whose debug information was there and could not be read, so that inlined functions
    /// and lines are missing.
    pub(super) fn into_unread(self) -> BTreeSet<String> {
        self.unread.into_inner()
    }

    /// As [`Self::of`], and what the module does not name gets the name that it is bound by.
    pub(super) fn with_bound(
        &self,
        module: &Module,
        addresses: &[u64],
        bound: &[BoundFunction],
    ) -> Vec<Vec<Frame>> {
        let mut names = self.of(module, addresses);
        for (frames, address) in names.iter_mut().zip(addresses) {
            if let [frame @ Frame { kind: FrameKind::Unknown, .. }] = frames.as_mut_slice()
                && let Some(function) = bound.iter().find(|f| f.range.contains(address))
            {
                frame.name.clone_from(&function.name);
                frame.kind = FrameKind::User;
            }
        }
        names
    }

    /// For each address, the function there and what was inlined into it, from the outermost in.
    fn of(&self, module: &Module, addresses: &[u64]) -> Vec<Vec<Frame>> {
        let found = match &module.code {
            Code::Elf { .. } => self.elf(module, addresses),
            Code::Kernel => {
                // The running kernel's own table: an image with debug information is rarely
                // there, and would take longer than everything else together.
                let kernel =
                    Kernel { vmlinux: MaybeDefault::None, debug_syms: false, ..Kernel::default() };
                self.lookup(&Source::Kernel(kernel), Input::AbsAddr(addresses))
            }
            Code::Vdso => self.vdso(addresses),
            Code::Generated { pid } => return generated(module, *pid, addresses),
            Code::Unreadable => None,
        };
        let Some(found) = found else {
            return addresses.iter().map(|_| vec![unnamed(module)]).collect();
        };
        let mut named: Vec<Vec<Frame>> =
            found.iter().map(|symbol| frames(module, symbol)).collect();
        if let (Code::Elf { .. }, Some(path)) = (&module.code, module.readable_path()) {
            mend(module, &path, addresses, &found, &mut named);
        }
        named
    }

    fn elf(&self, module: &Module, addresses: &[u64]) -> Option<Vec<Symbolized<'_>>> {
        let path = module.readable_path()?;
        let full = match self.detail {
            Detail::Full => true,
            Detail::NamesOnly => false,
            Detail::Auto => std::fs::metadata(&path).is_ok_and(|file| file.len() < HUGE_BYTES),
        };
        let debug = DebugInfo::of(&path);
        if debug.is_unreadable {
            self.unread.borrow_mut().insert(module.name.clone());
            return None;
        }
        // Compressed, it is larger than its file.
        let is_readable = self.detail == Detail::Full || debug.bytes < HUGE_BYTES;
        let source = |debug_syms| Source::Elf(Elf { debug_syms, ..Elf::new(&path) });
        let input = Input::VirtOffset(addresses);
        // Broken debug information must not cost the names of the functions.
        let in_full = (full && is_readable).then(|| self.lookup(&source(true), input)).flatten();
        if full && (debug.is_elsewhere || (debug.bytes > 0 && in_full.is_none())) {
            self.unread.borrow_mut().insert(module.name.clone());
        }
        match in_full {
            Some(mut found) => {
                let is_in_space = |found: &Symbolized<'_>| is_qualified(name_of(found));
                if found.iter().any(is_in_space) && !found.iter().all(is_in_space) {
                    let linked = self.lookup(&source(false), input).unwrap_or_default();
                    found.iter_mut().zip(linked).for_each(|(full, linked)| qualify(full, linked));
                }
                Some(found)
            }
            None => self.lookup(&source(false), input),
        }
    }

    /// The vDSO is in no file, but in our own memory too.
    fn vdso(&self, addresses: &[u64]) -> Option<Vec<Symbolized<'_>>> {
        let (start, _) = own_vdso_range()?;
        let ours: Vec<u64> = addresses.iter().map(|address| start.wrapping_add(*address)).collect();
        self.lookup(&Source::Process(Process::new(Pid::Slf)), Input::AbsAddr(&ours))
    }

    /// What damaged debug information makes the parser panic costs no more than itself: neither the
    /// names of other files, nor those that this one has without it.
    fn lookup(&self, source: &Source<'_>, input: Input<&[u64]>) -> Option<Vec<Symbolized<'_>>> {
        // The symbolizer keeps what it has read of files, each whole or not at all.
        let found = AssertUnwindSafe(|| self.full.symbolize(source, input).ok());
        panic::catch_unwind(found).ok().flatten()
    }
}

/// Names the stubs of calls to other files, and takes away the names of symbols without a size that
/// seem to reach into other sections.
fn mend(
    module: &Module,
    path: &Path,
    addresses: &[u64],
    found: &[Symbolized<'_>],
    named: &mut [Vec<Frame>],
) {
    let stubs = Stubs::read(path);
    for ((address, symbol), frames) in addresses.iter().zip(found).zip(named) {
        let start = match symbol {
            // One that says how long it is, is believed.
            Symbolized::Sym(symbol) if symbol.size.is_some_and(|size| size > 0) => continue,
            Symbolized::Sym(symbol) => symbol.addr,
            Symbolized::Unknown(_) => *address,
        };
        match stubs.verdict(*address, start) {
            Verdict::Right => {}
            Verdict::Stub(function) => {
                let name = format!("{function}@plt");
                *frames = vec![Frame { name, kind: FrameKind::User, ..unnamed(module) }];
            }
            Verdict::Wrong => *frames = vec![unnamed(module)],
        }
    }
}

fn name_of<'a>(found: &'a Symbolized<'_>) -> &'a str {
    match found {
        Symbolized::Sym(symbol) => &symbol.name,
        Symbolized::Unknown(_) => "",
    }
}

/// Whether a name says what it is in. The arguments of a template may do so of themselves.
fn is_qualified(name: &str) -> bool {
    name.split('<').next().unwrap_or(name).contains("::") || name.starts_with('<')
}

/// Debug information has the bare names of what only its own file can call, such as lambdas; the
/// linker's symbol says what they are in.
fn qualify<'a>(full: &mut Symbolized<'a>, linked: Symbolized<'a>) {
    let (Symbolized::Sym(full), Symbolized::Sym(linked)) = (full, linked) else { return };
    let bare = full.name.split('<').next().unwrap_or_default();
    if !bare.is_empty() && !is_qualified(&full.name) && linked.name.contains(&format!("::{bare}")) {
        full.name = linked.name;
    }
}

fn generated(module: &Module, pid: u32, addresses: &[u64]) -> Vec<Vec<Frame>> {
    let map = PerfMap::of_process(pid);
    let mut python = PythonNames::default();
    let mut named = |name: &str| {
        python.frame(name).unwrap_or_else(|| Frame {
            name: name.to_owned(),
            module: Some(module.name.clone()),
            file: None,
            line: None,
            kind: FrameKind::User,
        })
    };
    let mut frame = |address: &u64| match map.name(*address) {
        Some(name) => named(name),
        None => unnamed(module),
    };
    addresses.iter().map(|address| vec![frame(address)]).collect()
}

fn frames(module: &Module, symbol: &Symbolized<'_>) -> Vec<Frame> {
    let Symbolized::Sym(symbol) = symbol else { return vec![unnamed(module)] };
    let kind =
        if matches!(module.code, Code::Kernel) { FrameKind::Kernel } else { FrameKind::User };
    let mut frames = vec![outermost(module, symbol, kind)];
    // One whose origin has no name in the debug information is part of its caller.
    let inlined = symbol.inlined.iter().filter(|inlined| !inlined.name.trim().is_empty());
    frames.extend(inlined.map(|inlined| {
        named(module, &inlined.name, inlined.code_info.as_ref(), FrameKind::Inlined)
    }));
    // C libraries define a function under several names, which then looks inlined into itself.
    frames.dedup_by(|inner, outer| inner.name == outer.name);
    frames
}

fn outermost(module: &Module, symbol: &Sym<'_>, kind: FrameKind) -> Frame {
    match symbol.name.trim().is_empty() {
        true => unnamed(module),
        false => named(module, &symbol.name, symbol.code_info.as_deref(), kind),
    }
}

fn named(module: &Module, name: &str, place: Option<&CodeInfo<'_>>, kind: FrameKind) -> Frame {
    let file = place.map(|place| place.to_path());
    let file = file.as_deref().map(Path::to_string_lossy);
    Frame {
        name: name.to_owned(),
        module: Some(module.name.clone()),
        file: file.map(|file| source_path::shorten(&file).to_owned()),
        line: place.and_then(|place| place.line),
        kind,
    }
}

/// A function that keeps the name of its module.
pub(super) fn unnamed(module: &Module) -> Frame {
    Frame {
        name: format!("[{}]", module.name),
        module: Some(module.name.clone()),
        file: None,
        line: None,
        kind: FrameKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use blazesym::symbolize::InlinedFn;

    use super::*;

    fn symbol(name: &'static str, inlined: &[&'static str]) -> Symbolized<'static> {
        let inlined = inlined.iter().map(|name| InlinedFn {
            name: (*name).into(),
            code_info: None,
            _non_exhaustive: (),
        });
        Symbolized::Sym(Sym {
            name: name.into(),
            module: None,
            addr: 0,
            offset: 0,
            size: None,
            code_info: None,
            inlined: inlined.collect(),
            _non_exhaustive: (),
        })
    }

    #[test]
    fn bare_names_say_what_they_are_in() {
        let qualified = |full, linked| {
            let mut full = symbol(full, &[]);
            qualify(&mut full, symbol(linked, &[]));
            name_of(&full).to_owned()
        };
        let hidden = "shop::(anonymous namespace)::hidden(unsigned long)";
        assert_eq!(qualified("hidden", hidden), hidden);
        let lambda = "handle(int)::{lambda(int)#1}::operator()(int) const";
        assert_eq!(qualified("operator()", lambda), lambda);
        let invoke = "int std::__invoke_impl<int, shop::F&>(shop::F&)";
        assert_eq!(qualified("__invoke_impl<int, shop::F&>", invoke), invoke);
        // Another name of the same code, and names that say it already.
        assert_eq!(qualified("memcpy", "std::copy(char*)"), "memcpy");
        assert_eq!(qualified("main", "main"), "main");
        assert_eq!(qualified("<A as b::C>::d", "x::d"), "<A as b::C>::d");
        assert_eq!(qualified("shop::f(int)", "other::shop::f(int)"), "shop::f(int)");
    }

    #[test]
    fn no_frame_is_without_a_name() {
        let module = Module::new("app".to_owned(), Code::Unreadable);
        let named = |symbol| {
            let frames = frames(&module, &symbol).into_iter();
            frames.map(|frame| (frame.name, frame.kind)).collect::<Vec<_>>()
        };
        let text = |name: &str, kind| (name.to_owned(), kind);
        assert_eq!(
            named(symbol("main", &["", "sum", " "])),
            [text("main", FrameKind::User), text("sum", FrameKind::Inlined)]
        );
        assert_eq!(named(symbol("", &[])), [text("[app]", FrameKind::Unknown)]);
    }
}
