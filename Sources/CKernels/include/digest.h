// A quick digest of numbers, to compare copies of them; no protection against somebody who wants two to be equal.
#ifndef DP_TRAIN_DIGEST_H
#define DP_TRAIN_DIGEST_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    // A sum over all pairs of numbers, modulo 2^64: the digests of parts add up to that of the whole.
    uint64_t sum;
    // 1 if any of them is infinite or NaN.
    uint32_t has_non_finite;
} dp_digest;

// The digest of `count` numbers that stand at `first` (an even number) and behind in the whole.
dp_digest dp_digest_f32(size_t first, size_t count, const float *x);

#endif
