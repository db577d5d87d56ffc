//! A service's files -> a data folder in the cache, as a server leaves it that has ended well.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::chown,
    path::{Path, PathBuf},
};

use rustix::rand::{GetRandomFlags, getrandom};

use super::{
    Cluster, DatabaseError, Installation, NAME, SUPERUSER, installation::environment_of_programs,
    server::Start, tree,
};
use crate::target::{
    build::{BuildError, BuildOptions, Runner, Slot, spec},
    child::{Spec, Streams},
    manifest::{Service, ServiceKind},
    port::Reserved,
    scratch::{DATA, Scratch},
};

/// Changes with what is done to a cluster, so that those that are kept are made again.
const EDITION: u32 = 1;

/// Who may connect: the database's owner without a password, and nobody else, once it is made.
const OWNER_MAY: &str = "host flameload flameload 127.0.0.1/32 trust\n";

/// While it is made, the superuser as well.
const SUPERUSER_MAY: &str = "host all postgres 127.0.0.1/32 scram-sha-256\n";

/// Makes the clusters of `services`, but for those that are in the cache.
pub(in crate::target) fn prepare(
    services: &[Service],
    options: &BuildOptions,
    runner: &mut Runner<'_>,
) -> Result<Vec<Cluster>, BuildError> {
    if services.is_empty() {
        return Ok(Vec::new());
    }
    let installation = Installation::find(options, runner)?;
    let one = |service: &Service| match service.kind {
        ServiceKind::Postgres => cluster(service, &installation, options, runner),
    };
    services.iter().map(one).collect()
}

fn cluster(
    service: &Service,
    installation: &Installation,
    options: &BuildOptions,
    runner: &mut Runner<'_>,
) -> Result<Cluster, BuildError> {
    let read = |what: &str, path: &Option<PathBuf>| {
        let Some(path) = path else { return Ok(String::new()) };
        let text = fs::read_to_string(path).map_err(|error| {
            BuildError::Need(format!(
                "cannot read the {what} of the service '{}', {}: {error}",
                service.name,
                path.display()
            ))
        })?;
        Ok::<_, BuildError>(format!("-- {what}\n{text}"))
    };
    let (schema, seed) = (read("schema", &service.schema)?, read("seed", &service.seed)?);
    let origin = format!("{EDITION}\n{}\n{schema}{seed}", installation.version);
    let folder = options.cache.join("postgres");
    let mut slot = Slot::open(&folder, &service.name, origin, runner)?;
    let data = slot.dir().join(DATA);
    if !slot.is_whole() {
        let version = &installation.version;
        (runner.on_line)(&format!("making the database '{}' with {version}", service.name));
        let wrong = |source| wrong(service, source);
        let scratch = Making { service, installation, runner: &mut *runner }.make()?;
        fs::create_dir(slot.dir()).map_err(|error| wrong(DatabaseError::Place(error)))?;
        tree::copy(&scratch.path().join(DATA), &data, None, runner.interrupted).map_err(wrong)?;
        slot.finish()?;
    }
    Ok(Cluster { service: service.name.clone(), installation: installation.clone(), data })
}

fn wrong(service: &Service, source: DatabaseError) -> BuildError {
    match source {
        DatabaseError::Interrupted => BuildError::Interrupted,
        source => BuildError::Database { service: service.name.clone(), source },
    }
}

/// A cluster that is being made.
struct Making<'a, 'b> {
    service: &'a Service,
    installation: &'a Installation,
    runner: &'a mut Runner<'b>,
}

