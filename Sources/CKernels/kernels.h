// The kernels of each instruction set, as tables made from the list.
#ifndef DP_TRAIN_KERNELS_H
#define DP_TRAIN_KERNELS_H

#include "CKernels.h"

#define DP_MEMBER(result, name, parameters, arguments) result(*name) parameters;

typedef struct {
    struct {
        DP_KERNELS(DP_MEMBER, float, float)
    } f32;
    struct {
        DP_KERNELS(DP_MEMBER, double, double)
    } f64;
} dp_kernels;

extern const dp_kernels dp_kernels_baseline, dp_kernels_avx2, dp_kernels_avx512;

#endif
