// Products with a factor of bytes, exact in integers: the numbers of the other factor become whole multiples of a unit,
// q = d0 + 256 d1 (+ 65536 d2) with digits d of one signed byte, and products and sums of bytes are what current CPUs do
// fastest. The only error is the rounding to q. No order of sums and no instruction set changes a bit.
#ifndef DP_TRAIN_DIGITS_H
#define DP_TRAIN_DIGITS_H

#include <stddef.h>
#include <stdint.h>

// Numbers of W or dY in a vector, and bytes of k in a lane: n and the samples come in such groups.
#define DP_DIGIT_LANES 16
#define DP_DIGIT_BYTES 4
// Samples are filled up to a multiple of this with zeros.
#define DP_DIGIT_SAMPLES 64

// The units that compute them.
typedef enum { dp_digits_portable = 0, dp_digits_vnni = 1, dp_digits_amx = 2 } dp_digit_unit;

// The best unit that this CPU and operating system have; `portable` where Float products are faster.
dp_digit_unit dp_best_digit_unit(void);
// The one in use; the best one at first.
dp_digit_unit dp_used_digit_unit(void);
// Uses another one, at most the best; for comparisons. Not while products are being computed.
void dp_use_digit_unit(dp_digit_unit unit);

// The unit of numbers up to `largest` with that many digits, a power of two, as two factors that are both normal numbers;
// and its inverse. False if `largest` is not finite.
typedef struct {
    float unit[2];
    float inverse[2];
} dp_digit_scale;
int dp_digit_scale_for(float largest, int digits, dp_digit_scale *scale);

// largest[r] = max |x| of row r, NaN if there is one.
void dp_row_maxima(size_t rows, size_t columns, const float *x, size_t stride, float *largest);
// largest[c] = max |x| of column c, NaN if there is one.
void dp_column_maxima(size_t rows, size_t columns, const float *x, size_t stride, float *largest);

// Bytes that W [n, k] takes.
size_t dp_packed_digits(size_t n, size_t k, int digits);
// Packs columns first ..< first + columns (multiples of DP_DIGIT_BYTES) of W [n, k], `stride` numbers from row to row, as
// [panel of n][k / 4][digit][lane][4], and stores the sums of q over these columns in sums [n].
void dp_pack_digits(size_t n, size_t k, size_t first, size_t columns, const float *w, size_t stride,
                    const dp_digit_scale *scales, int digits, int8_t *packed, int32_t *sums);

// totals[n] += factor times the sum of sums [slots, n], exactly.
void dp_sum_slots(size_t slots, size_t n, const int32_t *sums, double factor, double *totals);

// Y [m, n] = X W^T, of bytes X [m, k] and packed W: y = constant[n] + sum over planes p of k / planes columns of
// factors[p] times unit[n] times the sum of x q.
void dp_multiply_digits(size_t m, size_t n, size_t k, size_t planes, const uint8_t *x, size_t x_stride,
                        const int8_t *packed, const dp_digit_scale *scales, int digits, const float *factors,
                        const float *constant, float *y, size_t y_stride);

// Samples filled up.
static inline size_t dp_padded_samples(size_t samples) {
    return (samples + DP_DIGIT_SAMPLES - 1) / DP_DIGIT_SAMPLES * DP_DIGIT_SAMPLES;
}
// Bytes that dY [samples, n] takes: it stands there in two orders, the second one for tiles.
static inline size_t dp_packed_samples(size_t samples, size_t n, int digits) {
    return 2 * dp_padded_samples(samples) * ((n + DP_DIGIT_LANES - 1) / DP_DIGIT_LANES * DP_DIGIT_LANES) * (size_t)digits;
}
// Packs dY [samples, n] as [digit][padded samples / 4][n][4], and stores the sums of the digits over the samples
// in sums [n].
typedef struct {
    int32_t of_digit[3];
} dp_digit_sums;
void dp_pack_samples(size_t samples, size_t n, const float *dy, size_t stride, const dp_digit_scale *scales, int digits,
                     int8_t *packed, dp_digit_sums *sums);
// Packs columns of bytes X [samples, ...] as [panel of columns][padded samples / 4][lane][4].
void dp_pack_bytes(size_t samples, size_t columns, const uint8_t *x, size_t stride, uint8_t *packed);
// G [n, columns] = dY^T X from both packed: g = unit[n] (factors[c] times the sum of q (x - 128), plus middles[c] times the
// sum of q). middles[c] is what 128 stands for: around it few digits of the sums cancel.
void dp_multiply_samples(size_t n, size_t columns, size_t samples, const int8_t *dy, const dp_digit_sums *sums,
                         const dp_digit_scale *scales, int digits, const uint8_t *x, const float *factors,
                         const float *middles, float *g, size_t g_stride);

#endif
