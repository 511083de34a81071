#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "CSystemCalls.h"

// Between fork and exec, in a process of several threads, only what POSIX calls async-signal-safe may be called.
static void become(const char *const *words, int quiet, pid_t parent, int report) {
    (void)setpgid(0, 0);
#ifdef __linux__
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    // It may have ended before.
    if (getppid() != parent) _exit(1);
#else
    (void)parent;
#endif
    for (int number = 1; number < NSIG; number++) (void)signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    int nowhere = open("/dev/null", O_RDWR);
    if (nowhere >= 0) {
        (void)dup2(nowhere, STDIN_FILENO);
        if (quiet) {
            (void)dup2(nowhere, STDOUT_FILENO);
            (void)dup2(nowhere, STDERR_FILENO);
        }
        if (nowhere > STDERR_FILENO) (void)close(nowhere);
    }
    (void)execvp(words[0], (char *const *)words);
    int error = errno;
    (void)!write(report, &error, sizeof error);
    _exit(127);
}

int dp_process_start(const char *const *words, int quiet, int32_t *process) {
    // Closed by exec: nothing to read says that the program runs.
    int ends[2];
    if (pipe(ends) != 0) return errno;
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    pid_t parent = getpid();
    pid_t child = fork();
    if (child < 0) {
        int error = errno;
        (void)close(ends[0]);
        (void)close(ends[1]);
        return error;
    }
    if (child == 0) become(words, quiet, parent, ends[1]);
    (void)close(ends[1]);
    int error = 0;
    ssize_t count;
    do {
        count = read(ends[0], &error, sizeof error);
    } while (count < 0 && errno == EINTR);
    (void)close(ends[0]);
    if (count == (ssize_t)sizeof error) {
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
        return error;
    }
    *process = child;
    return 0;
}

int dp_process_has_ended(int32_t process, int32_t *code) {
    int status = 0;
    pid_t found = waitpid(process, &status, WNOHANG);
    if (found == 0 || (found < 0 && errno == EINTR)) return 0;
    // Somebody else has asked for it: how it ended is lost.
    if (found < 0) *code = 1;
    else *code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return 1;
}

void dp_process_adopt_orphans(void) {
#ifdef __linux__
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
#endif
}

#ifdef __linux__

// Sends SIGKILL to every child of this process, as /proc lists them.
static void kill_children(void) {
    DIR *table = opendir("/proc");
    if (table == NULL) return;
    pid_t self = getpid();
    for (struct dirent *entry; (entry = readdir(table)) != NULL;) {
        char *end;
        long process = strtol(entry->d_name, &end, 10);
        if (*end != 0 || process <= 0) continue;
        char path[64], text[512];
        (void)snprintf(path, sizeof path, "/proc/%ld/stat", process);
        FILE *file = fopen(path, "re");
        if (file == NULL) continue;
        size_t count = fread(text, 1, sizeof text - 1, file);
        (void)fclose(file);
        text[count] = 0;
        // The name, in brackets, may have brackets and spaces of its own.
        char *after = NULL;
        for (char *c = text; *c != 0; c++) {
            if (*c == ')') after = c + 1;
        }
        char state;
        long its_parent;
        if (after != NULL && sscanf(after, " %c %ld", &state, &its_parent) == 2 && its_parent == self && state != 'Z') {
            (void)kill((pid_t)process, SIGKILL);
        }
    }
    (void)closedir(table);
}

#else

static void kill_children(void) {}

#endif

int dp_process_end_rest(int32_t process, uint32_t seconds) {
    int count = 0;
    for (uint64_t look = 0; look < 100u * (uint64_t)seconds; look++) {
        (void)kill(-process, SIGKILL);
        kill_children();
        pid_t ended;
        while ((ended = waitpid(-1, NULL, WNOHANG)) > 0) count++;
        if (ended < 0 && errno == ECHILD) break;
        struct timespec pause = {0, 10000000};
        (void)nanosleep(&pause, NULL);
    }
    return count;
}
