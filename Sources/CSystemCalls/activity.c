#ifdef __linux__
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "CSystemCalls.h"

// What the ranks of a node are doing, for the others to see. A rank's main thread writes what it does next with a few
// plain stores, and nobody asks for the time: those who watch look whether a number has changed.
//
// A thread that computes for long between two such words, or reads a slow disk, is not to be taken for one that stands still.
// So a second thread of the process notes at times whether the main thread's processor time, or the bytes that the process
// has read and written, have grown. It does not count what a thread computes while it waits for others: MPI's library
// looks for messages in a loop. In a phase in which the main thread waits for other threads of its own process, their time
// counts as well.

typedef struct {
    // Written by the main thread.
    _Atomic uint64_t words;
    _Atomic uint64_t step;
    _Atomic uint32_t phase;
    _Atomic uint32_t waits;
    _Atomic uint64_t all_threads;
    // Written by the thread that watches.
    _Atomic uint64_t moves;
    _Atomic uint64_t looks;
    // A cache line of its own, and the one that is fetched with it.
    char padding[128 - 6 * 8];
} row;

// What the main thread of this process writes; no other thread has any.
static _Thread_local row *own;

// Of the main thread, for the thread that watches.
static pthread_t main_thread;
static uint64_t last_time, last_process_time, last_bytes;

size_t dp_activity_byte_count(uint32_t count) { return count * sizeof(row); }

void dp_activity_attach(void *memory, uint32_t index) {
    own = (row *)memory + index;
    main_thread = pthread_self();
}

void dp_activity_detach(void) { own = NULL; }

static void note(row *of) {
    const uint64_t words = atomic_load_explicit(&of->words, memory_order_relaxed);
    atomic_store_explicit(&of->words, words + 1, memory_order_release);
}

void dp_activity_enter(uint32_t phase, int all_threads) {
    if (!own) return;
    atomic_store_explicit(&own->all_threads, all_threads ? 1 : 0, memory_order_relaxed);
    atomic_store_explicit(&own->phase, phase, memory_order_relaxed);
    note(own);
}

void dp_activity_begin_step(uint64_t step) {
    if (!own) return;
    atomic_store_explicit(&own->step, step, memory_order_relaxed);
    note(own);
}

void dp_activity_wait_begins(void) {
    if (!own) return;
    // Who looks for a message again and again goes on waiting.
    const uint32_t depth = atomic_load_explicit(&own->waits, memory_order_relaxed);
    atomic_store_explicit(&own->waits, depth + 1, memory_order_relaxed);
    if (depth == 0) note(own);
}

void dp_activity_wait_ends(void) {
    if (!own) return;
    const uint32_t depth = atomic_load_explicit(&own->waits, memory_order_relaxed);
    atomic_store_explicit(&own->waits, depth - 1, memory_order_relaxed);
    if (depth == 1) note(own);
}

// Nanoseconds that a clock of processor time shows.
static uint64_t processor_time(clockid_t clock) {
    struct timespec time = {0, 0};
    if (clock_gettime(clock, &time) != 0) return 0;
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

// Of the main thread, or, where it cannot be told apart, of the process.
static uint64_t main_time(void) {
#if defined(__linux__)
    clockid_t clock;
    return pthread_getcpuclockid(main_thread, &clock) == 0 ? processor_time(clock) : 0;
#else
    return processor_time(CLOCK_PROCESS_CPUTIME_ID);
#endif
}

// Bytes that went from and to devices, and all that was written; 0 where the system does not tell.
static uint64_t transferred_bytes(void) {
#if defined(__linux__)
    char text[512];
    const int file = open("/proc/self/io", O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    const ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    if (length <= 0) return 0;
    text[length] = 0;
    uint64_t sum = 0;
    for (char *line = text; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
        for (int i = 0; i < 3; i++) {
            static const char *const names[] = {"wchar: ", "read_bytes: ", "write_bytes: "};
            const size_t size = strlen(names[i]);
            if (strncmp(line, names[i], size) == 0) sum += strtoull(line + size, NULL, 10);
        }
    return sum;
#else
    return 0;
#endif
}

void dp_activity_look(void *memory, uint32_t index) {
    row *of = (row *)memory + index;
    const uint64_t time = main_time(), bytes = transferred_bytes();
    const uint64_t process_time = processor_time(CLOCK_PROCESS_CPUTIME_ID);
    // A thread that is woken and sleeps again takes some time, too, and the library's threads a little more.
    const int grown = atomic_load(&of->all_threads) ? process_time > last_process_time + 20000000
                                                    : time > last_time + 2000000;
    const int computes = grown && atomic_load(&of->waits) == 0;
    if (computes || bytes != last_bytes) atomic_fetch_add(&of->moves, 1);
    last_time = time;
    last_process_time = process_time;
    last_bytes = bytes;
    atomic_fetch_add(&of->looks, 1);
}

dp_activity dp_activity_read(void *memory, uint32_t index) {
    row *of = (row *)memory + index;
    dp_activity found;
    // The word count last: what it belongs to is at least as new.
    found.phase = atomic_load(&of->phase);
    found.step = atomic_load(&of->step);
    found.waits = atomic_load(&of->waits) != 0;
    found.looks = atomic_load(&of->looks);
    found.moves = atomic_load(&of->moves);
    found.words = atomic_load(&of->words);
    return found;
}
