#ifndef DP_TRAIN_CSYSTEMCALLS_H
#define DP_TRAIN_CSYSTEMCALLS_H

#include <stddef.h>
#include <stdint.h>

// What Swift cannot ask of the system by itself.

// --- Shared memory ---

// Memory that processes of one node share, a barrier that lives in it, and a way to know who still takes part. Swift
// cannot call shm_open(3) everywhere, since some systems declare it with variable arguments. Every int is 0 or an error
// number unless something else is said.

/// Creates the shared memory object `name`, empty, and opens it. EEXIST: the name is taken, or was taken away.
int dp_shm_create(const char *name, int *descriptor);

/// Opens an existing shared memory object.
int dp_shm_open(const char *name, int *descriptor);

/// Removes the name; the memory stays until it is mapped and open nowhere.
int dp_shm_unlink(const char *name);

/// Gives an empty object `byteCount` zeroes. The memory is reserved at once: too little of it is ENOSPC here, not a signal
/// at the first use.
int dp_shm_reserve(int descriptor, size_t byteCount);

/// Maps the first `byteCount` bytes of an object, which must have as many.
int dp_shm_map(int descriptor, size_t byteCount, void **base);

/// Closes an object; what is mapped stays.
void dp_shm_close(int descriptor);

/// Maps `byteCount` zeroes of this process alone.
int dp_shm_map_private(size_t byteCount, void **base);

/// Undoes a mapping of any of the above functions.
int dp_shm_unmap(void *base, size_t byteCount);

/// Removes the file of a shared memory object that has no living owner: a regular file of this user whose lock of
/// flock(2) nobody holds, and that is empty or has not been written for `filledAge` seconds. ENOSYS off Linux.
int dp_shm_clear(const char *path, int64_t filledAge);

/// How many bytes a record of who takes part takes. They have to be zero before its first use and lie in an object that
/// all have opened by themselves.
size_t dp_presence_byte_count(uint32_t count);

/// Says that this process takes part as `rank`, until it ends or closes the descriptor. An error: nobody can know.
int dp_presence_declare(void *memory, int descriptor, uint32_t rank);

/// Whether the process that was `rank` has ended, or has closed its descriptor, without having left: 1 or 0.
int dp_presence_is_lost(void *memory, int descriptor, uint32_t rank);

/// The process that declared itself as `rank`.
int32_t dp_presence_process(void *memory, uint32_t rank);

/// Says that this process, `rank`, will be missed by nobody.
void dp_presence_leave(void *memory, uint32_t rank);

/// 1 for the first of all that calls it, 0 for the others.
int dp_presence_claim_report(void *memory);

/// How many bytes a record of what ranks do takes. They have to be zero before its first use and aligned to 128 bytes.
size_t dp_activity_byte_count(uint32_t count);

/// What the calling thread says of itself from now on is what the rank `index` does; other threads' words are nobody's.
void dp_activity_attach(void *memory, uint32_t index);

/// What the calling thread says of itself from now on is nobody's.
void dp_activity_detach(void);

/// The calling thread enters a phase, in which other threads of its process work for it if `all_threads` is not 0.
void dp_activity_enter(uint32_t phase, int all_threads);

/// The calling thread has taken `step` steps.
void dp_activity_begin_step(uint64_t step);

/// The calling thread waits for other ranks from now on, or no more. Both may be nested.
void dp_activity_wait_begins(void);
void dp_activity_wait_ends(void);

/// Notes, on another thread than the rank's own, whether it has computed, or the process has moved bytes, since the last
/// look. One thread of a process may call it.
void dp_activity_look(void *memory, uint32_t index);

/// What a rank does. A rank has moved where `words` or `moves` have changed; its process runs where `looks` has.
typedef struct {
    uint64_t words, moves, looks, step;
    uint32_t phase;
    int waits;
} dp_activity;
dp_activity dp_activity_read(void *memory, uint32_t index);

/// How many bytes a barrier takes. They have to be zero before its first use and aligned to 128 bytes.
size_t dp_barrier_byte_count(void);

