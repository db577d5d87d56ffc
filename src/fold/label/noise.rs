//! Frames that only pass on what they are given: wrappers of futures, closures and threads.
//!
//! Their time is that of the frame above them, which they serve.

use super::rust::Path;

/// Modules in which every function wraps another one.
const WRAPPERS: [&[&str]; 35] = [
    &["actix_service"],
    &["axum", "handler", "future"],
    &["axum", "util"],
    &["core", "future"],
    &["core", "ops", "function"],
    &["core", "panic", "unwind_safe"],
    &["core", "pin"],
    &["futures"],
    &["futures_core"],
    &["futures_util"],
    &["mio", "io_source"],
    &["mio", "sys", "unix", "selector", "stateless_io_source"],
    &["std", "panic"],
    &["std", "panicking"],
    &["std", "rt"],
    &["std", "sys", "backtrace"],
    &["std", "sys", "fd"],
    &["std", "sys", "io"],
    &["std", "sys", "net"],
    &["std", "sys", "thread"],
    &["std", "sys_common", "backtrace"],
    &["std", "sys", "pal", "unix", "fd"],
    &["std", "sys", "pal", "unix", "net"],
    &["std", "sys", "pal", "unix", "thread"],
    &["std", "thread", "Builder"],
    &["std", "thread", "lifecycle"],
    &["std", "thread", "local"],
    &["tokio", "future"],
    &["tokio", "io", "poll_evented"],
    &["tokio", "loom"],
    &["tokio", "runtime", "io", "registration"],
    &["tokio", "task", "coop"],
    &["tower", "util"],
    &["tracing", "instrument"],
    &["tracing_futures"],
];

/// Functions that stand between the system and a thread's own first function.
const STARTS: [&str; 13] = [
    "[libc start]",
    "__clone3",
    "__libc_start_call_main",
    "__libc_start_main",
    "__libc_start_main_impl",
    "__rust_begin_short_backtrace",
    "__rust_try",
    "_start",
    "clone3",
    "crosscall1",
    "start_thread",
    "thread_start",
    "threadentry",
];

/// How CPython gets from one of its functions into the next: the loop that interprets is theirs.
const CALLS_OF_PYTHON: [&str; 21] = [
    "PyObject_Call",
    "PyObject_CallMethodOneArg",
    "PyObject_Vectorcall",
    "PyObject_VectorcallMethod",
    "_PyEval_EvalFrame",
    "_PyEval_Vector",
    "_PyFunction_Vectorcall",
    "_PyObject_Call",
    "_PyObject_CallFunctionVa",
    "_PyObject_Call_Prepend",
    "_PyObject_FastCallDictTstate",
    "_PyObject_MakeTpCall",
    "_PyObject_Vectorcall",
    "_PyObject_VectorcallDictTstate",
    "_PyObject_VectorcallTstate",
    "_PyVectorcall_Call",
    "do_call_core",
    "gen_send_ex",
    "gen_send_ex2",
    "method_vectorcall",
    "py_trampoline_evaluator",
];

/// The loop that interprets.
const INTERPRETER: &str = "_PyEval_EvalFrameDefault";

/// What in tokio's runtime is work of its own, by parts of names; everything else there passes
/// on what it is given.
const WORK: [&str; 18] = [
    "block_on",
    "drop",
    "inject",
    "metrics",
    "next_task",
    "notify",
    "park",
    "pop",
    "process_at_time",
    "push",
    "schedule",
    "shutdown",
    "spawn",
    "steal",
    "tick",
    "transition",
    "turn",
    "wake",
];

/// Crates whose futures only drive another one.
const FORWARDING: [&str; 3] = ["alloc", "core", "std"];

/// Whether a function of Rust only passes on what it is given.
pub(super) fn is_wrapper(path: &Path<'_>) -> bool {
    let own = path.own.as_slice();
    if WRAPPERS.iter().any(|wrapper| own.starts_with(wrapper)) {
        return true;
    }
    match (path.of_trait.as_slice(), own) {
        // A boxed closure, and a reference to one.
        (["core", "ops", "function", ..], _) => true,
        // A pinned, boxed or borrowed future.
        (["core", "future", ..], [first, .., "poll"]) => {
            path.is_borrowed || FORWARDING.contains(first) || is_idle_runtime(path)
        }
        _ => is_idle_runtime(path),
    }
}

