//! Stacks made by hand: what is followed, and what is not made up.

#![cfg(target_arch = "x86_64")]

use proptest::prelude::*;

use super::*;

const CODE: u64 = 0x5000_0000;
const STACK: u64 = 0x7fff_0000;

/// A page of code with calls here and there: behind each of these offsets is where it returns to.
fn code() -> Vec<u8> {
    let mut code = vec![0x90; 4096];
    // To 0x800, through a register, to 0x900.
    for (at, call) in [
        (0x100, &[0xe8_u8, 0xfb, 0x06, 0, 0][..]),
        (0x200, &[0xff, 0xd0][..]),
        (0x300, &[0xe8, 0xfb, 0x05, 0, 0][..]),
    ] {
        code[at..at + call.len()].copy_from_slice(call);
    }
    // What starts a thread.
    code[0xe00..0xe07].copy_from_slice(&[0xb8, 0xb3, 1, 0, 0, 0x0f, 0x05]);
    // What a signal handler returns to.
    code[0xf00..0xf09].copy_from_slice(&[0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05]);
    code
}

const DIRECT: u64 = CODE + 0x105;
const THROUGH: u64 = CODE + 0x202;
const OTHER: u64 = CODE + 0x305;
const SIGNAL: u64 = CODE + 0xf00;
/// In the function that the first call leads to.
const LEAF: u64 = CODE + 0x810;

/// The addresses from LEAF out, and how the stack ended; the words lie from the stack pointer up.
fn walked(frame_pointer: u64, words: &[u64]) -> (Vec<u64>, End) {
    walked_from(LEAF, frame_pointer, words)
}

fn walked_from(address: u64, frame_pointer: u64, words: &[u64]) -> (Vec<u64>, End) {
    let mut space = AddressSpace::new();
    space.map_bytes(CODE, &code());
    let stack: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let registers = Registers::from_words([frame_pointer, STACK, address].into_iter());
    let mut addresses = Vec::new();
    let end = space.walk(registers.expect("three"), &stack, &mut addresses);
    (addresses, end)
}

/// The address of a word of the stack.
fn word(index: u64) -> u64 {
    STACK + index * 8
}

#[test]
fn frame_pointers_are_followed_to_the_root() {
    let stack = [1, 2, word(4), THROUGH, 0, OTHER, 3];
    assert_eq!(walked(word(2), &stack), (vec![LEAF, THROUGH - 1, OTHER - 1], End::Root));
    // With a zero to return to.
    let stack = [1, word(3), THROUGH, 0, 0];
    assert_eq!(walked(word(1), &stack), (vec![LEAF, THROUGH - 1], End::Root));
}

#[test]
fn no_caller_is_made_up() {
    let alone = (vec![LEAF], End::NoRules);
    // Neither what lies on top of the stack, though it is where a call returns to, nor what lies
    // where a frame pointer would lead.
    assert_eq!(walked(7, &[THROUGH, OTHER]), alone);
    assert_eq!(walked(word(1), &[OTHER, word(3), CODE + 0x50, 0, THROUGH]), alone);
    assert_eq!(walked(word(1), &[OTHER, 0, 0, THROUGH]), alone);
    assert_eq!(walked(word(0), &[word(2), 0x1234, 0, 0]), alone);
    // A chain that leads away in the end has led nowhere.
    assert_eq!(walked(word(0), &[word(2), THROUGH, 7, OTHER]), alone);
    // Zero, where anything may be.
    assert_eq!(walked(0, &[THROUGH, OTHER]), alone);
}

#[test]
fn a_chain_that_goes_on_beyond_the_copy_is_kept() {
    let stack = [word(2), THROUGH, word(9), OTHER];
    assert_eq!(walked(word(0), &stack), (vec![LEAF, THROUGH - 1, OTHER - 1], End::DumpExhausted));
    let far_away = [word(2), THROUGH, word(1 << 30), OTHER];
    assert_eq!(walked(word(0), &far_away), (vec![LEAF], End::NoRules));
}

#[test]
fn a_call_that_leads_to_a_leaf_has_called_it() {
    let stack = [DIRECT, word(3), 5, 0, OTHER];
    assert_eq!(walked(word(3), &stack), (vec![LEAF, DIRECT - 1, OTHER - 1], End::Root));
    // One that leads elsewhere has not.
    assert_eq!(walked(word(3), &[OTHER, 5, 5, 0, THROUGH]).0, [LEAF, THROUGH - 1]);
}

#[test]
fn an_address_that_no_call_has_left_is_a_root() {
    let stack = [1, 0, CODE + 0x400];
    assert_eq!(walked(word(1), &stack), (vec![LEAF, CODE + 0x400], End::Root));
}

#[test]
fn what_a_signal_interrupted_called_its_handler() {
    let mut stack = vec![7, word(60), SIGNAL];
    stack.resize(64, 7);
    let frame = 3;
    stack[frame + 15] = word(40);
    stack[frame + 20] = word(38);
    stack[frame + 21] = CODE + 0x600;
    stack[40] = 0;
    stack[41] = OTHER;
    assert_eq!(walked(word(1), &stack), (vec![LEAF, CODE + 0x600, OTHER - 1], End::Root));
}

#[test]
fn a_thread_that_is_just_started_has_no_caller() {
    let started = CODE + 0xe07;
    assert_eq!(walked_from(started, word(90), &[7, 7]), (vec![started], End::Root));
}

proptest! {
    #[test]
    fn any_stack_ends(
        frame_pointer in prop_oneof![Just(0), any::<u64>(), (0_u64..40).prop_map(word)],
        words in prop::collection::vec(
            prop_oneof![
                Just(0), any::<u64>(), (0_u64..40).prop_map(word), (0_u64..4096).prop_map(|at| CODE + at),
            ],
            0..40,
        ),
    ) {
        let (addresses, _) = walked(frame_pointer, &words);
        prop_assert_eq!(addresses[0], LEAF);
        // Nothing but code is ever a caller.
        prop_assert!(addresses.iter().all(|address| (CODE..CODE + 4096).contains(address)));
    }
}
