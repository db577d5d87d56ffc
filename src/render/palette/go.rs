//! Whose code a function of Go is.

use super::Class;
use crate::fold::go_name;

/// Functions of the runtime that allocate or collect memory, by how their names begin.
const MEMORY: [&str; 46] = [
    "(*fixalloc)",
    "(*gcBits",
    "(*gcControllerState)",
    "(*gcWork)",
    "(*markBits)",
    "(*mcache)",
    "(*mcentral)",
    "(*mheap)",
    "(*mspan)",
    "(*page",
    "(*palloc",
    "(*scav",
    "(*spanInlineMarkBits)",
    "(*spanQueue)",
    "(*spanSet)",
    "(*sweep",
    "(*wbBuf)",
    "addspecial",
    "allocManual",
    "bgs",
    "bulkBarrier",
    "deductAssistCredit",
    "deductSweepCredit",
    "findObject",
    "gc",
    "getempty",
    "greyobject",
    "growslice",
    "heapBits",
    "heapSetType",
    "makeslice",
    "malloc",
    "mark",
    "nextFreeFast",
    "newarray",
    "newobject",
    "persistentalloc",
    "postMalloc",
    "putfull",
    "scan",
    "shade",
    "spanOf",
    "stackalloc",
    "sweep",
    "tryDeferToSpanScan",
    "wb",
];

/// Whose code a function of Go is, by its full name.
pub(super) fn class(name: &str) -> Class {
    let (package, function) = go_name(name);
    let root = package.split('/').next().unwrap_or_default();
    match package {
        // Assembler, and what the compiler makes of types.
        "" | "type:" | "go:" => Class::GoRuntime,
        "main" => Class::Own,
        "runtime" if MEMORY.iter().any(|prefix| function.starts_with(prefix)) => Class::GoMemory,
        "runtime" => Class::GoRuntime,
        _ if root == "runtime" || package.starts_with("internal/runtime/") => Class::GoRuntime,
        // Every other module's path begins with a host.
        _ if root.contains('.') || root.contains("%2e") => Class::Library,
        _ => Class::Standard,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_have_classes() {
        for (name, expected) in [
            ("main.main.func2", Class::Own),
            ("net/http.(*conn).serve", Class::Standard),
            ("github.com/go-chi/chi/v5.(*Mux).ServeHTTP", Class::Library),
            ("runtime.schedule", Class::GoRuntime),
            ("runtime.goexit.abi0", Class::GoRuntime),
            ("internal/runtime/syscall/linux.Syscall6", Class::GoRuntime),
            ("memeqbody", Class::GoRuntime),
            ("runtime.mallocgc", Class::GoMemory),
            ("runtime.gcBgMarkWorker.func2", Class::GoMemory),
            ("runtime.(*mheap).alloc.func1", Class::GoMemory),
            ("", Class::GoRuntime),
        ] {
            assert_eq!(class(name), expected, "{name}");
        }
    }
}
