//! What in `sample` reads foreign bytes, for tests that make up such bytes; no part of the
//! interface.

use std::{fs::File, path::Path};

use super::{attach, elf::Elf, module, record, roots};
pub(crate) use module::of_file;

/// A record of the kernel's, as far as its bytes are a matter of trust.
#[derive(Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Everything that was decoded, as text.
    pub text: String,
    /// In a sample: the bytes of the stack, and of the call chain.
    pub sample: Option<(usize, usize)>,
}

/// The size that a record states, and its time, as they are read before all else.
pub fn stated(bytes: &[u8]) -> (Option<usize>, Option<u64>) {
    (record::stated_size(bytes), record::time(bytes).map(|time| time.0))
}

/// Decodes a record.
pub fn record(bytes: &[u8]) -> Option<Decoded> {
    let record = record::decode(bytes)?;
    let sample = match &record {
        record::Record::Sample(sample) => Some((sample.stack.len(), 8 * sample.callchain.len())),
        _ => None,
    };
    Some(Decoded { text: format!("{record:?}"), sample })
}

/// Reads a `maps` file: the address and the length of each mapping.
pub fn maps(bytes: &[u8]) -> Vec<(u64, u64)> {
    attach::parse_maps(1, bytes).map(|mapping| (mapping.address, mapping.length)).collect()
}

/// What the unwind tables of a file of code say of some addresses, and where stacks begin in it, as
/// text; none where it is no such file.
pub fn unwinding(path: &Path, addresses: &[u64]) -> Option<String> {
    let file = File::open(path).ok()?;
    let elf = Elf::read(&file).ok()?;
    let said = addresses.iter().map(|address| {
        let before = elf.rules.start_before(&elf.sections, *address);
        (elf.address_of(*address), before, elf.rules.at(&elf.sections, *address))
    });
    let said: Vec<_> = said.collect();
    Some(format!("{said:?} {:?}", roots::roots(&file)))
}
