// Swift closures of the type (Int) -> Void as the two words that they are, so that one that does not escape can be called
// on other threads while its maker waits. Swift itself only hands such a closure on after an allocation.
#ifndef DP_TRAIN_CCLOSURE_H
#define DP_TRAIN_CCLOSURE_H

#include <stdint.h>

typedef struct {
    const void *function;
    const void *context;
} dp_closure;

// Calls a closure, whose maker must not have gone on meanwhile.
void dp_call_closure(dp_closure closure, intptr_t argument);

#endif
