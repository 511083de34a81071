#include "cases.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// --- Inputs -----------------------------------------------------------------------------------------------------

const char *const kind_names[kinds] = {"ordinary", "special"};

uint64_t random_state;

uint32_t random_word(void) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 32);
}

static void *held[1024];
static size_t held_count;

void *zeros(size_t bytes) {
    void *memory = calloc(bytes > 0 ? bytes : 1, 1);
    if (memory == NULL || held_count == sizeof held / sizeof *held) {
        fprintf(stderr, "digests: no memory for %zu bytes\n", bytes);
        exit(2);
    }
    return held[held_count++] = memory;
}

void release_all(void) {
    while (held_count > 0) free(held[--held_count]);
}

float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

float random_number(kind kind) {
    static const float corners[] = {
        0.0f, -0.0f, 0x1p-149f, -0x1p-149f, 0x1.fffffcp-127f, 0x1p-126f, -0x1p-126f, 0x1.fffffep127f, -0x1.fffffep127f,
        1.0f, -1.0f, 0x1.fffffep-1f, 0x1.000002p0f, 0.5f, -0.5f, 88.722839f, 88.72284f, -87.33655f, -103.97208f,
        -103.97209f, 1e30f, -1e30f, 1e-30f, -1e-30f, 0x1p23f, 0x1.8p23f, 255.0f, 128.0f, INFINITY, -INFINITY,
    };
    const float plain = (float)(int32_t)random_word() * 0x1p-31f * float_of((124 + random_word() % 6) << 23);
    if (kind == ordinary) return plain;
    switch (random_word() % 8) {
    case 0: return corners[random_word() % (sizeof corners / sizeof *corners)];
    case 1: {
        const uint32_t bits = random_word();
        return (bits & 0x7f800000u) == 0x7f800000u ? plain : float_of(bits);
    }
    default: return plain;
    }
}

float *numbers(size_t count, kind kind) {
    float *all = zeros(count * sizeof(float));
    for (size_t i = 0; i < count; i++) all[i] = random_number(kind);
    return all;
}

float *without_sign(float *all, size_t count) {
    for (size_t i = 0; i < count; i++) all[i] = fabsf(all[i]);
    return all;
}

float *bounded(float *all, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!(fabsf(all[i]) < 1e18f)) all[i] = random_number(ordinary);
    return all;
}

uint8_t *bytes(size_t count) {
    uint8_t *all = zeros(count);
    for (size_t i = 0; i < count; i++) all[i] = (uint8_t)(random_word() >> 24);
    return all;
}

float *copy(const float *from, size_t count) { return memcpy(zeros(count * sizeof(float)), from, count * sizeof(float)); }

// --- Digests ----------------------------------------------------------------------------------------------------

// FNV-1a.
static uint64_t digest = 14695981039346656037u;

void add_bytes(const void *memory, size_t count) {
    const uint8_t *byte = memory;
    for (size_t i = 0; i < count; i++) digest = (digest ^ byte[i]) * 1099511628211u;
}

void add_numbers(const float *all, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t word;
        memcpy(&word, all + i, sizeof word);
        if (isnan(all[i])) word = 0x7fc00000u;
        digest = (digest ^ word) * 1099511628211u;
    }
}

void add_double(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (isnan(value)) bits = 0x7ff8000000000000u;
    add_bytes(&bits, sizeof bits);
}

const char *kernel_name;

void report(const char *format, ...) {
    char text[80];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    printf("%s %s %016llx\n", kernel_name, text, (unsigned long long)digest);
    digest = 14695981039346656037u;
}

// --- Shapes -----------------------------------------------------------------------------------------------------

const size_t counts[COUNTS] = {1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 1031};
const struct table tables[TABLES] = {{1, 1}, {2, 3}, {3, 10}, {5, 16}, {7, 17}, {13, 33}, {64, 100}, {129, 257}};
