#include "images.h"

#include <string.h>

static ptrdiff_t dp_clamped(ptrdiff_t x, ptrdiff_t low, ptrdiff_t high) { return x < low ? low : x > high ? high : x; }

static void dp_mirror_bytes(size_t count, const uint8_t *from, uint8_t *to) {
    for (size_t i = 0; i < count; i++) to[i] = from[count - 1 - i];
}

void dp_shift_image(dp_image_shape shape, const uint8_t *from, ptrdiff_t down, ptrdiff_t right, int is_mirrored,
                    uint8_t padding, uint8_t *to) {
    const ptrdiff_t height = (ptrdiff_t)shape.height, width = (ptrdiff_t)shape.width;
    // Columns of the part that the image has: begin ..< end; before and behind there is padding.
    const ptrdiff_t begin = dp_clamped(-right, 0, width), end = dp_clamped(width - right, begin, width);
    const size_t inside = (size_t)(end - begin);
    const ptrdiff_t before = is_mirrored ? width - end : begin;
    for (size_t channel = 0; channel < shape.channels; channel++, from += height * width) {
        for (ptrdiff_t row = down; row < height + down; row++, to += width) {
            if (row < 0 || row >= height || inside == 0) {
                memset(to, padding, (size_t)width);
                continue;
            }
            memset(to, padding, (size_t)before);
            memset(to + before + inside, padding, (size_t)width - inside - (size_t)before);
            const uint8_t *source = from + row * width + begin + right;
            if (is_mirrored)
                dp_mirror_bytes(inside, source, to + before);
            else
                memcpy(to + before, source, inside);
        }
    }
}

// Pixels are words, a byte for each channel, and stand with one row and column of padding before and two behind: a place is
// at least -1 and at most the side, and the next pixel exists.
enum { dp_before = 1, dp_border = 3, dp_sixteenths = 4 };

size_t dp_map_room(dp_image_shape shape) {
    // And the words of a row of the result.
    return (shape.height + dp_border) * (shape.width + dp_border) + shape.width;
}

static void dp_fill_words(size_t count, uint32_t value, uint32_t *to) {
    for (size_t i = 0; i < count; i++) to[i] = value;
}

static void dp_join_channels(size_t channels, size_t count, const uint8_t *from, size_t plane, uint32_t *to) {
    for (size_t i = 0; i < count; i++) to[i] = from[i];
    for (size_t channel = 1; channel < channels; channel++)
        for (size_t i = 0; i < count; i++) to[i] |= (uint32_t)from[channel * plane + i] << 8 * channel;
}

static void dp_part_channels(size_t channels, size_t count, const uint32_t *from, uint8_t *to, size_t plane) {
    for (size_t channel = 0; channel < channels; channel++)
        for (size_t i = 0; i < count; i++) to[channel * plane + i] = (uint8_t)(from[i] >> 8 * channel);
}

typedef uint8_t dp_four_bytes __attribute__((vector_size(4)));
typedef uint8_t dp_eight_bytes __attribute__((vector_size(8)));
typedef uint16_t dp_four_shorts __attribute__((vector_size(8)));
typedef uint16_t dp_eight_shorts __attribute__((vector_size(16)));

// A pixel and the one to the right of it.
static inline dp_eight_shorts dp_two_pixels(const uint32_t *pixels) {
    dp_eight_bytes bytes;
    memcpy(&bytes, pixels, sizeof bytes);
    return __builtin_convertvector(bytes, dp_eight_shorts);
}

// Weights of both by the sixteenths of a pixel to the right.
#define DP_WEIGHTS(x) {16 - x, 16 - x, 16 - x, 16 - x, x, x, x, x}
static const dp_eight_shorts dp_weights[16] = {
    DP_WEIGHTS(0), DP_WEIGHTS(1), DP_WEIGHTS(2),  DP_WEIGHTS(3),  DP_WEIGHTS(4),  DP_WEIGHTS(5),  DP_WEIGHTS(6),  DP_WEIGHTS(7),
    DP_WEIGHTS(8), DP_WEIGHTS(9), DP_WEIGHTS(10), DP_WEIGHTS(11), DP_WEIGHTS(12), DP_WEIGHTS(13), DP_WEIGHTS(14), DP_WEIGHTS(15),
};

