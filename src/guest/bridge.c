/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/bridge.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/control.h"
#include "guest/prepare.h"
#include "host/process.h"

#define HELPER "qemu-bridge-helper"
#define HELPER_MS 10000
#define WORDS 5

/* The descriptor that comes with a byte; -1: none does. */
static int receive(int socket_fd) {
  char byte = 0;
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control = {0};
  struct iovec vector = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
  int fd = -1;
  if (recvmsg(socket_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
    return -1;
  const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
    memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return fd;
}

/* The helper sends the tap device through the socket that it is given (QEMU man page, -netdev tap,helper=). */
static int run(const char *helper, const char *bridge, const int sockets[2], int log, GError **error) {
  g_autoptr(GArray) keep = g_array_new(FALSE, FALSE, sizeof(int));
  g_array_append_val(keep, sockets[1]);
  g_autofree char *br = g_strconcat("--br=", bridge, NULL);
  g_autofree char *fd = g_strdup_printf("--fd=%d", BERTH_SPAWN_KEPT);
  const char *const argv[] = {helper, "--use-vnet", br, fd, NULL};
  const BerthSpawn spawn = {.argv = argv, .in = -1, .out = -1, .err = log, .keep = keep};
  g_autoptr(BerthProcess) process = berth_host_process_spawn(&spawn, error);
  if (process == NULL || !berth_host_process_wait(process, HELPER_MS, error)) {
    if (process != NULL)
      berth_host_process_end(process, NULL);
    return -1;
  }
  int tap = receive(sockets[0]);
  if (tap < 0) {
    g_autofree char *words = berth_host_process_last_words(log, WORDS, NULL);
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "bridge '%s': %s: %s", bridge, HELPER,
                *words != '\0' ? words : "sent no tap device");
  }
  return tap;
}

static int make_tap(const char *bridge, GError **error) {
  g_autofree char *helper = berth_guest_find_helper(HELPER);
  int sockets[2] = {-1, -1}, tap = -1;
  if (helper == NULL) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND, "%s: there is no such program, which joins bridge '%s'", HELPER, bridge);
    return -1;
  }
  int log = memfd_create("helper", MFD_CLOEXEC);
  if (log >= 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0)
    tap = run(helper, bridge, sockets, log, error);
  else
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "bridge '%s': %s", bridge, g_strerror(errno));
  const int used[] = {log, sockets[0], sockets[1]};
  for (gsize i = 0; i < G_N_ELEMENTS(used); i++)
    if (used[i] >= 0)
      close(used[i]);
  return tap;
}

static void close_fd(gpointer fd) {
  close(*(int *)fd);
}

static gboolean is_bridge(const BerthQemuObject *object) {
  return object->form == BERTH_QEMU_NETDEV && object->props != NULL &&
         g_strcmp0(berth_json_member_string(object->props, "type"), "bridge") == 0;
}

GArray *berth_guest_join_bridges(const BerthQemu *qemu, GError **error) {
  g_autoptr(GArray) taps = g_array_new(FALSE, FALSE, sizeof(int));
  g_array_set_clear_func(taps, close_fd);
  for (guint i = 0; i < qemu->objects->len; i++) {
    const BerthQemuObject *object = g_ptr_array_index(qemu->objects, i);
    if (!is_bridge(object))
      continue;
    int tap = make_tap(berth_json_member_string_or(object->props, "br", "br0"), error);
    if (tap < 0)
      return NULL;
    g_autofree char *fd = g_strdup_printf("%u", BERTH_SPAWN_KEPT + taps->len);
    g_array_append_val(taps, tap);
    berth_json_set_string(object->props, "type", "tap");
    json_object_object_del(object->props, "br");
    berth_json_set_string(object->props, "fd", fd);
  }
  return g_steal_pointer(&taps);
}

gboolean berth_guest_join_bridge(BerthQmp *qmp, json_object *netdev, GError **error) {
  const char *id = berth_json_member_string(netdev, "id");
  int tap = make_tap(berth_json_member_string_or(netdev, "br", "br0"), error);
  if (tap < 0)
    return FALSE;
  g_autoptr(json_object) name = json_object_new_object();
  berth_json_set_string(name, "fdname", id);
  g_autoptr(json_object) given = berth_qmp_execute_fd(qmp, tap, "getfd", name, BERTH_GUEST_COMMAND_TIMEOUT_MS, error);
  close(tap);
  if (given == NULL)
    return FALSE;
  g_autoptr(json_object) arguments = json_object_new_object();
  berth_json_set_string(arguments, "type", "tap");
  berth_json_set_string(arguments, "id", id);
  berth_json_set_string(arguments, "fd", id);
  g_autoptr(json_object) added = berth_qmp_execute(qmp, "netdev_add", arguments, BERTH_GUEST_COMMAND_TIMEOUT_MS, error);
  if (added != NULL)
    return TRUE;
  json_object *closed = berth_qmp_execute(qmp, "closefd", name, BERTH_GUEST_COMMAND_TIMEOUT_MS, NULL);
  g_clear_pointer(&closed, berth_json_unref);
  return FALSE;
}