/// Waits until `count` participants have come. A participant looks `looks` times in a tight loop, then gives up its
/// processor `yields` times, then sleeps for a tenth of a second at most: ETIMEDOUT says that the others have not come
/// yet, and that it goes on with dp_barrier_sleep and the number of the round. Returns ECANCELED if the barrier was
/// cancelled before all had come.
int dp_barrier_wait(void *barrier, uint32_t count, uint32_t looks, uint32_t yields, uint32_t *round);

/// Waits on, asleep, for a tenth of a second at most; returns what dp_barrier_wait does.
int dp_barrier_sleep(void *barrier, uint32_t round);

/// Lets all participants go that wait now or come later, with ECANCELED.
void dp_barrier_cancel(void *barrier);

// --- Datagrams ---

// What hosts tell one another without waiting: datagrams (UDP), by IPv4 and, where the system has it, IPv6. Swift sees the
// structures of addresses differently on each system.

/// Where a datagram goes to or has come from, as the system has it.
typedef struct {
    _Alignas(8) uint8_t bytes[128];
    uint32_t length;
} dp_address;

/// Opens a socket that takes datagrams on all interfaces, at a port that the system chooses, and never waits.
int dp_datagrams_open(int *descriptor);
void dp_datagrams_close(int descriptor);

/// Writes where datagrams to this socket can be sent, from this host where `loopback` is 1 and else from others: a line for
/// each address, with the port behind it. Returns the number of bytes.
size_t dp_datagrams_names(int descriptor, int loopback, char *text, size_t capacity);

/// The address of such a line. EAFNOSUPPORT: this socket cannot send there.
int dp_datagrams_address(int descriptor, const char *name, uint16_t port, dp_address *address);

/// Sends a datagram; that it was sent does not mean that it arrives.
int dp_datagrams_send(int descriptor, const dp_address *to, const void *bytes, size_t count);

/// Takes a datagram that has arrived, and returns its length; 0 if there is none.
size_t dp_datagrams_receive(int descriptor, void *bytes, size_t capacity, dp_address *from);

// --- Processors ---

// sched_getaffinity(2) and sched_setaffinity(2) of the calling thread. Swift cannot see them: glibc declares them only
// where _GNU_SOURCE is defined. `mask` has `size` bytes. Both return 0 or an error number, ENOSYS off Linux.

int dp_affinity_get(unsigned long *mask, size_t size);
int dp_affinity_set(const unsigned long *mask, size_t size);

// --- Other processes ---

/// Reads eight bytes of another process's memory, as MPI libraries copy messages within a node. Returns 0 or an error
/// number, EPERM where the system does not allow it, ENOSYS off Linux.
int dp_process_read(int32_t process, uint64_t address, uint64_t *value);

// --- Threads ---

/// Starts a detached thread with the given stack that calls `body` with `context` and ends. Returns 0 or an error number,
/// EAGAIN where the system allows no more threads; `body` is not called then. A name longer than 15 bytes is cut.
int dp_thread_start(const char *name, size_t stackByteCount, void (*body)(void *), void *context);

// --- Processes ---

/// Starts a program, found as a shell finds it, as the leader of a process group of its own, with standard input from
/// nowhere, signals as a shell hands them over and, where `quiet` is not 0, its output to nowhere. On Linux it is sent
/// SIGTERM when the calling thread ends, however that happens. `words` ends with NULL. Returns 0 or an error number; none
/// was started then.
int dp_process_start(const char *const *words, int quiet, int32_t *process);

/// 1 and the exit code, or 128 + the signal that ended it, once such a process has ended; 0 before.
int dp_process_has_ended(int32_t process, int32_t *code);

/// From now on whoever loses its parent below this process becomes a child of it, and can be ended by it. Linux alone.
void dp_process_adopt_orphans(void);

/// Kills, with SIGKILL, the process group that such a process led and all children of the calling process, those that
/// become so meanwhile, too, and waits until they have ended: for `seconds` at most. Returns how many there were.
int dp_process_end_rest(int32_t process, uint32_t seconds);

// --- The launcher ---

/// Leaves a process behind that ends the launcher of this one, mpirun or its daemon, if that is still there after so many
/// seconds. 0 or an error number: ESRCH where this process has no such launcher, ENOSYS where the system cannot do it.
int dp_end_launcher_after(uint32_t seconds);

#endif
