//! A server that serves, seen by all that watches it, before any load.

use std::{net::SocketAddr, sync::atomic::AtomicBool, time::Duration};

use super::{
    calls::FirstCalls, error::MeasureError, instruments::Instruments, observed::Usages,
    server_watch::ServerWatch, subject::Subject, surroundings,
};
use crate::{
    load::{Base, Needs, Plan, Script, preflight},
    target::network::{self, Ports},
};

/// A server that serves, before any load.
pub(super) struct Served {
    /// Where the load goes.
    pub(super) addr: SocketAddr,
    /// The load to come.
    pub(super) plan: Plan,
    pub(super) server: ServerWatch,
    /// How long its first call took, and each of those that followed it.
    pub(super) first_call: Duration,
    pub(super) following_calls: Vec<Duration>,
    /// What it used until then.
    pub(super) usage: Usages,
    /// The ports from which load may come.
    pub(super) ports: Option<Ports>,
}

impl Served {
    /// Makes the first calls, and lets `instruments` attend the server.
    ///
    /// # Errors
    /// When it does not answer as the script expects, the load cannot work on this machine, or an
    /// instrument cannot see the server.
    pub(super) fn begin(
        subject: &Subject,
        script: &Script,
        instruments: &mut Instruments,
        load_cpus: &[usize],
        interrupted: &AtomicBool,
    ) -> Result<Self, MeasureError> {
        let addr = match script.base {
            Base::Target => subject.addr,
            Base::Fixed(addr) => addr,
        };
        let plan = Plan::new(script, addr, load_cpus)?;
        let calls = FirstCalls::begin(&plan, script, subject.first_call)?;
        let first_call = calls.first;
        let usage = subject.usage();
        let following_calls = calls.follow();
        let server = ServerWatch::begin(&subject.pids(), addr);
        if plan.is_checked() {
            preflight(Needs::of(&plan), &surroundings::of(&subject.pids(), addr))?;
        }
        let ports = network::ports(addr).ok();
        instruments.attend(subject, load_cpus, interrupted)?;
        Ok(Self { addr, plan, server, first_call, following_calls, usage, ports })
    }
}
