/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

/* As virsh: all there is to tell. */
static gboolean print_all(Berth *berth, const char *guest, GError **error) {
  static const char *const which[] = {"maximum", "current"}, *const where[] = {"config", "live"};
  static const guint flags[] = {BERTH_CHANGE_CONFIG, BERTH_CHANGE_LIVE};
  g_autoptr(BerthGuestInfo) info = berth_info(berth, guest, error);
  if (info == NULL)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(which); i++) {
    for (guint j = 0; j < (info->pid != 0 ? G_N_ELEMENTS(where) : 1); j++) {
      guint count[] = {0, 0};
      if (!berth_vcpus(berth, guest, flags[j], &count[1], &count[0], error))
        return FALSE;
      cli_print("%-12s %-12s %3u\n", which[i], where[j], count[i]);
    }
  }
  return TRUE;
}

gboolean cli_cmd_vcpucount(Cli *cli, GStrv words, GError **error) {
  gboolean maximum = FALSE, active = FALSE;
  guint current = 0, most = 0;
  const GOptionEntry more[] = {{"maximum", 0, 0, G_OPTION_ARG_NONE, &maximum, "How many there can be", NULL},
                               {"active", 0, 0, G_OPTION_ARG_NONE, &active, "How many are on", NULL},
                               {0}};
  g_auto(CliChange) change = {0};
  if (!cli_parse_change(cli, words, CLI_CHANGE_ASK, more, 1, 1, &change, error))
    return FALSE;
  if (maximum && active) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "--maximum, --active: only one of them can be");
    return FALSE;
  }
  g_autoptr(Berth) berth = berth_open(cli->env);
  if (berth == NULL)
    return FALSE;
  if (!maximum && !active && change.flags == 0)
    return print_all(berth, change.words[0], error);
  if (!berth_vcpus(berth, change.words[0], change.flags, &current, &most, error))
    return FALSE;
  cli_print("%u\n", maximum ? most : current);
  return TRUE;
}
