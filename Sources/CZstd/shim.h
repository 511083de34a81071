#ifndef DP_TRAIN_CZSTD_SHIM_H
#define DP_TRAIN_CZSTD_SHIM_H

#include <zstd.h>
#include <zstd_errors.h>

#endif
