//! Profile -> the document of the file.

use rustc_hash::FxHashMap;

use super::document::{
    Category, Document, FORMAT_VERSION, FrameTable, FuncTable, Identity, Lib, Meta, Repeat,
    ResourceTable, SCHEMA, SampleTable, Shared, StackTable, ThreadEntry, Window,
};
use crate::{
    symbolize::{FrameId, FrameKind, Profile, Sample, Thread},
    unit::Samples,
};

/// Names and colours of the categories, in the order of [`category`]. The format wants a grey
/// one, which it takes for the default.
const CATEGORIES: [(&str, &str); 5] = [
    ("User", "yellow"),
    ("Inlined", "orange"),
    ("Kernel", "blue"),
    ("Unknown", "grey"),
    ("Truncated", "darkgrey"),
];

/// The category that stands for a kind.
pub(super) fn category(kind: FrameKind) -> u8 {
    match kind {
        FrameKind::User => 0,
        FrameKind::Inlined => 1,
        FrameKind::Kernel => 2,
        FrameKind::Unknown => 3,
        FrameKind::Truncated => 4,
    }
}

/// The document of a consistent profile.
pub(super) fn document(profile: &Profile) -> Document {
    let mut strings = Strings::default();
    let mut libs = Strings::default();
    let mut owned = owned_samples(profile);
    if owned.is_empty() && !(profile.frames.is_empty() && profile.stacks.is_empty()) {
        owned.push(Vec::new());
    }
    let unused = unused(profile);
    let nobody = Thread { pid: 0, tid: 0, of: None, process: String::new(), name: String::new() };
    let threads = owned
        .iter()
        .enumerate()
        .map(|(i, samples)| {
            // What no sample uses is kept with the first thread.
            let rows = if i == 0 { unused.clone() } else { Used::none(profile) };
            let thread = profile.threads.get(i).unwrap_or(&nobody);
            thread_entry(profile, thread, samples, rows, &mut strings, &mut libs)
        })
        .collect();
    Document {
        meta: meta(profile),
        libs: libs.list.into_iter().map(lib).collect(),
        pages: [],
        counters: [],
        shared: Shared { string_array: strings.list },
        threads,
    }
}

fn meta(profile: &Profile) -> Meta {
    Meta {
        flameload: Window {
            schema: SCHEMA,
            hz: profile.hz.0,
            started_ns: profile.started.0,
            duration_ns: profile.duration.0,
            frames: profile.frames.len(),
            stacks: profile.stacks.len(),
            threads: profile.threads.len(),
        },
        product: profile.title.clone(),
        categories: CATEGORIES
            .map(|(name, color)| Category { name, color, subcategories: ["Other"] })
            .into(),
        interval: 1e3 / f64::from(profile.hz.0.max(1)),
        start_time: 0.0,
        start_time_monotonic: profile.started.0,
        profiling_start_time: 0.0,
        profiling_end_time: profile.duration.0 as f64 / 1e6,
        preprocessed_profile_version: FORMAT_VERSION,
        version: 31,
        process_type: 0,
        stackwalk: 1,
        debug: false,
        symbolicated: true,
        symbolication_not_supported: true,
        uses_only_one_stack_type: true,
        source_code_is_not_on_searchfox: true,
        extensions: Default::default(),
        marker_schema: [],
        sample_units: Default::default(),
    }
}

fn lib(name: String) -> Lib {
    Lib {
        arch: std::env::consts::ARCH,
        path: name.clone(),
        debug_name: name.clone(),
        debug_path: name.clone(),
        name,
        breakpad_id: "000000000000000000000000000000000",
        code_id: (),
    }
}

/// The samples of each thread with their place in the order of all.
fn owned_samples(profile: &Profile) -> Vec<Vec<(u32, Sample)>> {
    let mut owned = vec![Vec::new(); profile.threads.len()];
    for (place, sample) in (0..).zip(&profile.samples) {
        owned[sample.thread.0 as usize].push((place, *sample));
    }
    owned
}

/// Which frames and stacks a thread's tables hold.
#[derive(Clone)]
struct Used {
    frames: Vec<bool>,
    stacks: Vec<bool>,
}

