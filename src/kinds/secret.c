/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Secrets: values that the document names only. Each is a file in the folder of secrets, which QEMU reads itself, so that no
 * command line and no store has it. */
#include "kinds/build.h"

/* The file of a <secret>: its uuid, or "TYPE:USAGE" with "/" and the like as %XX. (transfer full), NULL: it names none */
char *berth_kinds_secret_file(const BerthBuild *build, const BerthXmlNode *secret, const char *type) {
  const char *uuid = berth_xml_node_get(secret, "@uuid"), *usage = berth_xml_node_get(secret, "@usage");
  g_autofree char *escaped = usage != NULL ? g_uri_escape_string(usage, NULL, FALSE) : NULL;
  if (uuid != NULL && berth_kinds_is_word(uuid))
    return g_build_filename(build->host->secrets_dir, uuid, NULL);
  if (escaped == NULL || escaped[0] == '\0')
    return NULL;
  g_autofree char *name = g_strconcat(type, ":", escaped, NULL);
  return g_build_filename(build->host->secrets_dir, name, NULL);
}

/* QEMU reads a copy in the run folder, which is its user's and goes with it. (transfer none): the copy */
static BerthQemuFile *add_secret(BerthBuild *build, const char *id) {
  BerthQemuFile *file = g_new0(BerthQemuFile, 1);
  json_object *object = berth_model_qemu_add(build->qemu, BERTH_QEMU_OBJECT);
  file->path = g_strdup_printf("%s/%s.secret", build->host->run_dir, id);
  g_ptr_array_add(build->qemu->files, file);
  berth_json_set_string(object, "qom-type", "secret");
  berth_json_set_string(object, "id", id);
  berth_json_set_string(object, "file", file->path);
  return file;
}

gboolean berth_kinds_secret(BerthBuild *build, const BerthDevice *device, const BerthXmlNode *secret, const char *type,
                            const char *id, GError **error) {
  g_autofree char *file = secret != NULL ? berth_kinds_secret_file(build, secret, type) : NULL;
  if (file == NULL)
    return berth_kinds_refuse(build, device, error, "a <secret> with uuid or usage is missing");
  berth_kinds_need(build, device, secret, file, "the secret's value is not there; write it to %s (mode 0600)", file);
  add_secret(build, id)->from = g_steal_pointer(&file);
  return TRUE;
}

void berth_kinds_secret_text(BerthBuild *build, const char *id, const char *text) {
  add_secret(build, id)->text = g_strdup(text);
}
