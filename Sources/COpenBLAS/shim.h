#ifndef DP_TRAIN_COPENBLAS_SHIM_H
#define DP_TRAIN_COPENBLAS_SHIM_H

#include <cblas.h>

#endif
