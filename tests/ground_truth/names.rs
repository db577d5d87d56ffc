//! Names of what is hard to name: files that took each other's place, stripped programs of Go,
//! compressed debug information.

use flameload::{symbolize::FrameKind, unit::Nanos};

use super::{
    compiled::{Compiled, Sampled},
    view::{Seen, count, seen},
};
use crate::skip::skip;

const CPU: Nanos = Nanos(500_000_000);

/// This part of the samples may be of what goes on beside the work.
const BESIDE: f64 = 0.03;

fn share(sampled: &Sampled, fits: impl Fn(&Seen<'_>) -> bool) -> f64 {
    count(&sampled.resolved.profile, fits).share_of(sampled.capture.counts.samples).0
}

/// All that is seen, for a test that fails.
fn shown(sampled: &Sampled) -> String {
    let mut lines = std::collections::BTreeMap::new();
    for seen in seen(&sampled.resolved.profile) {
        let names: Vec<&str> = seen.frames.iter().map(|frame| frame.name.as_str()).collect();
        *lines.entry(names.join(" > ")).or_insert(0) += seen.weight();
    }
    let lines = lines.iter().map(|(line, count)| format!("{count:6} {line}\n"));
    format!("{:?}\n{}", sampled.capture.counts, lines.collect::<String>())
}

/// Samples a program whose library is replaced.
fn reloaded(how: &str) -> Option<Sampled> {
    let flags = ["-O2", "-g", "-ldl"];
    let program = Compiled::new("cc", &flags, "reload.c")?;
    for (number, name) in [("-DPLUGIN=1", "live.so"), ("-DPLUGIN=2", "next.so")] {
        let flags = ["-O2", "-g", "-shared", "-fPIC", number];
        if !program.build("cc", &flags, "reload.c", &program.dir.path().join(name)) {
            return None;
        }
    }
    let folder = program.dir.path().to_string_lossy().into_owned();
    program.sample(&[how, &folder], Nanos(2_000_000_000))
}

#[test]
fn a_file_that_took_anothers_place_has_its_own_names() {
    let Some(sampled) = reloaded("renamed") else { return };
    let of = |caller: &str, function: &str| {
        share(&sampled, |seen| seen.has(caller) && seen.has(function))
    };
    let all = shown(&sampled);
    assert!(of("before", "first_parse") > 0.1 && of("after", "second_sign") > 0.1, "{all}");
    for (caller, other) in
        [("before", "second_sign"), ("before", "second_pack"), ("after", "first_parse")]
    {
        assert_eq!(of(caller, other), 0.0, "{caller} > {other}:\n{all}");
    }
}

#[test]
fn a_file_that_was_written_over_lends_no_names_to_what_it_was() {
    let Some(sampled) = reloaded("written") else { return };
    let of = |caller: &str, function: &str| {
        share(&sampled, |seen| seen.has(caller) && seen.has(function))
    };
    let all = shown(&sampled);
    assert!(of("before", "[live.so]") > 0.1 && of("after", "second_sign") > 0.1, "{all}");
    for other in ["second_sign", "second_pack", "spin"] {
        assert_eq!(of("before", other), 0.0, "{other}:\n{all}");
    }
}

#[test]
fn code_that_was_moved_out_of_its_file_has_its_names() {
    let flags = ["-O2", "-g", "-fomit-frame-pointer"];
    let Some(program) = Compiled::new("cc", &flags, "moved.c") else { return };
    for sampled in [program.sample(&[], CPU), program.sample_later(&[], CPU)] {
        let Some(sampled) = sampled else { return };
        let whole = share(&sampled, |seen| {
            seen.chain("main")
                .is_some_and(|chain| chain.starts_with("main > caller_of_moved > spin_moved"))
        });
        assert!(whole >= 1.0 - BESIDE, "{whole}:\n{}", shown(&sampled));
    }
}

#[test]
fn a_stripped_program_of_go_has_names() {
    for flags in [&["-ldflags=-s -w"][..], &["-ldflags=-s -w", "-buildmode=pie"]] {
        let Some(program) = Compiled::go(flags, "gostacks", false) else { return };
        let Some(sampled) = program.sample(&[], CPU) else { return };
        let unnamed = share(&sampled, |seen| seen.has_kind(FrameKind::Unknown));
        assert!(unnamed <= BESIDE, "{flags:?}: {unnamed}:\n{}", shown(&sampled));
        let work = share(&sampled, |seen| {
            seen.frames.iter().any(|frame| {
                frame.name == "main.work"
                    && frame.file.as_ref().is_some_and(|f| f.ends_with("main.go"))
            })
        });
        assert!(work > 0.1, "{flags:?}: {work}:\n{}", shown(&sampled));
    }
}

#[test]
fn go_that_calls_c_has_whole_stacks() {
    for flags in [&[][..], &["-ldflags=-s -w"]] {
        let Some(program) = Compiled::go(flags, "cgostacks", true) else { return };
        let Some(sampled) = program.sample(&[], CPU) else { return };
        let all = shown(&sampled);
        let cut = share(&sampled, |seen| seen.has_kind(FrameKind::Truncated));
        assert!(cut <= BESIDE, "{flags:?}: {cut}:\n{all}");
        assert_eq!(share(&sampled, |seen| seen.has("[unknown]")), 0.0, "{flags:?}:\n{all}");
        let has = |seen: &Seen<'_>, name: &str| seen.frames.iter().any(|frame| frame.name == name);
        let in_go = share(&sampled, |seen| {
            has(seen, "main.serve") && has(seen, "main.callGo") && has(seen, "main.spinInGo")
        });
        // Stripped, C has no names; its callers do.
        let in_c = share(&sampled, |seen| has(seen, "main.serve") && has(seen, "main.callC"));
        assert!(in_go > 0.2 && in_c > 0.2, "{flags:?}: {in_go} {in_c}:\n{all}");
        assert!(in_go + in_c >= 1.0 - 2.0 * BESIDE, "{flags:?}: {in_go} {in_c}:\n{all}");
    }
}

#[test]
fn compressed_debug_information_is_read() {
    for how in ["zlib", "zstd"] {
        // Without a table that is loaded, so that it is unwound by a compressed one.
        let flags = [
            "-O2",
            "-g",
            "-fomit-frame-pointer",
            "-fno-asynchronous-unwind-tables",
            "-fno-unwind-tables",
        ];
        let Some(program) = Compiled::new("cc", &flags, "inlined.c") else { return };
        if !program.change("objcopy", &[&format!("--compress-debug-sections={how}")]) {
            return;
        }
        let Some(sampled) = program.sample(&[], CPU) else { return };
        let right = share(&sampled, |seen| {
            seen.chain("serve")
                .is_some_and(|chain| chain.starts_with("serve > sum > mix (inlined)"))
        });
        assert!(right > 0.5, "{how}: {right}:\n{}", shown(&sampled));
        let cut = share(&sampled, |seen| seen.has_kind(FrameKind::Truncated));
        assert!(cut <= BESIDE, "{how}: {cut}:\n{}", shown(&sampled));
        assert!(sampled.resolved.unread.is_empty(), "{how}: {:?}", sampled.resolved.unread);
    }
}

#[test]
fn debug_information_that_is_elsewhere_is_told_of() {
    let flags = ["-O2", "-gdwarf-5", "-gsplit-dwarf"];
    let Some(program) = Compiled::new("cc", &flags, "inlined.c") else { return };
    let Some(sampled) = program.sample(&[], CPU) else { return };
    assert_eq!(sampled.resolved.unread, ["inlined"], "{}", shown(&sampled));
    assert!(share(&sampled, |seen| seen.has("serve")) > 1.0 - BESIDE, "{}", shown(&sampled));
}

#[test]
fn names_in_a_compressed_symbol_table_are_read() {
    let Some(program) = Compiled::new("cc", &["-O2", "-g"], "inlined.c") else { return };
    let (file, symbols) = (program.program(), program.dir.path().join("symbols"));
    std::fs::copy(&file, &symbols).expect("a copy");
    let script = "set -e; objcopy --strip-debug \"$2\"; xz -k \"$2\"; strip \"$1\"; \
                  objcopy --add-section .gnu_debugdata=\"$2.xz\" \"$1\"";
    let made = std::process::Command::new("sh")
        .args(["-c", script, "sh"])
        .args([&file, &symbols])
        .output();
    if !made.as_ref().is_ok_and(|made| made.status.success()) {
        return skip(format!("objcopy or xz: {made:?}"));
    }
    let Some(sampled) = program.sample(&[], CPU) else { return };
    let named = share(&sampled, |seen| seen.has("serve") && seen.has("sum"));
    assert!(named > 1.0 - BESIDE, "{named}:\n{}", shown(&sampled));
}
