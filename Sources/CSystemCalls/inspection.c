#ifdef __linux__
#define _GNU_SOURCE
#include <sys/uio.h>
#endif
#include <errno.h>

#include "CSystemCalls.h"

#ifdef __linux__

int dp_process_read(int32_t process, uint64_t address, uint64_t *value) {
    struct iovec local = {value, sizeof *value};
    struct iovec remote = {(void *)(uintptr_t)address, sizeof *value};
    ssize_t count = process_vm_readv(process, &local, 1, &remote, 1, 0);
    if (count < 0) return errno;
    return count == (ssize_t)sizeof *value ? 0 : EFAULT;
}

#else

int dp_process_read(int32_t process, uint64_t address, uint64_t *value) {
    (void)process;
    (void)address;
    (void)value;
    return ENOSYS;
}

#endif
