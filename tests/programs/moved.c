// Moves its own code to memory without a name, at the same addresses, as programs do that want it
// on large pages; and works there.
//
// Usage: `moved`; prints `ready` once it has moved.

#define _GNU_SOURCE
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define APART __attribute__((noinline, noclone))

static volatile unsigned long sink;

APART static unsigned long spin_moved(unsigned long steps) {
    unsigned long seed = 1;
    while (steps--) {
        seed = seed * 6364136223846793005 + steps;
        __asm__ volatile("" : "+r"(seed));
    }
    return seed;
}

APART static unsigned long caller_of_moved(unsigned long steps) { return spin_moved(steps) + 1; }

// The program itself is the first that is shown.
static int find_code(struct dl_phdr_info *info, size_t size, void *found) {
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD && segment->p_flags & PF_X) {
            uintptr_t *range = found;
            range[0] = info->dlpi_addr + segment->p_vaddr;
            range[1] = range[0] + segment->p_memsz;
        }
    }
    return 1;
}

int main(void) {
    uintptr_t range[2], page = (uintptr_t)sysconf(_SC_PAGESIZE);
    dl_iterate_phdr(find_code, range);
    uintptr_t start = range[0] & -page, length = (range[1] - start + page - 1) & -page;
    int all = PROT_READ | PROT_WRITE | PROT_EXEC;
    void *copy = mmap(NULL, length, all, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED) return 1;
    memcpy(copy, (void *)start, length);
    // This returns to the copy.
    void *moved = mremap(copy, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)start);
    if (moved != (void *)start || mprotect(moved, length, PROT_READ | PROT_EXEC)) return 2;
    puts("ready");
    fflush(stdout);
    for (;;) sink = caller_of_moved(100000);
}
