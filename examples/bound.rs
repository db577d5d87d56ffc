//! Holds a server to a bound: `cargo run --example bound targets/hyper 50` fails where a request
//! costs more than 50 µs of CPU time.

#![expect(clippy::print_stdout, reason = "it is a program")]

use std::{env, error::Error, path::Path, sync::atomic::AtomicBool};

use flameload::{Launch, Manifest, Script, Settings, Store, What, profile};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let target = arguments.next().ok_or("name the folder of a target")?;
    let bound: f64 = arguments.next().ok_or("and a bound in µs")?.parse()?;

    let what = What::Target(Box::new(Launch::new(Manifest::read(Path::new(&target))?)));
    let script = Script::find(Path::new("scripts"), "hello")?.remove(0);
    let store = Store::new(env::temp_dir().join("flameload-runs"));
    let go_on = AtomicBool::new(false);
    let finished = profile(&what, &Settings::of(script), &store, &go_on, &mut |_| {})?;

    let cpu = finished.run.server.cpu_us_per_request.ok_or("nothing was measured")?;
    let hottest = finished.run.hottest.first().map_or("nothing", |frame| frame.name.as_str());
    println!("{cpu:.2} µs for each request, most of it in {hottest}");
    if cpu > bound { Err(format!("more than {bound} µs").into()) } else { Ok(()) }
}
