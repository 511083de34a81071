#include "digest.h"

#include <string.h>

// Words w_0, w_1, ... come in pairs: the sum of (w_2i + k_i) (w_2i+1 + l_i) with keys k and l that follow from the place. A
// word that changes is not seen only where its partner and key add up to 0 modulo 2^32.
//
// Source of the sum of products: Black and others, "UMAC: fast and secure message authentication", CRYPTO 1999.
dp_digest dp_digest_f32(size_t first, size_t count, const float *x) {
    const uint32_t key = 0x9e3779b1u, other_key = 0x85ebca77u, exponent = 0x7f800000u;
    const uint32_t start = (uint32_t)(first / 2) + 1;
    uint64_t sum = 0;
    uint32_t found = 0;
    for (size_t i = 0; i < count / 2; i++) {
        uint32_t words[2];
        memcpy(words, x + 2 * i, sizeof words);
        const uint32_t place = start + (uint32_t)i;
        sum += (uint64_t)(words[0] + place * key) * (words[1] + place * other_key);
        found |= (words[0] & exponent) == exponent;
        found |= (words[1] & exponent) == exponent;
    }
    if (count % 2) {
        uint32_t word;
        memcpy(&word, x + count - 1, sizeof word);
        const uint32_t place = start + (uint32_t)(count / 2);
        sum += (uint64_t)(word + place * key) * (place * other_key);
        found |= (word & exponent) == exponent;
    }
    return (dp_digest){sum, found};
}
