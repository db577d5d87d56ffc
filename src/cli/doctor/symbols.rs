//! Whether the kernel's functions have names.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
};

use super::{check::Check, privileges::Privileges, proc::number};

/// Lines of `/proc/kallsyms` that are looked at: the first few may be at zero for other reasons.
const LINES: usize = 1_000;

/// Whether `/proc/kallsyms` shows addresses; none where it cannot be read or is empty.
pub(super) fn kallsyms_shown() -> Option<bool> {
    let file = BufReader::new(File::open("/proc/kallsyms").ok()?);
    shown(file.lines().take(LINES).map_while(Result::ok))
}

fn shown(lines: impl Iterator<Item = String>) -> Option<bool> {
    let mut any = None;
    for line in lines {
        let address = line.split_whitespace().next().unwrap_or_default();
        let is_shown = u64::from_str_radix(address, 16).is_ok_and(|address| address != 0);
        any = Some(any.unwrap_or(false) || is_shown);
    }
    any
}

/// Whether kernel frames have names. The kernel shows addresses (`kallsyms_show_value`) at
/// `kptr_restrict` 0 to whom `perf_event_paranoid` 1 lets sample it, at 1 to `CAP_SYSLOG`, at 2 to
/// nobody.
pub(super) fn kernel(
    kptr_restrict: Option<&str>,
    shown: Option<bool>,
    paranoid: Option<&str>,
    sees_kernel: bool,
    privileges: Privileges,
) -> Check {
    let name = "kernel symbols";
    let level = number::<i32>(kptr_restrict);
    let level_text = level.map_or("unknown".to_owned(), |level| level.to_string());
    let found = |kallsyms: &str| format!("{kallsyms} (kptr_restrict {level_text})");
    match shown {
        Some(true) => {
            return Check::ok(
                name,
                found("/proc/kallsyms shows addresses"),
                "kernel frames have names",
            );
        }
        None => {
            let means =
                "kernel frames have no names: this kernel has no CONFIG_KALLSYMS, or hides it";
            return Check::limit(name, found("/proc/kallsyms cannot be read"), means);
        }
        Some(false) => {}
    }
    let zeros = found("/proc/kallsyms shows zeros");
    let check = if sees_kernel {
        Check::limit(name, zeros, "kernel frames are sampled, but have no names")
    } else {
        Check::note(name, zeros, "the kernel is not sampled; if it were, it would have no names")
    };
    let restricted = level.is_none_or(|level| level > 0);
    let may_sample = number::<i32>(paranoid).is_some_and(|level| level <= 1);
    let settings = match (restricted, may_sample || privileges.syslog()) {
        (true, true) => "kernel.kptr_restrict=0",
        (true, false) => "kernel.kptr_restrict=0 kernel.perf_event_paranoid=1",
        (false, _) => "kernel.perf_event_paranoid=1",
    };
    check.lifted_by(privileges.command(&format!("sysctl {settings}")))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn zeros_are_no_addresses() {
        let lines = |text: &str| shown(text.lines().map(str::to_owned));
        assert_eq!(lines("0000000000000000 A a\nffffffff81000000 T _text"), Some(true));
        assert_eq!(lines("0000000000000000 A a\n0000000000000000 T _text"), Some(false));
        assert_eq!(lines("garbage"), Some(false));
        assert_eq!(lines(""), None);
    }

    #[test]
    fn the_command_shows_the_addresses() {
        let golden = |kptr, shown, paranoid, sees_kernel| {
            kernel(kptr, shown, Some(paranoid), sees_kernel, Privileges::NONE).golden()
        };
        let texts = [
            golden(Some("0"), Some(true), "1", true),
            golden(Some("0"), Some(false), "2", false),
            golden(Some("0"), Some(false), "2", true),
            golden(Some("1"), Some(false), "1", true),
            golden(Some("2"), Some(false), "4", false),
            golden(Some("?"), Some(false), "?", true),
            golden(None, None, "2", false),
        ];
        expect![[r#"
            ok: /proc/kallsyms shows addresses (kptr_restrict 0)
                kernel frames have names
            note: /proc/kallsyms shows zeros (kptr_restrict 0)
                the kernel is not sampled; if it were, it would have no names
                $ sudo sysctl kernel.perf_event_paranoid=1
            limit: /proc/kallsyms shows zeros (kptr_restrict 0)
                kernel frames are sampled, but have no names
                $ sudo sysctl kernel.perf_event_paranoid=1
            limit: /proc/kallsyms shows zeros (kptr_restrict 1)
                kernel frames are sampled, but have no names
                $ sudo sysctl kernel.kptr_restrict=0
            note: /proc/kallsyms shows zeros (kptr_restrict 2)
                the kernel is not sampled; if it were, it would have no names
                $ sudo sysctl kernel.kptr_restrict=0 kernel.perf_event_paranoid=1
            limit: /proc/kallsyms shows zeros (kptr_restrict unknown)
                kernel frames are sampled, but have no names
                $ sudo sysctl kernel.kptr_restrict=0 kernel.perf_event_paranoid=1
            limit: /proc/kallsyms cannot be read (kptr_restrict unknown)
                kernel frames have no names: this kernel has no CONFIG_KALLSYMS, or hides it
        "#]]
        .assert_eq(&texts.concat());
    }
}
