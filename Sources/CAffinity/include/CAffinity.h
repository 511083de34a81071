#ifndef DP_TRAIN_CAFFINITY_H
#define DP_TRAIN_CAFFINITY_H

#include <stddef.h>

// sched_getaffinity(2) and sched_setaffinity(2) of the calling thread. Swift cannot see them: glibc declares them only
// where _GNU_SOURCE is defined. `mask` has `size` bytes. Both return 0 or an error number, ENOSYS off Linux.

int dp_affinity_get(unsigned long *mask, size_t size);
int dp_affinity_set(const unsigned long *mask, size_t size);

#endif
