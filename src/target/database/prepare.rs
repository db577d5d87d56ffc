//! A service's files -> a data folder in the cache, as a server leaves it that has ended well.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use super::{
    Cluster, DatabaseError, Installation, NAME, Password, SUPERUSER,
    installation::environment_of_programs,
    offline,
    server::Start,
    tree::{self, Place},
};
use crate::target::{
    build::{BuildError, BuildOptions, Runner, Slot, spec},
    child::{Spec, Streams},
    manifest::{Service, ServiceKind},
    port::Reserved,
    scratch::{DATA, Scratch},
};

/// Changes with what is done to a cluster, so that those that are kept are made again.
const EDITION: u32 = 2;

/// Who may connect: the database's owner with a password, and nobody else.
const RULES: &str = "host flameload flameload 127.0.0.1/32 scram-sha-256\n";

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
        let made = scratch.path().join(DATA);
        let from = Place { path: &made, account: installation.account };
        let to = Place { path: &data, account: None };
        tree::copy(from, to, runner.interrupted).map_err(wrong)?;
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
        let password = Password::new().map_err(place)?;
        let interrupted = self.runner.interrupted;
        let bin = self.installation.reachable(&scratch, interrupted).map_err(wrong)?;
        self.initialize(&bin, &scratch)?;
        scratch.write(&Path::new(DATA).join("pg_hba.conf"), RULES).map_err(place)?;
        let owner = format!("CREATE ROLE {NAME} LOGIN PASSWORD '{}';", password.reveal());
        let database = format!("CREATE DATABASE {NAME} OWNER {NAME};");
        self.offline(&scratch, SUPERUSER, &[owner, database])?;
        let port = Reserved::new().map_err(place)?;
        let (installation, connections) = (self.installation, 1);
        let start = Start { installation, port: &port, cpus: None, connections };
        let database = start.on(scratch, self.runner.guard, interrupted).map_err(wrong)?;
        self.fill(port.port, &password)?;
        let scratch = database.stop().map_err(wrong)?;
        // No password is kept; and so that every copy begins with the same plans, and none has
        // this to do under load, the database is tidied up.
        let forget = format!("ALTER ROLE {NAME} PASSWORD NULL;");
        self.offline(&scratch, NAME, &[forget, "VACUUM (ANALYZE);".to_owned()])?;
        Ok(scratch)
    }

    /// Makes an empty cluster that nobody may connect to.
    fn initialize(&mut self, bin: &Path, scratch: &Scratch) -> Result<(), BuildError> {
        let mut args: Vec<OsString> = vec!["--pgdata".into(), scratch.path().join(DATA).into()];
        let words = ["--username", SUPERUSER, "--auth", "reject", "--encoding", "UTF8"];
        args.extend(words.into_iter().chain(["--locale=C", "--no-sync"]).map(Into::into));
        let spec = Spec {
            env: environment_of_programs(),
            account: self.installation.account,
            ..spec(bin.join("initdb").into(), args, scratch.path())
        };
        // Its steps are of no interest; what is wrong comes on the other stream.
        self.runner.run_read(&spec, &mut |_| {})
    }

    /// Has the superuser do something in a database of a cluster that does not serve.
    fn offline(
        &self,
        scratch: &Scratch,
        database: &str,
        commands: &[String],
    ) -> Result<(), BuildError> {
        let Runner { guard, interrupted, .. } = &*self.runner;
        offline::run(commands, database, self.installation, scratch, guard, interrupted)
            .map_err(|source| wrong(self.service, source))
    }

    /// Runs the service's files in the database, as its owner.
    fn fill(&mut self, port: u16, password: &Password) -> Result<(), BuildError> {
        let files = [&self.service.schema, &self.service.seed].map(Clone::clone);
        for file in files.into_iter().flatten() {
            let port = port.to_string();
            let mut args: Vec<OsString> = vec!["--file".into(), file.into()];
            let words = ["--no-psqlrc", "--quiet", "--no-password", "--set", "ON_ERROR_STOP=1"];
            args.extend(words.map(Into::into));
            let whom =
                ["--host", "127.0.0.1", "--port", &port, "--username", NAME, "--dbname", NAME];
            args.extend(whom.map(Into::into));
            let mut env = environment_of_programs();
            env.insert("PGPASSWORD".into(), password.reveal().into());
            let program = self.installation.bin.join("psql").into();
            let spec = Spec { env, output: Streams::Joined, ..spec(program, args, Path::new("/")) };
            self.runner.run_shown(&spec)?;
        }
        Ok(())
    }
}
