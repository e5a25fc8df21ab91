/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QEMU objects → arguments and QMP commands. One comma-doubling writer; control characters are refused. */
#pragma once

#include <berth/error.h>

#include "model/qemu.h"

/* An OPTION without properties prints its value as it stands (-append, -kernel: QEMU reads no options in it); one with properties
 * goes through the keyval writer, its value being the leading word. A CHARDEV's props are chardev-add's ("id", "backend").
 * The argument vector, binary first. (transfer full): g_strfreev(). Errors: BAD_INPUT (control character in a value). */
GStrv berth_emit_arguments(const BerthQemu *qemu, GError **error);
/* The arguments as one line that sh reads back to the same vector. (transfer full) */
char *berth_emit_shell(const char *const *arguments);
/* {"execute": "device_add", "arguments": {...}} for an object of any form but OPTION. (transfer full) */
json_object *berth_emit_command(const BerthQemuObject *object);
