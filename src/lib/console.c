/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The other end of a guest's serial ports, consoles and channels: found by asking QEMU, held by one process at a time. */
#include "lib/lib.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest/control.h"

#define LEAVE_MS 5000

struct BerthConsole {
  BerthLock *lock;
  int fd;
};

/* ---- which ---- */

static const char *const elements[] = {"console", "serial", "channel", "parallel"};

static const char *alias_of(const BerthXmlNode *node) {
  return berth_xml_node_get(node, "alias/@name");
}

static const BerthXmlNode *find_named(const BerthXmlNode *devices, const char *alias) {
  for (gsize i = 0; i < G_N_ELEMENTS(elements); i++)
    for (const BerthXmlNode *n = berth_xml_node_child(devices, elements[i]); n != NULL; n = berth_xml_node_next(n, elements[i]))
      if (g_strcmp0(alias_of(n), alias) == 0)
        return n;
  return NULL;
}

/* A console of serial type is but another name of the first serial port (addressing §6.4). */
static const BerthXmlNode *behind(const BerthXmlNode *devices, const BerthXmlNode *node) {
  const char *type = berth_xml_node_get(node, "target/@type");
  gboolean stands_in = node != NULL && g_str_equal(node->name, "console") && (type == NULL || g_str_equal(type, "serial"));
  return stands_in ? berth_xml_node_child(devices, "serial") : node;
}

/* What QEMU calls the back end of @alias, or of the first console. (transfer full) Errors: NOT_FOUND. */
static char *label_of(const BerthStoreGuest *guest, const char *alias, GError **error) {
  g_autoptr(BerthXmlDocument) document = berth_xml_document_parse(guest->run.document, guest->name, error);
  if (document == NULL)
    return NULL;
  const BerthXmlNode *devices = berth_xml_node_child(document->root, "devices");
  const BerthXmlNode *first = berth_xml_node_child(devices, "console");
  if (first == NULL)
    first = berth_xml_node_child(devices, "serial");
  const BerthXmlNode *node = behind(devices, alias != NULL ? find_named(devices, alias) : first);
  if (node != NULL && alias_of(node) != NULL)
    return g_strconcat("char", alias_of(node), NULL);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND, "guest '%s': has no %s%s%s", guest->name,
              alias != NULL ? "console, serial port or channel '" : "console", alias != NULL ? alias : "",
              alias != NULL ? "'" : "");
  return NULL;
}

/* ---- where ---- */

/* What QEMU says about the back end @label: "pty:/dev/pts/3", "disconnected:unix:/path,server=on". (transfer full) */
static char *ask(BerthQmp *control, const char *label, GError **error) {
  g_autoptr(json_object) answer = berth_qmp_execute(control, "query-chardev", NULL, BERTH_GUEST_COMMAND_TIMEOUT_MS, error);
  if (answer == NULL)
    return NULL;
  for (gsize i = 0; i < berth_json_length(answer); i++) {
    json_object *one = json_object_array_get_idx(answer, i);
    if (g_strcmp0(berth_json_member_string(one, "label"), label) == 0)
      return g_strdup(berth_json_member_string_or(one, "filename", ""));
  }
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND, "QEMU has no back end '%s'", label);
  return NULL;
}

#define PTY "pty:"
#define UNIX "unix:"

typedef struct {
  char *pty, *socket; /* one of them */
  gboolean taken;     /* somebody is connected to the socket */
} Place;

static void place_clear(Place *place) {
  g_free(place->pty);
  g_free(place->socket);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Place, place_clear)

static gboolean read_place(const char *name, const char *filename, Place *place, GError **error) {
  const char *path = strstr(filename, UNIX);
  if (g_str_has_prefix(filename, PTY)) {
    place->pty = g_strdup(filename + strlen(PTY));
    return TRUE;
  }
  if (path != NULL && strstr(path, ",server") != NULL) {
    path += strlen(UNIX);
    place->socket = g_strndup(path, (gsize)(strstr(path, ",server") - path));
    place->taken = !g_str_has_prefix(filename, "disconnected:");
    return TRUE;
  }
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_UNSUPPORTED,
              "guest '%s': its console is \"%s\"; only those of type pty, and unix in mode bind, have an other end to talk at",
              name, filename);
  return FALSE;
}

