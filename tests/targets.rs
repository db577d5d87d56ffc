//! Every target, built and launched as a measurement does it, and held to one table of
//! expectations.

#[path = "support/skip.rs"]
mod skip;

mod targets {
    mod client;
    mod more;
    mod row;
    mod rows;
    mod shape;
    mod subject;
    mod table;
}
