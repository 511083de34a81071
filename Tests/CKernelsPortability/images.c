// Cases of the changes to images, images.h.
#include <string.h>

#include "cases.h"

// Sides around a vector's length; all numbers of channels.
static const dp_image_shape shapes[] = {{1, 1, 1}, {2, 3, 7}, {3, 32, 32}, {3, 17, 9}, {4, 5, 40}};
#define FOR_SHAPES for (size_t c = 0; c < sizeof shapes / sizeof *shapes; c++)
#define SHAPE const dp_image_shape shape = shapes[c]; const size_t count = shape.channels * shape.height * shape.width
#define REPORT_SHAPE report("%zux%zux%zu", shape.channels, shape.height, shape.width)

static void of_shift_image(void) {
    FOR_SHAPES {
        SHAPE;
        const uint8_t *image = bytes(count);
        uint8_t *changed = zeros(count);
        for (ptrdiff_t down = -4; down <= 4; down += 2) {
            for (ptrdiff_t right = -9; right <= 9; right += 3) {
                for (int is_mirrored = 0; is_mirrored < 2; is_mirrored++) {
                    dp_shift_image(shape, image, down, right, is_mirrored, 128, changed);
                    add_bytes(changed, count);
                }
            }
        }
        REPORT_SHAPE;
    }
}

// Anywhere within an image and around it.
static int32_t place_below(size_t side) { return (int32_t)(random_word() % ((uint32_t)side << 17)) - ((int32_t)side << 15); }

static void of_map_image(void) {
    FOR_SHAPES {
        SHAPE;
        const uint8_t *image = bytes(count);
        uint8_t *changed = zeros(count);
        uint32_t *room = zeros(dp_map_room(shape) * sizeof(uint32_t));
        for (int i = 0; i < 20; i++) {
            const dp_affine_map map = {{place_below(shape.height), place_below(shape.width)},
                                       {place_below(2), place_below(2)},
                                       {place_below(2), place_below(2)}};
            dp_map_image(shape, image, &map, 128, room, changed);
            add_bytes(changed, count);
        }
        REPORT_SHAPE;
    }
}

static void of_mix_bytes(void) {
    FOR_COUNTS {
        for (uint32_t share = 0; share <= 256; share += 32) {
            uint8_t *a = bytes(counts[c]), *b = bytes(counts[c]);
            dp_mix_bytes(counts[c], share, a, b);
            add_bytes(a, counts[c]);
            add_bytes(b, counts[c]);
        }
        report("%zu", counts[c]);
    }
}

const kernel_cases image_cases[] = {
    {"shift_image", of_shift_image}, {"map_image", of_map_image}, {"mix_bytes", of_mix_bytes}};
const size_t image_cases_count = sizeof image_cases / sizeof *image_cases;
