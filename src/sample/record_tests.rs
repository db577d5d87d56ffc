//! Records written as the kernel writes them, and bytes that it never wrote.

use proptest::prelude::*;

use super::*;

/// Builds the bytes of a record field by field.
pub(in crate::sample) struct Bytes(Vec<u8>);

impl Bytes {
    pub(in crate::sample) fn new(kind: u32, misc: u16) -> Self {
        let mut bytes = kind.to_ne_bytes().to_vec();
        bytes.extend(misc.to_ne_bytes());
        bytes.extend(0_u16.to_ne_bytes());
        Self(bytes)
    }

    pub(in crate::sample) fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_ne_bytes());
        self
    }

    pub(in crate::sample) fn u64(mut self, value: u64) -> Self {
        self.0.extend(value.to_ne_bytes());
        self
    }

    pub(in crate::sample) fn raw(mut self, value: &[u8]) -> Self {
        self.0.extend(value);
        self
    }

    /// Ends a record that is not a sample: with its trailer and its size.
    pub(in crate::sample) fn trailed(self, pid: u32, tid: u32, time: u64) -> Vec<u8> {
        self.u32(pid).u32(tid).u64(time).sized()
    }

    pub(in crate::sample) fn sized(mut self) -> Vec<u8> {
        let size = self.0.len() as u16;
        self.0[6..8].copy_from_slice(&size.to_ne_bytes());
        self.0
    }
}

/// A sample on thread 11 of process 10 with a kernel callchain of one and a small stack.
pub(in crate::sample) fn sample_bytes(time: u64, stack: &[u8], asked: usize) -> Vec<u8> {
    let mut dump = stack.to_vec();
    dump.resize(asked, 0);
    Bytes::new(SAMPLE, 2)
        .u64(0x1000)
        .u32(10)
        .u32(11)
        .u64(time)
        .u64(1)
        .u64(0xffff_ffff_8100_0000)
        .u64(2)
        .u64(0xb)
        .u64(0x5)
        .u64(0x1000)
        .u64(asked as u64)
        .raw(&dump)
        .u64(stack.len() as u64)
        .sized()
}

#[test]
fn a_sample_carries_registers_and_the_copied_part_of_the_stack() {
    let bytes = sample_bytes(77, &[1; 16], 24);
    assert_eq!(time(&bytes), Some(Nanos(77)));
    let Some(Record::Sample(sample)) = decode(&bytes) else { panic!("not a sample") };
    assert_eq!((sample.pid, sample.tid, sample.time), (10, 11, Nanos(77)));
    assert_eq!(sample.callchain.kernel().collect::<Vec<_>>(), [0xffff_ffff_8100_0000]);
    assert_eq!(sample.callchain.user().count(), 0);
    assert!(sample.registers.is_some());
    assert_eq!((sample.stack.len(), sample.stack_asked), (16, 24));
}

#[test]
fn a_callchain_has_the_kernels_part_and_the_users() {
    let words = [-128_i64 as u64, 0xffff_ffff_8100_0000, -512_i64 as u64, 0x1000, 0x2000];
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let chain = Callchain(Words(&bytes));
    assert_eq!(chain.kernel().collect::<Vec<_>>(), [0xffff_ffff_8100_0000]);
    assert_eq!(chain.user().collect::<Vec<_>>(), [0x1000, 0x2000]);
    assert_eq!(chain.len(), 5);
}

#[test]
fn a_sample_of_an_exiting_thread_has_neither_registers_nor_stack() {
    let bytes = Bytes::new(SAMPLE, 1).u64(0).u32(1).u32(1).u64(5).u64(0).u64(0).u64(0).sized();
    let Some(Record::Sample(sample)) = decode(&bytes) else { panic!("not a sample") };
    assert_eq!(sample.registers, None);
    assert!(sample.stack.is_empty());
}

#[test]
fn side_band_records_are_read_to_their_trailer() {
    let mapping = Bytes::new(MMAP2, 2)
        .u32(10)
        .u32(10)
        .u64(0x1000)
        .u64(0x2000)
        .u64(0x3000)
        .u32(8)
        .u32(1)
        .u64(1234)
        .u64(0)
        .u32(PROT_EXEC)
        .u32(2)
        .raw(b"/bin/server\0\0\0\0\0")
        .trailed(10, 10, 99);
    assert_eq!(time(&mapping), Some(Nanos(99)));
    assert_eq!(
        decode(&mapping),
        Some(Record::Mapping(Mapping {
            pid: 10,
            address: 0x1000,
            length: 0x2000,
            file_offset: 0x3000,
            executable: true,
            path: b"/bin/server".to_vec(),
            file: FileId::new(8, 1, 1234),
        }))
    );
    let name = Bytes::new(COMM, MISC_COMM_EXEC).u32(1).u32(2).raw(b"worker\0\0").trailed(1, 2, 3);
    assert_eq!(
        decode(&name),
        Some(Record::Name { pid: 1, tid: 2, name: "worker".to_owned(), exec: true })
    );
    let fork = Bytes::new(FORK, 0).u32(5).u32(4).u32(7).u32(4).u64(8).trailed(4, 4, 8);
    assert_eq!(decode(&fork), Some(Record::Fork { pid: 5, parent_pid: 4, tid: 7, parent_tid: 4 }));
    let lost = Bytes::new(LOST, 0).u64(1).u64(42).trailed(0, 0, 8);
    assert_eq!(decode(&lost), Some(Record::Lost { records: 42 }));
}

proptest! {
    #[test]
    fn any_bytes_decode_or_do_not(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = (stated_size(&bytes), time(&bytes), decode(&bytes));
    }

    #[test]
    fn any_body_of_a_known_kind_decodes_or_does_not(
        kind in 0_u32..22,
        body in prop::collection::vec(prop_oneof![Just(0_u8), Just(255), any::<u8>()], 0..300),
    ) {
        let bytes = Bytes::new(kind, 0).raw(&body).sized();
        let _ = (time(&bytes), decode(&bytes));
    }

    #[test]
    fn a_cut_sample_is_no_sample(cut in 1_usize..100) {
        let bytes = sample_bytes(1, &[3; 32], 64);
        prop_assert_eq!(decode(&bytes[..bytes.len() - cut]), None);
    }
}
