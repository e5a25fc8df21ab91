/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

#define STEP_US (100UL * 1000)

static gboolean wait_for_end(Berth *berth, const char *guest, int seconds, GError **error) {
  gint64 end = g_get_monotonic_time() + seconds * G_TIME_SPAN_SECOND;
  while (g_get_monotonic_time() < end) {
    g_autoptr(BerthGuestInfo) info = berth_info(berth, guest, error);
    if (info == NULL)
      return FALSE;
    if (info->pid == 0) {
      cli_print("Domain '%s' is shut off\n", guest);
      return TRUE;
    }
    g_usleep(STEP_US);
  }
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_REFUSED_BY_GUEST, "guest '%s': still runs after %d s; destroy ends it", guest,
              seconds);
  return FALSE;
}

gboolean cli_cmd_shutdown(Cli *cli, GStrv words, GError **error) {
  int seconds = 0;
  g_autofree char *mode = NULL;
  const GOptionEntry entries[] = {
      {"timeout", 0, 0, G_OPTION_ARG_INT, &seconds, "Wait so long until it has ended", "SECONDS"},
      {"mode", 0, 0, G_OPTION_ARG_STRING, &mode, CLI_POWER_MODE_HELP, "acpi"},
      {0},
  };
  g_auto(GStrv) names = cli_parse(cli, words, entries, 1, 1, error);
  if (names != NULL && seconds < 0) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "timeout %d: it cannot be negative", seconds);
    return FALSE;
  }
  g_autoptr(Berth) berth = names != NULL && cli_power_mode(mode, error) ? berth_open(cli->env) : NULL;
  if (berth == NULL || !berth_shutdown(berth, names[0], error))
    return FALSE;
  if (seconds > 0)
    return wait_for_end(berth, names[0], seconds, error);
  cli_print("Domain '%s' is being shutdown\n", names[0]);
  return TRUE;
}
