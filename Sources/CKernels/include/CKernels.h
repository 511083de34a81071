// All computation in loops: matrix products, element-wise and row-wise kernels, products with bytes, changes to images.
//
// Every kernel of numbers exists for both precisions and every instruction set; the one in use (instruction_set.h) is taken. Where
// instruction sets fuse multiply-adds they give the same bits: a result never depends on where an element stands in a
// vector, nor an entry of a product on the shape.
//
// Matrices are row-major, and without gaps where no stride is given. The right factor B [k, n] of a product is packed
// beforehand into panels of DP_NR columns, [panel][k][DP_NR], the last one filled up with zeros; whoever uses it often
// packs it once.
#ifndef DP_TRAIN_CKERNELS_H
#define DP_TRAIN_CKERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "bfloat16.h"
#include "bytes.h"
#include "digest.h"
#include "images.h"
#include "instruction_set.h"
#include "int8.h"
#include "kernel_list.h"

// Block sizes of matrix products, by their names in BLIS: columns of a panel of B; values of k, and rows of A, that a
// block of A held in the cache has.
//
// Source: Van Zee, van de Geijn, "BLIS: a framework for rapidly instantiating BLAS functionality", ACM TOMS 41 (2015).
#define DP_NR 32
#define DP_KC 512
#define DP_MC 96
#define DP_GEMM_SCRATCH (DP_MC * DP_KC)

// Rows of bytes that stand for numbers: entry (r, i) is bytes[r * stride + i] * scale[c] + shift[c] in the channel
// c = i / channel_size.
typedef struct {
    const uint8_t *bytes;
    size_t stride;
    size_t channel_size;
} dp_pixels;

// The type that void pointers of a kernel point to; numbers passed by value are rounded to it.
typedef enum { dp_float32, dp_float64 } dp_precision;

// For each kernel of the list dp_name(precision, parameters).
#define DP_PARAMETERS(...) __VA_ARGS__
#define DP_DECLARE(result, name, parameters, arguments) result dp_##name(dp_precision precision, DP_PARAMETERS parameters);
DP_KERNELS(DP_DECLARE, void, double)

#endif
