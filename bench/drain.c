/* drain: readers that cost next to nothing. recv() with MSG_TRUNC lets the kernel throw the bytes
 * away (tcp(7)), so that the readers do not take the processor from the server that is measured.
 *
 *   drain PORT READERS SECONDS PATH [WARMUP_SECONDS]
 *
 * Asks 127.0.0.1:PORT for PATH over HTTP/1.1 that many times, and prints one line of JSON: how many
 * connections were alive at the end, and the bytes that came in the window after the warm-up.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 512, PIECE = 1 << 20 };

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static int open_reader(unsigned short port, const char *request) {
    struct sockaddr_in there = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int reader = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t length = strlen(request);
    if (reader < 0) return -1;
    if (connect(reader, (struct sockaddr *)&there, sizeof there) ||
        send(reader, request, length, MSG_NOSIGNAL) != (ssize_t)length) {
        close(reader);
        return -1;
    }
    return reader;
}

/* Bytes thrown away; -1 when the connection is over. */
static long long empty(int reader, char *scratch) {
    long long total = 0;
    for (;;) {
        ssize_t got = recv(reader, scratch, PIECE, MSG_TRUNC | MSG_DONTWAIT);
        if (got > 0) total += got;
        if (got == PIECE || (got < 0 && errno == EINTR)) continue;
        if (got > 0 || (got < 0 && errno == EAGAIN)) return total;
        return -1;
    }
}

int main(int argc, char **argv) {
    if (argc < 5) {
        fprintf(stderr, "usage: drain PORT READERS SECONDS PATH [WARMUP_SECONDS]\n");
        return 2;
    }
    unsigned short port = (unsigned short)strtoul(argv[1], NULL, 10);
    int wanted = atoi(argv[2]), alive = 0;
    double seconds = atof(argv[3]), warmup = argc > 5 ? atof(argv[5]) : 2;
    char request[2048];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", argv[4], port);
    struct rlimit files;
    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    int poll = epoll_create1(EPOLL_CLOEXEC);
    char *scratch = malloc(PIECE);
    if (poll < 0 || !scratch) return 1;
    for (int at = 0; at < wanted; at++) {
        int reader = open_reader(port, request);
        struct epoll_event watch = {.events = EPOLLIN, .data.fd = reader};
        if (reader < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, reader, &watch)) {
            perror("drain: connect");
            continue;
        }
        alive++;
    }
    double start = now() + warmup, end = start + seconds;
    unsigned long long bytes = 0;
    struct epoll_event ready[EVENTS];
    for (double at = now(); at < end; at = now()) {
        int count = epoll_wait(poll, ready, EVENTS, 50);
        int counts = now() >= start;
        for (int each = 0; each < count; each++) {
            long long got = empty(ready[each].data.fd, scratch);
            if (got < 0) {
                close(ready[each].data.fd);
                alive--;
            } else if (counts) {
                bytes += (unsigned long long)got;
            }
        }
    }
    printf("{\"readers\":%d,\"alive\":%d,\"bytes\":%llu,\"seconds\":%.3f}\n", wanted, alive, bytes, seconds);
    return 0;
}
