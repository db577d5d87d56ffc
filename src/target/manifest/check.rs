//! What a manifest's parts owe each other.

use std::collections::BTreeSet;

use super::{Condition, Manifest, Placeholder, Process, Service};

/// A process has its streams, and opens its libraries, before it does anything of its own.
const OPEN_FILES_MIN: u64 = 16;

/// Checks what no single part can know; the error says what to write instead.
pub(super) fn whole(manifest: &Manifest) -> Result<(), String> {
    let Manifest { processes, .. } = manifest;
    name("name", &manifest.name)?;
    if manifest.backends.is_empty() {
        return Err("`backends` names no profiler: leave it out for the usual one".to_owned());
    }
    let Some(last) = processes.last() else {
        return Err("a target needs at least one [[process]]".to_owned());
    };
    let mut names = BTreeSet::new();
    for process in processes {
        name("process name", &process.name)?;
        if !names.insert(process.name.as_str()) {
            return Err(format!("two processes have the name '{}'", process.name));
        }
        own(process)?;
    }
    for process in processes {
        ports(process, processes)?;
    }
    if !last.has_port() && last.ready.unix.is_none() {
        return Err(format!(
            "process '{}' comes last, so it gets the load: give it {{port}} in its command or \
             env, or a fixed `port`, or name its socket in ready = {{ unix = \"...\" }}",
            last.name
        ));
    }
    Ok(())
}

/// What the services of one file owe each other.
pub(super) fn services(services: &[Service]) -> Result<(), String> {
    services.iter().try_for_each(|service| name("service name", &service.name))?;
    match services {
        [first, second, ..] => Err(format!(
            "there are two services, '{}' and '{}': a target has one, which is what {{db_url}} \
             leads to",
            first.name, second.name
        )),
        _ => Ok(()),
    }
}

/// Names become parts of paths.
fn name(what: &str, name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return Err(format!(
            "{what} '{name}' does not fit: use letters, digits, '-', '_' and '.', and no '.' first"
        ));
    }
    Ok(())
}

/// What a process owes by itself.
fn own(process: &Process) -> Result<(), String> {
    let Process { name, .. } = process;
    if process.command.is_empty() {
        return Err(format!("process '{name}' has an empty command"));
    }
    if process.port == Some(0) {
        return Err(format!("process '{name}' has port 0: leave `port` out for a free one"));
    }
    if let Some(limit) = process.open_files
        && limit.get() < OPEN_FILES_MIN
    {
        return Err(format!(
            "process '{name}' cannot start with {limit} open files: `open_files` is at least \
             {OPEN_FILES_MIN}"
        ));
    }
    if process.recipe.is_none() && process.uses(&Placeholder::Bin) {
        return Err(format!("process '{name}' uses {{bin}}, but there is no [build]"));
    }
    if let Some(wrong) = process.env.keys().find(|key| key.is_empty() || key.contains(['=', '\0']))
    {
        return Err(format!("process '{name}' has no use for a variable named '{wrong}'"));
    }
    let is_line = matches!(process.ready.condition, Condition::Line(_));
    if !process.has_port() && process.ready.unix.is_none() && !is_line {
        return Err(format!(
            "process '{name}' has no port to become ready on: use {{port}} in its command or \
             env, set `port`, or write ready = {{ line = \"...\" }} or {{ unix = \"...\" }}"
        ));
    }
    Ok(())
}

/// Every `{port:NAME}` names a process that has a port.
fn ports(process: &Process, all: &[Process]) -> Result<(), String> {
    for hole in process.placeholders() {
        let Placeholder::PortOf(name) = hole else { continue };
        if !all.iter().any(|other| other.name == *name && other.has_port()) {
            return Err(format!(
                "process '{}' uses {{port:{name}}}, but no process '{name}' has a port",
                process.name
            ));
        }
    }
    Ok(())
}
