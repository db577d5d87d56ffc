//! Which CPUs a process may use.

use std::{fmt, io, str::FromStr};

use rustix::{
    process::Pid,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// A set of CPUs, at least one, written like `0-1,3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cpus(Vec<usize>);

/// Why a text is not a set of CPUs.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CpusError {
    /// Not a list of numbers and ranges.
    #[error("invalid CPU list '{0}': write numbers and ranges, such as 0-1,3")]
    Syntax(String),
    /// A number that no affinity mask has room for.
    #[error("CPU {0} is out of range: the highest is {max}", max = CpuSet::MAX_CPU - 1)]
    Range(usize),
}

/// Who gets which CPUs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The server's CPUs.
    pub server: Cpus,
    /// Those of the load generator and the sampler.
    pub load: Cpus,
    /// Whether both have to share one CPU, so that each takes time from the other.
    pub shared: bool,
}

impl Cpus {
    /// The CPUs numbered `cpus`; none at all is CPU 0.
    fn new(mut cpus: Vec<usize>) -> Self {
        cpus.sort_unstable();
        cpus.dedup();
        if cpus.is_empty() {
            cpus.push(0);
        }
        Self(cpus)
    }

    /// The CPUs that the calling thread may use: those of the machine, less what a container or
    /// an affinity mask takes away.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn available() -> io::Result<Self> {
        Self::allowed(None)
    }

    /// The CPUs that the main thread of a process may use.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn of_process(pid: u32) -> io::Result<Self> {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        Self::allowed(Some(pid.ok_or(io::ErrorKind::NotFound)?))
    }

    fn allowed(pid: Option<Pid>) -> io::Result<Self> {
        let set = sched_getaffinity(pid)?;
        Ok(Self::new((0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect()))
    }

    /// The numbers of the CPUs, ascending.
    pub fn as_slice(&self) -> &[usize] {
        &self.0
    }

    /// The first `count` of them, or all where there are no more; at least one.
    pub fn first(&self, count: usize) -> Self {
        Self(self.0.iter().copied().take(count.max(1)).collect())
    }

    /// How many CPUs there are, at least one.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Moves the calling thread, and the threads it starts from now on, onto these CPUs.
    ///
    /// # Errors
    /// When none of them may be used.
    pub fn pin_current_thread(&self) -> io::Result<()> {
        Ok(sched_setaffinity(None, &self.set())?)
    }

    /// The kernel's form of the set.
    pub(super) fn set(&self) -> CpuSet {
        let mut set = CpuSet::new();
        for &cpu in self.0.iter().filter(|&&cpu| cpu < CpuSet::MAX_CPU) {
            set.set(cpu);
        }
        set
    }
}

/// Divides the CPUs `online` between server and load generator.
///
/// The load generator gets the last quarter, at least one CPU; the server gets the rest. A
/// single CPU is shared.
pub fn split_cpus(online: &[usize]) -> Split {
    let Cpus(all) = Cpus::new(online.to_vec());
    let load = (all.len() / 4).max(1);
    let (server, load) = all.split_at(all.len() - load);
    if server.is_empty() {
        let only = Cpus(load.to_vec());
        return Split { server: only.clone(), load: only, shared: true };
    }
    Split { server: Cpus(server.to_vec()), load: Cpus(load.to_vec()), shared: false }
}

impl FromStr for Cpus {
    type Err = CpusError;

    fn from_str(text: &str) -> Result<Self, CpusError> {
        let syntax = || CpusError::Syntax(text.to_owned());
        let number = |digits: &str| match digits.trim().parse::<usize>() {
            Ok(cpu) if cpu < CpuSet::MAX_CPU => Ok(cpu),
            Ok(cpu) => Err(CpusError::Range(cpu)),
            Err(_) => Err(syntax()),
        };
        let mut cpus = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return Err(syntax());
            }
            cpus.extend(first..=last);
        }
        Ok(Self::new(cpus))
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranges = self.0.chunk_by(|cpu, next| cpu + 1 == *next);
        for (index, range) in ranges.enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match range {
                [only] => write!(f, "{comma}{only}")?,
                [first, .., last] => write!(f, "{comma}{first}-{last}")?,
                [] => {}
            }
        }
        Ok(())
    }
}

impl Serialize for Cpus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cpus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists_are_made_canonical() {
        for (text, canonical) in [
            ("0", "0"),
            ("3,0-1", "0-1,3"),
            ("0,1,2,3", "0-3"),
            ("1 - 2, 2", "1-2"),
            ("5,7", "5,7"),
        ] {
            assert_eq!(text.parse::<Cpus>().map(|cpus| cpus.to_string()), Ok(canonical.to_owned()));
        }
    }

    #[test]
    fn wrong_lists_are_refused() {
        for wrong in ["", ",", "0-", "-1", "2-1", "a", "0;1", "0x1"] {
            assert_eq!(wrong.parse::<Cpus>(), Err(CpusError::Syntax(wrong.to_owned())));
        }
        assert_eq!("0-9999999".parse::<Cpus>(), Err(CpusError::Range(9_999_999)));
    }

    #[test]
    fn the_first_are_those_that_there_are() {
        let cpus: Cpus = "1,3-5".parse().expect("a list");
        let first = |count| cpus.first(count).to_string();
        assert_eq!([0, 1, 2, 9].map(first), ["1", "1", "1,3", "1,3-5"]);
    }

    fn check_split(online: &[usize], expected: Expect) {
        let Split { server, load, shared } = split_cpus(online);
        let shared = if shared { " shared" } else { "" };
        expected.assert_eq(&format!("server {server} load {load}{shared}"));
    }

    #[test]
    fn the_load_gets_the_last_quarter() {
        check_split(&[0], expect!["server 0 load 0 shared"]);
        check_split(&[0, 1], expect!["server 0 load 1"]);
        check_split(&[2, 5, 7], expect!["server 2,5 load 7"]);
        check_split(&[0, 1, 2, 3, 4, 5, 6, 7], expect!["server 0-5 load 6-7"]);
        check_split(&[], expect!["server 0 load 0 shared"]);
    }

    #[test]
    fn this_thread_may_use_some_cpu() {
        let cpus = Cpus::available().expect("the kernel tells");
        assert!(cpus.count() >= 1);
        cpus.pin_current_thread().expect("what is available may be used");
    }

    proptest! {
        #[test]
        fn parsing_undoes_printing(cpus in prop::collection::vec(0_usize..CpuSet::MAX_CPU, 1..40)) {
            let cpus = Cpus::new(cpus);
            prop_assert_eq!(cpus.to_string().parse(), Ok(cpus));
        }

        #[test]
        fn no_text_panics(text in "[-0-9, ]{0,20}") {
            let _ = text.parse::<Cpus>();
        }

        #[test]
        fn a_split_loses_no_cpu(count in 2_usize..300) {
            let online: Vec<_> = (0..count).collect();
            let Split { server, load, shared } = split_cpus(&online);
            prop_assert!(!shared);
            prop_assert_eq!([server.as_slice(), load.as_slice()].concat(), online);
        }
    }
}
