#ifndef DP_TRAIN_CTHREADS_H
#define DP_TRAIN_CTHREADS_H

#include <stddef.h>

/// Starts a detached thread with the given stack that calls `body` with `context` and ends. Returns 0 or an error number,
/// EAGAIN where the system allows no more threads; `body` is not called then. A name longer than 15 bytes is cut.
int dp_thread_start(const char *name, size_t stackByteCount, void (*body)(void *), void *context);

#endif
