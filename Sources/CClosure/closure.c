#include "CClosure.h"

typedef __attribute__((swiftcall)) void (*dp_function)(intptr_t, __attribute__((swift_context)) const void *);

void dp_call_closure(dp_closure closure, intptr_t argument) {
    ((dp_function)closure.function)(argument, closure.context);
}

// Declared in Swift, with a closure in place of the first two arguments: Swift passes it so. It lives until this returns.
__attribute__((swiftcall)) void dp_with_closure(const void *function, const void *context, void *user,
                                                void (*body)(dp_closure, void *)) {
    body((dp_closure){function, context}, user);
}
