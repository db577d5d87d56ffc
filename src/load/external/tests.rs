//! What is made of the tools' real output, recorded by `tests/external`, and of damaged output.

mod commands;
mod damage;
mod golden;
mod support;
mod texts;
