// The products with bytes on tiles, with tiles of plain memory: the same source as for the CPU's own, which not every
// machine that runs the tests has.
#ifndef DP_TRAIN_TILE_EMULATION_H
#define DP_TRAIN_TILE_EMULATION_H

#include <stddef.h>
#include <stdint.h>

// Compares both products with those of the baseline on random numbers of the given shapes; true if every bit is the same.
// k is a multiple of 64 channels.
int dp_emulated_tiles_agree(size_t m, size_t n, size_t k, size_t channels, size_t columns, int slices, uint32_t seed);

#endif
