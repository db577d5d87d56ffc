// Stacks that unwind tables say little of. Usage: `stacks MODE`; prints `ready` and works for ever.
//
// | mode | what is on the stack |
// |---|---|
// | `leaf` | a function without rules that leaves the stack alone |
// | `framed` | one that keeps a frame pointer, called by code that keeps none |
// | `rude` | one that keeps something else in that register, and zeros and code where it would lead |
// | `signal` | a signal handler and what it interrupted |
// | `fiber` | a fiber of `makecontext` |
// | `deep` | three thousand small frames |
// | `wide` | more than can be copied |
// | `buffer` | a buffer of which most was never touched |
// | `forks` | the same few frames, in a process for each piece of work |

#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define APART __attribute__((noinline, noclone))

static volatile unsigned long sink;

// Written by hand, so that nothing says how to unwind it.
void spin_leaf(unsigned long steps);
void spin_framed(unsigned long steps);
void spin_rudely(unsigned long steps, void *anything);
__asm__(".text\n"
        ".globl spin_leaf\n.type spin_leaf,@function\n"
        "spin_leaf:\n"
        "1: dec %rdi\n jnz 1b\n ret\n"
        ".size spin_leaf,.-spin_leaf\n"
        ".globl spin_framed\n.type spin_framed,@function\n"
        "spin_framed:\n"
        " push %rbp\n mov %rsp,%rbp\n sub $64,%rsp\n"
        "1: dec %rdi\n jnz 1b\n"
        " leave\n ret\n"
        ".size spin_framed,.-spin_framed\n"
        ".globl spin_rudely\n.type spin_rudely,@function\n"
        "spin_rudely:\n"
        " push %rbp\n push %rbx\n mov %rsi,%rbp\n"
        "1: dec %rdi\n jnz 1b\n"
        " pop %rbx\n pop %rbp\n ret\n"
        ".size spin_rudely,.-spin_rudely\n");

APART static unsigned long spin(unsigned long steps) {
    unsigned long seed = 1;
    while (steps--) {
        seed = seed * 6364136223846793005 + steps;
        __asm__ volatile("" : "+r"(seed));
    }
    return seed;
}

APART static void never_called(void) { sink++; }

APART static void caller_of_leaf(void) {
    spin_leaf(1000000);
    sink++;
}

APART static void caller_of_framed(void) {
    spin_framed(1000000);
    sink++;
}

APART static void caller_of_rude(void) {
    // What a frame pointer would lead to here looks like a frame of another function.
    unsigned long words[4] = {0, (unsigned long)never_called + 4, 0, 0};
    __asm__ volatile("" : : "r"(words) : "memory");
    spin_rudely(1000000, words);
    sink++;
}

APART static unsigned long in_handler(void) { return spin(300000) + 1; }

static void on_signal(int number) {
    (void)number;
    sink = in_handler();
}

APART static unsigned long interrupted(void) { return spin(100000) + 1; }

APART static void caller_of_interrupted(void) {
    sink = interrupted();
    sink++;
}

static ucontext_t outside, inside;
static char fiber_stack[256 << 10];

APART static unsigned long in_fiber(void) { return spin(1000000) + 1; }

static void fiber(void) { sink = in_fiber(); }

APART static unsigned long deep(int depth) {
    unsigned long below = depth ? deep(depth - 1) : spin(1000000);
    // So that it is no loop.
    __asm__ volatile("" : "+r"(below));
    return below + 1;
}

APART static unsigned long wide(int depth) {
    volatile char pad[1400];
    pad[depth] = (char)depth;
    return depth ? wide(depth - 1) + (unsigned char)pad[depth] : spin(1000000);
}

// Its stack is fresh, so that the pages of the buffer are not there yet.
APART static unsigned long with_buffer(void) {
    volatile char buffer[24 << 10];
    buffer[0] = 1;
    for (;;) sink += spin(1000000) + (unsigned char)buffer[0];
}

static void *in_thread(void *unused) {
    sink = with_buffer();
    return unused;
}

static void run_in_thread(void) {
    pthread_t thread;
    pthread_create(&thread, 0, in_thread, 0);
    pthread_join(thread, 0);
}

APART static unsigned long in_child(void) { return spin(2000000) + 1; }

APART static unsigned long in_parent(void) { return spin(500000) + 1; }

static void fork_and_wait(void) {
    sink = in_parent();
    pid_t child = fork();
    if (child == 0) {
        sink = in_child();
        _exit(0);
    }
    waitpid(child, 0, 0);
}

int main(int argc, char **argv) {
    const char *mode = argc > 1 ? argv[1] : "";
    if (!strcmp(mode, "signal")) {
        struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
        sigaction(SIGPROF, &action, 0);
        struct itimerval timer = {{0, 4000}, {0, 4000}};
        setitimer(ITIMER_PROF, &timer, 0);
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        if (!strcmp(mode, "leaf")) caller_of_leaf();
        else if (!strcmp(mode, "buffer")) run_in_thread();
        else if (!strcmp(mode, "framed")) caller_of_framed();
        else if (!strcmp(mode, "rude")) caller_of_rude();
        else if (!strcmp(mode, "signal")) caller_of_interrupted();
        else if (!strcmp(mode, "deep")) sink = deep(3000);
        else if (!strcmp(mode, "wide")) sink = wide(110);
        else if (!strcmp(mode, "forks")) fork_and_wait();
        else if (!strcmp(mode, "fiber")) {
            getcontext(&inside);
            inside.uc_stack.ss_sp = fiber_stack;
            inside.uc_stack.ss_size = sizeof fiber_stack;
            inside.uc_link = &outside;
            makecontext(&inside, fiber, 0);
            swapcontext(&outside, &inside);
        } else return 2;
    }
}
