/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

/* virsh has others, which speak through an agent or to other hypervisors. */
gboolean cli_power_mode(const char *mode, GError **error) {
  if (mode == NULL || g_str_equal(mode, "acpi"))
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_UNSUPPORTED, "--mode %s: berth has no other mode than acpi, the power button", mode);
  return FALSE;
}

gboolean cli_tell_guest(Cli *cli, GStrv words, CliGuestCall call, const char *done, GError **error) {
  g_auto(GStrv) names = cli_parse(cli, words, NULL, 1, 1, error);
  g_autoptr(Berth) berth = names != NULL ? berth_open(cli->env) : NULL;
  if (berth == NULL || !call(berth, names[0], error))
    return FALSE;
  cli_print("Domain '%s' %s\n", names[0], done);
  return TRUE;
}
