//! Small files that ask for all the memory that there is: the tool has a limit of it, and says what
//! is wrong with them instead of running into that.

use std::{
    fs::{self, File},
    os::unix::fs::{FileExt as _, PermissionsExt as _},
    path::Path,
    process::Command,
};

use super::{
    case::{Case, Outcome, run},
    system::{alone, can_sample, faulty_server},
};

/// So much address space has the tool, in KiB, and what it starts.
const SPACE_KIB: u64 = 2 << 20;
/// So large is a file of nothing but holes.
const HOLES: u64 = 1 << 36;

/// Runs a command within that limit.
fn run_within(command: &Command) -> Outcome {
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!("ulimit -v {SPACE_KIB}; exec \"$@\""), "sh"]);
    run(limited.arg(command.get_program()).args(command.get_args()))
}

/// It said what is wrong, and did not break.
#[track_caller]
fn refused(outcome: &Outcome, text: &str) {
    assert!(matches!(outcome.code, Some(2 | 3)), "{outcome:#?}");
    outcome.expect(outcome.code.unwrap_or_default(), &[text]);
    assert!(!outcome.stderr.contains("memory allocation"), "{outcome:#?}");
}

fn holes(path: &Path) {
    File::create(path).and_then(|file| file.set_len(HOLES)).expect("holes take no room");
}

