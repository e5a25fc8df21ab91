/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/notify.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static gboolean send_to(int fd, const char *address, const char *text) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  size_t length = strlen(address);
  if (length >= sizeof to.sun_path) {
    errno = ENAMETOOLONG;
    return FALSE;
  }
  memcpy(to.sun_path, address, length);
  if (address[0] == '@')
    to.sun_path[0] = '\0';
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
  return sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&to, size) >= 0;
}

gboolean berth_host_notify(const char *address, const char *text, GError **error) {
  if (address == NULL)
    return TRUE;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  gboolean done = fd >= 0 && send_to(fd, address, text);
  if (!done)
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: cannot be told \"%s\": %s", address, text, g_strerror(errno));
  if (fd >= 0)
    close(fd);
  return done;
}
