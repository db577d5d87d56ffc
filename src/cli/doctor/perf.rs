//! What the kernel's settings allow perf events to do.

use super::{check::Check, privileges::Privileges, proc::number};

/// `kernel.perf_event_paranoid`, by the levels of `Documentation/admin-guide/sysctl/kernel.rst`,
/// where sampling `works` or not. Debian and Ubuntu add levels above 2; to any other kernel, all
/// that is above 2 is 2.
pub(super) fn paranoid(text: Option<&str>, privileges: Privileges, works: bool) -> Check {
    let name = "perf_event_paranoid";
    if text.is_none() {
        let means = "this kernel was built without perf events, or hides /proc/sys";
        return Check::limit(name, "not there", means);
    }
    let Some(level) = number::<i32>(text) else {
        return Check::unknown(name, text, "whether sampling works is found out by trying");
    };
    let found = level.to_string();
    let rung = match level {
        ..=-1 => "everyone may use all events, with no limit on locked memory",
        0 => "everyone may sample kernel and user code, and whole CPUs",
        1 => "everyone may sample kernel and user code of their own processes",
        2 => "users may sample only the user code of their own processes",
        3.. if privileges.perfmon() => {
            "users may sample nothing at all on kernels of Debian and Ubuntu, and on others as at 2"
        }
        3.. if works => "as 2 on this kernel: only the user code of one's own processes",
        3.. => "users may sample nothing at all",
    };
    if level <= 1 {
        Check::ok(name, found, rung)
    } else if privileges.perfmon() {
        let means = format!("{rung}; this process is privileged and may do more");
        Check::ok(name, found, &means)
    } else {
        let lift = privileges.command("sysctl kernel.perf_event_paranoid=1");
        Check::limit(name, found, rung).lifted_by(lift)
    }
}

/// The frequency of a profile unless told otherwise, and the highest that is sensible.
const HZ_DEFAULT: u32 = 997;
const HZ_HIGH: u32 = 9_997;

/// `kernel.perf_event_max_sample_rate`, which the kernel lowers by itself when samples take long.
pub(super) fn rate(text: Option<&str>, privileges: Privileges) -> Check {
    let name = "sample rate";
    let Some(hz) = number::<u32>(text) else {
        return Check::unknown(name, text, "whether a frequency is allowed is found out by trying");
    };
    let found = format!("up to {hz} Hz");
    let lift = privileges.command("sysctl kernel.perf_event_max_sample_rate=100000");
    if hz < HZ_DEFAULT {
        let means =
            format!("the usual {HZ_DEFAULT} Hz are refused; the kernel may have lowered it");
        Check::limit(name, found, &means).lifted_by(lift)
    } else if hz < HZ_HIGH {
        let means = format!("the usual {HZ_DEFAULT} Hz fit, {HZ_HIGH} Hz do not");
        Check::note(name, found, &means).lifted_by(lift)
    } else {
        Check::ok(name, found, &format!("the usual {HZ_DEFAULT} Hz and {HZ_HIGH} Hz fit"))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(found: &[Check], expect: Expect) {
        let texts: Vec<String> = found.iter().map(Check::golden).collect();
        expect.assert_eq(&texts.concat());
    }

    #[test]
    fn each_level_says_who_may_sample_what() {
        let levels = ["-1\n", "0\n", "1\n", "2\n", "3\n", "4\n"];
        check(
            &levels.map(|level| paranoid(Some(level), Privileges::NONE, false)),
            expect![[r#"
                ok: -1
                    everyone may use all events, with no limit on locked memory
                ok: 0
                    everyone may sample kernel and user code, and whole CPUs
                ok: 1
                    everyone may sample kernel and user code of their own processes
                limit: 2
                    users may sample only the user code of their own processes
                    $ sudo sysctl kernel.perf_event_paranoid=1
                limit: 3
                    users may sample nothing at all
                    $ sudo sysctl kernel.perf_event_paranoid=1
                limit: 4
                    users may sample nothing at all
                    $ sudo sysctl kernel.perf_event_paranoid=1
            "#]],
        );
        check(
            &["2", "4"].map(|level| paranoid(Some(level), Privileges::ROOT, true)),
            expect![[r#"
                ok: 2
                    users may sample only the user code of their own processes; this process is privileged and may do more
                ok: 4
                    users may sample nothing at all on kernels of Debian and Ubuntu, and on others as at 2; this process is privileged and may do more
            "#]],
        );
        check(
            &[paranoid(Some("3"), Privileges::NONE, true)],
            expect![[r#"
                limit: 3
                    as 2 on this kernel: only the user code of one's own processes
                    $ sudo sysctl kernel.perf_event_paranoid=1
            "#]],
        );
        let garbage = [None, Some(""), Some("two\n")];
        check(
            &garbage.map(|text| paranoid(text, Privileges::NONE, false)),
            expect![[r#"
                limit: not there
                    this kernel was built without perf events, or hides /proc/sys
                note: not understood: ""
                    whether sampling works is found out by trying
                note: not understood: "two"
                    whether sampling works is found out by trying
            "#]],
        );
    }

    #[test]
    fn the_rate_is_held_against_what_profiles_ask_for() {
        let texts = [Some("100000\n"), Some("5000\n"), Some("250\n"), Some("-5\n"), None];
        check(
            &texts.map(|text| rate(text, Privileges::ROOT)),
            expect![[r#"
                ok: up to 100000 Hz
                    the usual 997 Hz and 9997 Hz fit
                note: up to 5000 Hz
                    the usual 997 Hz fit, 9997 Hz do not
                    $ sysctl kernel.perf_event_max_sample_rate=100000
                limit: up to 250 Hz
                    the usual 997 Hz are refused; the kernel may have lowered it
                    $ sysctl kernel.perf_event_max_sample_rate=100000
                note: not understood: "-5"
                    whether a frequency is allowed is found out by trying
                note: not there
                    whether a frequency is allowed is found out by trying
            "#]],
        );
    }
}
