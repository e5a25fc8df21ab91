/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/survey.h"

#include <string.h>

static gint compare_names(gconstpointer a, gconstpointer b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* (transfer full): the names of all entries of @folder, sorted; empty if it cannot be read. */
static GPtrArray *list(const char *folder) {
  GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
  const char *name;
  while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
    g_ptr_array_add(names, g_strdup(name));
  g_ptr_array_sort(names, compare_names);
  return names;
}

static gint compare_firmware(gconstpointer a, gconstpointer b) {
  const BerthFirmware *const *x = a, *const *y = b;
  return strcmp((*x)->name, (*y)->name);
}

/* An empty file hides one that the distribution brings, and is no descriptor itself. */
void berth_host_survey_firmware(BerthHostFacts *host, const char *const *folders) {
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (; *folders != NULL; folders++) {
    g_autoptr(GPtrArray) names = list(*folders);
    for (guint i = 0; i < names->len; i++) {
      const char *name = g_ptr_array_index(names, i);
      g_autofree char *path = g_build_filename(*folders, name, NULL);
      g_autofree char *json = NULL;
      gsize length = 0;
      if (!g_str_has_suffix(name, ".json") || !g_hash_table_add(seen, g_strdup(name)) ||
          !g_file_get_contents(path, &json, &length, NULL))
        continue;
      BerthFirmware *firmware = berth_facts_firmware_parse(name, json, (gssize)length);
      if (firmware != NULL)
        g_ptr_array_add(host->firmware, firmware);
    }
  }
  g_ptr_array_sort(host->firmware, compare_firmware);
}

void berth_host_survey_scsi(BerthHostFacts *host, const char *sysfs) {
  g_autofree char *folder = g_build_filename(sysfs, "bus", "scsi", "devices", NULL);
  g_autoptr(GPtrArray) names = list(folder);
  for (guint i = 0; i < names->len; i++) {
    const char *name = g_ptr_array_index(names, i);
    g_autofree char *below = g_build_filename(folder, name, "scsi_generic", NULL);
    g_autoptr(GPtrArray) generic = list(below);
    if (generic->len > 0)
      g_hash_table_insert(host->scsi, g_strdup(name), g_build_filename("/dev", g_ptr_array_index(generic, 0), NULL));
  }
}
