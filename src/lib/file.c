/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <berth/file.h>

#include "base/file.h"

GBytes *berth_file_read(const char *path, gsize max_bytes, GError **error) {
  return berth_base_file_read(path, max_bytes, error);
}

gboolean berth_file_write(const char *path, GBytes *bytes, GError **error) {
  return berth_base_file_write(path, bytes, 0644, error);
}
