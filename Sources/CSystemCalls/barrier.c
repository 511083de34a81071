#ifdef __linux__
#define _GNU_SOURCE
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "CSystemCalls.h"

// Two cache lines on most processors, which fetch them in pairs, and one on Apple's.
#define LINE 128

typedef struct {
    // How many have come in this round.
    alignas(LINE) _Atomic uint32_t arrived;
    // Twice the number of completed rounds; bit 0 says that the barrier is cancelled.
    alignas(LINE) _Atomic uint32_t generation;
    // How many sleep, or are about to.
    alignas(LINE) _Atomic uint32_t sleepers;
} barrier_state;

_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "atomics with locks cannot be shared between processes");

size_t dp_barrier_byte_count(void) { return sizeof(barrier_state); }

static inline void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}

// Returns when the word has another value, or is awakened, or after a tenth of a second, or for no reason; whether a tenth
// of a second has passed.
static bool sleep_while(_Atomic uint32_t *word, uint32_t value) {
#ifdef __linux__
    struct timespec timeout = {.tv_sec = 0, .tv_nsec = 100 * 1000 * 1000};
    // Without FUTEX_PRIVATE_FLAG: the participants are in different processes.
    return syscall(SYS_futex, word, FUTEX_WAIT, value, &timeout, NULL, 0) != 0 && errno == ETIMEDOUT;
#else
    struct timespec pause = {.tv_sec = 0, .tv_nsec = 50 * 1000};
    for (int i = 0; i < 2000; i++) {
        if (atomic_load(word) != value) return false;
        nanosleep(&pause, NULL);
    }
    return true;
#endif
}

static void wake_sleepers(barrier_state *state) {
    if (atomic_load(&state->sleepers) == 0) return;
#ifdef __linux__
    syscall(SYS_futex, &state->generation, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
#endif
}

// Whether the round that began at `generation` is over, or will never be.
static inline bool has_ended(barrier_state *state, uint32_t generation, int *result) {
    uint32_t found = atomic_load_explicit(&state->generation, memory_order_acquire);
    // One that saw the round complete may have cancelled before this one looked: the round is complete all the same.
    *result = (found | 1) == (generation | 1) ? ECANCELED : 0;
    return found != generation;
}

int dp_barrier_sleep(void *barrier, uint32_t generation) {
    barrier_state *state = barrier;
    int result;
    // The sleeper counts itself and then looks; the last to come advances the generation and then looks for sleepers.
    // In one total order, which these sequentially consistent operations have, one of the two sees the other.
    atomic_fetch_add(&state->sleepers, 1);
    bool isLate = false;
    while (atomic_load(&state->generation) == generation && !isLate) {
        isLate = sleep_while(&state->generation, generation);
    }
    atomic_fetch_sub(&state->sleepers, 1);
    return has_ended(state, generation, &result) ? result : ETIMEDOUT;
}

static int wait_for_others(barrier_state *state, uint32_t generation, uint32_t looks, uint32_t yields) {
    int result;
    for (uint32_t i = 0; i < looks; i++) {
        if (has_ended(state, generation, &result)) return result;
        pause_briefly();
    }
    for (uint32_t i = 0; i < yields; i++) {
        if (has_ended(state, generation, &result)) return result;
        sched_yield();
    }
    return dp_barrier_sleep(state, generation);
}

int dp_barrier_wait(void *barrier, uint32_t count, uint32_t looks, uint32_t yields, uint32_t *round) {
    barrier_state *state = barrier;
    // It cannot advance before this participant has come.
    uint32_t generation = atomic_load_explicit(&state->generation, memory_order_relaxed);
    *round = generation;
    if ((generation & 1) != 0) return ECANCELED;
    if (atomic_fetch_add_explicit(&state->arrived, 1, memory_order_acq_rel) + 1 == count) {
        atomic_store_explicit(&state->arrived, 0, memory_order_relaxed);
        atomic_fetch_add(&state->generation, 2);
        wake_sleepers(state);
        return 0;
    }
    return wait_for_others(state, generation, looks, yields);
}

void dp_barrier_cancel(void *barrier) {
    barrier_state *state = barrier;
    atomic_fetch_or(&state->generation, 1);
    wake_sleepers(state);
}