static inline int32_t dp_bounded(int32_t x, int32_t low, int32_t high) {
    x = x < low ? low : x;
    return x > high ? high : x;
}

void dp_map_image(dp_image_shape shape, const uint8_t *from, const dp_affine_map *map, uint8_t padding, uint32_t *room,
                  uint8_t *to) {
    const size_t height = shape.height, width = shape.width, stride = width + dp_border, plane = height * width;
    uint32_t *const words = room + (height + dp_border) * stride;
    const uint32_t nothing = padding * 0x01010101u;
    dp_fill_words(stride, nothing, room);
    for (size_t row = 0; row < height; row++) {
        uint32_t *line = room + (row + dp_before) * stride;
        line[0] = line[stride - 2] = line[stride - 1] = nothing;
        dp_join_channels(shape.channels, width, from + row * width, plane, line + dp_before);
    }
    dp_fill_words(2 * stride, nothing, room + (height + dp_before) * stride);

    const int shift = DP_PLACE_BITS - dp_sixteenths;
    const int32_t lowest = -(1 << dp_sixteenths), half = 1 << (shift - 1);
    const int32_t last_row = (int32_t)height << dp_sixteenths, last_column = (int32_t)width << dp_sixteenths;
    const uint32_t *const first = room + dp_before * stride + dp_before;
    for (size_t row = 0; row < height; row++) {
        int32_t down = map->first.row + (int32_t)row * map->per_row.row + half;
        int32_t right = map->first.column + (int32_t)row * map->per_row.column + half;
        for (size_t column = 0; column < width; column++) {
            const int32_t y = dp_bounded(down >> shift, lowest, last_row);
            const int32_t x = dp_bounded(right >> shift, lowest, last_column);
            const uint32_t *pixels = first + (y >> dp_sixteenths) * (ptrdiff_t)stride + (x >> dp_sixteenths);
            const uint16_t below = (uint16_t)(y & 15);
            // At most 16 * 16 * 255, and a half of 256: sums of 16 bits suffice.
            const dp_eight_shorts mixed = (dp_two_pixels(pixels) * (uint16_t)(16 - below) +
                                           dp_two_pixels(pixels + stride) * below) *
                                          dp_weights[x & 15];
            const dp_four_shorts sum = __builtin_shufflevector(mixed, mixed, 0, 1, 2, 3) +
                                       __builtin_shufflevector(mixed, mixed, 4, 5, 6, 7);
            const dp_four_bytes pixel = __builtin_convertvector((sum + 128) >> 8, dp_four_bytes);
            memcpy(words + column, &pixel, sizeof pixel);
            down += map->per_column.row;
            right += map->per_column.column;
        }
        dp_part_channels(shape.channels, width, words, to + row * width, plane);
    }
}

// count is at most that of a vector.
static inline void dp_mix_eight(size_t count, uint16_t mine, uint16_t other, uint8_t *a, uint8_t *b) {
    dp_eight_bytes of_a = {0}, of_b = {0};
    memcpy(&of_a, a, count);
    memcpy(&of_b, b, count);
    const dp_eight_shorts x = __builtin_convertvector(of_a, dp_eight_shorts);
    const dp_eight_shorts y = __builtin_convertvector(of_b, dp_eight_shorts);
    // A weighted mean of bytes in 1/256 has 16 bits.
    of_a = __builtin_convertvector((x * mine + y * other + 128) >> 8, dp_eight_bytes);
    of_b = __builtin_convertvector((y * mine + x * other + 128) >> 8, dp_eight_bytes);
    memcpy(a, &of_a, count);
    memcpy(b, &of_b, count);
}

void dp_mix_bytes(size_t count, uint32_t share, uint8_t *a, uint8_t *b) {
    const uint16_t mine = (uint16_t)share, other = (uint16_t)(256 - share);
    size_t i = 0;
    for (; i + 8 <= count; i += 8) dp_mix_eight(8, mine, other, a + i, b + i);
    dp_mix_eight(count - i, mine, other, a + i, b + i);
}