/// A part of a message in the way of protocol buffers.
fn part(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let (mut part, mut length) = (vec![tag << 3 | 2], bytes.len());
    while length >= 0x80 {
        part.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    part.push(length as u8);
    [part, bytes.to_vec()].concat()
}

/// A profile of one stack: so many times the same place, where so many functions are inlined.
fn profile(places: usize, lines: usize) -> Vec<u8> {
    let strings = ["", "cpu", "nanoseconds", "f"].map(|text| part(6, text.as_bytes())).concat();
    let line = part(4, &[8, 1]);
    let location = part(4, &[vec![8, 1], line.repeat(lines)].concat());
    let sample = part(2, &[part(1, &vec![1; places]), part(2, &[1])].concat());
    let kind = [8, 1, 16, 2];
    let function = part(5, &[8, 1, 16, 3]);
    [part(1, &kind), sample, location, function, strings, part(11, &kind), vec![0x60, 1]].concat()
}

/// What the tool makes of a server that gives this profile.
fn profiled(profile: &[u8]) -> Outcome {
    let case = Case::faulty("stuck-profile", u64::MAX);
    let file = case.path("profile");
    fs::write(&file, profile).expect("a file");
    let manifest = fs::read_to_string(case.path("target.toml")).expect("a manifest");
    let env = format!("env.PROFILE = '{}'\n", file.display());
    fs::write(case.path("target.toml"), manifest + &env).expect("a file");
    let outcome = run_within(case.profile().args(["--backend", "pprof"]));
    case.assert_clean();
    assert!(case.runs().is_empty());
    outcome
}

#[test]
fn a_profile_of_a_server_that_unpacks_to_everything() {
    let script = "head -c 536870912 /dev/zero | gzip -9";
    let zeros = Command::new("sh").args(["-c", script]).output().expect("a shell").stdout;
    assert!((1_000..1 << 20).contains(&zeros.len()), "{} bytes", zeros.len());
    refused(&profiled(&zeros), "cannot be used");
}

#[test]
fn a_profile_of_a_server_with_more_frames_than_anybody_has() {
    // Ten thousand million of them in twelve million bytes, and as many lines as fit at one place.
    refused(&profiled(&profile(10 << 20, 1000)), "cannot be used");
    refused(&profiled(&profile(1, 12 << 20)), "cannot be used");
}

#[test]
fn records_without_end() {
    let case = Case::faulty("none", u64::MAX);
    for name in ["run.json", "bench.json"] {
        let folder = case.path(name.trim_end_matches(".json"));
        fs::create_dir(&folder).expect("a folder");
        holes(&folder.join(name));
        let mut command = super::case::tool();
        match name {
            "run.json" => command.arg("render"),
            _ => command.args(["bench", "--from"]),
        };
        refused(&run_within(command.arg(&folder)), "more than 64 MiB");
    }
}

#[test]
fn manifests_and_scripts_without_end() {
    let case = Case::faulty("none", u64::MAX);
    let manifest = fs::read(case.path("target.toml")).expect("a manifest");
    holes(&case.path("target.toml"));
    refused(&run_within(&case.profile()), "more than 16 MiB");
    // Of nothing but the smallest parts; of the worst of them as much as may be.
    for (begin, smallest, mib) in [("x = [", "[],", 15), ("", "[[a]]\n", 2), ("x = ", "[", 2)] {
        let text = [begin, &smallest.repeat((mib << 20) / smallest.len())].concat();
        fs::write(case.path("target.toml"), text).expect("a file");
        let outcome = run_within(&case.profile());
        refused(&outcome, "target.toml");
        assert!(outcome.stderr.len() < 10_000, "{} bytes", outcome.stderr.len());
    }
    fs::write(case.path("target.toml"), manifest).expect("a file");
    let script = fs::read_to_string(case.path("short.toml")).expect("a script");
    let vars = "[vars]\nid = { file = \"ids.csv\" }\n[[request]]";
    let script = script.replace("[[request]]", vars).replace("\"/\"", "\"/{id}\"");
    fs::write(case.path("short.toml"), script).expect("a file");
    holes(&case.path("ids.csv"));
    refused(&run_within(&case.profile()), "ids.csv");
    fs::write(case.path("ids.csv"), "i\n".repeat(8 << 20)).expect("a file");
    refused(&run_within(&case.profile()), "rows");
}

/// Changes the header of each section of a file of code that has this type, or this name.
fn state(file: &File, code: &[u8], section: impl Fn(u32, &[u8]) -> bool, size: u64) {
    let word = |at: usize| u64::from_le_bytes(code[at..at + 8].try_into().expect("eight"));
    let half = |at: usize| usize::from(u16::from_le_bytes([code[at], code[at + 1]]));
    let (table, entry, count, names) = (word(0x28) as usize, half(0x3a), half(0x3c), half(0x3e));
    let names = word(table + names * entry + 0x18) as usize;
    let mut changed = 0;
    for at in (0..count).map(|index| table + index * entry) {
        let (name, kind) = (word(at) as u32 as usize, (word(at) >> 32) as u32);
        let name = code[names + name..].split(|byte| *byte == 0).next().expect("a name");
        if section(kind, name) {
            file.write_all_at(&size.to_le_bytes(), at as u64 + 0x20).expect("ours");
            changed += 1;
        }
    }
    assert!(changed > 0, "no such section");
}

#[test]
fn a_program_of_holes_is_measured_without_its_names() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    const SYMBOLS: u32 = 2;
    let code = fs::read(faulty_server()).expect("it was built");
    // The symbols are whole ones, of 24 bytes: a size that does not fit is refused at once.
    let sizes = [("unwind tables", 200 << 20), ("symbols", 24 << 25), ("symbols", 24 << 30)];
    for (what, size) in sizes {
        let section = |kind: u32, name: &[u8]| match what {
            "symbols" => kind == SYMBOLS,
            _ => name == b".eh_frame",
        };
        let case = Case::faulty("none", u64::MAX);
        let program = case.path("server");
        fs::write(&program, &code).expect("a file");
        let file = File::options().write(true).open(&program).expect("ours");
        state(&file, &code, section, size);
        file.set_len(HOLES).expect("holes take no room");
        drop(file);
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("ours");
        let manifest = fs::read_to_string(case.path("target.toml")).expect("a manifest");
        let manifest = manifest
            .replace(&faulty_server().display().to_string(), &program.display().to_string());
        fs::write(case.path("target.toml"), manifest).expect("a file");
        let outcome = run_within(&case.profile());
        assert_eq!(outcome.code, Some(0), "{what} of {size} bytes: {outcome:#?}");
        case.assert_clean();
    }
}