impl Making<'_, '_> {
    /// A folder with a data folder that has everything, and whose server has ended.
    fn make(mut self) -> Result<Scratch, BuildError> {
        let wrong = |source| wrong(self.service, source);
        let place = |error| wrong(DatabaseError::Place(error));
        let scratch = Scratch::new(self.installation.account).map_err(place)?;
        let password = password().map_err(place)?;
        let interrupted = self.runner.interrupted;
        let bin = self.installation.reachable(&scratch, interrupted).map_err(wrong)?;
        let rules = scratch.path().join(DATA).join("pg_hba.conf");
        self.initialize(&bin, &scratch, &password)?;
        self.write(&rules, &format!("{OWNER_MAY}{SUPERUSER_MAY}")).map_err(place)?;
        let port = Reserved::new().map_err(place)?;
        let (installation, connections) = (self.installation, 1);
        let start = Start { installation, port: &port, cpus: None, connections };
        let database = start.on(scratch, self.runner.guard, interrupted).map_err(wrong)?;
        self.fill(port.port, &password)?;
        let scratch = database.stop().map_err(wrong)?;
        self.write(&rules, OWNER_MAY).map_err(place)?;
        Ok(scratch)
    }

    /// Makes an empty cluster.
    fn initialize(
        &mut self,
        bin: &Path,
        scratch: &Scratch,
        password: &str,
    ) -> Result<(), BuildError> {
        let file = scratch.path().join("password");
        let place = |error| wrong(self.service, DatabaseError::Place(error));
        self.write(&file, password).map_err(place)?;
        let mut args: Vec<OsString> = vec!["--pgdata".into(), scratch.path().join(DATA).into()];
        let words = ["--username", SUPERUSER, "--auth", "scram-sha-256", "--encoding", "UTF8"];
        args.extend(words.map(Into::into));
        args.extend(["--locale=C", "--no-sync", "--pwfile"].map(Into::into));
        args.push(file.clone().into());
        let spec = Spec {
            env: environment_of_programs(),
            account: self.installation.account,
            ..spec(bin.join("initdb").into(), args, scratch.path())
        };
        // Its steps are of no interest; what is wrong comes on the other stream.
        self.runner.run_read(&spec, &mut |_| {})?;
        fs::remove_file(&file).map_err(place)
    }

    /// Makes the database and runs the service's files in it.
    fn fill(&mut self, port: u16, password: &str) -> Result<(), BuildError> {
        let owner = format!("CREATE ROLE {NAME} LOGIN");
        let database = format!("CREATE DATABASE {NAME} OWNER {NAME}");
        let superuser = (SUPERUSER, SUPERUSER);
        self.sql(port, superuser, password, ["--command".into(), owner.into()])?;
        self.sql(port, superuser, password, ["--command".into(), database.into()])?;
        let files = [&self.service.schema, &self.service.seed].map(Clone::clone);
        for file in files.into_iter().flatten() {
            self.sql(port, (NAME, NAME), "", ["--file".into(), file.into()])?;
        }
        // So that every copy begins with the same plans, and none has this to do under load.
        let tidy = "VACUUM (ANALYZE)";
        self.sql(port, (SUPERUSER, NAME), password, ["--command".into(), tidy.into()])
    }

    /// Has the server run a command or a file as some user in some database.
    fn sql(
        &mut self,
        port: u16,
        (user, database): (&str, &str),
        password: &str,
        what: [OsString; 2],
    ) -> Result<(), BuildError> {
        let mut args: Vec<OsString> = what.into();
        let words = ["--no-psqlrc", "--quiet", "--no-password", "--set", "ON_ERROR_STOP=1"];
        args.extend(words.map(Into::into));
        let port = port.to_string();
        let whom =
            ["--host", "127.0.0.1", "--port", &port, "--username", user, "--dbname", database];
        args.extend(whom.map(Into::into));
        let mut env = environment_of_programs();
        env.insert("PGPASSWORD".into(), password.into());
        let program = self.installation.bin.join("psql").into();
        let spec = Spec { env, output: Streams::Joined, ..spec(program, args, Path::new("/")) };
        self.runner.run_shown(&spec)
    }

    /// Writes a file that the server's user may read.
    fn write(&self, path: &Path, text: &str) -> io::Result<()> {
        fs::write(path, text)?;
        match self.installation.account {
            Some(account) => chown(path, Some(account.uid), Some(account.gid)),
            None => Ok(()),
        }
    }
}

/// A password for a minute.
fn password() -> io::Result<String> {
    let mut bytes = [0; 16];
    getrandom(&mut bytes, GetRandomFlags::empty())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
