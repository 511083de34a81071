#ifndef DP_TRAIN_CSHAREDMEMORY_H
#define DP_TRAIN_CSHAREDMEMORY_H

#include <stddef.h>
#include <stdint.h>

// Memory that processes of one node share, and a barrier that lives in it. Swift cannot call shm_open(3) everywhere,
// since some systems declare it with variable arguments. Every int is 0 or an error number.

/// Creates the shared memory object `name`, which must not exist, with `byteCount` zeroes, and maps it. The memory is
/// reserved at once: too little of it is ENOSPC here, not a signal at the first use. On failure no object is left.
int dp_shm_create(const char *name, size_t byteCount, void **base);

/// Maps the first `byteCount` bytes of an existing shared memory object.
int dp_shm_open(const char *name, size_t byteCount, void **base);

/// Removes the name; the memory stays until it is mapped nowhere.
int dp_shm_unlink(const char *name);

/// Maps `byteCount` zeroes of this process alone.
int dp_shm_map_private(size_t byteCount, void **base);

/// Undoes a mapping of any of the above functions.
int dp_shm_unmap(void *base, size_t byteCount);

/// How many bytes a barrier takes. They have to be zero before its first use and aligned to 128 bytes.
size_t dp_barrier_byte_count(void);

/// Waits until `count` participants have come. A participant looks `looks` times in a tight loop, then gives up its
/// processor `yields` times, then sleeps. Returns ECANCELED if the barrier was cancelled before all had come.
int dp_barrier_wait(void *barrier, uint32_t count, uint32_t looks, uint32_t yields);

/// Lets all participants go that wait now or come later, with ECANCELED.
void dp_barrier_cancel(void *barrier);

#endif
