//! Other load tools, as they are installed here, against servers that count.

#[path = "support/skip.rs"]
mod skip;

mod external {
    mod commands;
    mod faults;
    mod own;
    mod runs;
    mod server;
    mod tool;
}