impl Used {
    fn none(profile: &Profile) -> Self {
        Self {
            frames: vec![false; profile.frames.len()],
            stacks: vec![false; profile.stacks.len()],
        }
    }

    /// Adds the callers of the stacks, and the frames of them all.
    fn close(&mut self, profile: &Profile) {
        // Parents come before their children, so one pass from the end reaches every root.
        for (i, stack) in profile.stacks.iter().enumerate().rev() {
            if self.stacks[i] {
                self.frames[stack.frame.0 as usize] = true;
                if let Some(parent) = stack.parent {
                    self.stacks[parent.0 as usize] = true;
                }
            }
        }
    }
}

/// The frames and stacks that no sample leads to.
fn unused(profile: &Profile) -> Used {
    let mut used = Used::none(profile);
    for sample in &profile.samples {
        used.stacks[sample.stack.0 as usize] = true;
    }
    used.close(profile);
    Used {
        frames: used.frames.iter().map(|used| !used).collect(),
        stacks: used.stacks.iter().map(|used| !used).collect(),
    }
}

fn thread_entry(
    profile: &Profile,
    thread: &Thread,
    samples: &[(u32, Sample)],
    mut used: Used,
    strings: &mut Strings,
    libs: &mut Strings,
) -> ThreadEntry {
    for (_, sample) in samples {
        used.stacks[sample.stack.0 as usize] = true;
    }
    used.close(profile);
    let frames = Rows::of(&used.frames);
    let stacks = Rows::of(&used.stacks);
    let mut tables = Tables::default();
    let frame_table = tables.frames(profile, &frames, strings, libs);
    ThreadEntry {
        flameload: Identity {
            frames: differences(frames.ids.iter().copied()),
            stacks: differences(stacks.ids.iter().copied()),
            samples: differences(samples.iter().map(|(place, _)| *place)),
            tags: tags(samples),
            of: thread.of.clone(),
        },
        name: thread.name.clone(),
        process_name: thread.process.clone(),
        pid: thread.pid.to_string(),
        tid: thread.tid,
        is_main_thread: thread.pid == thread.tid,
        process_type: "default",
        process_startup_time: 0.0,
        process_shutdown_time: (),
        register_time: 0.0,
        unregister_time: (),
        paused_ranges: [],
        show_markers_in_timeline: false,
        samples: sample_table(samples, &stacks),
        stack_table: stack_table(profile, &stacks, &frames),
        frame_table,
        func_table: tables.functions.finish(),
        resource_table: tables.resources.finish(),
        native_symbols: Default::default(),
        markers: Default::default(),
    }
}

/// The rows of a thread's table.
struct Rows {
    /// The id of each row in the whole profile, ascending.
    ids: Vec<u32>,
    /// The row of each id; arbitrary for one that is not in the table.
    row: Vec<u32>,
}

impl Rows {
    fn of(used: &[bool]) -> Self {
        let mut ids = Vec::new();
        let mut row = vec![0; used.len()];
        for (id, _) in (0..).zip(used).filter(|(_, used)| **used) {
            row[id as usize] = ids.len() as u32;
            ids.push(id);
        }
        Self { ids, row }
    }
}

/// The first number, then what each adds to the one before.
fn differences(ascending: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut before = 0;
    ascending
        .map(|number| {
            let difference = number - before;
            before = number;
            difference
        })
        .collect()
}

/// What samples are told apart by; nothing where nothing does.
fn tags(samples: &[(u32, Sample)]) -> Vec<u16> {
    let tags = samples.iter().map(|(_, sample)| sample.tag);
    if tags.clone().all(|tag| tag == 0) { Vec::new() } else { tags.collect() }
}

fn sample_table(samples: &[(u32, Sample)], stacks: &Rows) -> SampleTable {
    let mut before = 0;
    let weighted = samples.iter().any(|(_, sample)| sample.weight != Samples(1));
    SampleTable {
        length: samples.len(),
        stack: samples.iter().map(|(_, sample)| stacks.row[sample.stack.0 as usize]).collect(),
        time_deltas: samples
            .iter()
            .map(|(_, sample)| {
                let delta = sample.time.0 as i64 - before;
                before = sample.time.0 as i64;
                delta as f64 / 1e6
            })
            .collect(),
        weight: weighted.then(|| samples.iter().map(|(_, sample)| sample.weight.0).collect()),
        weight_type: "samples",
    }
}

