//! The JSON of the processed profile format, as far as it is written here.
//!
//! One set of types both writes and reads: what viewers ask for and nothing here reads back is
//! skipped when reading.

use serde::{Deserialize, Serialize, Serializer, ser::SerializeSeq};

/// The version of the format: shared strings, and frames and stacks per thread.
pub(super) const FORMAT_VERSION: u32 = 57;

/// The version of our own keys in it.
pub(super) const SCHEMA: u32 = 1;

#[derive(Serialize, Deserialize)]
pub(super) struct Document {
    pub(super) meta: Meta,
    #[serde(skip_deserializing)]
    pub(super) libs: Vec<Lib>,
    #[serde(skip_deserializing)]
    pub(super) pages: [(); 0],
    #[serde(skip_deserializing)]
    pub(super) counters: [(); 0],
    pub(super) shared: Shared,
    pub(super) threads: Vec<ThreadEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Meta {
    pub(super) flameload: Window,
    pub(super) product: String,
    #[serde(skip_deserializing)]
    pub(super) categories: Vec<Category>,
    #[serde(skip_deserializing)]
    pub(super) interval: f64,
    #[serde(skip_deserializing)]
    pub(super) start_time: f64,
    #[serde(skip_deserializing, rename = "startTimeAsClockMonotonicNanosecondsSinceBoot")]
    pub(super) start_time_monotonic: u64,
    #[serde(skip_deserializing)]
    pub(super) profiling_start_time: f64,
    #[serde(skip_deserializing)]
    pub(super) profiling_end_time: f64,
    #[serde(skip_deserializing)]
    pub(super) preprocessed_profile_version: u32,
    /// Of the unprocessed format; viewers do not look at it here.
    #[serde(skip_deserializing)]
    pub(super) version: u32,
    #[serde(skip_deserializing)]
    pub(super) process_type: u32,
    #[serde(skip_deserializing)]
    pub(super) stackwalk: u32,
    #[serde(skip_deserializing)]
    pub(super) debug: bool,
    #[serde(skip_deserializing)]
    pub(super) symbolicated: bool,
    #[serde(skip_deserializing)]
    pub(super) symbolication_not_supported: bool,
    #[serde(skip_deserializing)]
    pub(super) uses_only_one_stack_type: bool,
    #[serde(skip_deserializing)]
    pub(super) source_code_is_not_on_searchfox: bool,
    #[serde(skip_deserializing)]
    pub(super) extensions: Extensions,
    #[serde(skip_deserializing)]
    pub(super) marker_schema: [(); 0],
    #[serde(skip_deserializing)]
    pub(super) sample_units: SampleUnits,
}

/// What the format has no exact place for.
#[derive(Serialize, Deserialize)]
pub(super) struct Window {
    pub(super) schema: u32,
    pub(super) hz: u32,
    pub(super) started_ns: u64,
    pub(super) duration_ns: u64,
    /// How many distinct frames there are over all threads.
    pub(super) frames: usize,
    /// How many distinct stacks there are over all threads.
    pub(super) stacks: usize,
    /// How many of `threads` there are; one more stands there where stacks have no thread.
    pub(super) threads: usize,
}

#[derive(Serialize)]
pub(super) struct Category {
    pub(super) name: &'static str,
    pub(super) color: &'static str,
    pub(super) subcategories: [&'static str; 1],
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Extensions {
    #[serde(rename = "baseURL")]
    base_url: [(); 0],
    id: [(); 0],
    name: [(); 0],
    length: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SampleUnits {
    time: &'static str,
    event_delay: &'static str,
    #[serde(rename = "threadCPUDelta")]
    thread_cpu_delta: &'static str,
}

impl Default for SampleUnits {
    fn default() -> Self {
        Self { time: "ms", event_delay: "ms", thread_cpu_delta: "ns" }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Lib {
    pub(super) arch: &'static str,
    pub(super) name: String,
    pub(super) path: String,
    pub(super) debug_name: String,
    pub(super) debug_path: String,
    pub(super) breakpad_id: &'static str,
    pub(super) code_id: (),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shared {
    pub(super) string_array: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ThreadEntry {
    pub(super) flameload: Identity,
    pub(super) name: String,
    pub(super) process_name: String,
    pub(super) pid: String,
    pub(super) tid: u32,
    #[serde(skip_deserializing)]
    pub(super) is_main_thread: bool,
    #[serde(skip_deserializing)]
    pub(super) process_type: &'static str,
    #[serde(skip_deserializing)]
    pub(super) process_startup_time: f64,
    #[serde(skip_deserializing)]
    pub(super) process_shutdown_time: (),
    #[serde(skip_deserializing)]
    pub(super) register_time: f64,
    #[serde(skip_deserializing)]
    pub(super) unregister_time: (),
    #[serde(skip_deserializing)]
    pub(super) paused_ranges: [(); 0],
    #[serde(skip_deserializing)]
    pub(super) show_markers_in_timeline: bool,
    pub(super) samples: SampleTable,
    pub(super) stack_table: StackTable,
    pub(super) frame_table: FrameTable,
    pub(super) func_table: FuncTable,
    pub(super) resource_table: ResourceTable,
    #[serde(skip_deserializing)]
    pub(super) native_symbols: NativeSymbols,
    #[serde(skip_deserializing)]
    pub(super) markers: Markers,
}

/// What each row of a thread's tables is in the whole profile, as differences between one and
/// the next: nearly all are 1.
#[derive(Serialize, Deserialize, Default)]
pub(super) struct Identity {
    pub(super) frames: Vec<u32>,
    pub(super) stacks: Vec<u32>,
    pub(super) samples: Vec<u32>,
    /// The tag of each sample; none where all have 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<u16>,
    /// The target's process that the thread belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) of: Option<String>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct SampleTable {
    pub(super) length: usize,
    pub(super) stack: Vec<u32>,
    /// Milliseconds since the sample before, the first since the start of the window.
    pub(super) time_deltas: Vec<f64>,
    /// None where every sample counts once.
    pub(super) weight: Option<Vec<u64>>,
    #[serde(skip_deserializing)]
    pub(super) weight_type: &'static str,
}

#[derive(Serialize, Deserialize, Default)]
pub(super) struct StackTable {
    pub(super) length: usize,
    pub(super) prefix: Vec<Option<u32>>,
    pub(super) frame: Vec<u32>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct FrameTable {
    pub(super) length: usize,
    pub(super) func: Vec<u32>,
    /// The kind of code, as an index into the categories.
    pub(super) category: Vec<u8>,
    pub(super) line: Vec<Option<u32>>,
    #[serde(skip_deserializing)]
    pub(super) inline_depth: Vec<u8>,
    #[serde(skip_deserializing)]
    pub(super) subcategory: Repeat<u32>,
    /// Always -1: names and lines are known already.
    #[serde(skip_deserializing)]
    pub(super) address: Repeat<i32>,
    #[serde(skip_deserializing)]
    pub(super) native_symbol: Repeat<()>,
    #[serde(skip_deserializing, rename = "innerWindowID")]
    pub(super) inner_window_id: Repeat<u32>,
    #[serde(skip_deserializing)]
    pub(super) column: Repeat<()>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct FuncTable {
    pub(super) length: usize,
    pub(super) name: Vec<u32>,
    /// The module's row in the resources; -1 for none.
    pub(super) resource: Vec<i32>,
    pub(super) file_name: Vec<Option<u32>>,
    #[serde(skip_deserializing, rename = "isJS")]
    pub(super) is_js: Repeat<bool>,
    #[serde(skip_deserializing, rename = "relevantForJS")]
    pub(super) relevant_for_js: Repeat<bool>,
    #[serde(skip_deserializing)]
    pub(super) line_number: Repeat<()>,
    #[serde(skip_deserializing)]
    pub(super) column_number: Repeat<()>,
}

#[derive(Serialize, Deserialize, Default)]
pub(super) struct ResourceTable {
    pub(super) length: usize,
    pub(super) name: Vec<u32>,
    #[serde(skip_deserializing)]
    pub(super) lib: Vec<u32>,
    #[serde(skip_deserializing)]
    pub(super) host: Repeat<()>,
    /// Always 1, a library.
    #[serde(skip_deserializing, rename = "type")]
    pub(super) kind: Repeat<u32>,
}

/// Always empty: it is for frames whose names are still to be found.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct NativeSymbols {
    length: u32,
    lib_index: [(); 0],
    address: [(); 0],
    name: [(); 0],
    function_size: [(); 0],
}

/// Always empty: nothing but samples is recorded.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Markers {
    length: u32,
    data: [(); 0],
    name: [(); 0],
    start_time: [(); 0],
    end_time: [(); 0],
    phase: [(); 0],
    category: [(); 0],
}

/// A column that says the same in every row.
#[derive(Default)]
pub(super) struct Repeat<T> {
    pub(super) value: T,
    pub(super) length: usize,
}

impl<T: Serialize> Serialize for Repeat<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut column = serializer.serialize_seq(Some(self.length))?;
        for _ in 0..self.length {
            column.serialize_element(&self.value)?;
        }
        column.end()
    }
}
