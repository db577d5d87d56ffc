//! The load engine against real servers on loopback, most of which misbehave.

mod load {
    mod cycles;
    mod endings;
    mod fault;
    mod faults;
    mod framing;
    mod helper;
    mod http2;
    mod http2_server;
    mod identity;
    mod limits;
    mod lives;
    mod open;
    mod probe;
    mod server;
    mod setup;
    mod think;
    mod tls;
    mod unix;
}
