#ifdef __linux__
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "CSystemCalls.h"

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

int dp_shm_create(const char *name, int *descriptor) {
    int file = shm_open(name, O_RDWR | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
    if (file < 0) return errno;
#ifdef __linux__
    // The lock says that the name has a living owner. Whoever clears names takes it first, so either that one has found
    // this object before it was locked, or it never will.
    struct stat status;
    bool isTaken = flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (isTaken || (fstat(file, &status) == 0 && status.st_nlink == 0)) {
        close(file);
        return EEXIST;
    }
#endif
    *descriptor = file;
    return 0;
}

int dp_shm_open(const char *name, int *descriptor) {
    *descriptor = shm_open(name, O_RDWR, 0);
    return *descriptor < 0 ? errno : 0;
}

int dp_shm_reserve(int descriptor, size_t byteCount) {
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

int dp_shm_map(int descriptor, size_t byteCount, void **base) {
    struct stat status;
    if (fstat(descriptor, &status) != 0) return errno;
    // What lies behind the end of the object would be mapped, and end the process when it is touched.
    if ((uintmax_t)status.st_size < byteCount) return EINVAL;
    return map(descriptor, byteCount, base);
}

int dp_shm_unlink(const char *name) { return shm_unlink(name) == 0 ? 0 : errno; }

void dp_shm_close(int descriptor) { close(descriptor); }

int dp_shm_map_private(size_t byteCount, void **base) { return map(-1, byteCount, base); }

int dp_shm_unmap(void *base, size_t byteCount) { return munmap(base, byteCount) == 0 ? 0 : errno; }

#ifdef __linux__

int dp_shm_clear(const char *path, int64_t filledAge) {
    // Neither a link nor anything whose opening could wait.
    int file = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) return errno;
    struct stat status;
    int error = fstat(file, &status) == 0 ? 0 : errno;
    if (error == 0 && (!S_ISREG(status.st_mode) || status.st_uid != geteuid())) error = EPERM;
    if (error == 0 && flock(file, LOCK_EX | LOCK_NB) != 0) error = errno;
    // With the lock in hand: the one who made it and lives may have removed the name meanwhile, and nobody else may.
    if (error == 0 && fstat(file, &status) != 0) error = errno;
    if (error == 0 && status.st_nlink == 0) error = ENOENT;
    if (error == 0 && status.st_size > 0 && time(NULL) - status.st_mtim.tv_sec < filledAge) error = EBUSY;
    if (error == 0 && unlink(path) != 0) error = errno;
    close(file);
    return error;
}

#else

int dp_shm_clear(const char *path, int64_t filledAge) {
    (void)path;
    (void)filledAge;
    return ENOSYS;
}

#endif
