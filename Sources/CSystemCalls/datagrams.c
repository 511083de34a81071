#ifdef __linux__
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "CSystemCalls.h"

// Datagrams between hosts. There is nothing to be connected, so nothing waits and nothing has to be mended when a link comes
// back. One socket serves both kinds of addresses where the system has IPv6: it sees those of IPv4 as mapped ones.

_Static_assert(sizeof(struct sockaddr_storage) <= sizeof(((dp_address *)0)->bytes), "an address has too little room");

static int bind_any(int socket, int family) {
    if (family == AF_INET6) {
        const int no = 0;
        if (setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no) != 0) return errno;
        struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any};
        return bind(socket, (struct sockaddr *)&any, sizeof any) == 0 ? 0 : errno;
    }
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    return bind(socket, (struct sockaddr *)&any, sizeof any) == 0 ? 0 : errno;
}

int dp_datagrams_open(int *descriptor) {
    const int families[] = {AF_INET6, AF_INET};
    int error = EAFNOSUPPORT;
    for (int i = 0; i < 2; i++) {
        const int file = socket(families[i], SOCK_DGRAM, 0);
        if (file < 0) {
            error = errno;
            continue;
        }
        error = bind_any(file, families[i]);
        if (error == 0 && (fcntl(file, F_SETFL, O_NONBLOCK) != 0 || fcntl(file, F_SETFD, FD_CLOEXEC) != 0)) error = errno;
        if (error == 0) {
            *descriptor = file;
            return 0;
        }
        close(file);
    }
    return error;
}

void dp_datagrams_close(int descriptor) { close(descriptor); }

static int family_of(int descriptor, uint16_t *port) {
    struct sockaddr_storage own;
    socklen_t length = sizeof own;
    if (getsockname(descriptor, (struct sockaddr *)&own, &length) != 0) return AF_UNSPEC;
    *port = ntohs(own.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&own)->sin6_port : ((struct sockaddr_in *)&own)->sin_port);
    return own.ss_family;
}

size_t dp_datagrams_names(int descriptor, int loopback, char *text, size_t capacity) {
    uint16_t port = 0;
    const int family = family_of(descriptor, &port);
    struct ifaddrs *all;
    if (family == AF_UNSPEC || getifaddrs(&all) != 0) return 0;
    size_t used = 0;
    for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
        if (!one->ifa_addr || !(one->ifa_flags & IFF_UP) || !(one->ifa_flags & IFF_LOOPBACK) != !loopback) continue;
        char name[INET6_ADDRSTRLEN];
        const void *address;
        if (one->ifa_addr->sa_family == AF_INET) {
            address = &((struct sockaddr_in *)one->ifa_addr)->sin_addr;
        } else if (one->ifa_addr->sa_family == AF_INET6 && family == AF_INET6) {
            const struct in6_addr *v6 = &((struct sockaddr_in6 *)one->ifa_addr)->sin6_addr;
            // Those of a link mean something else on another host.
            if (IN6_IS_ADDR_LINKLOCAL(v6)) continue;
            address = v6;
        } else {
            continue;
        }
        if (!inet_ntop(one->ifa_addr->sa_family, address, name, sizeof name)) continue;
        const int length = snprintf(text + used, capacity - used, "%s %u\n", name, port);
        if (length < 0 || (size_t)length >= capacity - used) break;
        used += (size_t)length;
    }
    freeifaddrs(all);
    return used;
}

int dp_datagrams_address(int descriptor, const char *name, uint16_t port, dp_address *address) {
    uint16_t own;
    const int family = family_of(descriptor, &own);
    memset(address, 0, sizeof *address);
    struct in_addr v4;
    if (inet_pton(AF_INET, name, &v4) == 1) {
        if (family == AF_INET) {
            struct sockaddr_in *to = (struct sockaddr_in *)address->bytes;
            to->sin_family = AF_INET;
            to->sin_addr = v4;
            to->sin_port = htons(port);
            address->length = sizeof *to;
            return 0;
        }
        struct sockaddr_in6 *to = (struct sockaddr_in6 *)address->bytes;
        to->sin6_family = AF_INET6;
        to->sin6_port = htons(port);
        to->sin6_addr.s6_addr[10] = to->sin6_addr.s6_addr[11] = 0xff;
        memcpy(&to->sin6_addr.s6_addr[12], &v4, 4);
        address->length = sizeof *to;
        return 0;
    }
    struct sockaddr_in6 *to = (struct sockaddr_in6 *)address->bytes;
    if (family != AF_INET6 || inet_pton(AF_INET6, name, &to->sin6_addr) != 1) return EAFNOSUPPORT;
    to->sin6_family = AF_INET6;
    to->sin6_port = htons(port);
    address->length = sizeof *to;
    return 0;
}

int dp_datagrams_send(int descriptor, const dp_address *to, const void *bytes, size_t count) {
    const ssize_t sent = sendto(descriptor, bytes, count, 0, (const struct sockaddr *)to->bytes, to->length);
    return sent == (ssize_t)count ? 0 : sent < 0 ? errno : EMSGSIZE;
}

size_t dp_datagrams_receive(int descriptor, void *bytes, size_t capacity, dp_address *from) {
    while (1) {
        socklen_t length = sizeof from->bytes;
        memset(from, 0, sizeof *from);
        const ssize_t count = recvfrom(descriptor, bytes, capacity, 0, (struct sockaddr *)from->bytes, &length);
        from->length = length;
        // An empty one is nobody's; what a host has answered to an earlier one is no reason to stop.
        if (count > 0) return (size_t)count;
        if (count < 0 && errno != EINTR && errno != ECONNREFUSED) return 0;
    }
}
