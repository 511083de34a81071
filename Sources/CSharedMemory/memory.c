#ifdef __linux__
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "CSharedMemory.h"

#if !defined(MAP_ANONYMOUS)
#define MAP_ANONYMOUS MAP_ANON
#endif

static int map(int descriptor, size_t byteCount, void **base) {
    int flags = descriptor < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    void *start = mmap(NULL, byteCount, PROT_READ | PROT_WRITE, flags, descriptor, 0);
    if (start == MAP_FAILED) return errno;
#ifdef MADV_HUGEPAGE
    // Fewer misses of the address cache where the system grants it; a refusal changes nothing else.
    (void)madvise(start, byteCount, MADV_HUGEPAGE);
#endif
    *base = start;
    return 0;
}

static int reserve(int descriptor, size_t byteCount) {
    while (ftruncate(descriptor, (off_t)byteCount) != 0) {
        if (errno != EINTR) return errno;
    }
#ifdef __linux__
    int error;
    do {
        error = posix_fallocate(descriptor, 0, (off_t)byteCount);
    } while (error == EINTR);
    return error;
#else
    return 0;
#endif
}

int dp_shm_create(const char *name, size_t byteCount, void **base) {
    int descriptor = shm_open(name, O_RDWR | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
    if (descriptor < 0) return errno;
    int error = reserve(descriptor, byteCount);
    if (error == 0) error = map(descriptor, byteCount, base);
    if (error != 0) shm_unlink(name);
    close(descriptor);
    return error;
}

int dp_shm_open(const char *name, size_t byteCount, void **base) {
    int descriptor = shm_open(name, O_RDWR, 0);
    if (descriptor < 0) return errno;
    struct stat status;
    int error = fstat(descriptor, &status) == 0 ? 0 : errno;
    // What lies behind the end of the object would be mapped, and end the process when it is touched.
    if (error == 0 && (uintmax_t)status.st_size < byteCount) error = EINVAL;
    if (error == 0) error = map(descriptor, byteCount, base);
    close(descriptor);
    return error;
}

int dp_shm_unlink(const char *name) { return shm_unlink(name) == 0 ? 0 : errno; }

int dp_shm_map_private(size_t byteCount, void **base) { return map(-1, byteCount, base); }

int dp_shm_unmap(void *base, size_t byteCount) { return munmap(base, byteCount) == 0 ? 0 : errno; }
