//! Built -> held: every process of a target, forked and waiting before its exec.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    num::NonZero,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::Instant,
};

use super::{
    Built, Guard, Manifest, Product, TargetError,
    allowance::Allowance,
    budget::Budget,
    cgroup::Cgroup,
    child::{Child, Pipes, Spec, Streams},
    cpus::Cpus,
    database::{Cluster, DatabaseError, HeldDatabase},
    environment,
    manifest::{Condition, Process, Service},
    output::Output,
    port,
    ready::{self, Caller, Question, Readiness},
    running::{Running, Server},
    secrets::Secrets,
    template::{Placeholder, Template, Values},
};
use crate::unit::Bytes;

/// Has Python write maps of its code.
const PERF_MAPS: &str = "PYTHONPERFSUPPORT";

/// How a target is launched.
#[derive(Debug, Clone, Default)]
pub struct LaunchOptions {
    /// The CPUs of the server, of which the budget may take fewer; none leaves the processes those
    /// of this thread.
    pub cpus: Option<Cpus>,
    /// What the target may use.
    pub budget: Budget,
    /// The port of the last process; none takes the manifest's, or a free one.
    pub port: Option<u16>,
    /// How many files each process may open, whatever the manifest says; none takes the
    /// manifest's limit, or the highest that the system allows.
    pub open_files: Option<NonZero<u64>>,
    /// A database that runs already, in place of the manifest's services.
    pub db_url: Option<String>,
    /// The CPUs of services; none leaves them those of this thread.
    pub service_cpus: Option<Cpus>,
    /// How the load speaks to the last process, where that is not plain HTTP/1.1 to its port.
    pub caller: Option<Arc<dyn Caller>>,
    /// Whether processes that can are asked to write maps of their code for profilers.
    pub perf_maps: bool,
}

/// A target whose processes exist, with their ids, but have not run their programs.
///
/// Counters and samplers opened now see each program from its first instruction. Dropping it
/// ends the processes.
#[derive(Debug)]
pub struct Held {
    processes: Vec<HeldProcess>,
    databases: Vec<(String, HeldDatabase)>,
    allowance: Allowance,
    guard: Guard,
}

#[derive(Debug)]
struct HeldProcess {
    name: String,
    profile: bool,
    port: Option<u16>,
    pprof: Option<String>,
    condition: Condition,
    /// The unix socket on which it is asked whether it is ready.
    unix: Option<PathBuf>,
    /// How the load speaks to it, if it gets that.
    caller: Option<Arc<dyn Caller>>,
    /// Of its database, which it may print.
    secrets: Secrets,
    timeout: std::time::Duration,
    child: Child,
    /// Gone after the process that is in it.
    cgroup: Option<Cgroup>,
    spec: Spec,
    pipes: Pipes,
}

/// Forks every process of `manifest`, in order, and has each wait before its exec.
///
/// # Errors
/// When a port is taken, a program cannot be found, or the system refuses a process.
pub fn launch(
    manifest: &Manifest,
    built: &Built,
    options: &LaunchOptions,
    guard: &Guard,
) -> Result<Held, TargetError> {
    let ports = port::assign(&manifest.processes, options.port)?;
    let mut allowance = allowance(manifest, options)?;
    let databases = databases(manifest, built, options, &allowance)?;
    if !databases.is_empty() {
        allowance.service_cpus = options.service_cpus.clone();
        allowance.services = built.clusters.iter().map(Cluster::describe).collect();
    }
    let mut processes = Vec::new();
    for process in &manifest.processes {
        let db_url = db_url(process, options, &databases)?;
        let product = built.product(process);
        let values = Values {
            bin: product.map(|product| product.binary.as_path()),
            dir: &process.dir,
            port: ports.get(&process.name).copied(),
            ports: &ports,
            cpus: allowance.cpus_asked,
            workers: allowance.workers,
            db_url: db_url.as_deref(),
            db_connections: allowance.db_connections_each(process),
        };
        let mut spec = spec(process, product, &values, options)?;
        spec.mark = Some(guard.mark());
        // Without a word on CPUs, they stay as they are.
        let is_bound = options.cpus.is_some() || options.budget.cpus.is_some();
        spec.cpus = is_bound.then(|| allowance.cpus.clone());
        let mut held = hold(process, spec, &values, guard)?;
        if let Err(why) = held.limit(allowance.memory) {
            allowance.memory_refused = Some(why);
        }
        processes.push(held);
    }
    if let Some(last) = processes.last_mut() {
        last.caller = options.caller.clone();
    }
    Ok(Held { processes, databases, allowance, guard: guard.clone() })
}

/// A place for each service of the manifest.
fn databases(
    manifest: &Manifest,
    built: &Built,
    options: &LaunchOptions,
    allowance: &Allowance,
) -> Result<Vec<(String, HeldDatabase)>, TargetError> {
    if options.db_url.is_some() {
        return Ok(Vec::new());
    }
    let connections = allowance.db_connections.unwrap_or_default();
    let hold = |(at, service): (usize, &Service)| {
        let name = service.name.clone();
        let Some(cluster) = built.clusters.get(at) else {
            return Err(TargetError::NotBuilt { service: name });
        };
        let held = HeldDatabase::new(cluster, options.service_cpus.as_ref(), connections);
        match held {
            Ok(held) => Ok((name, held)),
            Err(source) => Err(TargetError::Service { service: name, source }),
        }
    };
    manifest.services.iter().enumerate().map(hold).collect()
}

