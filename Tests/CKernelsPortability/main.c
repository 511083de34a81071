// What every kernel in single precision, for bytes and for bfloat16 numbers, and every change to images computes on fixed
// inputs: a line "kernel case digest" each. The lines are the same on every CPU and with every instruction set, which is what this program is for:
// Launch/testing/arm64-kernels builds it for two architectures and compares what it prints.
//
//     digests            prints the numbers of the instruction sets that this CPU has kernels for
//     digests NUMBER     prints the lines of that one
//
// A kernel of the lists that has no cases does not compile. Formats into which bytes are packed are an instruction set's
// own; only what products make of them is compared.

#include <stdio.h>
#include <stdlib.h>

#include "cases.h"

dp_instruction_set used_set;

static void run_all(const kernel_cases *all, size_t count) {
    for (size_t i = 0; i < count; i++) {
        kernel_name = all[i].name;
        random_state = i + 1;
        all[i].run();
        release_all();
    }
}

int main(int argument_count, char **arguments) {
    if (argument_count < 2) {
        for (int set = 0; set < dp_instruction_sets; set++)
            if (dp_has_instruction_set((dp_instruction_set)set)) printf("%d\n", set);
        return 0;
    }
    const int set = atoi(arguments[1]);
    if (set < 0 || set >= dp_instruction_sets || !dp_has_instruction_set((dp_instruction_set)set)) {
        fprintf(stderr, "digests: expected the number of an instruction set that this CPU has, found %d\n", set);
        return 2;
    }
    used_set = (dp_instruction_set)set;
    dp_use_instruction_set(used_set);
    run_all(float_cases, float_cases_count);
    run_all(byte_cases, byte_cases_count);
    run_all(bfloat16_cases, bfloat16_cases_count);
    run_all(image_cases, image_cases_count);
    return 0;
}
