/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The life of a guest's UEFI variables: a file of its own, which start makes from a template (kinds/image.c says which) and keeps.
 */
#include "lib/lib.h"

#include <errno.h>
#include <glib/gstdio.h>

/* Where start would have put them if the document does not say. */
static char *own_of(const Berth *berth, const char *uuid) {
  static const char *const endings[] = {"fd", "qcow2"};
  for (gsize i = 0; i < G_N_ELEMENTS(endings); i++) {
    g_autofree char *name = g_strdup_printf("%s_VARS.%s", uuid, endings[i]);
    g_autofree char *path = g_build_filename(berth->env->state_dir, "nvram", name, NULL);
    if (g_file_test(path, G_FILE_TEST_EXISTS))
      return g_steal_pointer(&path);
  }
  return NULL;
}

gboolean berth_lib_nvram_find(Berth *berth, const BerthStoreGuest *guest, char **path, GError **error) {
  g_autoptr(BerthXmlDocument) document = berth_lib_document_of(berth, guest, TRUE, error);
  if (document == NULL)
    return FALSE;
  const char *written = berth_xml_node_get(document->root, "os/nvram");
  *path = written != NULL ? g_strstrip(g_strdup(written)) : own_of(berth, guest->uuid);
  if (*path != NULL && !g_file_test(*path, G_FILE_TEST_EXISTS))
    g_clear_pointer(path, g_free);
  return TRUE;
}

gboolean berth_lib_nvram_check(const BerthStoreGuest *guest, const char *path, guint flags, GError **error) {
  const guint both = BERTH_UNDEFINE_NVRAM | BERTH_UNDEFINE_KEEP_NVRAM;
  if ((flags & both) == both) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "guest '%s': its variables cannot be both removed and kept", guest->name);
    return FALSE;
  }
  if (path == NULL || (flags & both) != 0)
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE,
              "guest '%s': has UEFI variables in %s; --nvram removes them with it, --keep-nvram leaves them", guest->name, path);
  return FALSE;
}

gboolean berth_lib_nvram_remove(const char *path, guint flags, GError **error) {
  if (path == NULL || (flags & BERTH_UNDEFINE_NVRAM) == 0 || g_unlink(path) == 0 || errno == ENOENT)
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: cannot be removed: %s; the guest is undefined", path, g_strerror(errno));
  return FALSE;
}
