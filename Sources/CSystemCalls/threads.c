#ifdef __linux__
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "CSystemCalls.h"

typedef struct {
    char name[16];
    void (*body)(void *);
    void *context;
} start;

static void *run(void *argument) {
    start thread = *(start *)argument;
    free(argument);
    // For people who look at the process; a refusal changes nothing.
#ifdef __linux__
    (void)pthread_setname_np(pthread_self(), thread.name);
#elif defined(__APPLE__)
    (void)pthread_setname_np(thread.name);
#endif
    thread.body(thread.context);
    return NULL;
}

int dp_thread_start(const char *name, size_t stackByteCount, void (*body)(void *), void *context) {
    start *argument = calloc(1, sizeof *argument);
    if (argument == NULL) return ENOMEM;
    strncpy(argument->name, name, sizeof argument->name - 1);
    argument->body = body;
    argument->context = context;
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error != 0) {
        free(argument);
        return error;
    }
    error = pthread_attr_setstacksize(&attributes, stackByteCount);
    if (error == 0) error = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    if (error == 0) error = pthread_create(&thread, &attributes, run, argument);
    pthread_attr_destroy(&attributes);
    if (error != 0) free(argument);
    return error;
}
