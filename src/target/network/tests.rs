use std::{
    net::{TcpListener, TcpStream},
    process,
};

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000081 00:00000000 00000000     0        0 15071 1 0
   1: 00000000:0050 00000000:0000 0A 00000000:00000002 00:00000000 00000000     0        0 15072 1 0
   2: 0100007F:8001 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 15073 1 0
   3: 0100007F:1F90 0100007F:8001 01 00000000:00000000 00:00000000 00000000     0        0 15074 1 0
   4: 0100007F:8002 0100007F:1F90 06 00000000:00000000 00:00000000 00000000     0        0 0 3 0
   5: 0100007F:8003 0100007F:0050 01 00000000:00000000 00:00000000 00000000     0        0 15075 1 0
   6: 0100007F:8004 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 15076 1 0
";

const TABLE_6: &str = "\
   0: 00000000000000000000000000000000:2328 00000000000000000000000000000000:0000 0A 00000000:00000007 00:00000000 00000000     0        0 42 1 0
   1: 0000000000000000FFFF00000100007F:8005 0000000000000000FFFF00000100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 43 1 0
";

fn table() -> Vec<Socket> {
    parse_sockets(TABLE).chain(parse_sockets(TABLE_6)).collect()
}

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

#[test]
fn counters_are_found_by_their_names() {
    let check = |text: &str, expected: Expect| {
        expected.assert_eq(&format!("{:?}", parse_listen_drops(text)));
    };
    let some = expect!["Some(ListenDrops { overflows: 17, drops: 19 })"];
    check(
        "TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPHPHits\nTcpExt: 1 17 19 4\n\
         IpExt: InNoRoutes ListenDrops\nIpExt: 5 6\n",
        some,
    );
    let none = || expect!["None"];
    check("", none());
    check("TcpExt: ListenOverflows ListenDrops\n", none());
    check("TcpExt: ListenOverflows ListenDrops\nTcpExt: 1\n", none());
    check("TcpExt: ListenOverflows ListenDrops\nTcpExt: 1 x\n", none());
}

#[test]
fn differences_never_fall_below_nothing() {
    let (early, late) =
        (ListenDrops { overflows: 3, drops: 9 }, ListenDrops { overflows: 5, drops: 4 });
    assert_eq!(late.since(early), ListenDrops { overflows: 2, drops: 0 });
}

#[test]
fn a_queue_is_that_of_the_address() {
    if cfg!(target_endian = "big") {
        return;
    }
    let check = |text: &str, expected: Option<u64>| {
        assert_eq!(waiting(table(), addr(text)), expected, "{text}");
    };
    check("127.0.0.1:8080", Some(0x81));
    check("127.0.0.2:8080", None);
    check("127.0.0.1:80", Some(2));
    // An IPv6 socket for any address takes IPv4 as well, and not the other way round.
    check("127.0.0.1:9000", Some(7));
    check("[::1]:9000", Some(7));
    check("[::1]:80", None);
    check("127.0.0.1:1", None);
}

#[test]
fn ports_are_taken_by_destination() {
    if cfg!(target_endian = "big") {
        return;
    }
    let check = |to: &str, reserved: &str, reuses: bool, expected: u64| {
        let counted = count_ports(0x8000..=0x8009, reserved, table(), addr(to), reuses);
        assert_eq!(counted, Ports { range: 10, free: expected }, "{to} {reserved} {reuses}");
    };
    // A connection, one that was mapped to IPv6, a port that waits, and one that listens.
    check("127.0.0.1:8080", "", false, 6);
    check("127.0.0.1:8080", "\n", true, 7);
    check("127.0.0.1:80", "", true, 8);
    check("127.0.0.1:81", "", true, 9);
    check("127.0.0.1:81", "1-9,32774,32776-65535\n", true, 6);
    check("127.0.0.1:81", "x,5-,-5,9-1", true, 9);
}

#[test]
fn ranges_have_two_ends() {
    assert_eq!(parse_range("32768\t60999\n"), Some(32_768..=60_999));
    for wrong in ["", "1", "9 1", "x 2", "1 65536"] {
        assert_eq!(parse_range(wrong), None, "{wrong}");
    }
}

#[test]
fn a_live_queue_fills_and_its_connections_take_ports() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("it is bound");
    assert_eq!(accept_queue(process::id(), addr), Some(0));
    let before = ports(addr).expect("the system says");
    let streams: Vec<TcpStream> =
        (0..5).map(|_| TcpStream::connect(addr).expect("the queue has room")).collect();
    assert_eq!(accept_queue(process::id(), addr), Some(5));
    let after = ports(addr).expect("the system says");
    // Other sockets come and go meanwhile; these five stay.
    assert!(after.free + 5 <= after.range, "{before:?} {after:?} {streams:?}");
    assert_eq!(before.range, after.range);
    drop(listener);
    assert_eq!(accept_queue(process::id(), addr), None);
    assert!(accept_queue_limit().is_some_and(|limit| limit > 0));
    ListenDrops::of(process::id()).expect("this process has a namespace");
    assert!(ListenDrops::of(u32::MAX).is_err());
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,80}", fields in "[0-9A-F: \n]{0,200}", list in "[0-9,-]{0,40}") {
        for text in [&text, &fields] {
            let _ = parse_listen_drops(text);
            let _ = parse_listen_drops(&format!("TcpExt: ListenOverflows ListenDrops\nTcpExt: {text}"));
            let sockets: Vec<_> = parse_sockets(text).collect();
            let _ = waiting(sockets.clone(), addr("127.0.0.1:80"));
            let counted = count_ports(1..=999, &list, sockets, addr("127.0.0.1:80"), false);
            prop_assert!(counted.free <= counted.range);
            let _ = parse_range(text);
        }
    }

    #[test]
    fn counters_are_read_back(overflows in any::<u64>(), drops in any::<u64>()) {
        let text = format!("TcpExt: A ListenDrops ListenOverflows\nTcpExt: 0 {drops} {overflows}\n");
        prop_assert_eq!(parse_listen_drops(&text), Some(ListenDrops { overflows, drops }));
    }
}
