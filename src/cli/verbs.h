/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verbs, one file cmd-VERB.c each; see CliVerb.run. */
#pragma once

#include "cli.h"

gboolean cli_cmd_address(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_plan(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_command(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_explain(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_diff(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_rehearse(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_define(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_undefine(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_list(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_dumpxml(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_history(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_forget(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_start(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_run(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_adopt(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_shutdown(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_reboot(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_reset(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_suspend(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_resume(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_destroy(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_domstate(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_dominfo(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_domiflist(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_domblklist(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_domid(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_domname(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_domuuid(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_domdisplay(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_vncdisplay(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_save(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_restore(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_managedsave(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_managedsave_remove(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_migrate(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_save_image_dumpxml(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_autostart(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_console(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_ttyconsole(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_attach_device(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_detach_device(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_detach_device_alias(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_update_device(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_change_media(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_domif_setlink(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_domif_getlink(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_setvcpus(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_vcpucount(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_update(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_doctor(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_devices(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_verify(Cli *cli, GStrv words, GError **error);
gboolean cli_cmd_machines(Cli *cli, GStrv words, GError **error);
