// Memory that is asked for before it is needed.
//
// The packed weights of a wide layer do not fit into a core's own cache, and half of them or more were last written by another
// core, from where they take longer than the processor looks ahead by itself. So while a product works on one panel of them, it
// asks for the next one, a few lines at a time. Of a result each tile touches a few short pieces of rows that lie pages apart.
#ifndef DP_TRAIN_PREFETCH_H
#define DP_TRAIN_PREFETCH_H

#include <stddef.h>

#define DP_CACHE_LINE 64

// Lines are asked for in pieces.
typedef struct {
    const char *from;
    size_t lines;
} dp_lines_ahead;

// `byte_count` bytes in so many pieces.
static inline __attribute__((always_inline, unused)) dp_lines_ahead dp_lines_of(const void *from, size_t byte_count,
                                                                                size_t pieces) {
    const size_t lines = (byte_count + DP_CACHE_LINE - 1) / DP_CACHE_LINE;
    return (dp_lines_ahead){from, (lines + pieces - 1) / pieces};
}

// Asks for some lines, to be brought to the second cache.
static inline __attribute__((always_inline, unused)) void dp_prefetch_lines(const void *from, size_t lines) {
    for (size_t i = 0; i < lines; i++) __builtin_prefetch((const char *)from + i * DP_CACHE_LINE, 0, 2);
}

// Asks for the next piece.
static inline __attribute__((always_inline, unused)) void dp_prefetch(dp_lines_ahead *ahead) {
    dp_prefetch_lines(ahead->from, ahead->lines);
    ahead->from += ahead->lines * DP_CACHE_LINE;
}

// Asks for some rows of a result, `bytes` of each, to be written when the sums are complete.
static inline __attribute__((always_inline, unused)) void dp_prefetch_result(const void *to, size_t rows, size_t stride,
                                                                             size_t bytes) {
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < bytes; i += DP_CACHE_LINE) __builtin_prefetch((const char *)to + r * stride + i, 1, 3);
}

#endif
