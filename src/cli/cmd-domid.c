/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The three names of a guest, each from any other: domid, domname, domuuid. */
#include "verbs.h"

static BerthGuestInfo *info_of(Cli *cli, GStrv words, GError **error) {
  g_auto(GStrv) names = cli_parse(cli, words, NULL, 1, 1, error);
  g_autoptr(Berth) berth = names != NULL ? berth_open(cli->env) : NULL;
  return berth != NULL ? berth_info(berth, names[0], error) : NULL;
}

gboolean cli_cmd_domid(Cli *cli, GStrv words, GError **error) {
  g_autoptr(BerthGuestInfo) info = info_of(cli, words, error);
  if (info != NULL && info->pid != 0)
    cli_print("%" G_GINT64_FORMAT "\n", info->pid);
  else if (info != NULL)
    cli_print("-\n");
  return info != NULL;
}

gboolean cli_cmd_domname(Cli *cli, GStrv words, GError **error) {
  g_autoptr(BerthGuestInfo) info = info_of(cli, words, error);
  if (info != NULL)
    cli_print("%s\n", info->name);
  return info != NULL;
}

gboolean cli_cmd_domuuid(Cli *cli, GStrv words, GError **error) {
  g_autoptr(BerthGuestInfo) info = info_of(cli, words, error);
  if (info != NULL)
    cli_print("%s\n", info->uuid);
  return info != NULL;
}
