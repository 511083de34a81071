// Sums in fixed point, whose bits do not depend on their order: numbers as whole multiples of a unit, in integers as wide
// as a REAL. kernels_both_precisions.h includes this for each precision and says which integer that is (FIXED).

// What is no finite number counts as infinite.
#define DP_MAGNITUDE(x) ((x) < 0 ? -(x) : (x))
#define DP_FINITE_OR_INFINITY(x) ((x) < (REAL)INFINITY ? (x) : (REAL)INFINITY)

static DP_TARGET void DP_FN(column_magnitudes)(size_t rows, size_t columns, const REAL *x, size_t stride,
                                               REAL *magnitudes) {
    enum { width = 64 };
    for (size_t start = 0; start < columns; start += width) {
        const size_t count = columns - start < width ? columns - start : width;
        REAL sums[width], *found = magnitudes + start;
        DP_VECTORIZE
        for (size_t c = 0; c < count; c++) sums[c] = 0;
        for (size_t r = 0; r < rows; r++) {
            const REAL *row = x + r * stride + start;
            DP_VECTORIZE
            for (size_t c = 0; c < count; c++) sums[c] += DP_MAGNITUDE(row[c]);
        }
        DP_VECTORIZE
        for (size_t c = 0; c < count; c++) {
            const REAL sum = DP_FINITE_OR_INFINITY(sums[c]);
            found[c] = found[c] < sum ? sum : found[c];
        }
    }
}

static DP_TARGET double DP_FN(largest_magnitude)(size_t count, const REAL *x) {
    REAL largest[DP_LANES] = {0};
    size_t i = 0;
    for (; i + DP_LANES <= count; i += DP_LANES) {
        DP_VECTORIZE
        for (size_t lane = 0; lane < DP_LANES; lane++) {
            const REAL magnitude = DP_MAGNITUDE(x[i + lane]), value = DP_FINITE_OR_INFINITY(magnitude);
            largest[lane] = largest[lane] < value ? value : largest[lane];
        }
    }
    for (; i < count; i++) {
        const REAL magnitude = DP_MAGNITUDE(x[i]), value = DP_FINITE_OR_INFINITY(magnitude);
        largest[0] = largest[0] < value ? value : largest[0];
    }
    for (size_t lane = 1; lane < DP_LANES; lane++) largest[0] = largest[0] < largest[lane] ? largest[lane] : largest[0];
    return (double)largest[0];
}

// Rounded to nearest, halves away from zero. The rest is exact: where a REAL has digits behind the point, its whole part is
// one, too. A NaN is taken to the limit before it could meet an integer.
static DP_TARGET void DP_FN(add_fixed)(size_t rows, size_t columns, const REAL *x, size_t stride, const REAL *factors,
                                       REAL limit, int begins, void *sums, size_t sums_stride) {
    for (size_t r = 0; r < rows; r++) {
        const REAL *row = x + r * stride, factor = factors[r];
        FIXED *sum = (FIXED *)sums + r * sums_stride;
        DP_VECTORIZE
        for (size_t c = 0; c < columns; c++) {
            const REAL scaled = row[c] * factor, above = scaled > -limit ? scaled : -limit;
            const REAL value = above < limit ? above : limit;
            const FIXED whole = (FIXED)value;
            const REAL rest = value - (REAL)whole;
            const FIXED rounded = whole + (rest >= (REAL)0.5 ? 1 : 0) - (rest <= (REAL)-0.5 ? 1 : 0);
            sum[c] = (begins ? 0 : sum[c]) + rounded;
        }
    }
}

static DP_TARGET void DP_FN(from_fixed)(size_t rows, size_t columns, const void *sums, size_t sums_stride,
                                        const REAL *units, REAL *y, size_t stride) {
    for (size_t r = 0; r < rows; r++) {
        const FIXED *sum = (const FIXED *)sums + r * sums_stride;
        const REAL unit = units[r];
        REAL *row = y + r * stride;
        DP_VECTORIZE
        for (size_t c = 0; c < columns; c++) row[c] = (REAL)sum[c] * unit;
    }
}

#undef DP_MAGNITUDE
#undef DP_FINITE_OR_INFINITY
