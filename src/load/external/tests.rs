//! What is made of the tools' real output, recorded by `tests/external`, and of damaged output.

mod commands;
mod damage;
mod find;
mod golden;
mod refusals;
mod scripts;
mod secrets;
mod support;
mod texts;
