//! The system calls of sampling: opening events, switching them, and mapping their rings.
//!
//! Everything `unsafe` about sampling is here, behind safe types.

#![expect(unsafe_code, reason = "perf_event_open and its shared memory have no safe interface")]

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    ptr::{self, NonNull},
    sync::atomic::{AtomicU64, Ordering},
};

use perf_event_open_sys::{
    self as perf,
    bindings::{PERF_FLAG_FD_CLOEXEC, perf_event_attr, perf_event_mmap_page},
};

/// An open perf event.
#[derive(Debug)]
pub(super) struct Event(OwnedFd);

impl Event {
    /// Opens an event on a thread (0 for the calling one), or on whatever runs if none; on one CPU,
    /// or on any.
    pub(super) fn open(
        attr: &perf_event_attr,
        tid: Option<u32>,
        cpu: Option<usize>,
    ) -> io::Result<Self> {
        let mut attr = *attr;
        attr.size = size_of::<perf_event_attr>() as u32;
        let tid = tid.map_or(Ok(-1), i32::try_from).map_err(|_| io::ErrorKind::InvalidInput)?;
        let cpu = cpu.map_or(Ok(-1), |cpu| {
            i32::try_from(cpu).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
        })?;
        // SAFETY: `attr` is a valid, sized attribute block that the kernel reads and that
        // outlives the call.
        let fd =
            unsafe { perf::perf_event_open(&mut attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC.into()) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel just returned this descriptor, and nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Starts counting or sampling, in every inherited copy too.
    pub(super) fn enable(&self) -> io::Result<()> {
        // SAFETY: the descriptor is an open perf event; the request takes no pointer.
        check(unsafe { perf::ioctls::ENABLE(self.0.as_raw_fd(), 0) })
    }

    /// Stops counting or sampling, in every inherited copy too.
    pub(super) fn disable(&self) -> io::Result<()> {
        // SAFETY: as in `enable`.
        check(unsafe { perf::ioctls::DISABLE(self.0.as_raw_fd(), 0) })
    }

    /// Lets a timer start afresh with another interval: nanoseconds, or a frequency where it was
    /// opened with one. Of no effect on inherited copies.
    pub(super) fn set_period(&self, mut interval: u64) -> io::Result<()> {
        // SAFETY: the descriptor is an open perf event; the kernel reads one number, which outlives
        // the call.
        check(unsafe {
            perf::ioctls::PERIOD(self.0.as_raw_fd(), (&raw mut interval).expose_provenance() as u64)
        })
    }

    /// Sends this event's records to the ring that `owner` maps.
    pub(super) fn redirect_to(&self, owner: &Self) -> io::Result<()> {
        // SAFETY: both descriptors are open perf events.
        check(unsafe { perf::ioctls::SET_OUTPUT(self.0.as_raw_fd(), owner.0.as_raw_fd()) })
    }

    /// The event's count, with those of all inherited copies.
    pub(super) fn count(&self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        let read = rustix::io::read(&self.0, &mut bytes)?;
        if read == bytes.len() {
            Ok(u64::from_ne_bytes(bytes))
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

impl AsFd for Event {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn check(result: i32) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The memory that an event's ring shares with the kernel: a control page, then the data.
#[derive(Debug)]
pub(super) struct RingMemory {
    control: NonNull<perf_event_mmap_page>,
    mapped_bytes: usize,
    data_offset: usize,
    data_bytes: usize,
}

// SAFETY: the mapping belongs to this value alone; the kernel's side is reached only through the
// atomics below, and every method that moves the tail takes `&mut self`.
unsafe impl Send for RingMemory {}

impl RingMemory {
    /// Maps the ring of `event` with `data_pages` pages of data, a power of two.
    pub(super) fn map(event: &Event, data_pages: usize) -> io::Result<Self> {
        let page = rustix::param::page_size();
        let mapped_bytes = (data_pages + 1) * page;
        // SAFETY: a fresh shared mapping of a perf event at an address that the kernel chooses.
        let address = unsafe {
            rustix::mm::mmap(
                ptr::null_mut(),
                mapped_bytes,
                rustix::mm::ProtFlags::READ | rustix::mm::ProtFlags::WRITE,
                rustix::mm::MapFlags::SHARED,
                event,
                0,
            )
        }?;
        let control = NonNull::new(address.cast::<perf_event_mmap_page>())
            .ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { control, mapped_bytes, data_offset: page, data_bytes: data_pages * page })
    }

    /// How many bytes the kernel has ever written.
    pub(super) fn head(&self) -> u64 {
        // SAFETY: the control page stays mapped while `self` lives; the kernel writes the field
        // with release semantics, and the atomic reads it with acquire.
        let head = unsafe { AtomicU64::from_ptr(&raw mut (*self.control.as_ptr()).data_head) };
        head.load(Ordering::Acquire)
    }

    /// Tells the kernel that everything before `tail` may be overwritten.
    pub(super) fn release(&mut self, tail: u64) {
        // SAFETY: as in `head`; only this side writes the field.
        let shared = unsafe { AtomicU64::from_ptr(&raw mut (*self.control.as_ptr()).data_tail) };
        shared.store(tail, Ordering::Release);
    }

    /// The data area as the kernel left it.
    ///
    /// Only bytes between the released tail and the head are meaningful: the kernel does not
    /// touch those until they are released.
    pub(super) fn data(&self) -> &[u8] {
        // SAFETY: the area is mapped, initialized by the kernel, and lives as long as `self`.
        // Callers look only at bytes that the kernel has published and may not overwrite yet.
        unsafe {
            std::slice::from_raw_parts(
                self.control.as_ptr().cast::<u8>().add(self.data_offset),
                self.data_bytes,
            )
        }
    }
}

impl Drop for RingMemory {
    fn drop(&mut self) {
        // SAFETY: exactly the mapping made in `map`. An error leaves it mapped, which harms no one.
        let _ = unsafe { rustix::mm::munmap(self.control.as_ptr().cast(), self.mapped_bytes) };
    }
}
