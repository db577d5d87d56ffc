//! File descriptors: a connection needs one here and one in the server.

use std::{fs, io};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::error::LoadError;

/// Descriptors kept free for the process's own files, beyond what is open at the start.
const SPARE: u64 = 16;

/// Raises this process's soft limit of open files to the hard one; processes started afterwards
/// inherit it.
///
/// Returns the soft limit before and after; no limit is `u64::MAX`.
///
/// # Errors
/// When the system does not allow the change.
pub fn raise_nofile() -> io::Result<(u64, u64)> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: maximum, maximum };
    setrlimit(Resource::Nofile, raised)?;
    Ok((unlimited(current), unlimited(maximum)))
}

/// Checks that this process may open `connections` sockets and `threads` event queues more.
pub(super) fn check(connections: usize, threads: usize) -> Result<(), LoadError> {
    let limit = unlimited(getrlimit(Resource::Nofile).current);
    let open = fs::read_dir("/proc/self/fd").map_or(SPARE, |entries| entries.count() as u64);
    // A thread has an epoll and an eventfd.
    let needed = open + connections as u64 + 2 * threads as u64 + SPARE;
    if limit < needed {
        return Err(LoadError::Descriptors { connections, needed, limit });
    }
    Ok(())
}

fn unlimited(limit: Option<u64>) -> u64 {
    limit.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_connections_are_refused_with_the_numbers() {
        let (_, limit) = raise_nofile().expect("raising to the hard limit is always allowed");
        assert_eq!(raise_nofile().expect("again"), (limit, limit));
        assert!(check(1, 1).is_ok());
        // Without a limit there is nothing that could be too many.
        if let Ok(connections) = usize::try_from(limit) {
            match check(connections.min(usize::MAX / 2), 1) {
                Err(LoadError::Descriptors { needed, .. }) => assert!(needed > limit),
                other => assert!(limit == u64::MAX, "{other:?}"),
            }
        }
    }
}
