//! `flameload doctor`: what this machine lets a profile show, and the commands that lift limits.

mod check;
mod cpus;
mod files;
mod libc;
mod perf;
mod privileges;
mod probe;
mod proc;
mod programs;
mod report;
mod ring;
mod sockets;
mod symbols;
mod system;

use std::io::stdout;

use self::{check::Check, privileges::Privileges, probe::Probe, proc::proc_file, report::Report};
use crate::cli::{exit::Exit, out::is_colored, width::Width};

/// Check what this machine allows, with the command that lifts each limit.
///
/// Exit code 0 if servers can be profiled, be it in part; 3 if the kernel refuses.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "\
Examples:
  flameload doctor
  flameload doctor --json | jq -r '.checks[] | select(.state == \"limit\") | .command'")]
pub struct Args {
    /// Print one line of JSON instead of the list
    #[arg(long)]
    json: bool,
}

/// Runs `doctor`.
#[expect(clippy::print_stdout, reason = "the findings are the result")]
pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let probe = Probe::run();
    let privileges = Privileges::read();
    let report = Report { checks: checks(&probe, privileges), probe };
    if args.json {
        println!("{}", report.json());
    } else {
        let style = report::Style::of(is_colored(&stdout()));
        print!("{}", report.text(style, Width::of_stdout()));
    }
    Ok(if report.probe.works() { Exit::Done } else { Exit::CouldNotMeasure })
}

/// In the order of how much each decides.
fn checks(probe: &Probe, privileges: Privileges) -> Vec<Check> {
    let sysctl = |name: &str| proc_file(&format!("sys/{}", name.replace('.', "/")));
    let paranoid = sysctl("kernel.perf_event_paranoid");
    let container = system::container();
    let libc = libc::Libc::read();
    let mut checks = vec![
        probe.sampling(container, privileges),
        perf::paranoid(paranoid.as_deref(), privileges, probe.works()),
        privileges.check(),
        probe.clock(),
        symbols::kernel(
            sysctl("kernel.kptr_restrict").as_deref(),
            symbols::kallsyms_shown(),
            paranoid.as_deref(),
            probe.sees_kernel(),
            privileges,
        ),
        ring::check(&ring::Limits::read(), privileges),
        perf::rate(sysctl("kernel.perf_event_max_sample_rate").as_deref(), privileges),
        system::seccomp(proc_file("self/status").as_deref(), container, probe.works()),
        system::ptrace(sysctl("kernel.yama.ptrace_scope").as_deref(), privileges),
        cpus::check(&cpus::Cpus::read()),
        system::governor(system::read_governor().as_deref(), privileges),
        system::swap(proc_file("swaps").as_deref(), privileges),
        files::check(&files::Limits::read(), privileges),
        sockets::ports(sysctl("net.ipv4.ip_local_port_range").as_deref(), privileges),
        sockets::backlog(sysctl("net.core.somaxconn").as_deref(), privileges),
        libc::frame_pointers(libc.as_ref()),
        libc::symbols(libc.as_ref(), system::os_release().as_deref(), privileges),
    ];
    checks.extend(programs::checks(privileges));
    checks
}
