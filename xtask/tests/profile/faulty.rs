//! A server with one fault. Arguments: the fault, its port, and how many requests it answers
//! before the fault shows. Further arguments only mark the process.
//!
//! Compiled by the tests with rustc alone, so that it starts in a millisecond.

use std::{
    cell::Cell,
    io::{Read, Write},
    net::TcpListener,
    process,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How long the server works for a request on average, unless `WORK_US` says otherwise: a server as
/// fast as the load that drives it would at times be measured as a load that cannot keep up.
const WORK: Duration = Duration::from_micros(30);

static ANSWERED: AtomicU64 = AtomicU64::new(0);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (fault, port, healthy) = (&arguments[1], &arguments[2], &arguments[3]);
    let healthy: u64 = healthy.parse().expect("a number");
    match fault.as_str() {
        "exits" => {
            eprintln!("cannot open the database");
            process::exit(7);
        }
        "thinks" => {
            println!("still thinking");
            forever();
        }
        _ => {}
    }
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).expect("a free port");
    let second = (fault == "two-ports").then(|| TcpListener::bind("127.0.0.1:0"));
    println!("serving on {}", listener.local_addr().expect("an address").port());
    for stream in listener.incoming().flatten() {
        let fault = fault.clone();
        thread::spawn(move || serve(stream, &fault, healthy));
    }
    drop(second);
}

fn serve(mut stream: std::net::TcpStream, fault: &str, healthy: u64) {
    let mut request = [0; 4096];
    while matches!(stream.read(&mut request), Ok(1..)) {
        if fault == "stuck-profile" && request.starts_with(b"GET /debug/pprof/") {
            return give_profile(&mut stream);
        }
        let is_healthy = ANSWERED.fetch_add(1, Ordering::Relaxed) < healthy;
        let status = match fault {
            "status" if !is_healthy => "500 Internal Server Error",
            "crashes" if !is_healthy => {
                eprintln!("out of luck");
                process::abort();
            }
            "hangs" if !is_healthy => forever(),
            _ => "200 OK",
        };
        work();
        let response = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\nhi");
        if stream.write_all(response.as_bytes()).is_err() {
            return;
        }
    }
}

/// Gives the profile in the file `PROFILE` once, and never again.
fn give_profile(stream: &mut std::net::TcpStream) {
    static GIVEN: AtomicBool = AtomicBool::new(false);
    if GIVEN.swap(true, Ordering::Relaxed) {
        forever();
    }
    let profile = std::fs::read(std::env::var("PROFILE").expect("a file")).expect("readable");
    stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").expect("a reader");
    stream.write_all(&profile).expect("a reader");
}

/// Works for half to one and a half of that time. Were all requests alike to the microsecond,
/// samples would meet a thread at the same few points of them, and shares would be anything.
#[inline(never)]
fn work() {
    static LENGTH: OnceLock<Duration> = OnceLock::new();
    thread_local! {
        static STATE: Cell<u32> = const { Cell::new(0) };
    }
    let length = *LENGTH.get_or_init(|| match std::env::var("WORK_US") {
        Ok(text) => Duration::from_micros(text.parse().expect("a number")),
        Err(_) => WORK,
    });
    // Knuth's multiplier: its high bits are as good as random here.
    let state = STATE.get().wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    STATE.set(state);
    let length = length.mul_f64(0.5 + f64::from(state >> 8) / f64::from(1 << 24));
    let started = Instant::now();
    while started.elapsed() < length {
        std::hint::spin_loop();
    }
}

fn forever() -> ! {
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}
