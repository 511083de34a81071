// What the benchmark measures by and training never calls: the CPU's peak, and how often a process allocates.
#ifndef DP_TRAIN_CBENCHMARK_H
#define DP_TRAIN_CBENCHMARK_H

#include <stddef.h>
#include <stdint.h>

// Computes `rounds` rounds of multiply-adds in single precision that stand in registers, with the widest vectors of this
// CPU and enough independent sums to keep every unit busy. Returns the floating-point operations done, two for each
// multiply-add. The result goes to `sink`, so that nobody leaves the work out.
uint64_t dp_peak_f32(uint64_t rounds, float *sink);

// The same for products of bytes, on AVX-512's VNNI or on AMX's tiles, which the caller knows this CPU to have. Returns the
// operations done, two for each product that is added to a sum; 0 where there are no such units.
uint64_t dp_peak_bytes(int uses_tiles, uint64_t rounds, int32_t *sink);

// Begins to count this process's calls of malloc, calloc, realloc and the aligned ones, on all threads; in production
// nothing of it runs. Returns how many places of the process now lead to the counting functions, at least 1, or 0 where
// this system knows no way or somebody counts already.
size_t dp_allocations_begin(void);
// Ends counting that has begun, and returns the number of calls.
uint64_t dp_allocations_end(void);

#endif
