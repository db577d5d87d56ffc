//! What the program asks of the system, and the libraries beside it.

use std::{
    ffi::{CStr, CString, c_char, c_int, c_long, c_void},
    os::unix::ffi::OsStringExt as _,
};

#[repr(C)]
struct Timespec {
    seconds: c_long,
    nanos: c_long,
}

const CLOCK_THREAD_CPUTIME_ID: c_int = 3;
const PR_SET_NAME: c_int = 15;
const RTLD_NOW: c_int = 2;
const PROT_READ_WRITE_EXEC: c_int = 7;
const MAP_PRIVATE_ANONYMOUS: c_int = 0x22;

/// A function of a library that is loaded late.
pub type Late = extern "C" fn(u64, u64) -> u64;

#[link(name = "plain")]
unsafe extern "C" {
    pub safe fn in_plain_library(seed: u64, rounds: u64) -> u64;
}

unsafe extern "C" {
    fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int;
    fn getrandom(buffer: *mut u8, length: usize, flags: u32) -> isize;
    #[link_name = "fork"]
    safe fn c_fork() -> c_int;
    fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    safe fn _exit(code: c_int) -> !;
    fn syscall(number: c_long, ...) -> c_long;
    fn prctl(option: c_int, ...) -> c_int;
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn mmap(
        address: *mut c_void,
        length: usize,
        protection: c_int,
        flags: c_int,
        file: c_int,
        offset: c_long,
    ) -> *mut c_void;
}

pub fn thread_cpu_nanos() -> u64 {
    let mut time = Timespec { seconds: 0, nanos: 0 };
    // SAFETY: the pointer is to a live value of the system's layout.
    unsafe { clock_gettime(CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.seconds as u64 * 1_000_000_000 + time.nanos as u64
}

#[inline(always)]
pub fn fill_randomly(buffer: &mut [u8]) {
    // SAFETY: the kernel fills a live buffer of that length.
    unsafe { getrandom(buffer.as_mut_ptr(), buffer.len(), 0) };
}

pub fn fork() -> c_int {
    let child = c_fork();
    assert!(child >= 0, "the system gives no process");
    child
}

pub fn wait_for(child: c_int) {
    // SAFETY: no status is asked for.
    unsafe { waitpid(child, std::ptr::null_mut(), 0) };
}

/// Ends a child without running what belongs to its parent.
pub fn exit(code: c_int) -> ! {
    _exit(code)
}

/// `exit` of the kernel, which ends a thread; that of the C library ends the process.
const SYS_EXIT: c_long = if cfg!(target_arch = "x86_64") { 60 } else { 93 };

/// Ends the main thread and leaves the others alone.
pub fn end_this_thread() -> ! {
    // SAFETY: nothing of this thread's stack is used by another.
    unsafe { syscall(SYS_EXIT, 0 as c_long) };
    unreachable!("the thread has ended")
}

pub fn set_name(name: &CStr) {
    // SAFETY: the kernel copies the zero-terminated name.
    unsafe { prctl(PR_SET_NAME, name.as_ptr()) };
}

/// Loads the library that lies beside the program.
pub fn load_late_library() -> Late {
    let beside = std::env::current_exe().expect("a program").with_file_name("liblate.so");
    let path = CString::new(beside.into_os_string().into_vec()).expect("no zero in it");
    // SAFETY: the library has no constructors, and the function has that type.
    unsafe {
        let library = dlopen(path.as_ptr(), RTLD_NOW);
        assert!(!library.is_null(), "the library is beside the program");
        let function = dlsym(library, c"in_late_library".as_ptr());
        assert!(!function.is_null(), "the library has the function");
        std::mem::transmute::<*mut c_void, Late>(function)
    }
}

/// Counts its argument down, with a frame pointer as just-in-time compilers keep one:
/// `push rbp; mov rbp, rsp; 1: dec rdi; jnz 1b; pop rbp; ret`.
#[cfg(target_arch = "x86_64")]
const CODE: &[u8] = &[0x55, 0x48, 0x89, 0xe5, 0x48, 0xff, 0xcf, 0x75, 0xfb, 0x5d, 0xc3];

/// Counts its argument down, with a frame pointer as just-in-time compilers keep one:
/// `stp x29, x30, [sp, -16]!; mov x29, sp; 1: subs x0, x0, 1; b.ne 1b; ldp x29, x30, [sp], 16; ret`.
#[cfg(target_arch = "aarch64")]
const CODE: &[u8] = &[
    0xfd, 0x7b, 0xbf, 0xa9, 0xfd, 0x03, 0x00, 0x91, 0x00, 0x04, 0x00, 0xf1, 0xe1, 0xff, 0xff, 0x54,
    0xfd, 0x7b, 0xc1, 0xa8, 0xc0, 0x03, 0x5f, 0xd6,
];

/// Code in a mapping that no file is behind.
pub fn write_code() -> &'static [u8] {
    let (any, flags) = (std::ptr::null_mut(), MAP_PRIVATE_ANONYMOUS);
    // SAFETY: a fresh mapping that nothing else uses, larger than what is written; the processor
    // has executed nothing there yet, so that its caches are right.
    unsafe {
        let page = mmap(any, 4096, PROT_READ_WRITE_EXEC, flags, -1, 0).cast::<u8>();
        assert!(page as isize != -1, "the system gives no page to execute");
        page.copy_from(CODE.as_ptr(), CODE.len());
        std::slice::from_raw_parts(page, CODE.len())
    }
}

#[inline(always)]
pub fn run_code(code: &[u8], steps: u64) {
    // SAFETY: `write_code` wrote a function of this type.
    let function: extern "C" fn(u64) = unsafe { std::mem::transmute(code.as_ptr()) };
    function(steps);
}
