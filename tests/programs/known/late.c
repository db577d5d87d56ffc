// A library that the program loads in the middle of its run.
#include <stdint.h>

__attribute__((noinline)) uint64_t in_late_library(uint64_t seed, uint64_t rounds) {
    for (uint64_t i = 0; i < rounds; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
    }
    return seed;
}
