#ifdef __linux__
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "CSystemCalls.h"

// How a process knows that another one lives.
//
// On Linux each holds a lock on one byte of the shared object, of the kind that belongs to an open file description: the
// kernel releases it when the process ends, in whatever way, before anybody can wait for it, and so also of one that
// nobody waits for. Process numbers would not do: kill(2) finds those that have ended and that nobody has waited for,
// numbers are used again, and processes in different containers do not see each other's. A robust mutex would be
// released when the thread ends that took it, and must be unlocked by that thread before the memory goes. Elsewhere,
// where shared objects cannot be locked, the process numbers have to do.

typedef struct {
    _Atomic int32_t process;
    _Atomic uint32_t hasLeft;
} slot;

typedef struct {
    _Atomic uint32_t isReported;
    slot slots[];
} presence;

size_t dp_presence_byte_count(uint32_t count) { return sizeof(presence) + count * sizeof(slot); }

int dp_presence_declare(void *memory, int descriptor, uint32_t rank) {
    presence *state = memory;
    atomic_store(&state->slots[rank].process, (int32_t)getpid());
#if defined(__linux__) && defined(F_OFD_SETLK)
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = rank, .l_len = 1};
    return fcntl(descriptor, F_OFD_SETLK, &lock) == 0 ? 0 : errno;
#elif defined(__linux__)
    (void)descriptor;
    return ENOSYS;
#else
    (void)descriptor;
    return 0;
#endif
}

int dp_presence_is_lost(void *memory, int descriptor, uint32_t rank) {
    presence *state = memory;
    if (atomic_load(&state->slots[rank].hasLeft) != 0) return 0;
#if defined(__linux__) && defined(F_OFD_GETLK)
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = rank, .l_len = 1};
    int isFree = fcntl(descriptor, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
#elif defined(__linux__)
    int isFree = 0;
#else
    (void)descriptor;
    int isFree = kill(atomic_load(&state->slots[rank].process), 0) != 0 && errno == ESRCH;
#endif
    // It may have left meanwhile.
    return isFree && atomic_load(&state->slots[rank].hasLeft) == 0;
}

int32_t dp_presence_process(void *memory, uint32_t rank) {
    presence *state = memory;
    return atomic_load(&state->slots[rank].process);
}

void dp_presence_leave(void *memory, uint32_t rank) {
    presence *state = memory;
    atomic_store(&state->slots[rank].hasLeft, 1);
}

int dp_presence_claim_report(void *memory) {
    presence *state = memory;
    return atomic_exchange(&state->isReported, 1) == 0;
}
