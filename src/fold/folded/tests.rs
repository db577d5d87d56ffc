use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::{
    symbolize::{FrameId, Sample, Thread, ThreadId},
    unit::{Hertz, Nanos},
};

/// A profile from lines such as `process/thread;main;read_[k] 3`: an exact inverse of folding
/// but for the thread.
pub(in crate::fold) fn profile(text: &str) -> Profile {
    let mut profile = Profile {
        title: "app · test".into(),
        hz: Hertz(997),
        started: Nanos(0),
        duration: Nanos(1_000_000_000),
        frames: Vec::new(),
        stacks: Vec::new(),
        threads: Vec::new(),
        samples: Vec::new(),
    };
    for (time, line) in (0..).zip(text.lines()) {
        let (stack, count) = line.rsplit_once(' ').expect("a count");
        let mut names = stack.split(';');
        let (process, name) =
            names.next().and_then(|thread| thread.split_once('/')).expect("process/thread");
        let mut parent = None;
        for name in names {
            let (name, kind) = match name.strip_suffix(name::KERNEL_SUFFIX) {
                Some(name) => (name, FrameKind::Kernel),
                None => (name, FrameKind::User),
            };
            let frame = FrameId(profile.frames.len() as u32);
            profile.frames.push(Frame {
                name: name.into(),
                module: None,
                file: None,
                line: Some(frame.0 + 1),
                kind,
            });
            profile.stacks.push(Stack { parent, frame });
            parent = Some(StackId(frame.0));
        }
        let thread = ThreadId(profile.threads.len() as u32);
        profile.threads.push(Thread {
            pid: 1,
            tid: thread.0,
            of: None,
            process: process.into(),
            name: name.into(),
        });
        profile.samples.push(Sample {
            time: Nanos(time),
            thread,
            stack: parent.expect("a frame"),
            weight: Samples(count.parse().expect("a count")),
            tag: 0,
        });
    }
    profile
}

fn check(stacks: &str, expected: Expect) {
    expected.assert_eq(&Folded::from_profile(&profile(stacks)).to_string());
}

#[test]
fn lines_of_a_function_are_one() {
    check(
        "app/app;main;f 3\napp/app;main;f 4\napp/app;main 1\n",
        expect![[r#"
            app;main 1
            app;main;f 7
        "#]],
    );
}

#[test]
fn threads_of_a_pool_are_one() {
    check(
        "app/worker-1;run 1\napp/worker-22;run 2\napp/tokio-rt-worker;run 4\napp/http2;run 8\n",
        expect![[r#"
            app;http2;run 8
            app;tokio-rt-worker;run 4
            app;worker;run 3
        "#]],
    );
    check(
        "app/http1;run 1\napp/http2;run 2\nother/http3;run 4\n",
        expect![[r#"
            app;http;run 3
            other;http3;run 4
        "#]],
    );
}

#[test]
fn kernel_frames_are_marked_and_names_mended() {
    check(
        "app/app;main;read;ksys_read_[k] 3\napp/;\u{1b}[31mred 1\n",
        expect![[r#"
            app;[unknown];�[31mred 1
            app;main;read;ksys_read_[k] 3
        "#]],
    );
}

#[test]
fn each_process_of_a_chain_is_a_root_and_has_stacks_of_its_own() {
    let mut chain = profile("app/app;f 1\napp/w-1;f 2\napp/app;f 4\napp/w-1;f 8\n");
    for (thread, of) in chain.threads.iter_mut().zip(["front", "front", "back", "back"]) {
        thread.of = Some(of.to_owned());
    }
    let text = |folded: Folded| folded.to_string();
    expect![[r#"
        back (app);f 4
        back (app);w;f 8
        front (app);f 1
        front (app);w;f 2
    "#]]
    .assert_eq(&text(Folded::from_profile(&chain)));
    expect![[r#"
        app;f 4
        app;w;f 8
    "#]]
    .assert_eq(&text(Folded::of_process(&chain, "back")));
    assert_eq!(Folded::of_process(&chain, "none"), Folded::default());
}

#[test]
fn wrong_lines_are_named() {
    for (text, line) in [("a;b", 1), ("a 1\n\nb x\n", 3), ("a 1\n 5", 2), ("a -1", 1)] {
        assert_eq!(text.parse::<Folded>(), Err(FoldedError::Line(line)), "{text:?}");
    }
    let text = format!("a 1\nb {}\n", u64::MAX);
    assert_eq!(text.parse::<Folded>(), Err(FoldedError::TooMany(2)));
}

proptest! {
    #[test]
    fn the_text_reads_back(stacks in prop::collection::btree_map(
        prop::collection::vec(any::<String>(), 1..5), any::<u32>(), 0..10,
    )) {
        let mut folded = Folded::default();
        for (stack, count) in stacks {
            let stack = stack.iter().map(|name| name::safe(name)).collect::<Vec<_>>().join(";");
            folded.stacks.insert(stack, Samples(count.into()));
        }
        prop_assert_eq!(folded.to_string().parse(), Ok(folded));
    }

    #[test]
    fn foreign_text_never_panics(text in any::<String>()) {
        let _ = text.parse::<Folded>();
    }

    #[test]
    fn nothing_is_lost_in_folding(counts in prop::collection::vec(0..1000_u64, 0..20)) {
        let text: String = counts
            .iter()
            .enumerate()
            .map(|(i, count)| format!("app/w-{};main;f{} {count}\n", i % 3, i % 5))
            .collect();
        let total = Folded::from_profile(&profile(&text)).total();
        prop_assert_eq!(total, Samples(counts.iter().sum()));
    }
}
