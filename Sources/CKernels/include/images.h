// Changes to images of bytes, channel by channel, each row-major. All is computed in whole numbers, so that every compiler and
// CPU comes to the same bytes; vectors of 16 bytes, which all CPUs have, are enough for the speed.
#ifndef DP_TRAIN_IMAGES_H
#define DP_TRAIN_IMAGES_H

#include <stddef.h>
#include <stdint.h>

// At most 4 channels, and 4,096 rows and columns.
typedef struct {
    size_t channels, height, width;
} dp_image_shape;

// to = the part of `from` that begins so many rows further down and columns further right, `padding` where there is nothing,
// and then mirrored if asked to.
void dp_shift_image(dp_image_shape shape, const uint8_t *from, ptrdiff_t down, ptrdiff_t right, int is_mirrored,
                    uint8_t padding, uint8_t *to);

// Fractions of a pixel: places are multiples of 1 / 65,536, neighbours are mixed by sixteenths.
#define DP_PLACE_BITS 16

// A place in an image, or the way from one to another.
typedef struct {
    int32_t row, column;
} dp_place;

// Where the pixels of a changed image come from: pixel (r, c) from first + r per_row + c per_column, all of them within
// +-16,384 pixels.
typedef struct {
    dp_place first, per_row, per_column;
} dp_affine_map;

// Words of memory that the next function needs.
size_t dp_map_room(dp_image_shape shape);

// to = `from` as the map tells: each pixel is the mean of the four around its place, by their nearness (bilinear), rounded to
// the nearest, with `padding` around the image.
void dp_map_image(dp_image_shape shape, const uint8_t *from, const dp_affine_map *map, uint8_t padding, uint32_t *room,
                  uint8_t *to);

// (a, b) becomes (s a + (1 - s) b, s b + (1 - s) a) with s = share / 256, at most 1, rounded to the nearest.
void dp_mix_bytes(size_t count, uint32_t share, uint8_t *a, uint8_t *b);

#endif
