//! Code that a program has moved out of its file: it lies where the file's did, in memory without
//! a name.
//!
//! Programs do so to have their code on large pages (Node's `--use-largepages`, and what others
//! have built in). It is the same code at the same addresses, so that the file's symbols and
//! tables hold for it.

use super::{module, record::Mapping};

/// States the file for code without a name that lies amid a file's other mappings, in a whole list
/// of what a process has mapped, ordered by address.
pub(super) fn name(mappings: &mut [Mapping]) {
    for at in 0..mappings.len() {
        if let Some((file, offset)) = origin(mappings, at) {
            let (path, file) = (file.path.clone(), file.file);
            mappings[at] = Mapping { path, file, file_offset: offset, ..mappings[at].clone() };
        }
    }
}

/// A mapping of the file that the code at an index is from, and the offset in the file.
fn origin(mappings: &[Mapping], at: usize) -> Option<(&Mapping, u64)> {
    let moved = &mappings[at];
    if !moved.executable || moved.is_in_file() {
        return None;
    }
    let before = mappings[..at].iter().rev().find(|other| other.is_in_file())?;
    let after = mappings[at + 1..].iter().find(|other| other.is_in_file())?;
    if before.file != after.file || before.path != after.path {
        return None;
    }
    let elf = module::elf(before)?;
    let range = moved.address..moved.address.checked_add(moved.length)?;
    let offset = elf.offset_of(&range, before)?;
    Some((before, offset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::attach;

    /// What this very process has mapped, whole.
    fn own() -> Vec<Mapping> {
        let maps = std::fs::read("/proc/self/maps").expect("our own");
        attach::parse_maps(std::process::id(), &maps).collect()
    }

    /// Where the code of this program lies among its mappings.
    fn own_code(mappings: &[Mapping]) -> usize {
        let here = own as *const () as u64;
        let is_here = |it: &Mapping| (it.address..it.address + it.length).contains(&here);
        mappings.iter().position(is_here).expect("it runs")
    }

    fn without_name(mapping: &Mapping) -> Mapping {
        Mapping { path: Vec::new(), file: None, file_offset: 0, ..mapping.clone() }
    }

    #[test]
    fn code_amid_its_file_is_of_the_file() {
        let expected = own();
        let code = own_code(&expected);
        let mut moved = expected.clone();
        moved[code] = without_name(&expected[code]);
        name(&mut moved);
        assert_eq!(moved, expected);
        // Only its middle.
        let page = 4096;
        let whole = &expected[code];
        let part = |from: u64, length| Mapping {
            address: whole.address + from,
            file_offset: whole.file_offset + from,
            length,
            ..whole.clone()
        };
        let parts = [part(0, page), part(page, page), part(2 * page, whole.length - 2 * page)];
        let mut moved = expected.clone();
        moved.splice(code..=code, parts.clone());
        moved[code + 1] = without_name(&parts[1]);
        name(&mut moved);
        assert_eq!(moved[code..code + 3], parts);
    }

    #[test]
    fn other_code_is_not() {
        let own = own();
        let code = own_code(&own);
        let check = |changed: Vec<Mapping>| {
            let mut named = changed.clone();
            name(&mut named);
            assert_eq!(named, changed);
        };
        // Where the file has no code.
        let mut changed = own.clone();
        let (header, behind) = (code - 1, code + 1);
        for other in [header, behind] {
            let executable = Mapping { executable: true, ..without_name(&own[other]) };
            changed[other] = executable;
        }
        check(changed);
        // Behind the last of the file.
        let mut changed = own[..=code].to_vec();
        changed[code] = without_name(&own[code]);
        check(changed);
    }
}
