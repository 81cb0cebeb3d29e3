/* pages: asks for one page again and again over connections that stay, and counts whole answers.
 *
 *   pages PORT CONNECTIONS SECONDS PATH CODING PID
 *
 * Each connection sends its next request when it has its answer, whose length Content-Length says. Prints one line of
 * JSON: answers, their bytes, the seconds, and the processor time of the server PID over them (/proc/PID/stat).
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, HEAD = 8192, PIECE = 1 << 16 };

struct client {
    int socket;
    size_t held;          /* bytes of the head so far */
    long long left;       /* bytes of the body to come; -1: the head is not whole */
    char head[HEAD];
};

static char request[2048];
static size_t request_length;

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

/* Processor seconds of a process: the 14th and 15th field of its stat (proc(5)). */
static double cpu(const char *pid) {
    char path[64], text[1024];
    unsigned long user = 0, kernel = 0;
    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    size_t got = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[got] = 0;
    char *behind = strrchr(text, ')');
    if (behind) sscanf(behind + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel);
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

static int ask(struct client *client) {
    client->held = 0;
    client->left = -1;
    return send(client->socket, request, request_length, MSG_NOSIGNAL) == (ssize_t)request_length;
}

/* Takes what came. Bytes of a whole answer; 0: not yet; -1: the connection is over, or the answer is none. */
static long long take(struct client *client) {
    static char scratch[PIECE];
    static long long length;
    for (;;) {
        if (client->left < 0) {
            ssize_t got = recv(client->socket, client->head + client->held, HEAD - 1 - client->held, MSG_DONTWAIT);
            if (got == 0 || client->held + 1 >= HEAD) return -1;
            if (got < 0) return 0;
            client->held += (size_t)got;
            client->head[client->held] = 0;
            char *end = strstr(client->head, "\r\n\r\n");
            if (!end) continue;
            char *field = strcasestr(client->head, "\r\ncontent-length:");
            if (strncmp(client->head, "HTTP/1.1 200", 12) != 0 || !field || field > end) return -1;
            length = strtoll(field + 17, NULL, 10);
            client->left = length - (long long)(client->held - (size_t)(end + 4 - client->head));
        } else {
            size_t most = client->left < PIECE ? (size_t)client->left : PIECE;
            ssize_t got = recv(client->socket, scratch, most, MSG_DONTWAIT);
            if (got == 0) return -1;
            if (got < 0) return 0;
            client->left -= got;
        }
        if (client->left == 0) return length;
    }
}

int main(int argc, char **argv) {
    if (argc < 7) {
        fprintf(stderr, "usage: pages PORT CONNECTIONS SECONDS PATH CODING PID\n");
        return 2;
    }
    struct sockaddr_in there = {.sin_family = AF_INET,
                                .sin_port = htons((unsigned short)strtoul(argv[1], NULL, 10)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int count = atoi(argv[2]), one = 1, epoll = epoll_create1(EPOLL_CLOEXEC);
    double seconds = atof(argv[3]);
    request_length = (size_t)snprintf(request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: %s\r\n\r\n", argv[4], argv[5]);
    for (int i = 0; i < count; i++) {
        struct client *client = calloc(1, sizeof *client);
        if (!client) return 1;
        client->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(client->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
        if (client->socket < 0 || connect(client->socket, (struct sockaddr *)&there, sizeof there) || !ask(client) ||
            epoll_ctl(epoll, EPOLL_CTL_ADD, client->socket, &event)) {
            perror("connect");
            return 1;
        }
    }
    long long answers = 0, bytes = 0, broken = 0;
    double began = now(), used = cpu(argv[6]), until = began + seconds;
    struct epoll_event events[EVENTS];
    while (now() < until) {
        int ready = epoll_wait(epoll, events, EVENTS, 100);
        for (int i = 0; i < ready; i++) {
            struct client *client = events[i].data.ptr;
            long long got = take(client);
            if (got > 0) {
                answers++;
                bytes += got;
                if (!ask(client)) got = -1;
            }
            if (got < 0) {
                broken++;
                epoll_ctl(epoll, EPOLL_CTL_DEL, client->socket, NULL);
                close(client->socket);
            }
        }
        if (broken >= count) break;
    }
    double took = now() - began;
    used = cpu(argv[6]) - used;
    printf("{\"answers\":%lld,\"bytes\":%lld,\"broken\":%lld,\"seconds\":%.3f,\"cpu_s\":%.2f,\"per_cpu_s\":%.0f}\n",
           answers, bytes, broken, took, used, used > 0 ? (double)answers / used : 0.0);
    return answers > 0 && broken == 0 ? 0 : 1;
}
