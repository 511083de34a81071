#include "CBenchmark.h"

// Products of bytes in registers, on the units that instruction_set.h names: as many sums as hide their latency.

#if defined(__x86_64__)
#include <immintrin.h>

#define DP_UNROLL _Pragma("clang loop unroll(full)")

__attribute__((target("avx512f,avx512bw,avx512vnni"), min_vector_width(512))) static uint64_t peak_vnni(
    uint64_t rounds, int32_t *sink) {
    enum { sums = 24 };
    __m512i sum[sums], a = _mm512_set1_epi32(0x01020304), b = _mm512_set1_epi32(0x7f80ff01);
    __asm__ volatile("" : "+v"(a), "+v"(b));
    DP_UNROLL for (int s = 0; s < sums; s++) sum[s] = _mm512_set1_epi32(s);
    for (uint64_t round = 0; round < rounds; round++) {
        DP_UNROLL for (int s = 0; s < sums; s++) sum[s] = _mm512_dpbusd_epi32(sum[s], a, b);
        // Sums that only repeat could be computed ahead.
        __asm__ volatile("" : "+v"(a), "+v"(b));
    }
    __m512i total = sum[0];
    DP_UNROLL for (int s = 1; s < sums; s++) total = _mm512_add_epi32(total, sum[s]);
    *sink = _mm512_reduce_add_epi32(total);
    return rounds * sums * 64 * 2;
}

#if defined(__linux__)
__attribute__((target("amx-tile,amx-int8"))) static uint64_t peak_amx(uint64_t rounds, int32_t *sink) {
    static const struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } tiles = {1, 0, {0}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};
    static const uint8_t operand[1024];
    int32_t result[256];
    _tile_loadconfig(&tiles);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_loadd(4, operand, 64);
    _tile_loadd(5, operand, 64);
    for (uint64_t round = 0; round < rounds; round++) {
        _tile_dpbusd(0, 4, 5);
        _tile_dpbusd(1, 4, 5);
        _tile_dpbusd(2, 4, 5);
        _tile_dpbusd(3, 4, 5);
    }
    _tile_stored(0, result, 64);
    _tile_release();
    *sink = result[0];
    return rounds * 4 * 16 * 16 * 64 * 2;
}
#endif
#endif

uint64_t dp_peak_bytes(int uses_tiles, uint64_t rounds, int32_t *sink) {
#if defined(__x86_64__)
#if defined(__linux__)
    if (uses_tiles) return peak_amx(rounds, sink);
#endif
    return peak_vnni(rounds, sink);
#else
    (void)uses_tiles;
    (void)rounds;
    *sink = 0;
    return 0;
#endif
}
