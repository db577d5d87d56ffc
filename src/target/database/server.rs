//! A PostgreSQL server on a data folder of its own.

use std::{
    path::Path,
    sync::atomic::AtomicBool,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{
    Cluster, DatabaseError, Installation, NAME, Password, SUPERUSER, check,
    installation::environment_of_programs,
    offline,
    tree::{self, Place},
};
use crate::target::{
    Exit, Guard,
    child::{Child, Ending, Spec, Streams},
    cpus::Cpus,
    output::Output,
    port::Reserved,
    scratch::{DATA, Scratch},
    secrets::Secrets,
};

/// How long a server may take to get ready: it has little to do, but perhaps on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How often a server that starts is looked at.
const POLL: Duration = Duration::from_millis(5);

/// How long the last lines of a server that ended may take to arrive.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long a server may take to end.
const GRACE: Duration = Duration::from_secs(5);

/// What a database is that is thrown away: nothing has to outlive a crash of the machine. Shared
/// memory is in files of its folder, and nobody finds it but by its port.
pub(super) const SETTINGS: [&str; 9] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "dynamic_shared_memory_type=mmap",
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "timezone=UTC",
];

/// A database that is going to be started, and whose address is known.
#[derive(Debug)]
pub(in crate::target) struct HeldDatabase {
    cluster: Cluster,
    password: Password,
    port: Reserved,
    cpus: Option<Cpus>,
    connections: u32,
}

/// A database that serves. Dropping it stops the server and removes its folder.
#[derive(Debug)]
pub(in crate::target) struct Database {
    server: Server,
    output: Output,
    /// Gone after the server that uses it.
    scratch: Scratch,
}

/// Stops without waiting for its clients, also where it is dropped.
#[derive(Debug)]
struct Server(Child);

impl Server {
    fn stop(&mut self) -> Ending {
        self.0.stop_by(Signal::INT, GRACE)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// How a server is started.
pub(super) struct Start<'a> {
    pub(super) installation: &'a Installation,
    pub(super) port: &'a Reserved,
    pub(super) cpus: Option<&'a Cpus>,
    pub(super) connections: u32,
}

impl HeldDatabase {
    /// Finds a port for a copy of `cluster`.
    pub(in crate::target) fn new(
        cluster: &Cluster,
        cpus: Option<&Cpus>,
        connections: u32,
    ) -> Result<Self, DatabaseError> {
        let port = Reserved::new().map_err(DatabaseError::Place)?;
        let password = Password::new().map_err(DatabaseError::Place)?;
        Ok(Self { cluster: cluster.clone(), password, port, cpus: cpus.cloned(), connections })
    }

    /// Where it will be, with the password that is this launch's alone.
    pub(in crate::target) fn url(&self) -> String {
        let password = self.password.reveal();
        format!("postgres://{NAME}:{password}@127.0.0.1:{}/{NAME}", self.port.port)
    }

    /// Copies the cluster, gives the copy its password, and starts a server on it.
    pub(in crate::target) fn start(
        &self,
        guard: &Guard,
        interrupted: &AtomicBool,
    ) -> Result<Database, DatabaseError> {
        let installation = &self.cluster.installation;
        let scratch = Scratch::new(installation.account).map_err(DatabaseError::Place)?;
        let data = scratch.path().join(DATA);
        let from = Place { path: &self.cluster.data, account: None };
        tree::copy(from, Place { path: &data, account: installation.account }, interrupted)?;
        let set = format!("ALTER ROLE {NAME} PASSWORD '{}';", self.password.reveal());
        offline::run(&[set], SUPERUSER, installation, &scratch, guard, interrupted)?;
        let start = Start {
            installation,
            port: &self.port,
            cpus: self.cpus.as_ref(),
            connections: self.connections,
        };
        start.on(scratch, guard, interrupted)
    }
}

impl Start<'_> {
    /// Starts a server on the data folder in `scratch`, and waits until it accepts connections.
    pub(super) fn on(
        &self,
        scratch: Scratch,
        guard: &Guard,
        interrupted: &AtomicBool,
    ) -> Result<Database, DatabaseError> {
        let bin = self.installation.reachable(&scratch, interrupted)?;
        let spec = self.spec(&bin, scratch.path());
        let (child, pipes) = Child::hold(&spec, guard)?;
        let mut server = Server(child);
        server.0.release(&spec)?;
        let output = Output::follow(pipes.stdout, None, Secrets::default())
            .map_err(|source| DatabaseError::Spawn(source.into()))?;
        let mut database = Database { server, output, scratch };
        database.wait(interrupted)?;
        Ok(database)
    }

    fn spec(&self, bin: &Path, dir: &Path) -> Spec {
        let own = [
            format!("port={}", self.port.port),
            // Some are kept for a superuser, and some clients open one more to look around.
            format!("max_connections={}", self.connections.saturating_add(20).max(100)),
        ];
        let settings = SETTINGS.map(str::to_owned).into_iter().chain(own);
        let mut args = vec!["-D".into(), dir.join(DATA).into()];
        args.extend(settings.flat_map(|setting| ["-c".into(), setting.into()]));
        Spec {
            program: bin.join("postgres").into(),
            args,
            env: environment_of_programs(),
            dir: dir.to_owned(),
            cpus: self.cpus.cloned(),
            open_files: None,
            account: self.installation.account,
            mark: None,
            input: Vec::new(),
            output: Streams::Joined,
        }
    }
}

impl Database {
    fn wait(&mut self, interrupted: &AtomicBool) -> Result<(), DatabaseError> {
        let started = Instant::now();
        loop {
            if is_ready(&self.scratch) {
                return Ok(());
            }
            if let Some(ending) = self.server.0.ending() {
                return Err(self.ended(ending));
            }
            check(interrupted)?;
            if started.elapsed() > TIMEOUT {
                let last_lines = self.output.last_lines();
                return Err(DatabaseError::NotReady { waited: TIMEOUT, last_lines });
            }
            thread::sleep(POLL);
        }
    }

    fn ended(&self, ending: Ending) -> DatabaseError {
        DatabaseError::Ended { ending, last_lines: last_words(&self.output) }
    }

    /// How the server of the service `name` ended by itself, if it has.
    pub(in crate::target) fn exit(&mut self, name: &str) -> Option<Exit> {
        let ending = self.server.0.ending()?;
        Some(Exit {
            process: name.to_owned(),
            ending,
            memory_limit: None,
            background: Vec::new(),
            last_lines: last_words(&self.output),
        })
    }

    /// Its server's process id.
    pub(in crate::target) fn pid(&self) -> u32 {
        self.server.0.pid()
    }

    /// Stops the server without waiting for its clients, and gives the folder that it was in.
    pub(super) fn stop(mut self) -> Result<Scratch, DatabaseError> {
        match self.server.stop() {
            Ending::Status(0) => Ok(self.scratch),
            ending => Err(self.ended(ending)),
        }
    }
}

/// What a server that has ended printed last.
pub(super) fn last_words(output: &Output) -> Vec<String> {
    output.wait_for_end(LAST_WORDS);
    output.last_lines()
}

/// Whether a server says that it is ready, in the last line of its `postmaster.pid`.
fn is_ready(scratch: &Scratch) -> bool {
    let text = scratch.postmaster().unwrap_or_default();
    text.lines().nth(7).is_some_and(|status| status.trim_end() == "ready")
}
