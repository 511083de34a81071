// Matrix products C = A B in single (_f32) and double (_f64) precision, whose entries are the same bits whatever the
// shape, the division into rows or columns, and (with fused multiply-adds) the instruction set.
//
// All matrices are row-major. The right factor B [k, n] is packed beforehand into panels of DP_PANEL columns, [panel][k]
// [DP_PANEL], the last one filled up with zeros; whoever uses it often packs it once.
#ifndef DP_TRAIN_CPRODUCTS_H
#define DP_TRAIN_CPRODUCTS_H

#include <stddef.h>
#include <stdint.h>

#include "instruction_set.h"

// Columns of a panel of the right factor.
#define DP_PANEL 32

// Rows of bytes that stand for numbers: entry (r, i) is bytes[r * stride + i] * scale[p] + shift[p] in the colour plane
// p = i / plane.
typedef struct {
    const uint8_t *bytes;
    size_t stride;
    size_t plane;
} dp_pixels;

#define REAL float
#define DP_NAME(name) name##_f32
#include "products_interface.h"
#undef REAL
#undef DP_NAME

#define REAL double
#define DP_NAME(name) name##_f64
#include "products_interface.h"
#undef REAL
#undef DP_NAME

#include "digits.h"

#endif