/* Asks under the guest's lock, and lets go of it. *@label: (transfer full) */
static BerthStoreGuest *find(Berth *berth, const char *guest, const char *alias, Place *place, char **label, GError **error) {
  g_autoptr(BerthQmp) control = NULL;
  g_autoptr(BerthLock) lock = NULL;
  g_autoptr(BerthStoreGuest) found = berth_lib_running_guest(berth, guest, &lock, &control, error);
  *label = found != NULL ? label_of(found, alias, error) : NULL;
  g_autofree char *filename = *label != NULL ? ask(control, *label, error) : NULL;
  return filename != NULL && read_place(found->name, filename, place, error) ? g_steal_pointer(&found) : NULL;
}

char *berth_ttyconsole(Berth *berth, const char *guest, GError **error) {
  g_auto(Place) place = {0};
  g_autofree char *label = NULL;
  g_autoptr(BerthStoreGuest) found = find(berth, guest, NULL, &place, &label, error);
  if (found != NULL && place.pty == NULL)
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND, "guest '%s': its console is a socket, %s", found->name, place.socket);
  return g_steal_pointer(&place.pty);
}

/* ---- one at a time ---- */

/* In the lock's file: who has it, by pid and start time. */
static void sign(const char *path) {
  g_autofree char *text =
      g_strdup_printf("%d %" G_GUINT64_FORMAT "\n", (int)getpid(), berth_host_process_start_time((gint64)getpid()));
  int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0)
    return;
  (void)!write(fd, text, strlen(text));
  close(fd);
}

/* Asks the process that has the console to leave. */
static void send_away(const char *path) {
  g_autofree char *text = NULL;
  char *end = NULL;
  if (!g_file_get_contents(path, &text, NULL, NULL))
    return;
  gint64 pid = g_ascii_strtoll(text, &end, 10);
  guint64 start_time = g_ascii_strtoull(end, NULL, 10);
  g_autoptr(BerthProcess) holder = berth_host_process_open(pid, start_time, NULL);
  if (holder != NULL)
    berth_host_process_kill(holder, SIGTERM, NULL);
}

static BerthLock *hold(const Berth *berth, const BerthStoreGuest *guest, const char *label, gboolean force, GError **error) {
  g_autofree char *name = g_strdup_printf("%s.%s.lock", guest->uuid, label);
  g_autofree char *path = g_build_filename(berth->env->run_dir, name, NULL);
  g_autofree char *what = g_strdup_printf("console of guest '%s'", guest->name);
  BerthLock *lock = berth_host_lock_take(path, what, 0, NULL);
  if (lock == NULL && force) {
    send_away(path);
    lock = berth_host_lock_take(path, what, LEAVE_MS, error);
  } else if (lock == NULL)
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_BUSY, "%s: somebody has it already; --force sends them away", what);
  if (lock != NULL)
    sign(path);
  return lock;
}

/* ---- open ---- */

static int connect_socket(const char *path) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  if (g_strlcpy(to.sun_path, path, sizeof to.sun_path) >= sizeof to.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof to) == 0)
    return fd;
  int number = errno;
  close(fd);
  errno = number;
  return -1;
}

BerthConsole *berth_console_open(Berth *berth, const char *guest, const char *alias, guint flags, GError **error) {
  g_auto(Place) place = {0};
  g_autofree char *label = NULL;
  g_autoptr(BerthStoreGuest) found = find(berth, guest, alias, &place, &label, error);
  g_autoptr(BerthConsole) console = g_new0(BerthConsole, 1);
  console->fd = -1;
  console->lock = found != NULL ? hold(berth, found, label, (flags & BERTH_CONSOLE_FORCE) != 0, error) : NULL;
  if (console->lock == NULL)
    return NULL;
  if (place.taken && (flags & BERTH_CONSOLE_FORCE) == 0) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_BUSY, "guest '%s': somebody is connected to %s already", found->name, place.socket);
    return NULL;
  }
  const char *path = place.pty != NULL ? place.pty : place.socket;
  console->fd = place.pty != NULL ? open(path, O_RDWR | O_NOCTTY | O_CLOEXEC) : connect_socket(path);
  if (console->fd >= 0)
    return g_steal_pointer(&console);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "guest '%s': %s: %s", found->name, path, g_strerror(errno));
  return NULL;
}

int berth_console_fd(const BerthConsole *console) {
  return console->fd;
}

void berth_console_close(BerthConsole *console) {
  if (console == NULL)
    return;
  if (console->fd >= 0)
    close(console->fd);
  if (console->lock != NULL)
    berth_host_lock_remove(console->lock);
  berth_host_lock_free(console->lock);
  g_free(console);
}
