//! The load engine against real servers on loopback, most of which misbehave.

mod load {
    mod cycles;
    mod fault;
    mod faults;
    mod framing;
    mod helper;
    mod limits;
    mod lives;
    mod open;
    mod probe;
    mod server;
    mod setup;
    mod think;
}
