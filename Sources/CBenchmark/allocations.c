#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include "CBenchmark.h"

// How allocations are counted: every program and library of the process calls malloc through a place in its own global
// offset table. While counting these places lead to functions that count and then do what was asked; before and after
// they are as the dynamic linker made them. So nothing is slower while nobody counts, calls from within libraries (of
// Swift, of C++, of MPI) are counted as well, and no environment or second program is needed.
#if defined(__linux__) && defined(__LP64__) && (defined(__x86_64__) || defined(__aarch64__))

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__x86_64__)
#define DP_JUMP_SLOT R_X86_64_JUMP_SLOT
#define DP_GLOBAL R_X86_64_GLOB_DAT
#define DP_ABSOLUTE R_X86_64_64
#else
#define DP_JUMP_SLOT R_AARCH64_JUMP_SLOT
#define DP_GLOBAL R_AARCH64_GLOB_DAT
#define DP_ABSOLUTE R_AARCH64_ABS64
#endif

static _Atomic uint64_t calls;

// The functions themselves, taken before any place is changed.
static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static int (*real_posix_memalign)(void **, size_t, size_t);
static void *(*real_aligned_alloc)(size_t, size_t);
static void *(*real_memalign)(size_t, size_t);

static inline void count_call(void) { atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed); }

static void *counting_malloc(size_t size) {
    count_call();
    return real_malloc(size);
}
static void *counting_calloc(size_t count, size_t size) {
    count_call();
    return real_calloc(count, size);
}
static void *counting_realloc(void *memory, size_t size) {
    count_call();
    return real_realloc(memory, size);
}
static int counting_posix_memalign(void **memory, size_t alignment, size_t size) {
    count_call();
    return real_posix_memalign(memory, alignment, size);
}
static void *counting_aligned_alloc(size_t alignment, size_t size) {
    count_call();
    return real_aligned_alloc(alignment, size);
}
static void *counting_memalign(size_t alignment, size_t size) {
    count_call();
    return real_memalign(alignment, size);
}

typedef struct {
    const char *name;
    void *real;
    void *counting;
} replacement;

static replacement replacements[6];

typedef struct {
    void **place;
    void *before;
} change;

static change *changes;
static size_t change_count;
static size_t change_capacity;

// Whether the place could be written: the linker leaves those of most programs read-only once it is done.
static int write_place(void **place, void *value) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *start = (void *)((uintptr_t)place / page * page);
    if (mprotect(start, page, PROT_READ | PROT_WRITE) != 0) return 0;
    __atomic_store_n(place, value, __ATOMIC_RELEASE);
    return 1;
}

static void replace(ElfW(Addr) base, const ElfW(Sym) *symbols, const char *names, const ElfW(Rela) *entries,
                    size_t byte_count) {
    for (size_t i = 0; i < byte_count / sizeof(*entries); i++) {
        const ElfW(Rela) *entry = &entries[i];
        const uint32_t type = ELF64_R_TYPE(entry->r_info);
        if (type != DP_JUMP_SLOT && type != DP_GLOBAL && type != DP_ABSOLUTE) continue;
        const char *name = names + symbols[ELF64_R_SYM(entry->r_info)].st_name;
        for (size_t r = 0; r < sizeof(replacements) / sizeof(*replacements); r++) {
            if (strcmp(name, replacements[r].name) != 0) continue;
            void **place = (void **)(base + entry->r_offset);
            // A sum with an addend would be something else.
            if (type == DP_ABSOLUTE && (entry->r_addend != 0 || *place != replacements[r].real)) continue;
            if (change_count == change_capacity) return;
            void *before = *place;
            if (!write_place(place, replacements[r].counting)) continue;
            changes[change_count++] = (change){place, before};
        }
    }
}

static const void *address(ElfW(Addr) base, ElfW(Addr) value) {
    // glibc has added the base to the entries of the dynamic section, musl has not.
    return (const void *)(value < base ? base + value : value);
}

static int visit(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    (void)context;
    const ElfW(Dyn) *dynamic = NULL;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            dynamic = (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    }
    // The kernel's own library allocates nothing, and nothing of it may be written.
    if (dynamic == NULL || strstr(info->dlpi_name, "vdso") != NULL) return 0;
    const ElfW(Addr) base = info->dlpi_addr;
    const ElfW(Sym) *symbols = NULL;
    const char *names = NULL;
    const ElfW(Rela) *jumps = NULL, *others = NULL;
    size_t jump_bytes = 0, other_bytes = 0;
    for (; dynamic->d_tag != DT_NULL; dynamic++) {
        switch (dynamic->d_tag) {
        case DT_SYMTAB: symbols = address(base, dynamic->d_un.d_ptr); break;
        case DT_STRTAB: names = address(base, dynamic->d_un.d_ptr); break;
        case DT_JMPREL: jumps = address(base, dynamic->d_un.d_ptr); break;
        case DT_PLTRELSZ: jump_bytes = dynamic->d_un.d_val; break;
        case DT_RELA: others = address(base, dynamic->d_un.d_ptr); break;
        case DT_RELASZ: other_bytes = dynamic->d_un.d_val; break;
        }
    }
    if (symbols == NULL || names == NULL) return 0;
    if (jumps != NULL) replace(base, symbols, names, jumps, jump_bytes);
    if (others != NULL) replace(base, symbols, names, others, other_bytes);
    return 0;
}

// Finds the functions and makes room for the changes, once.
static int prepare(void) {
    if (changes != NULL) return 1;
    // By name: the address that C gives could be one of the places that are changed.
    real_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
    real_calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
    real_realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
    real_posix_memalign = (int (*)(void **, size_t, size_t))dlsym(RTLD_NEXT, "posix_memalign");
    real_aligned_alloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "aligned_alloc");
    real_memalign = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "memalign");
    replacements[0] = (replacement){"malloc", (void *)real_malloc, (void *)counting_malloc};
    replacements[1] = (replacement){"calloc", (void *)real_calloc, (void *)counting_calloc};
    replacements[2] = (replacement){"realloc", (void *)real_realloc, (void *)counting_realloc};
    replacements[3] =
        (replacement){"posix_memalign", (void *)real_posix_memalign, (void *)counting_posix_memalign};
    replacements[4] =
        (replacement){"aligned_alloc", (void *)real_aligned_alloc, (void *)counting_aligned_alloc};
    replacements[5] = (replacement){"memalign", (void *)real_memalign, (void *)counting_memalign};
    for (size_t r = 0; r < sizeof(replacements) / sizeof(*replacements); r++) {
        if (replacements[r].real == NULL) return 0;
    }
    change_capacity = 4096;
    changes = calloc(change_capacity, sizeof(change));
    return changes != NULL;
}

// There is one table of changes, so one at a time counts.
static atomic_flag is_counting = ATOMIC_FLAG_INIT;

size_t dp_allocations_begin(void) {
    if (atomic_flag_test_and_set(&is_counting)) return 0;
    if (prepare()) dl_iterate_phdr(visit, NULL);
    if (change_count == 0) {
        atomic_flag_clear(&is_counting);
        return 0;
    }
    atomic_store(&calls, 0);
    return change_count;
}

uint64_t dp_allocations_end(void) {
    const uint64_t counted = atomic_load(&calls);
    for (size_t i = 0; i < change_count; i++) write_place(changes[i].place, changes[i].before);
    change_count = 0;
    atomic_flag_clear(&is_counting);
    return counted;
}

#else

size_t dp_allocations_begin(void) { return 0; }
uint64_t dp_allocations_end(void) { return 0; }

#endif
