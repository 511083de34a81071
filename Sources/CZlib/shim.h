#ifndef DP_TRAIN_CZLIB_SHIM_H
#define DP_TRAIN_CZLIB_SHIM_H

#include <zlib.h>

#endif
