use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::{fold::folded::tests::profile, unit::Samples};

fn check(stacks: &str, expected: Expect) {
    expected.assert_eq(&Readable::of(&profile(stacks), None).folded.to_string());
}

#[test]
fn a_task_stands_below_its_worker() {
    check(
        "app/worker-1;clone3;start_thread;<std::sys::thread::unix::Thread>::new::thread_start;\
         <alloc::boxed::Box<F> as core::ops::function::FnOnce<()>>::call_once;\
         tokio::runtime::blocking::pool::Inner::run;\
         tokio::runtime::scheduler::multi_thread::worker::run;\
         tokio::runtime::scheduler::multi_thread::worker::Context::run;\
         tokio::runtime::scheduler::multi_thread::worker::Context::run_task;\
         tokio::runtime::task::raw::poll;std::panicking::catch_unwind;\
         tokio::runtime::task::core::Core<T,S>::poll::{{closure}};\
         app::serve::{{closure}};<core::pin::Pin<P> as core::future::future::Future>::poll;\
         <hyper::proto::h1::dispatch::Dispatcher<D,Bs,I,T> as core::future::future::Future>::poll;\
         hyper::proto::h1::dispatch::Dispatcher<D,Bs,I,T>::poll_inner;write_[k] 5\n\
         app/worker-1;clone3;start_thread;\
         tokio::runtime::scheduler::multi_thread::worker::Context::run;\
         tokio::runtime::scheduler::multi_thread::worker::Context::run_task;\
         tokio::runtime::task::raw::poll 2\n\
         app/worker-1;clone3;start_thread 1\n",
        expect![[r#"
            app;worker 1
            app;worker;tokio::…::Context::run 2
            app;worker;tokio::…::Context::run;app::serve;hyper::…::Dispatcher::poll;hyper::…::Dispatcher::poll_inner;write_[k] 5
        "#]],
    );
}

#[test]
fn a_closure_is_its_function_and_a_recursion_is_none() {
    check(
        "app/app;main;app::f;app::f::{{closure}};core::ops::function::FnOnce::call_once;\
         app::f::{{closure}}::{{closure}} 3\n\
         app/app;main;app::g<A>;app::g<B> 5\n\
         app/app;main;app::h;app::h;app::h 7\n",
        expect![[r#"
            app;main;app::f 3
            app;main;app::g 5
            app;main;app::h;app::h;app::h 7
        "#]],
    );
}

#[test]
fn names_that_would_be_one_are_told_apart() {
    check(
        "app/app;a::b::c::T::f 1\napp/app;a::x::y::T::f 2\napp/app;a::b::c::T::g 3\n",
        expect![[r#"
            app;a::b::c::T::f 1
            app;a::x::y::T::f 2
            app;a::…::T::g 3
        "#]],
    );
}

#[test]
fn goroutines_and_the_go_runtime_are_roots() {
    let stacks = "srv/srv;runtime.goexit.abi0;net/http.(*Server).Serve.gowrap3;\
                  net/http.(*conn).serve;main.handle;runtime.systemstack.abi0;\
                  runtime.mallocgc.func1 3\n\
                  srv/net-poller;runtime.goexit.abi0;net/http.(*Server).Serve.gowrap3;\
                  net/http.(*conn).serve 2\n\
                  srv/srv;runtime.mcall;runtime.park_m;runtime.schedule 5\n\
                  srv/srv;clone3;runtime.mstart.abi0;runtime.mstart0;runtime.schedule 7\n\
                  srv/srv;[truncated];runtime.systemstack.abi0;runtime.newproc.func1 11\n";
    check(
        stacks,
        expect![[r#"
            srv;[go runtime];runtime.park_m;runtime.schedule 5
            srv;[go runtime];runtime.schedule 7
            srv;[truncated];runtime.newproc.func1 11
            srv;http.(*conn).serve 2
            srv;http.(*conn).serve;main.handle;runtime.mallocgc.func1 3
        "#]],
    );
}

#[test]
fn every_name_says_what_it_stands_for() {
    let profile = profile(
        "app/app;app::f::{{closure}};a::b::c::T<X>::g 1\napp/app;app::f::{{closure}};a::b::c::T<Y>::g 1\n",
    );
    let readable = Readable::of(&profile, None);
    let names: Vec<String> = readable
        .names
        .iter()
        .map(|(label, frames)| {
            let full: Vec<&str> =
                frames.iter().map(|f| profile.frames[f.0 as usize].name.as_str()).collect();
            format!("{label}: {}", full.join(", "))
        })
        .collect();
    assert_eq!(
        names,
        ["a::…::T::g: a::b::c::T<X>::g, a::b::c::T<Y>::g", "app::f: app::f::{{closure}}"]
    );
}

/// Names of every kind, and some that are nothing.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "clone3",
            "main",
            "runtime.goexit",
            "runtime.mcall",
            "net/http.(*conn).serve",
            "app::f",
            "app::f::{{closure}}",
            "tokio::runtime::task::raw::poll",
            "<core::pin::Pin<P> as core::future::future::Future>::poll",
            "read_[k]",
            "py::f:/a.py",
            "_PyEval_Vector",
        ])
        .prop_map(String::from),
        "[a-z<>:.()\\[\\]{} ]{1,12}",
    ]
}

proptest! {
    #[test]
    fn no_time_is_lost_and_no_name_without_a_frame(
        stacks in prop::collection::vec((prop::collection::vec(name(), 1..8), 1..100_u64), 0..12),
    ) {
        let text: String = stacks
            .iter()
            .map(|(names, count)| format!("app/app;{} {count}\n", names.join(";")))
            .collect();
        let readable = Readable::of(&profile(&text), None);
        let total = stacks.iter().map(|(_, count)| count).sum();
        prop_assert_eq!(readable.folded.total(), Samples(total));
        let labels: std::collections::BTreeSet<&str> =
            readable.folded.iter().flat_map(|(stack, _)| stack.split(';').skip(1)).collect();
        let named: std::collections::BTreeSet<&str> =
            readable.names.keys().map(String::as_str).collect();
        prop_assert_eq!(labels, named);
    }
}
