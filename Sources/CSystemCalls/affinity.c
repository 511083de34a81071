#ifdef __linux__
#define _GNU_SOURCE
#include <sched.h>
#endif
#include <errno.h>

#include "CSystemCalls.h"

#ifdef __linux__

int dp_affinity_get(unsigned long *mask, size_t size) {
    return sched_getaffinity(0, size, (cpu_set_t *)mask) == 0 ? 0 : errno;
}

int dp_affinity_set(const unsigned long *mask, size_t size) {
    return sched_setaffinity(0, size, (const cpu_set_t *)mask) == 0 ? 0 : errno;
}

#else

int dp_affinity_get(unsigned long *mask, size_t size) {
    (void)mask;
    (void)size;
    return ENOSYS;
}

int dp_affinity_set(const unsigned long *mask, size_t size) {
    (void)mask;
    (void)size;
    return ENOSYS;
}

#endif
