//! A store that cannot be written to, is full, or fills up; and a reader that goes away.

use std::{
    fs::{self, File},
    os::unix::process::ExitStatusExt,
    process::{Command, Stdio},
};

use super::{
    case::{Case, Live, read_record, run, tool},
    system::{alone, can_sample},
};
use crate::skip::skip;

#[test]
fn a_store_that_cannot_be_made_ends_it_before_the_build() {
    let case = Case::with_build("none", 0, "[build]\ncommand = [\"false\"]\nbinary = \"none\"");
    File::create(case.store()).expect("a file in the way");
    let outcome = run(&mut case.profile());
    outcome.expect(3, &["runs"]);
    assert!(!outcome.stderr.contains("building"), "{outcome:#?}");
    case.assert_clean();
}

/// The tool with a file system of this size as its store, seen by itself only; none where the
/// system allows no such thing.
fn on_small_disk(case: &Case, size: &str, meanwhile: &str) -> Option<Command> {
    fs::create_dir_all(case.store()).expect("a directory");
    let unshare = || {
        let mut command = Command::new("unshare");
        // Root needs no user namespace, in which it would not be allowed to sample.
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--mount", "sh", "-c"]);
        command
    };
    let mount = format!("mount -t tmpfs -o size={size} none '{}'", case.store().display());
    let works = unshare().arg(&mount).stderr(Stdio::null()).status();
    if !works.is_ok_and(|status| status.success()) {
        return None;
    }
    let mut command = unshare();
    command.arg(format!("{mount} || exit; {meanwhile} exec \"$@\"")).arg("sh");
    let profile = case.profile();
    command.arg(profile.get_program()).args(profile.get_args()).stdin(Stdio::null());
    Some(command)
}

#[test]
fn a_full_disk_ends_it_before_the_measurement() {
    let case = Case::faulty("none", u64::MAX);
    match on_small_disk(&case, "4m", "") {
        Some(mut command) => {
            let outcome = run(&mut command);
            outcome.expect(3, &["KiB left", "free some space"]);
            assert!(!outcome.stderr.contains("starting"), "{outcome:#?}");
            case.assert_clean();
        }
        None => skip("unshare cannot mount a file system"),
    }
}

#[test]
fn a_disk_that_fills_up_leaves_no_half_written_run() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let case = Case::faulty("none", u64::MAX);
    let (store, fill) = (case.store(), case.path("fill"));
    // Beside the tool, which takes the shell's place: nobody else sees this file system.
    let meanwhile = format!(
        "{{ while kill -0 $$ && [ ! -e '{fill}' ]; do sleep 0.02; done; \
         head -c 64m /dev/zero > '{store}/fill'; }} 2>/dev/null >&2 &",
        fill = fill.display(),
        store = store.display(),
    );
    let Some(mut command) = on_small_disk(&case, "17m", &meanwhile) else {
        return skip("unshare cannot mount a file system");
    };
    // Long enough for the disk to be full before anything is written to it.
    let mut live = Live::start(command.args(["--duration", "4s"]));
    live.wait_for("measuring");
    File::create(&fill).expect("a file");
    let outcome = live.outcome();
    outcome.expect(3, &["No space left on device", "nothing was kept: free some space"]);
    case.assert_clean();
}

#[test]
fn a_reader_that_goes_away_changes_nothing() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let case = Case::faulty("none", u64::MAX);
    // Both ends of these pipes are closed at once: nobody reads.
    let closed = || Stdio::from(std::io::pipe().expect("a pipe").1);
    let status = case.profile().stdout(closed()).stderr(closed()).status().expect("it runs");
    // What it would have said is in the record.
    let kept: Vec<_> = case.runs().iter().map(|run| read_record(run)["warnings"].clone()).collect();
    assert_eq!((status.code(), status.signal()), (Some(0), None), "{kept:?}");
    case.assert_clean();
    case.kept();
    let store = case.store();
    let status = tool().arg("runs").arg("--out").arg(&store).stdout(closed()).status();
    assert_eq!(status.expect("it runs").code(), Some(0));
}
