/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "facts/target.h"

#include <string.h>

/* More letters than this would not fit a guint. */
#define MAX_LETTERS 6

static const struct {
  const char *prefix, *bus;
} prefixes[] = {{"fd", "fdc"}, {"hd", "ide"}, {"vd", "virtio"}, {"sd", "scsi"}, {"xvd", "xen"}, {"ubd", "uml"}};

/* "nvme0n1": the controller, then the namespace; nothing may be missing. */
static gboolean parse_nvme(const char *name, BerthTarget *target) {
  if (!g_str_has_prefix(name, "nvme") || !g_ascii_isdigit(name[4]))
    return FALSE;
  char *end = NULL;
  guint64 controller = g_ascii_strtoull(name + 4, &end, 10);
  if (*end != 'n' || !g_ascii_isdigit(end[1]) || controller > G_MAXUINT16)
    return FALSE;
  char *rest = NULL;
  guint64 name_space = g_ascii_strtoull(end + 1, &rest, 10);
  if (name_space == 0 || name_space > G_MAXUINT16)
    return FALSE;
  *target = (BerthTarget){
      .prefix = "nvme", .bus = "nvme", .number = (guint)controller, .name_space = (guint)name_space, .partition = *rest != '\0'};
  return TRUE;
}

gboolean berth_facts_target_parse(const char *name, BerthTarget *target) {
  if (name == NULL)
    return FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS(prefixes); i++) {
    if (!g_str_has_prefix(name, prefixes[i].prefix))
      continue;
    const char *letters = name + strlen(prefixes[i].prefix), *p = letters;
    guint number = 0;
    for (; g_ascii_islower(*p); p++)
      number = number * 26 + (guint)(*p - 'a') + 1;
    const char *end = p + strspn(p, "0123456789");
    if (p == letters || p - letters > MAX_LETTERS || *end != '\0')
      continue;
    *target = (BerthTarget){.prefix = prefixes[i].prefix, .bus = prefixes[i].bus, .number = number - 1, .partition = end != p};
    return TRUE;
  }
  return parse_nvme(name, target);
}
