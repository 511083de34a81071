#ifndef DP_TRAIN_CLIBCRYPTO_SHIM_H
#define DP_TRAIN_CLIBCRYPTO_SHIM_H

#include <openssl/evp.h>

#endif
