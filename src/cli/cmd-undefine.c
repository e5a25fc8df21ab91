/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

gboolean cli_cmd_undefine(Cli *cli, GStrv words, GError **error) {
  gboolean nvram = FALSE, keep = FALSE, managed = FALSE;
  const GOptionEntry entries[] = {
      {"nvram", 0, 0, G_OPTION_ARG_NONE, &nvram, "Also remove its UEFI variables", NULL},
      {"keep-nvram", 0, 0, G_OPTION_ARG_NONE, &keep, "Leave its UEFI variables where they are", NULL},
      {"managed-save", 0, 0, G_OPTION_ARG_NONE, &managed, CLI_FORCE_BOOT_HELP, NULL},
      {0},
  };
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  g_autoptr(Berth) berth = names != NULL ? berth_open(cli->env) : NULL;
  guint flags =
      (nvram ? BERTH_UNDEFINE_NVRAM : 0) | (keep ? BERTH_UNDEFINE_KEEP_NVRAM : 0) | (managed ? BERTH_UNDEFINE_MANAGED_SAVE : 0);
  if (berth == NULL || !berth_undefine(berth, names[0], flags, error))
    return FALSE;
  cli_print("Domain '%s' has been undefined\n", names[0]);
  return TRUE;
}
