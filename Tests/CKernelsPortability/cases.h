// What the cases of all kernels share: fixed inputs, shapes, and the digests that are printed.
#ifndef DP_TRAIN_CASES_H
#define DP_TRAIN_CASES_H

#include <stddef.h>
#include <stdint.h>

#include "CKernels.h"

// A kernel by its name, and what prints the lines of its cases.
typedef struct {
    const char *name;
    void (*run)(void);
} kernel_cases;

extern const kernel_cases float_cases[], byte_cases[], bfloat16_cases[], image_cases[];
extern const size_t float_cases_count, byte_cases_count, bfloat16_cases_count, image_cases_count;

// The instruction set that all kernels are taken of.
extern dp_instruction_set used_set;

// --- Inputs -----------------------------------------------------------------------------------------------------

// Ordinary numbers lie around 1 and below. Among special ones are zeros of both signs, denormals, the largest and the
// smallest, infinities, and any bits that are a number. No NaN: its bits are nobody's promise.
typedef enum { ordinary, special, kinds } kind;
extern const char *const kind_names[kinds];

// What the next random words follow from.
extern uint64_t random_state;
uint32_t random_word(void);
float random_number(kind kind);
float float_of(uint32_t bits);

// Memory that is held until everything is released at once, after each kernel.
void *zeros(size_t bytes);
void release_all(void);

float *numbers(size_t count, kind kind);
uint8_t *bytes(size_t count);
float *copy(const float *from, size_t count);
// These change what they are given and return it. Bounded: huge and infinite ones become ordinary, for rows whose sum must
// be a number.
float *without_sign(float *all, size_t count);
float *bounded(float *all, size_t count);

// --- Digests ----------------------------------------------------------------------------------------------------

// Each adds to the digest of what the current case computed; all NaN are one.
void add_bytes(const void *memory, size_t count);
void add_numbers(const float *all, size_t count);
void add_double(double value);

// Prints the kernel's name, the case and its digest.
extern const char *kernel_name;
__attribute__((format(printf, 1, 2))) void report(const char *format, ...);

// --- Shapes -----------------------------------------------------------------------------------------------------

// Strides are a little longer than rows; what stands between rows must stay as it was.
enum { gap = 3 };

// Around the lengths of vectors and of panels (DP_NR).
#define COUNTS 13
#define TABLES 8
extern const size_t counts[COUNTS];
extern const struct table {
    size_t rows, columns;
} tables[TABLES];

#define FOR_COUNTS for (size_t c = 0; c < COUNTS; c++)
#define FOR_TABLES for (size_t c = 0; c < TABLES; c++)
#define FOR_KINDS for (kind kind = ordinary; kind < kinds; kind++)

#define TABLE const size_t rows = tables[c].rows, columns = tables[c].columns, count = rows * columns
#define REPORT_TABLE report("%zux%zu,%s", rows, columns, kind_names[kind])

#endif
