/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "emit/emit.h"

#include <string.h>

/* '=' would make an assignment of the first word, and '~' is a home folder. */
static gboolean is_plain(const char *word, gboolean first) {
  if (word[0] == '\0')
    return FALSE;
  for (const char *c = word; *c != '\0'; c++) {
    if (!g_ascii_isalnum(*c) && strchr(first ? "_@%+:,./-" : "_@%+=:,./-", *c) == NULL)
      return FALSE;
  }
  return TRUE;
}

char *berth_emit_shell(const char *const *arguments) {
  GString *out = g_string_new(NULL);
  for (guint i = 0; arguments[i] != NULL; i++) {
    if (i > 0)
      g_string_append_c(out, ' ');
    if (is_plain(arguments[i], i == 0)) {
      g_string_append(out, arguments[i]);
      continue;
    }
    g_autofree char *quoted = g_shell_quote(arguments[i]);
    g_string_append(out, quoted);
  }
  return g_string_free(out, FALSE);
}
