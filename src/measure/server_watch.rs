//! What is seen of the server beside its CPU time, and what explains errors: descriptors, queues
//! of connections, its end.

use std::net::SocketAddr;

use super::diagnosis::{ServerExit, ServerSeen};
use crate::{
    target::{
        network::{ListenDrops, accept_queue, accept_queue_limit},
        usage,
    },
    unit::Nanos,
};

/// After errors, the server is looked at this often.
const PAUSE: Nanos = Nanos(1_000_000_000);

/// Looks at a server now and then.
#[derive(Debug)]
pub(super) struct ServerWatch {
    addr: SocketAddr,
    /// The process that listens, or the first of several.
    pid: Option<u32>,
    drops_before: Option<ListenDrops>,
    last_look: Nanos,
    seen: ServerSeen,
    /// The fewest connections that were open at the end of a slice.
    live: Option<u64>,
}

impl ServerWatch {
    /// To be called before any load.
    pub(super) fn begin(pids: &[u32], addr: SocketAddr) -> Self {
        let pid = pids.first().copied();
        let mut watch = Self {
            addr,
            pid,
            drops_before: pid.and_then(|pid| ListenDrops::of(pid).ok()),
            last_look: Nanos::now(),
            seen: ServerSeen { accept_queue_limit: accept_queue_limit(), ..ServerSeen::default() },
            live: None,
        };
        watch.look(pids);
        watch.seen.open_files_idle = watch.seen.open_files;
        watch
    }

    /// Looks at what the server has open, and at what waits for it.
    pub(super) fn look(&mut self, pids: &[u32]) {
        self.last_look = Nanos::now();
        for pid in pids {
            let usage = usage::read(&[*pid]);
            // Of several processes, the one that has most open is the first to have none left.
            if usage.processes > 0 && Some(usage.fds) > self.seen.open_files {
                self.seen.open_files = Some(usage.fds);
                self.seen.open_files_limit = usage.fd_limit;
            }
        }
        let waiting = self.pid.and_then(|pid| accept_queue(pid, self.addr));
        self.seen.accept_queue = self.seen.accept_queue.max(waiting);
    }

    /// The same after a slice with errors, unless it has just been done.
    pub(super) fn look_again(&mut self, pids: impl FnOnce() -> Vec<u32>) {
        if Nanos::now().since(self.last_look) >= PAUSE {
            self.look(&pids());
        }
    }

    /// So many connections were open at the end of a slice.
    pub(super) fn note_live(&mut self, live: usize) {
        let live = live as u64;
        self.live = Some(self.live.map_or(live, |least| least.min(live)));
    }

    /// The fewest connections that were open at the end of a slice.
    pub(super) fn live(&self) -> Option<u64> {
        self.live
    }

    /// The server has ended.
    pub(super) fn note_exit(&mut self, what: &str) {
        self.seen.exit = Some(ServerExit { what: what.to_owned(), at: Nanos::now() });
    }

    /// What was seen, and what became of its queue since the beginning; to be called while the
    /// server lives.
    pub(super) fn end(&mut self, pids: &[u32]) -> (ServerSeen, Option<ListenDrops>) {
        self.look(pids);
        let now = self.pid.and_then(|pid| ListenDrops::of(pid).ok());
        let dropped = now.zip(self.drops_before).map(|(now, before)| now.since(before));
        (ServerSeen { dropped: dropped.unwrap_or_default(), ..self.seen.clone() }, dropped)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn open_files_and_waiting_connections_are_seen() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("its address");
        let pids = [std::process::id()];
        let mut watch = ServerWatch::begin(&pids, addr);
        let files = |watch: &ServerWatch| watch.seen.open_files.expect("they are counted");
        let before = files(&watch);
        let clients: Vec<_> =
            (0..3).map(|_| std::net::TcpStream::connect(addr).expect("it is accepted")).collect();
        watch.look_again(|| panic!("it was looked at just now"));
        watch.note_live(clients.len());
        watch.note_live(2);
        watch.note_exit("exit status 1");
        let (seen, dropped) = watch.end(&pids);
        // Other tests of this process open files too.
        assert!(seen.open_files > Some(2) && before > 0, "{seen:?}");
        assert_eq!((seen.accept_queue, watch.live()), (Some(3), Some(2)));
        assert!(dropped.is_some() && seen.exit.is_some_and(|exit| exit.what == "exit status 1"));
    }
}
