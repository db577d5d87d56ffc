//! The few instructions that tell how a stack came to be: calls, and the return from a signal.

/// The longest call that is looked for.
#[cfg(target_arch = "x86_64")]
pub(super) const CALL_BYTES: usize = 7;
#[cfg(target_arch = "aarch64")]
pub(super) const CALL_BYTES: usize = 4;

/// What a signal handler returns to.
#[cfg(target_arch = "x86_64")]
pub(super) const SIGNAL_RETURN_BYTES: usize = 9;
#[cfg(target_arch = "aarch64")]
pub(super) const SIGNAL_RETURN_BYTES: usize = 8;

/// Whether these bytes may end with a call.
#[cfg(target_arch = "x86_64")]
pub(super) fn end_with_call(bytes: &[u8; CALL_BYTES]) -> bool {
    // `call` with a distance; or through a register or memory, which takes the opcode, a byte that
    // says how, and what that way of addressing needs.
    let through = |length: usize| {
        let [0xff, how, ..] = bytes[CALL_BYTES - length..] else { return false };
        let (mode, is_call, register) = (how >> 6, how >> 3 & 7 == 2, how & 7);
        let scaled = usize::from(mode != 3 && register == 4);
        // A fourth byte may say what is scaled; without a register to add it to, a distance is.
        let base = bytes.get(CALL_BYTES - length + 2).filter(|_| scaled == 1).map(|sib| sib & 7);
        let distance = match mode {
            0 if register == 5 || base == Some(5) => 4,
            0 | 3 => 0,
            1 => 1,
            _ => 4,
        };
        is_call && length == 2 + scaled + distance
    };
    bytes[CALL_BYTES - 5] == 0xe8 || (2..=CALL_BYTES).any(through)
}

/// Whether these bytes may end with a call.
#[cfg(target_arch = "aarch64")]
pub(super) fn end_with_call(bytes: &[u8; CALL_BYTES]) -> bool {
    let word = u32::from_le_bytes(*bytes);
    // `bl`; `blr`, with or without authentication.
    word >> 26 == 0x25 || word & 0xfeff_f000 == 0xd63f_0000
}

/// Where a call that states its distance leads to, if these bytes end with one; `after` is the
/// address that it returns to.
#[cfg(target_arch = "x86_64")]
pub(super) fn call_target(bytes: &[u8; CALL_BYTES], after: u64) -> Option<u64> {
    let [_, _, 0xe8, distance @ ..] = *bytes else { return None };
    Some(after.wrapping_add_signed(i64::from(i32::from_le_bytes(distance))))
}

/// Where a call that states its distance leads to, if these bytes end with one; `after` is the
/// address that it returns to.
#[cfg(target_arch = "aarch64")]
pub(super) fn call_target(bytes: &[u8; CALL_BYTES], after: u64) -> Option<u64> {
    let word = u32::from_le_bytes(*bytes);
    // Twenty-six bits, in instructions, from the call itself.
    let distance = i64::from((word << 6) as i32 >> 6) * 4;
    (word >> 26 == 0x25).then(|| after.wrapping_sub(4).wrapping_add_signed(distance))
}

/// Whether these bytes make the kernel take a thread back to where a signal came.
#[cfg(target_arch = "x86_64")]
pub(super) fn is_signal_return(bytes: &[u8; SIGNAL_RETURN_BYTES]) -> bool {
    // `mov $15, %rax` in two encodings, then `syscall`.
    matches!(
        bytes,
        [0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05] | [0xb8, 15, 0, 0, 0, 0x0f, 0x05, ..]
    )
}

/// Whether these bytes make the kernel take a thread back to where a signal came.
#[cfg(target_arch = "aarch64")]
pub(super) fn is_signal_return(bytes: &[u8; SIGNAL_RETURN_BYTES]) -> bool {
    // `mov x8, #139`, `svc #0`.
    *bytes == [0x68, 0x11, 0x80, 0xd2, 0x01, 0, 0, 0xd4]
}

/// How long a call into the kernel is that starts a thread, with the number that asks for it.
#[cfg(target_arch = "x86_64")]
pub(super) const CLONE_BYTES: usize = 7;
#[cfg(target_arch = "aarch64")]
pub(super) const CLONE_BYTES: usize = 8;

/// Whether these bytes start a thread or process, by `clone` or `clone3`.
#[cfg(target_arch = "x86_64")]
pub(super) fn is_clone(bytes: &[u8; CLONE_BYTES]) -> bool {
    // `mov $56, %eax` or `mov $435, %eax`, then `syscall`.
    matches!(bytes, [0xb8, 56, 0, 0, 0, 0x0f, 0x05] | [0xb8, 0xb3, 1, 0, 0, 0x0f, 0x05])
}

/// Whether these bytes start a thread or process, by `clone` or `clone3`.
#[cfg(target_arch = "aarch64")]
pub(super) fn is_clone(bytes: &[u8; CLONE_BYTES]) -> bool {
    // `mov x8, #220` or `mov x8, #435`, in the encodings for 32 and 64 bits; `svc #0`.
    let [number @ .., 1, 0, 0, 0xd4] = bytes else { return false };
    matches!(number, [0x88, 0x1b, 0x80, 0x52 | 0xd2] | [0x68, 0x36, 0x80, 0x52 | 0xd2])
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ends(code: &[u8]) -> bool {
        let mut bytes = [0x90; CALL_BYTES];
        bytes[CALL_BYTES - code.len()..].copy_from_slice(code);
        end_with_call(&bytes)
    }

    #[test]
    fn calls_are_told_from_what_is_none() {
        for call in [
            &[0xe8, 1, 2, 3, 4][..],
            &[0xff, 0xd0],                   // *%rax
            &[0x41, 0xff, 0xd4],             // *%r12
            &[0xff, 0x10],                   // *(%rax)
            &[0xff, 0x50, 0x18],             // *24(%rax)
            &[0x41, 0xff, 0x54, 0x24, 8],    // *8(%r12)
            &[0xff, 0x15, 1, 2, 3, 4],       // *f@GOT(%rip)
            &[0xff, 0x90, 1, 2, 3, 4],       // *67305985(%rax)
            &[0xff, 0x94, 0xc3, 1, 2, 3, 4], // *67305985(%rbx,%rax,8)
            &[0xff, 0x14, 0xc3],             // *(%rbx,%rax,8)
            &[0xff, 0x14, 0x25, 1, 2, 3, 4], // *67305985
        ] {
            assert!(ends(call), "{call:x?}");
        }
        for other in [
            &[0x90][..],
            &[0xff, 0xe0],                // jmp *%rax
            &[0xff, 0x25, 1, 2, 3, 4],    // jmp *f@GOT(%rip)
            &[0xc3],                      // ret
            &[0xe9, 1, 2, 3, 4],          // jmp
            &[0x0f, 0x05],                // syscall
            &[0x66, 0x0f, 0x1f, 0x44, 0], // nopw
        ] {
            assert!(!ends(other), "{other:x?}");
        }
    }

    #[test]
    fn a_call_leads_somewhere() {
        let back = [0x90, 0x90, 0xe8, 0xf0, 0xff, 0xff, 0xff];
        assert_eq!(call_target(&back, 0x1000), Some(0xff0));
        assert_eq!(call_target(&[0x90; 7], 0x1000), None);
    }

    proptest! {
        #[test]
        fn what_leads_somewhere_is_a_call(bytes in any::<[u8; CALL_BYTES]>(), after in any::<u64>()) {
            prop_assert!(call_target(&bytes, after).is_none() || end_with_call(&bytes));
        }
    }
}
