// A library without frame pointers: its frames can only be unwound with its unwind tables.
#include <stdint.h>

// Works through `rounds` steps of arithmetic; `noinline` keeps the name in the stacks.
__attribute__((noinline)) uint64_t in_plain_library(uint64_t seed, uint64_t rounds) {
    for (uint64_t i = 0; i < rounds; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
    }
    return seed;
}
