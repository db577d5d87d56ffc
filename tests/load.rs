//! The load engine against real servers on loopback, most of which misbehave.

mod load {
    mod cycles;
    mod faults;
    mod framing;
    mod identity;
    mod probe;
    mod server;
    mod setup;
    mod tls;
    mod unix;
}
