#ifndef DP_TRAIN_CPNG_SHIM_H
#define DP_TRAIN_CPNG_SHIM_H

#include <png.h>
#include <string.h>

// What libpng offers only as macros.

/// An image of libpng's simplified interface, as its functions want it before anything is read or written.
static inline png_image dp_train_png_image(void) {
    png_image image;
    memset(&image, 0, sizeof image);
    image.version = PNG_IMAGE_VERSION;
    return image;
}

/// The most bytes that a file with the image can take.
static inline size_t dp_train_png_size_limit(const png_image *image) { return PNG_IMAGE_PNG_SIZE_MAX(*image); }

#endif
