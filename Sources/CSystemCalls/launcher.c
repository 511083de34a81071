#ifdef __linux__
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#endif
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "CSystemCalls.h"

// How a job ends whose launcher does not. Open MPI's mpirun, told to end a job, waits for its daemons on all hosts, and if the
// link to one is gone it does so for ever. Its ranks are dead by then, so one of them leaves a process behind.

#if defined(__linux__) && !defined(__s390__) && defined(SYS_pidfd_open) && defined(SYS_pidfd_send_signal)

static int is_launcher(pid_t process) {
    static const char *const names[] = {"mpirun\n", "mpiexec\n", "orterun\n", "prterun\n", "orted\n", "prted\n"};
    char path[64], found[32];
    snprintf(path, sizeof path, "/proc/%d/comm", (int)process);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    const ssize_t length = read(file, found, sizeof found - 1);
    close(file);
    found[length < 0 ? 0 : length] = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(found, names[i]) == 0) return 1;
    return 0;
}

// Returns whether the process of a descriptor is still there after so long.
static int stays(int descriptor, uint32_t seconds) {
    struct pollfd wanted = {.fd = descriptor, .events = POLLIN};
    int result;
    do result = poll(&wanted, 1, (int)seconds * 1000);
    while (result < 0 && errno == EINTR);
    return result == 0;
}

int dp_end_launcher_after(uint32_t seconds) {
    const pid_t launcher = getppid();
    if (!is_launcher(launcher)) return ESRCH;
    // It stands for this very process, whoever gets its number later.
    const int descriptor = (int)syscall(SYS_pidfd_open, launcher, 0);
    if (descriptor < 0) return errno;
    // Not fork(3): other threads hold locks that its handlers ask for. The child calls the system alone.
    const long child = getppid() == launcher ? syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) : -1;
    if (child == 0) {
        // The launcher ends groups of processes, and waits for whoever holds its pipes.
        setsid();
        for (int other = 0; other < 4096; other++)
            if (other != descriptor) close(other);
        if (stays(descriptor, seconds)) syscall(SYS_pidfd_send_signal, descriptor, SIGTERM, NULL, 0);
        if (stays(descriptor, 3)) syscall(SYS_pidfd_send_signal, descriptor, SIGKILL, NULL, 0);
        _exit(0);
    }
    close(descriptor);
    return child > 0 ? 0 : EAGAIN;
}

#else

int dp_end_launcher_after(uint32_t seconds) {
    (void)seconds;
    return ENOSYS;
}

#endif
