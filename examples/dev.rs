#![allow(missing_docs)]
fn main() {
    use flameload::{sample::*, symbolize::*, unit::*};
    let pid: u32 = std::env::args().nth(1).unwrap().parse().unwrap();
    let hz: u32 = std::env::args().nth(2).map_or(997, |x| x.parse().unwrap());
    let secs: f64 = std::env::args().nth(3).map_or(3.0, |x| x.parse().unwrap());
    let mut s = Sampler::start(&Config { hz: Hertz(hz), cpus: vec![] }).unwrap();
    s.watch(pid, Origin::Running).unwrap();
    s.enable();
    std::thread::sleep(std::time::Duration::from_millis(300));
    s.disable();
    println!("{:?} adapt {:?}", s.counts(), s.adapt());
    s.begin_window();
    let c0 = s.cpu_time();
    s.enable();
    std::thread::sleep(std::time::Duration::from_secs_f64(secs));
    s.disable();
    let cpu = s.cpu_time() - c0;
    let c = s.finish();
    println!(
        "{:?} {:?} {} cpu {:?} coverage {}",
        c.counts,
        c.access,
        c.clock,
        cpu,
        c.counts.samples.0 as f64 / hz as f64 / cpu.as_secs_f64()
    );
    let t = std::time::Instant::now();
    let r = resolve(
        &c,
        "dev".into(),
        if std::env::args().len() > 4 { Detail::NamesOnly } else { Detail::Full },
    );
    println!(
        "resolve {:?} unknown {:?} frames {} stacks {}",
        t.elapsed(),
        r.unknown,
        r.profile.frames.len(),
        r.profile.stacks.len()
    );
    let p = &r.profile;
    let mut m = std::collections::BTreeMap::<String, u64>::new();
    for s in &p.samples {
        let mut v = vec![];
        let mut n = Some(s.stack);
        while let Some(i) = n {
            let st = p.stacks[i.0 as usize];
            v.push(p.frames[st.frame.0 as usize].name.clone());
            n = st.parent;
        }
        v.push(p.threads[s.thread.0 as usize].name.clone());
        v.push(p.threads[s.thread.0 as usize].process.clone());
        v.reverse();
        *m.entry(v.join(";")).or_default() += s.weight.0;
    }
    let mut v: Vec<_> = m.into_iter().collect();
    v.sort_by_key(|x| std::cmp::Reverse(x.1));
    for (k, n) in v.iter().take(100000) {
        println!("{n} {k}");
    }
}
