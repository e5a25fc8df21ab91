/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/files.h"

static void file_free(BerthGuestFile *file) {
  g_free(file->path);
  g_free(file);
}

/* A file that is named twice is written if any says so. */
static void add(GPtrArray *files, const char *path, gboolean write, gboolean make) {
  if (path == NULL || path[0] != '/')
    return;
  for (guint i = 0; i < files->len; i++) {
    BerthGuestFile *file = g_ptr_array_index(files, i);
    if (!g_str_equal(file->path, path))
      continue;
    file->write |= write;
    file->make |= make;
    return;
  }
  BerthGuestFile *file = g_new0(BerthGuestFile, 1);
  file->path = g_strdup(path);
  file->write = write;
  file->make = make;
  g_ptr_array_add(files, file);
}

/* A block node may hold others: formats their file, overlays what they lie on. */
static void add_block(GPtrArray *files, json_object *node, gboolean write) {
  static const char *const inner[] = {"file", "backing", "data-file"};
  if (node == NULL)
    return;
  write = write && !berth_json_member_boolean(node, "read-only", FALSE);
  add(files, berth_json_member_string(node, "filename"), write, FALSE);
  for (gsize i = 0; i < G_N_ELEMENTS(inner); i++)
    add_block(files, berth_json_member_object(node, inner[i]), write && !g_str_equal(inner[i], "backing"));
}

/* Options whose value is a file, or that have it as a property (QEMU's man page). */
static const struct {
  const char *option, *member; /* NULL: the value itself */
  gboolean write;
} options[] = {
    {"-kernel", NULL, FALSE},  {"-initrd", NULL, FALSE},      {"-dtb", NULL, FALSE},      {"-bios", NULL, FALSE},
    {"-tpmdev", "path", TRUE}, {"-acpitable", "file", FALSE}, {"-fw_cfg", "file", FALSE},
};

static void add_option(GPtrArray *files, const BerthQemuObject *object) {
  for (gsize i = 0; i < G_N_ELEMENTS(options); i++) {
    if (g_strcmp0(object->option, options[i].option) == 0)
      add(files, options[i].member != NULL ? berth_json_member_string(object->props, options[i].member) : object->value,
          options[i].write, FALSE);
  }
}

/* What a character device's back end writes to (QMP reference: ChardevBackend). */
static const struct {
  const char *member;
  gboolean make;
} chardev_files[] = {{"out", TRUE}, {"device", FALSE}, {"logfile", TRUE}};

static void add_chardev(GPtrArray *files, const BerthQemuObject *object) {
  json_object *data = berth_json_member_object(berth_json_member_object(object->props, "backend"), "data");
  for (gsize i = 0; i < G_N_ELEMENTS(chardev_files); i++)
    add(files, berth_json_member_string(data, chardev_files[i].member), TRUE, chardev_files[i].make);
}

/* A USB device of the host is a file of its bus; others are found by what they are, and are not known here. */
static void add_device(GPtrArray *files, const BerthQemuObject *object) {
  gint64 bus = berth_json_member_int(object->props, "hostbus", 0);
  gint64 address = berth_json_member_int(object->props, "hostaddr", 0);
  g_autofree char *path = g_strdup_printf("/dev/bus/usb/%03d/%03d", (int)bus, (int)address);
  if (bus > 0 && address > 0)
    add(files, path, TRUE, FALSE);
}

static void add_object(GPtrArray *files, const BerthQemuObject *object) {
  gboolean memory = g_str_has_prefix(berth_json_member_string(object->props, "qom-type"), "memory-backend");
  add(files, memory ? berth_json_member_string(object->props, "mem-path") : NULL, TRUE, FALSE);
}

static void add_blockdev(GPtrArray *files, const BerthQemuObject *object) {
  add_block(files, object->props, TRUE);
}

static void (*const adders[])(GPtrArray *files, const BerthQemuObject *object) = {
    [BERTH_QEMU_OPTION] = add_option,     [BERTH_QEMU_OBJECT] = add_object, [BERTH_QEMU_CHARDEV] = add_chardev,
    [BERTH_QEMU_BLOCKDEV] = add_blockdev, [BERTH_QEMU_NETDEV] = NULL,       [BERTH_QEMU_DEVICE] = add_device,
};

GPtrArray *berth_guest_files(const BerthQemu *qemu) {
  GPtrArray *files = g_ptr_array_new_with_free_func((GDestroyNotify)file_free);
  for (guint i = 0; i < qemu->objects->len; i++) {
    const BerthQemuObject *object = g_ptr_array_index(qemu->objects, i);
    if (adders[object->form] != NULL)
      adders[object->form](files, object);
  }
  return files;
}
