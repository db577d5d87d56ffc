//! How many connections the limit of open files leaves room for.

use rustix::process::{Resource, getrlimit};

use super::{
    check::Check,
    privileges::Privileges,
    proc::{number, proc_file},
};

/// Fewer connections than this are a limit to sensible measurements.
const CONNECTIONS: u64 = 1_000;
/// Files that are open for other reasons.
const OTHERS: u64 = 64;
/// What the advice raises the limit to, where the system allows that much.
const WANTED: u64 = 65_536;

/// How many files may be open at once; none for no limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) soft: Option<u64>,
    pub(super) hard: Option<u64>,
    /// `fs.nr_open`: what root may raise the hard limit to.
    pub(super) nr_open: Option<u64>,
}

impl Limits {
    pub(super) fn read() -> Self {
        let limit = getrlimit(Resource::Nofile);
        Self {
            soft: limit.current,
            hard: limit.maximum,
            nr_open: number(proc_file("sys/fs/nr_open").as_deref()),
        }
    }
}

/// How many connections fit.
pub(super) fn check(limits: &Limits, privileges: Privileges) -> Check {
    let name = "open files";
    let shown = |limit: Option<u64>| limit.map_or("unlimited".to_owned(), |n| n.to_string());
    let found = format!(
        "{} now, {} when raised, {} at most for root",
        shown(limits.soft),
        shown(limits.hard),
        shown(limits.nr_open)
    );
    let Some(hard) = limits.hard else {
        return Check::ok(
            name,
            found,
            "the limit is raised by itself; any number of connections fit",
        );
    };
    let connections = hard.saturating_sub(OTHERS);
    let means = format!("the limit is raised by itself; {connections} connections fit");
    if connections >= CONNECTIONS {
        Check::ok(name, found, &means)
    } else {
        let wanted = WANTED.min(limits.nr_open.unwrap_or(WANTED));
        let lift = privileges.command(&format!("prlimit --pid $$ --nofile={wanted}:{wanted}"));
        Check::limit(name, found, &means).lifted_by(lift)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_connections_that_fit_are_counted() {
        let golden =
            |soft, hard, nr_open| check(&Limits { soft, hard, nr_open }, Privileges::NONE).golden();
        let texts = [
            golden(Some(1024), Some(1_048_576), Some(1_048_576)),
            golden(Some(256), Some(256), Some(1_048_576)),
            golden(Some(256), Some(256), Some(1_000)),
            golden(Some(3), Some(3), None),
            golden(None, None, None),
        ];
        expect![[r#"
            ok: 1024 now, 1048576 when raised, 1048576 at most for root
                the limit is raised by itself; 1048512 connections fit
            limit: 256 now, 256 when raised, 1048576 at most for root
                the limit is raised by itself; 192 connections fit
                $ sudo prlimit --pid $$ --nofile=65536:65536
            limit: 256 now, 256 when raised, 1000 at most for root
                the limit is raised by itself; 192 connections fit
                $ sudo prlimit --pid $$ --nofile=1000:1000
            limit: 3 now, 3 when raised, unlimited at most for root
                the limit is raised by itself; 0 connections fit
                $ sudo prlimit --pid $$ --nofile=65536:65536
            ok: unlimited now, unlimited when raised, unlimited at most for root
                the limit is raised by itself; any number of connections fit
        "#]]
        .assert_eq(&texts.concat());
    }
}
