/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "emit/emit.h"

static const char *const commands[] = {
    [BERTH_QEMU_OPTION] = NULL,           [BERTH_QEMU_OBJECT] = "object-add",
    [BERTH_QEMU_CHARDEV] = "chardev-add", [BERTH_QEMU_BLOCKDEV] = "blockdev-add",
    [BERTH_QEMU_NETDEV] = "netdev_add",   [BERTH_QEMU_DEVICE] = "device_add",
};

json_object *berth_emit_command(const BerthQemuObject *object) {
  g_return_val_if_fail(object->form != BERTH_QEMU_OPTION, NULL);
  json_object *command = json_object_new_object();
  berth_json_set_string(command, "execute", object->form == BERTH_QEMU_COMMAND ? object->option : commands[object->form]);
  berth_json_set(command, "arguments", json_object_get(object->props));
  return command;
}