fn stack_table(profile: &Profile, stacks: &Rows, frames: &Rows) -> StackTable {
    let rows = || stacks.ids.iter().map(|id| profile.stacks[*id as usize]);
    StackTable {
        length: stacks.ids.len(),
        prefix: rows()
            .map(|stack| stack.parent.map(|parent| stacks.row[parent.0 as usize]))
            .collect(),
        frame: rows().map(|stack| frames.row[stack.frame.0 as usize]).collect(),
    }
}

/// Functions and modules of one thread, each once.
#[derive(Default)]
struct Tables {
    functions: FuncTable,
    function_rows: FxHashMap<(u32, i32, Option<u32>), u32>,
    resources: ResourceTable,
    resource_rows: FxHashMap<u32, i32>,
}

impl Tables {
    fn frames(
        &mut self,
        profile: &Profile,
        rows: &Rows,
        strings: &mut Strings,
        libs: &mut Strings,
    ) -> FrameTable {
        let length = rows.ids.len();
        let frames = || rows.ids.iter().map(|id| &profile.frames[*id as usize]);
        FrameTable {
            length,
            func: rows
                .ids
                .iter()
                .map(|id| self.function(profile, FrameId(*id), strings, libs))
                .collect(),
            category: frames().map(|frame| category(frame.kind)).collect(),
            line: frames().map(|frame| frame.line).collect(),
            inline_depth: frames().map(|f| u8::from(f.kind == FrameKind::Inlined)).collect(),
            subcategory: Repeat { value: 0, length },
            address: Repeat { value: -1, length },
            native_symbol: Repeat { value: (), length },
            inner_window_id: Repeat { value: 0, length },
            column: Repeat { value: (), length },
        }
    }

    fn function(
        &mut self,
        profile: &Profile,
        frame: FrameId,
        strings: &mut Strings,
        libs: &mut Strings,
    ) -> u32 {
        let frame = &profile.frames[frame.0 as usize];
        let name = strings.index(&frame.name);
        let file = frame.file.as_ref().map(|file| strings.index(file));
        let module =
            frame.module.as_ref().map_or(-1, |module| self.resource(module, strings, libs));
        *self.function_rows.entry((name, module, file)).or_insert_with(|| {
            self.functions.name.push(name);
            self.functions.resource.push(module);
            self.functions.file_name.push(file);
            self.functions.name.len() as u32 - 1
        })
    }

    fn resource(&mut self, module: &str, strings: &mut Strings, libs: &mut Strings) -> i32 {
        let name = strings.index(module);
        *self.resource_rows.entry(name).or_insert_with(|| {
            self.resources.name.push(name);
            self.resources.lib.push(libs.index(module));
            self.resources.name.len() as i32 - 1
        })
    }
}

impl FuncTable {
    fn finish(mut self) -> Self {
        let length = self.name.len();
        self.length = length;
        self.is_js = Repeat { value: false, length };
        self.relevant_for_js = Repeat { value: false, length };
        self.line_number = Repeat { value: (), length };
        self.column_number = Repeat { value: (), length };
        self
    }
}

impl ResourceTable {
    fn finish(mut self) -> Self {
        let length = self.name.len();
        self.length = length;
        self.host = Repeat { value: (), length };
        self.kind = Repeat { value: 1, length };
        self
    }
}

/// Texts, each once, in the order of their first use.
#[derive(Default)]
struct Strings {
    list: Vec<String>,
    rows: FxHashMap<String, u32>,
}

impl Strings {
    fn index(&mut self, text: &str) -> u32 {
        if let Some(row) = self.rows.get(text) {
            return *row;
        }
        let row = self.list.len() as u32;
        self.list.push(text.to_owned());
        self.rows.insert(text.to_owned(), row);
        row
    }
}