/// Whether it is a function of tokio's runtime that only leads to a task.
fn is_idle_runtime(path: &Path<'_>) -> bool {
    let (module, method) = match path.own.as_slice() {
        ["tokio", "runtime", module, .., method] => (*module, method),
        // Tasks that stay on their thread.
        ["tokio", "task", "local", .., method] => ("task", method),
        _ => return false,
    };
    match module {
        "context" | "blocking" | "coop" => true,
        // The loop of a worker: what has no other place is its time.
        "scheduler" if *method == "run" && path.own.contains(&"Context") => false,
        "scheduler" | "task" | "runtime" | "handle" => {
            path.is_closure || !WORK.iter().any(|work| method.contains(work))
        }
        _ => path.is_closure,
    }
}

/// Whether a function stands between the system and a thread's own first function.
pub(super) fn is_start(name: &str) -> bool {
    STARTS.contains(&name)
}

/// Whether a function is CPython's loop that interprets, or the part of it that the compiler put
/// elsewhere.
pub(super) fn is_interpreter(name: &str) -> bool {
    name.strip_prefix(INTERPRETER).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Whether a function of CPython only leads to the loop that interprets.
pub(super) fn is_call_of_python(name: &str) -> bool {
    CALLS_OF_PYTHON.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::label::rust;

    #[test]
    fn wrappers_are_known() {
        for name in [
            "<core::pin::Pin<P> as core::future::future::Future>::poll",
            "<&mut F as core::future::future::Future>::poll",
            "<alloc::boxed::Box<F,A> as core::future::future::Future>::poll",
            "<core::future::poll_fn::PollFn<F> as core::future::future::Future>::poll",
            "<futures_util::future::future::map::Map<Fut,F> as core::future::future::Future>::poll",
            "<alloc::boxed::Box<dyn core::ops::function::FnOnce<()>> as core::ops::function::FnOnce<()>>::call_once",
            "<&mut F as core::ops::function::FnMut<A>>::call_mut",
            "core::ops::function::FnOnce::call_once{{vtable.shim}}",
            "<core::panic::unwind_safe::AssertUnwindSafe<F> as core::ops::function::FnOnce<()>>::call_once",
            "std::panicking::catch_unwind::do_call",
            "std::sys::backtrace::__rust_begin_short_backtrace",
            "std::thread::local::LocalKey<T>::try_with",
            "<std::sys::thread::unix::Thread>::new::thread_start",
            "tokio::runtime::task::harness::poll_future::{{closure}}",
            "tokio::runtime::task::raw::RawTask::poll",
            "tokio::runtime::context::scoped::Scoped<T>::set",
            "tokio::runtime::blocking::pool::Spawner::spawn_thread::{{closure}}",
            "<tokio::runtime::blocking::task::BlockingTask<T> as core::future::future::Future>::poll",
            "tokio::runtime::scheduler::multi_thread::worker::run::{{closure}}",
            "tokio::runtime::scheduler::multi_thread::worker::Context::run_task",
            "tokio::loom::std::unsafe_cell::UnsafeCell<T>::with_mut",
            "tokio::task::coop::with_budget",
            "tokio::task::local::LocalSet::with",
            "<tokio::task::local::RunUntil<T> as core::future::future::Future>::poll",
            "<tower::util::oneshot::Oneshot<S,Req> as core::future::future::Future>::poll",
            "<actix_service::map_err::MapErrFuture<A,Req,F,E> as core::future::future::Future>::poll",
        ] {
            assert!(is_wrapper(&rust::parse(name).expect("a name")), "{name}");
        }
    }

    #[test]
    fn what_works_is_no_wrapper() {
        for name in [
            "<hyper::server::conn::http1::Connection<I,S> as core::future::future::Future>::poll",
            "<tokio::time::timeout::Timeout<T> as core::future::future::Future>::poll",
            "<&mut serde_json::ser::Serializer<W,F> as serde_core::ser::Serializer>::serialize_str",
            "alloc::vec::Vec<T,A>::extend_from_slice",
            "tokio::runtime::scheduler::multi_thread::worker::Context::run",
            "tokio::runtime::scheduler::multi_thread::worker::Context::park",
            "tokio::runtime::scheduler::current_thread::CurrentThread::block_on",
            "tokio::runtime::io::driver::Driver::turn",
            "tokio::runtime::task::waker::wake_by_val",
            "tokio::task::local::LocalSet::tick",
            "tokio::runtime::time::Driver::park_internal",
            "core::ptr::drop_in_place<app::X>",
            "std::sys::sync::mutex::futex::Mutex::lock_contended",
        ] {
            assert!(!is_wrapper(&rust::parse(name).expect("a name")), "{name}");
        }
        assert!(is_start("clone3") && !is_start("main"));
    }
}
