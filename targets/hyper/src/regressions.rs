//! What the features of this package add to requests: changes for a comparison to find.
//!
//! All of it is compiled always, so that it stays right; without its feature none of it is run.

use std::{
    collections::VecDeque,
    env,
    fs::{self, File},
    io::{self, Seek as _, Write as _},
    process,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use hyper::Request;

/// The variable that says how much `artificial-cost` costs.
const COST: &str = "ARTIFICIAL_COST";

/// How many visits are remembered.
const VISITS: usize = 128;

/// The log starts again at its beginning when it is as long as this: nobody reads it.
const LOG_BYTES_MAX: u64 = 16 << 20;

/// What every request pays for beside its answer.
#[derive(Default)]
pub struct Regressions {
    cost: u64,
    visits: Mutex<Visits>,
    log: Option<Mutex<File>>,
}

/// The last visits, which all requests share.
#[derive(Default)]
struct Visits {
    last: VecDeque<String>,
    most: usize,
}

impl Regressions {
    /// What the features of this build ask for.
    pub fn new() -> Result<Self, String> {
        let mut regressions = Self::default();
        if cfg!(feature = "artificial-cost")
            && let Ok(text) = env::var(COST)
        {
            regressions.cost = text
                .parse()
                .map_err(|_| format!("{COST} is a number of iterations, not '{text}'"))?;
        }
        if cfg!(feature = "regression-log") {
            let log = open_log().map_err(|error| format!("cannot open its log: {error}"))?;
            regressions.log = Some(Mutex::new(log));
        }
        Ok(regressions)
    }

    /// Called for each request, before it is answered.
    pub fn on_request<B>(&self, request: &Request<B>) {
        if cfg!(feature = "artificial-cost") {
            std::hint::black_box(artificial_cost(self.cost));
        }
        if cfg!(feature = "regression-lock") {
            self.remember_visit(request.uri().path());
        }
        if let (true, Some(log)) = (cfg!(feature = "regression-log"), &self.log) {
            // A server does not fail for its log.
            let _ = log_request(log, request);
        }
    }

    /// Remembers a visit, and how many of the last ones were alike at most, under one lock.
    #[inline(never)]
    fn remember_visit(&self, path: &str) {
        let mut visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
        if visits.last.len() == VISITS {
            visits.last.pop_front();
        }
        visits.last.push_back(path.to_owned());
        let alike = visits.last.iter().filter(|last| *last == path).count();
        visits.most = visits.most.max(alike);
    }
}

/// Computes for so many iterations, each of which waits for the one before.
#[inline(never)]
fn artificial_cost(iterations: u64) -> u64 {
    let mut state = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..iterations {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    state
}

/// Writes a line for a request, and leaves nothing of it in a buffer.
#[inline(never)]
fn log_request<B>(log: &Mutex<File>, request: &Request<B>) -> io::Result<()> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let line = format!("{:.6} {} {}\n", now.as_secs_f64(), request.method(), request.uri());
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    if log.stream_position()? > LOG_BYTES_MAX {
        log.rewind()?;
    }
    log.write_all(line.as_bytes())?;
    log.flush()
}

/// A file without a name: it goes with the server, however that ends.
fn open_log() -> io::Result<File> {
    static OPENED: AtomicUsize = AtomicUsize::new(0);
    let number = OPENED.fetch_add(1, Ordering::Relaxed);
    let path = env::temp_dir().join(format!("hyper-server-{}-{number}.log", process::id()));
    let file = File::options().write(true).create_new(true).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_iteration_counts() {
        assert_ne!(artificial_cost(0), artificial_cost(1));
        assert_ne!(artificial_cost(1), artificial_cost(2));
    }

    #[test]
    fn visits_are_bounded() {
        let regressions = Regressions::default();
        (0..VISITS).for_each(|_| regressions.remember_visit("/a"));
        regressions.remember_visit("/b");
        let visits = regressions.visits.lock().expect("nobody panicked");
        assert_eq!((visits.last.len(), visits.most), (VISITS, VISITS));
        assert_eq!(visits.last.back().map(String::as_str), Some("/b"));
    }

    #[test]
    fn a_line_is_logged_for_a_request() {
        let log = Mutex::new(open_log().expect("a file"));
        let request = Request::builder().uri("/v1/user").body(()).expect("a request");
        log_request(&log, &request).expect("it can be written");
        let length = log.lock().expect("nobody panicked").metadata().expect("a file").len();
        assert!(length > "GET /v1/user\n".len() as u64);
    }
}