/// The database of a process, if it has one.
fn db_url(
    process: &Process,
    options: &LaunchOptions,
    databases: &[(String, HeldDatabase)],
) -> Result<Option<String>, TargetError> {
    let own = || databases.get(process.service?).map(|(_, database)| database.url());
    let url = options.db_url.clone().or_else(own);
    if url.is_none() && process.uses(&Placeholder::DbUrl) {
        return Err(TargetError::NoDatabase { process: process.name.clone() });
    }
    Ok(url)
}

fn allowance(manifest: &Manifest, options: &LaunchOptions) -> Result<Allowance, TargetError> {
    let cpus = match &options.cpus {
        Some(cpus) => cpus.clone(),
        None => Cpus::available().map_err(TargetError::Cpus)?,
    };
    Ok(Allowance::of(manifest, &options.budget, cpus))
}

fn hold(
    process: &Process,
    spec: Spec,
    values: &Values<'_>,
    guard: &Guard,
) -> Result<HeldProcess, TargetError> {
    let Process { name, profile, ready, .. } = process;
    let (child, pipes) = Child::hold(&spec, guard)
        .map_err(|source| TargetError::Spawn { process: name.clone(), source })?;
    Ok(HeldProcess {
        name: name.clone(),
        profile: *profile,
        port: values.port,
        pprof: process.pprof.clone(),
        condition: ready.condition.clone(),
        unix: ready.unix.as_ref().map(|path| process.dir.join(path)),
        caller: None,
        secrets: values.db_url.map(Secrets::of).unwrap_or_default(),
        timeout: ready.timeout,
        child,
        cgroup: None,
        spec,
        pipes,
    })
}

fn spec(
    process: &Process,
    product: Option<&Product>,
    values: &Values<'_>,
    options: &LaunchOptions,
) -> Result<Spec, TargetError> {
    let fill = |template: &Template| {
        let process = process.name.clone();
        template.render(values).map_err(|source| TargetError::Template { process, source })
    };
    let mut words = process.command.iter().map(fill);
    let program = words.next().transpose()?.unwrap_or_default();
    let args = words.collect::<Result<_, _>>()?;
    let mut env: BTreeMap<_, _> = environment::inherited();
    for (name, value) in product.iter().flat_map(|product| &product.env) {
        env.insert(name.into(), value.into());
    }
    if options.perf_maps && product.is_some_and(|product| product.perf_maps) {
        env.insert(PERF_MAPS.into(), "1".into());
    }
    for (name, value) in &process.env {
        env.insert(name.into(), fill(value)?);
    }
    Ok(Spec {
        program,
        args,
        env,
        dir: values.dir.to_owned(),
        cpus: None,
        open_files: options.open_files.or(process.open_files).map(NonZero::get),
        account: None,
        mark: None,
        input: Vec::new(),
        output: Streams::Joined,
    })
}

impl Held {
    /// The ids of the processes to profile, in the order of their start.
    pub fn profiled(&self) -> Vec<u32> {
        self.processes.iter().filter(|process| process.profile).map(|one| one.child.pid()).collect()
    }

    /// Every process's name and id, in the order of their start.
    pub fn processes(&self) -> impl Iterator<Item = (&str, u32)> {
        self.processes.iter().map(|process| (process.name.as_str(), process.child.pid()))
    }

    /// What the target gets of its budget.
    pub fn allowance(&self) -> &Allowance {
        &self.allowance
    }

    /// Starts the services, then lets the processes run their programs, each once the one before is ready, and waits until
    /// the last is. Gives up soon after `interrupted` is set.
    ///
    /// # Errors
    /// When a program cannot be run, ends, or is not ready within its time; every process is
    /// stopped by then.
    pub fn release(self, interrupted: &AtomicBool) -> Result<Running, TargetError> {
        let mut databases = Vec::new();
        for (service, held) in self.databases {
            let started = held.start(&self.guard, interrupted).map_err(|source| match source {
                DatabaseError::Interrupted => TargetError::Interrupted,
                source => TargetError::Service { service: service.clone(), source },
            });
            databases.push((service, started?));
        }
        let started = Instant::now();
        // Stopped in reverse order by its drop, should a later process fail.
        let mut running = Running::new(databases);
        for process in self.processes {
            let (server, readiness) = process.release(interrupted)?;
            running.add(server, readiness, started.elapsed());
        }
        Ok(running)
    }
}

impl HeldProcess {
    /// Limits the memory of the process and of the children that it is going to have.
    fn limit(&mut self, memory: Option<Bytes>) -> Result<(), String> {
        let Some(memory) = memory else { return Ok(()) };
        let cgroup = Cgroup::new(memory)?;
        cgroup.take(self.child.pid())?;
        self.cgroup = Some(cgroup);
        Ok(())
    }

    fn release(mut self, interrupted: &AtomicBool) -> Result<(Server, Readiness), TargetError> {
        self.child
            .release(&self.spec)
            .map_err(|source| TargetError::Spawn { process: self.name.clone(), source })?;
        let awaited = match &self.condition {
            Condition::Line(text) => Some(text.clone()),
            _ => None,
        };
        let output =
            Output::follow(self.pipes.stdout, awaited, self.secrets).map_err(|source| {
                TargetError::Spawn { process: self.name.clone(), source: source.into() }
            })?;
        let mut server = Server {
            name: self.name,
            profile: self.profile,
            port: self.port,
            host: Ipv4Addr::LOCALHOST.into(),
            pprof: self.pprof,
            child: self.child,
            cgroup: self.cgroup,
            output,
        };
        let question =
            Question { condition: &self.condition, unix: self.unix, caller: self.caller };
        let readiness = ready::wait(&mut server, &question, self.timeout, interrupted)?;
        Ok((server, readiness))
    }
}
