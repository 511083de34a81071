#include "TileEmulation.h"

#include "int8_dot_plain.h"
#include "int8_rounding.h"
#include "int8_slices.h"
#include "int8_bytes.h"

static _Thread_local uint8_t tiles[8][16][64];

static void emulated_load(int t, const void *from, size_t stride) {
    for (int r = 0; r < 16; r++) memcpy(tiles[t][r], (const char *)from + r * stride, 64);
}

static void emulated_store(int t, void *to, size_t stride) {
    for (int r = 0; r < 16; r++) memcpy((char *)to + r * stride, tiles[t][r], 64);
}

// sum[r][c] += the dot product of the 64 bytes of row r of a with column c of b, of whose rows each holds four bytes a
// column.
static void emulated_dot(int sum, int a, int b, int a_is_signed) {
    int32_t sums[16][16];
    memcpy(sums, tiles[sum], sizeof sums);
    for (int r = 0; r < 16; r++)
        for (int c = 0; c < 16; c++)
            for (int i = 0; i < 64; i++) {
                const uint8_t left = tiles[a][r][i], right = tiles[b][i / 4][4 * c + i % 4];
                sums[r][c] += a_is_signed ? (int8_t)left * (int)right : (int)left * (int8_t)right;
            }
    memcpy(tiles[sum], sums, sizeof sums);
}

#define dp_tile_begin() memset(tiles, 0, sizeof tiles)
#define dp_tile_end()
#define dp_tile_zero(t) memset(tiles[t], 0, sizeof tiles[t])
#define dp_tile_load emulated_load
#define dp_tile_store emulated_store
#define dp_tile_dot_us(sum, a, b) emulated_dot(sum, a, b, 0)
#define dp_tile_dot_su(sum, a, b) emulated_dot(sum, a, b, 1)
#include "int8_tiles.h"

static const dp_int8_kernels emulated = DP_TILED_KERNELS;

int dp_emulated_tiles_agree(size_t m, size_t n, size_t k, size_t channels, size_t columns, int slices, uint32_t seed) {
    return dp_int8_agree(&dp_int8_baseline, &emulated, m, n, k, channels, columns, slices, seed);
}
