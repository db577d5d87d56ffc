//! [`Calibration`]: what a server differs by from itself, on machines of one kind.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{host::Host, time::UtcTime};

/// What two identical servers differ by, found by comparing one with itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The machines that it is good for.
    pub class: HostClass,
    /// The target that was compared with itself.
    pub target: String,
    /// Under which load.
    pub script: String,
    /// When.
    pub at: UtcTime,
    /// By metric: how far one round of one is from one round of the other.
    pub floors: BTreeMap<String, FloorFacts>,
}

/// How far one round of a server is from one of the same server.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FloorFacts {
    /// The standard deviation of the logarithm of their ratio.
    pub sd: f64,
    /// Of how many rounds.
    pub comparisons: u32,
}

/// Machines that are alike as far as noise goes: what is finer, such as the kernel's patch level,
/// would leave no two days the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostClass {
    /// The CPU's name.
    pub cpu_model: Option<String>,
    /// CPUs that may be used.
    pub cpus: u32,
    /// The kernel's release, as far as major and minor version.
    pub kernel: String,
    /// The hypervisor's or container's name.
    pub virtualization: Option<String>,
}

impl HostClass {
    /// That of a machine.
    pub fn of(host: &Host) -> Self {
        let end = host.kernel.match_indices('.').nth(1).map_or(host.kernel.len(), |(at, _)| at);
        Self {
            cpu_model: host.cpu_model.clone(),
            cpus: host.cpus,
            kernel: host.kernel.get(..end).unwrap_or_default().to_owned(),
            virtualization: host.virtualization.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patched_kernel_is_of_the_same_class() {
        let class = |kernel: &str| {
            HostClass::of(&Host { kernel: kernel.to_owned(), cpus: 2, ..Host::default() })
        };
        assert_eq!(class("6.1.134-generic"), class("6.1.9"));
        assert_eq!(class("6.1.134").kernel, "6.1");
        assert_ne!(class("6.1.134"), class("6.12.1"));
        assert_eq!(class("odd").kernel, "odd");
    }
}
