//! What the network's settings leave room for.

use super::{check::Check, privileges::Privileges, proc::number};

/// Fewer ports than this are a limit to sensible measurements.
const PORTS: u32 = 10_000;
/// Connections that may wait to be accepted, as Linux has it since 5.4.
const BACKLOG: u32 = 1_024;

/// `net.ipv4.ip_local_port_range`: a connection to one server takes a port of ours.
pub(super) fn ports(text: Option<&str>, privileges: Privileges) -> Check {
    let name = "ports";
    let range = text.and_then(|text| {
        let (first, last) = text.trim().split_once(char::is_whitespace)?;
        Some((first.parse::<u16>().ok()?, last.trim().parse::<u16>().ok()?))
    });
    let Some((first, last)) = range.filter(|(first, last)| first <= last) else {
        return Check::unknown(name, text, "how many connections fit is found out by trying");
    };
    let count = u32::from(last) - u32::from(first) + 1;
    let found = format!("{count} ({first} to {last})");
    let means = "as many connections to one server fit, those closed in the last minute included";
    if count >= PORTS {
        Check::ok(name, found, means)
    } else {
        let lift = privileges.command("sysctl net.ipv4.ip_local_port_range='32768 60999'");
        Check::limit(name, found, means).lifted_by(lift)
    }
}

/// `net.core.somaxconn`: connections that may wait to be accepted.
pub(super) fn backlog(text: Option<&str>, privileges: Privileges) -> Check {
    let name = "backlog";
    let Some(connections) = number::<u32>(text) else {
        return Check::unknown(name, text, "how many connections may come at once is not known");
    };
    let found = format!("somaxconn {connections}");
    if connections >= BACKLOG {
        Check::ok(name, found, "as many connections may wait for a server to accept them")
    } else {
        let means = "if more connections come at once, some wait a second or more for a retry";
        let lift = privileges.command("sysctl net.core.somaxconn=4096");
        Check::note(name, found, means).lifted_by(lift)
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
    fn ports_are_counted() {
        let texts = ["32768\t60999\n", "60000 60999", "9 1", "32768", "a b", "0 65535", "1 99999"];
        check(
            &texts.map(|text| ports(Some(text), Privileges::ROOT)),
            expect![[r#"
                ok: 28232 (32768 to 60999)
                    as many connections to one server fit, those closed in the last minute included
                limit: 1000 (60000 to 60999)
                    as many connections to one server fit, those closed in the last minute included
                    $ sysctl net.ipv4.ip_local_port_range='32768 60999'
                note: not understood: "9 1"
                    how many connections fit is found out by trying
                note: not understood: "32768"
                    how many connections fit is found out by trying
                note: not understood: "a b"
                    how many connections fit is found out by trying
                ok: 65536 (0 to 65535)
                    as many connections to one server fit, those closed in the last minute included
                note: not understood: "1 99999"
                    how many connections fit is found out by trying
            "#]],
        );
        check(
            &[ports(None, Privileges::ROOT)],
            expect![[r#"
                note: not there
                    how many connections fit is found out by trying
            "#]],
        );
    }

    #[test]
    fn a_short_backlog_is_a_note() {
        let texts = [Some("4096\n"), Some("128\n"), Some("many"), None];
        check(
            &texts.map(|text| backlog(text, Privileges::NONE)),
            expect![[r#"
                ok: somaxconn 4096
                    as many connections may wait for a server to accept them
                note: somaxconn 128
                    if more connections come at once, some wait a second or more for a retry
                    $ sudo sysctl net.core.somaxconn=4096
                note: not understood: "many"
                    how many connections may come at once is not known
                note: not there
                    how many connections may come at once is not known
            "#]],
        );
    }
}
