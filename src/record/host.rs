//! [`Host`]: the machine that a run was made on.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use serde::{Deserialize, Serialize};

/// The machine that a run was made on; what could not be found out is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Host {
    /// The CPU's name.
    pub cpu_model: Option<String>,
    /// CPUs that this process may use.
    pub cpus: u32,
    /// The kernel's release.
    pub kernel: String,
    /// Memory in all.
    pub memory_bytes: Option<u64>,
    /// The hypervisor's or container's name; `none` on bare metal.
    pub virtualization: Option<String>,
    /// `/proc/sys/kernel/perf_event_paranoid`: 2 and above hide the kernel from users.
    pub perf_event_paranoid: Option<i32>,
    /// Versions of compilers, by command.
    pub toolchains: BTreeMap<String, String>,
}

impl Host {
    /// Asks the system.
    pub fn read() -> Self {
        let cpuinfo = text("/proc/cpuinfo").unwrap_or_default();
        let meminfo = text("/proc/meminfo").unwrap_or_default();
        Self {
            cpu_model: cpu_model(&cpuinfo),
            cpus: std::thread::available_parallelism()
                .map_or(0, |cpus| u32::try_from(cpus.get()).unwrap_or(u32::MAX)),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            memory_bytes: memory_bytes(&meminfo),
            virtualization: virtualization(&cpuinfo),
            perf_event_paranoid: text("/proc/sys/kernel/perf_event_paranoid")
                .and_then(|level| level.trim().parse().ok()),
            toolchains: toolchains(),
        }
    }
}

fn text(path: impl AsRef<Path>) -> Option<String> {
    fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// x86 has `model name`; arm64 has only numbers, of which `CPU part` tells the core.
fn cpu_model(cpuinfo: &str) -> Option<String> {
    ["model name", "Model", "Hardware", "CPU part"]
        .into_iter()
        .find_map(|key| value(cpuinfo, key))
        .map(|model| model.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn memory_bytes(meminfo: &str) -> Option<u64> {
    let kib: u64 = value(meminfo, "MemTotal")?.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}

/// The value of the first `key : value` line, unless it is empty.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, value)| name.trim() == key && !value.trim().is_empty())
        .map(|(_, value)| value.trim())
}

/// The hypervisor by the names it gives the machine; just `hypervisor` where it gives none, but
/// sets the CPU's flag.
fn virtualization(cpuinfo: &str) -> Option<String> {
    if let Some(kind) = text("/sys/hypervisor/type") {
        return Some(kind.trim().to_owned());
    }
    let vendor = text("/sys/class/dmi/id/sys_vendor").unwrap_or_default();
    let product = text("/sys/class/dmi/id/product_name").unwrap_or_default();
    let flagged = value(cpuinfo, "flags")
        .map(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor"));
    known_hypervisor(&vendor, &product).map(String::from).or_else(|| match flagged {
        Some(true) => Some("hypervisor".to_owned()),
        Some(false) => Some("none".to_owned()),
        None => None,
    })
}

fn known_hypervisor(vendor: &str, product: &str) -> Option<&'static str> {
    let names = format!("{vendor} {product}").to_lowercase();
    [
        ("qemu", "kvm"),
        ("kvm", "kvm"),
        ("amazon ec2", "amazon"),
        ("google compute engine", "google"),
        ("firecracker", "firecracker"),
        ("vmware", "vmware"),
        ("virtualbox", "virtualbox"),
        ("microsoft corporation virtual machine", "hyper-v"),
        ("xen", "xen"),
        ("parallels", "parallels"),
    ]
    .into_iter()
    .find_map(|(name, kind)| names.replace('\n', "").contains(name).then_some(kind))
}

/// The compilers that are there; a target's own may be others.
fn toolchains() -> BTreeMap<String, String> {
    [("rustc", "--version"), ("go", "version"), ("python3", "--version")]
        .into_iter()
        .filter_map(|(command, argument)| Some((command.to_owned(), version(command, argument)?)))
        .collect()
}

fn version(command: &str, argument: &str) -> Option<String> {
    let output = Command::new(command).arg(argument).output().ok()?;
    let first = String::from_utf8_lossy(&output.stdout).lines().next()?.trim().to_owned();
    (output.status.success() && !first.is_empty()).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPUINFO: &str = "processor\t: 0\nmodel name\t:  Some  CPU @ 2.00GHz\nflags\t\t: fpu \
                           hypervisor sse\n\nprocessor\t: 1\nmodel name\t: other\n";

    #[test]
    fn procfs_is_read() {
        assert_eq!(cpu_model(CPUINFO).as_deref(), Some("Some CPU @ 2.00GHz"));
        assert_eq!(cpu_model("processor : 0\nCPU part\t: 0xd0c\n").as_deref(), Some("0xd0c"));
        assert_eq!(memory_bytes("MemTotal:        2048 kB\n"), Some(2_097_152));
        assert_eq!(memory_bytes("MemTotal: many\n"), None);
        assert_eq!(cpu_model(""), None);
    }

    #[test]
    fn hypervisors_have_names() {
        assert_eq!(known_hypervisor("QEMU\n", "Standard PC"), Some("kvm"));
        assert_eq!(
            known_hypervisor("Microsoft Corporation\n", "Virtual Machine\n"),
            Some("hyper-v")
        );
        assert_eq!(known_hypervisor("Dell Inc.\n", "XPS"), None);
    }

    #[test]
    fn this_machine_has_cpus_memory_and_a_compiler() {
        let host = Host::read();
        assert!(host.cpus > 0);
        assert!(!host.kernel.is_empty());
        assert!(host.memory_bytes > Some(1 << 20));
        assert!(host.toolchains["rustc"].starts_with("rustc "), "{:?}", host.toolchains);
    }
}
