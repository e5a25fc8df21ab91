/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/stream-private.h"

/* ---- signals ---- */

struct BerthInterrupt {
  int fd;
  sigset_t before;
};

BerthInterrupt *berth_host_interrupt_new(void) {
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
  BerthInterrupt *interrupt = g_new0(BerthInterrupt, 1);
  sigset_t held;
  sigemptyset(&held);
  for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
    sigaddset(&held, numbers[i]);
  pthread_sigmask(SIG_BLOCK, &held, &interrupt->before);
  interrupt->fd = signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK);
  return interrupt;
}

/* What has come meanwhile has done its work: it does not end the process afterwards. */
void berth_host_interrupt_free(BerthInterrupt *interrupt) {
  struct signalfd_siginfo info;
  if (interrupt == NULL)
    return;
  while (interrupt->fd >= 0 && read(interrupt->fd, &info, sizeof info) > 0)
    continue;
  if (interrupt->fd >= 0)
    close(interrupt->fd);
  pthread_sigmask(SIG_SETMASK, &interrupt->before, NULL);
  g_free(interrupt);
}

gboolean berth_host_interrupted(const BerthInterrupt *interrupt, GError **error) {
  struct pollfd one = {.fd = interrupt != NULL ? interrupt->fd : -1, .events = POLLIN};
  if (poll(&one, 1, 0) <= 0)
    return FALSE;
  g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_FAILED, "interrupted");
  return TRUE;
}

gboolean berth_host_await(int fd, int other, const BerthInterrupt *interrupt, int timeout_ms, gboolean *first, GError **error) {
  struct pollfd all[] = {{.fd = fd, .events = POLLIN},
                         {.fd = other, .events = POLLIN},
                         {.fd = interrupt != NULL ? interrupt->fd : -1, .events = POLLIN}};
  int n;
  do
    n = poll(all, G_N_ELEMENTS(all), timeout_ms);
  while (n < 0 && errno == EINTR);
  if (berth_host_interrupted(interrupt, error))
    return FALSE;
  *first = all[0].revents != 0;
  if (n > 0)
    return TRUE;
  g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_FAILED, n == 0 ? "nothing came within the time limit" : g_strerror(errno));
  return FALSE;
}

/* ---- addresses ---- */

typedef struct {
  struct sockaddr_storage address;
  socklen_t size;
  const char *path; /* of a unix socket */
} Place;

static gboolean not_a_place(const char *uri, const char *why, GError **error) {
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "'%s': %s; unix:PATH or tcp:HOST:PORT with a HOST of this host is needed", uri,
              why);
  return FALSE;
}

static gboolean parse_unix(const char *uri, const char *path, Place *place, GError **error) {
  struct sockaddr_un *address = (struct sockaddr_un *)&place->address;
  if (*path == '\0')
    return not_a_place(uri, "the path is missing", error);
  if (strlen(path) >= sizeof address->sun_path)
    return not_a_place(uri, "the path is too long for a socket", error);
  address->sun_family = AF_UNIX;
  g_strlcpy(address->sun_path, path, sizeof address->sun_path);
  place->size = sizeof *address;
  place->path = path;
  return TRUE;
}

static gboolean is_loopback(const struct sockaddr *address) {
  if (address->sa_family == AF_INET)
    return (ntohl(((const struct sockaddr_in *)(gconstpointer)address)->sin_addr.s_addr) >> 24) == 127;
  return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(gconstpointer)address)->sin6_addr);
}

static gboolean parse_tcp(const char *uri, const char *rest, Place *place, GError **error) {
  const char *colon = strrchr(rest, ':');
  guint64 port = 0;
  if (colon == NULL || !g_ascii_string_to_unsigned(colon + 1, 10, 1, 65535, &port, NULL))
    return not_a_place(uri, "the port is missing or no number from 1 to 65535", error);
  g_autofree char *host = g_strndup(rest, (gsize)(colon - rest));
  gsize length = strlen(host);
  if (length > 2 && host[0] == '[' && host[length - 1] == ']') {
    memmove(host, host + 1, length);
    host[length - 2] = '\0';
  }
  const char *numeric = g_str_equal(host, "localhost") ? "127.0.0.1" : host;
  const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
  struct addrinfo *found = NULL;
  if (getaddrinfo(numeric, colon + 1, &hints, &found) != 0)
    return not_a_place(uri, "the host is no address", error);
  gboolean local = is_loopback(found->ai_addr);
  if (local) {
    memcpy(&place->address, found->ai_addr, found->ai_addrlen);
    place->size = found->ai_addrlen;
  }
  freeaddrinfo(found);
  return local || not_a_place(uri, "that is another host, and nothing is encrypted", error);
}

