#if defined(__linux__)
#define _GNU_SOURCE
#endif

#include "targets.h"

#if defined(DP_HAS_AMX)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DP_TARGET __attribute__((target(DP_AMX_FEATURES), min_vector_width(512)))
#include "int8_dot_vnni.h"
#include "int8_rounding.h"
#include "int8_slices.h"
#include "int8_bytes.h"

static const struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} dp_tiles = {1, 0, {0}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};
#define dp_tile_begin() _tile_loadconfig(&dp_tiles)
#define dp_tile_end() _tile_release()
#define dp_tile_zero(t) _tile_zero(t)
#define dp_tile_load(t, from, stride) _tile_loadd(t, from, stride)
#define dp_tile_store(t, to, stride) _tile_stored(t, to, stride)
#define dp_tile_dot_us(sum, a, b) _tile_dpbusd(sum, a, b)
#define dp_tile_dot_su(sum, a, b) _tile_dpbsud(sum, a, b)
#include "int8_tiles.h"

const dp_int8_kernels dp_int8_amx = DP_TILED_KERNELS;

int dp_may_use_amx(void) {
    // Whether the CPU has tiles of bytes, and the system lets this process use them.
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    if (!(d >> 24 & 1) || !(d >> 25 & 1)) return 0;
    const long request_permission = 0x1023, tile_data = 18;
    if (syscall(SYS_arch_prctl, request_permission, tile_data) != 0) return 0;
    // A kernel that nobody has watched on this CPU is not trusted without.
    return dp_int8_agree(&dp_int8_baseline, &dp_int8_amx, 17, 20, 192, 3, 40, 2, 1) &&
           dp_int8_agree(&dp_int8_baseline, &dp_int8_amx, 70, 20, 192, 3, 40, 3, 2);
}

#endif
