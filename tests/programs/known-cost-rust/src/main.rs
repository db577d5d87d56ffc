//! A server whose requests all cost the same, divided 60 : 30 : 10 among three functions.
//! `COST_US` in the environment is the cost of a request in microseconds.

use std::{env, hint::black_box, time::Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// How many of ten parts each function has.
const CHECK: u64 = 6;
const RENDER: u64 = 3;
const WRITE: u64 = 1;

const SEED: u64 = 88_172_645_463_325_252;

/// Functions with the same loop, each its own copy and not inlined: the time is the function's
/// own, by name. Each step depends on the one before.
macro_rules! workers {
    ($($name:ident $tag:literal)*) => {
        $(
            #[inline(never)]
            fn $name(iterations: u64, mut seed: u64) -> u64 {
                // Identical functions would be merged.
                seed ^= $tag;
                let mut left = iterations;
                while left > 0 {
                    seed ^= seed << 13;
                    seed ^= seed >> 7;
                    seed ^= seed << 17;
                    left -= 1;
                }
                seed
            }
        )*
    };
}

workers!(check_password 1 render_page 2 write_audit 3);

/// The median of many batches.
fn nanos_of_iteration() -> f64 {
    const ITERATIONS: u64 = 100_000;
    let batch = |_| {
        let started = Instant::now();
        black_box(check_password(black_box(ITERATIONS), 1));
        started.elapsed().as_nanos() as f64 / ITERATIONS as f64
    };
    let mut each: Vec<f64> = (0..401).map(batch).collect();
    each.sort_by(f64::total_cmp);
    each[each.len() / 2]
}

async fn serve(mut stream: TcpStream, tenth: u64) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut pending = Vec::new();
    let mut seed = SEED;
    loop {
        if stream.read_buf(&mut pending).await? == 0 {
            return Ok(());
        }
        while let Some(end) = pending.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            pending.drain(..end + 4);
            seed = check_password(CHECK * tenth, seed);
            seed = render_page(RENDER * tenth, seed);
            seed = black_box(write_audit(WRITE * tenth, seed));
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n").await?;
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 =
        env::args().nth(1).ok_or("usage: COST_US=MICROSECONDS known-cost PORT")?.parse()?;
    let cost: f64 = env::var("COST_US")?.parse()?;
    let tenth = (cost * 100.0 / nanos_of_iteration()).round() as u64;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async move {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async {
                loop {
                    let (stream, _) = listener.accept().await?;
                    tokio::task::spawn_local(serve(stream, tenth));
                }
            })
            .await
    })
}