static gboolean parse(const char *uri, Place *place, GError **error) {
  static const struct {
    const char *scheme;
    gboolean (*parse)(const char *uri, const char *rest, Place *place, GError **error);
  } schemes[] = {{"unix:", parse_unix}, {"tcp:", parse_tcp}};
  memset(place, 0, sizeof *place);
  for (gsize i = 0; i < G_N_ELEMENTS(schemes); i++)
    if (g_str_has_prefix(uri, schemes[i].scheme))
      return schemes[i].parse(uri, uri + strlen(schemes[i].scheme), place, error);
  return not_a_place(uri, "not known", error);
}

/* ---- sockets ---- */

static int failed(int fd, const char *uri, int code, GError **error) {
  g_set_error(error, BERTH_ERROR, code, "%s: %s", uri, g_strerror(errno));
  if (fd >= 0)
    close(fd);
  return -1;
}

static int open_socket(const Place *place) {
  return socket(place->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

int berth_host_socket_connect(const char *uri, GError **error) {
  Place place;
  if (!parse(uri, &place, error))
    return -1;
  int fd = open_socket(&place);
  if (fd >= 0 && connect(fd, (struct sockaddr *)&place.address, place.size) == 0)
    return fd;
  return failed(fd, uri, errno == ENOENT || errno == ECONNREFUSED ? BERTH_ERROR_NOT_FOUND : BERTH_ERROR_FAILED, error);
}

/* A socket that a killed process has left. Nothing else is removed. */
static void remove_stale(const char *uri, const Place *place) {
  struct stat file;
  g_autoptr(GError) nobody = NULL;
  if (place->path == NULL || lstat(place->path, &file) != 0 || !S_ISSOCK(file.st_mode))
    return;
  int fd = berth_host_socket_connect(uri, &nobody);
  if (fd >= 0)
    close(fd);
  else if (g_error_matches(nobody, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
    unlink(place->path);
}

int berth_host_socket_listen(const char *uri, GError **error) {
  Place place;
  const int on = 1;
  if (!parse(uri, &place, error))
    return -1;
  remove_stale(uri, &place);
  int fd = open_socket(&place);
  if (fd < 0)
    return failed(fd, uri, BERTH_ERROR_FAILED, error);
  if (place.path == NULL)
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  else
    fchmod(fd, 0600); /* before bind: on Linux the socket's file gets this mode, less the umask */
  if (bind(fd, (struct sockaddr *)&place.address, place.size) != 0 || listen(fd, 1) != 0)
    return failed(fd, uri, BERTH_ERROR_FAILED, error);
  return fd;
}

void berth_host_socket_remove(const char *uri) {
  Place place;
  if (parse(uri, &place, NULL) && place.path != NULL)
    unlink(place.path);
}

int berth_host_socket_accept(int listener, int timeout_ms, const BerthInterrupt *interrupt, GError **error) {
  gboolean ready = FALSE;
  if (!berth_host_await(listener, -1, interrupt, timeout_ms, &ready, error))
    return -1;
  int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  return fd >= 0 ? fd : failed(-1, "accept", BERTH_ERROR_FAILED, error);
}

gboolean berth_host_socket_trusted(int fd) {
  struct ucred peer;
  struct sockaddr_storage name = {.ss_family = AF_UNSPEC};
  socklen_t size = sizeof peer, length = sizeof name;
  if (getsockname(fd, (struct sockaddr *)&name, &length) != 0 || name.ss_family != AF_UNIX)
    return FALSE;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && (peer.uid == geteuid() || peer.uid == 0);
}
