/* floor: what the kernel itself asks for a fan-out. Once per tick, one send() of the same bytes to
 * each reader; nothing is parsed, nothing is kept per reader but its descriptor. A server cannot
 * cost less per byte at the same tick.
 *
 *   floor TICK_MS BYTES_PER_TICK
 *
 * Listens on a free port of 127.0.0.1, prints it on the first line, and runs until SIGTERM. Each
 * reader gets an HTTP head and an FLV header, then one FLV tag per tick, so that `weir bench` can
 * read it like any other HTTP-FLV server.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { MAX_READERS = 1 << 17, BACKLOG = 4096, TAG_OVERHEAD = 15, LEAST_TAG = 64 };

static const char HEAD[] =
    "HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\n\r\n"
    "FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00";

static volatile sig_atomic_t stopping;

static void on_signal(int number) {
    (void)number;
    stopping = 1;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void put_be(unsigned char *at, size_t value, int bytes) {
    while (bytes-- > 0) {
        at[bytes] = value & 0xff;
        value >>= 8;
    }
}

/* One FLV tag of an inter picture, `size` bytes with its header and back pointer. */
static unsigned char *make_tag(size_t size) {
    unsigned char *tag = calloc(1, size);
    if (!tag) die("calloc");
    tag[0] = 9;
    put_be(tag + 1, size - TAG_OVERHEAD, 3);
    tag[11] = 0x27;
    tag[12] = 1;
    put_be(tag + size - 4, size - 4, 4);
    return tag;
}

static int listen_somewhere(void) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof here;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, BACKLOG)) die("listen");
    if (getsockname(listener, (struct sockaddr *)&here, &length)) die("getsockname");
    printf("%d\n", ntohs(here.sin_port));
    fflush(stdout);
    return listener;
}

static int start_timer(long tick_ms) {
    struct timespec tick = {.tv_sec = tick_ms / 1000, .tv_nsec = tick_ms % 1000 * 1000000};
    struct itimerspec each = {.it_interval = tick, .it_value = tick};
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (timer < 0 || timerfd_settime(timer, 0, &each, NULL)) die("timer");
    return timer;
}

static size_t take_new(int listener, int *readers, size_t count) {
    const int on = 1;
    while (count < MAX_READERS) {
        int reader = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (reader < 0) break;
        setsockopt(reader, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (send(reader, HEAD, sizeof HEAD - 1, MSG_NOSIGNAL) == (ssize_t)(sizeof HEAD - 1))
            readers[count++] = reader;
        else
            close(reader);
    }
    return count;
}

int main(int argc, char **argv) {
    static int readers[MAX_READERS];
    if (argc != 3) {
        fprintf(stderr, "usage: floor TICK_MS BYTES_PER_TICK\n");
        return 2;
    }
    long tick_ms = strtol(argv[1], NULL, 10);
    size_t size = strtoul(argv[2], NULL, 10);
    if (tick_ms < 1 || size < LEAST_TAG || size >= 1 << 24) {
        fprintf(stderr, "floor: TICK_MS from 1, BYTES_PER_TICK from %d to 16 MiB\n", LEAST_TAG);
        return 2;
    }
    struct rlimit files;
    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    struct sigaction act = {.sa_handler = on_signal};
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);

    unsigned char *tag = make_tag(size);
    int listener = listen_somewhere(), timer = start_timer(tick_ms);
    size_t count = 0;
    unsigned long long sent = 0, full = 0, ticks;
    while (!stopping && read(timer, &ticks, sizeof ticks) == sizeof ticks) {
        count = take_new(listener, readers, count);
        for (size_t at = 0; at < count;) {
            ssize_t done = send(readers[at], tag, size, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (done == (ssize_t)size) {
                sent += size;
                at++;
            } else if (done < 0 && errno == EAGAIN) {
                full++;
                at++;
            } else { /* gone, or so far behind that half a tag went out */
                close(readers[at]);
                readers[at] = readers[--count];
            }
        }
    }
    fprintf(stderr, "floor: %zu readers, %llu bytes, %llu times a reader was full\n", count, sent, full);
    return 0;
}
