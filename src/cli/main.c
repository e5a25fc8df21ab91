/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

#include <glib/gprintf.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "verbs.h"

#define STATELESS "Addresses"
#define DEFINITIONS "Definitions"
#define LIFE "Guests that run"
#define HOST "This host"

const CliVerb cli_verbs[] = {
    {"address", STATELESS,
     "FILE [--record R | --previous OLD.xml] [--embed] [--allow-move] [--pcie-ports N] [--os ID] [--output OUT]",
     "Give every device of a domain an address, and write the domain", cli_cmd_address},
    {"plan", STATELESS, "FILE [--record R | --previous OLD.xml] [--allow-move] [--pcie-ports N] [--os ID] [--json]",
     "Show where every device goes, and why", cli_cmd_plan},
    {"command", STATELESS, "FILE|GUEST [--format shell|argv|json] [--os ID]", "Print the QEMU command line of a domain or guest",
     cli_cmd_command},
    {"diff", STATELESS, "FILE|GUEST FILE|GUEST [--json]", "Show what a guest sees differently with one or the other", cli_cmd_diff},
    {"explain", STATELESS, "FILE|GUEST [DEVICE] [--json]", "Tell why each device is where it is, and since when", cli_cmd_explain},
    {"rehearse", STATELESS, "FILE|GUEST [--json] [--timeout SECONDS]", "Start QEMU with the hardware alone, and see where it is",
     cli_cmd_rehearse},
    {"define", DEFINITIONS, "FILE | --revision N GUEST [--dry-run [--json]] [--allow-move] [--validate] [--pcie-ports N] [--os ID]",
     "Record a guest, or a new definition of it", cli_cmd_define},
    {"undefine", DEFINITIONS, "GUEST [--managed-save] [--nvram | --keep-nvram]", "Forget a guest with all that was recorded",
     cli_cmd_undefine},
    {"list", DEFINITIONS, "[--all|--inactive] [--state-running] [--name|--uuid] …", "List guests: those that run, or all",
     cli_cmd_list},
    {"dumpxml", DEFINITIONS, "GUEST [--inactive | --revision N | --live]", "Print a guest's definition, with addresses",
     cli_cmd_dumpxml},
    {"history", DEFINITIONS, "GUEST [--json]", "Show the definitions of a guest: what came, what went", cli_cmd_history},
    {"forget", DEFINITIONS, "GUEST [DEVICE]", "Give away the place of a device that is gone", cli_cmd_forget},
    {"autostart", DEFINITIONS, "GUEST [--disable]", "Have systemd start a guest with the host", cli_cmd_autostart},
    {"start", LIFE, "GUEST [--console] [--paused] [--force-boot] [--reset-nvram] [--qemu-user USER]", "Start a guest",
     cli_cmd_start},
    {"run", LIFE, "GUEST [--paused] [--qemu-user USER] [--restore FILE | --incoming URI] [--xml FILE]",
     "Start a guest and stay with it until it ends", cli_cmd_run},
    {"adopt", LIFE, "GUEST", "Stay with a running guest that has lost its supervisor", cli_cmd_adopt},
    {"shutdown", LIFE, "GUEST [--timeout SECONDS] [--mode acpi]", "Ask a guest to power down", cli_cmd_shutdown},
    {"reboot", LIFE, "GUEST [--mode acpi]", "Ask a guest to power down, and reset it then", cli_cmd_reboot},
    {"reset", LIFE, "GUEST", "Press a guest's reset button", cli_cmd_reset},
    {"suspend", LIFE, "GUEST", "Halt a guest where it is", cli_cmd_suspend},
    {"resume", LIFE, "GUEST", "Let a halted guest go on", cli_cmd_resume},
    {"destroy", LIFE, "GUEST [--graceful]", "End a guest at once", cli_cmd_destroy},
    {"console", LIFE, "GUEST [--devname ALIAS] [--force]", "Talk to a guest over its console", cli_cmd_console},
    {"ttyconsole", LIFE, "GUEST", "Print the terminal that a guest's console is", cli_cmd_ttyconsole},
    {"domstate", LIFE, "GUEST [--reason]", "Tell whether a guest runs", cli_cmd_domstate},
    {"dominfo", LIFE, "GUEST [--json]", "Tell what is known about a guest", cli_cmd_dominfo},
    {"domiflist", LIFE, "GUEST [--inactive] [--json]", "List a guest's network cards", cli_cmd_domiflist},
    {"domblklist", LIFE, "GUEST [--inactive] [--details] [--json]", "List a guest's disks", cli_cmd_domblklist},
    {"domid", LIFE, "GUEST", "Print the process id of a guest's QEMU", cli_cmd_domid},
    {"domname", LIFE, "GUEST", "Print a guest's name", cli_cmd_domname},
    {"domuuid", LIFE, "GUEST", "Print a guest's uuid", cli_cmd_domuuid},
    {"domdisplay", LIFE, "GUEST [--all] [--json]", "Print where a guest's display is", cli_cmd_domdisplay},
    {"vncdisplay", LIFE, "GUEST", "Print the number of a guest's VNC display", cli_cmd_vncdisplay},
    {"save", LIFE, "GUEST FILE [--bypass-cache] [--running | --paused] [--verbose]", "Write a guest's state to a file, and end it",
     cli_cmd_save},
    {"restore", LIFE, "FILE [--xml FILE] [--bypass-cache] [--running | --paused] [--qemu-user USER]", "Let a saved guest go on",
     cli_cmd_restore},
    {"save-image-dumpxml", LIFE, "FILE", "Print the hardware of a saved guest", cli_cmd_save_image_dumpxml},
    {"managedsave", LIFE, "GUEST [--bypass-cache] [--running | --paused] [--verbose]", "Save a guest for its next start",
     cli_cmd_managedsave},
    {"managedsave-remove", LIFE, "GUEST", "Throw away what managedsave has kept", cli_cmd_managedsave_remove},
    {"migrate", LIFE, "GUEST --to URI [--live] [--suspend] [--timeout SECONDS] [--bandwidth MIB] [--verbose]",
     "Move a guest to another store of this host", cli_cmd_migrate},
    {"attach-device", LIFE, "GUEST FILE [--live] [--config] [--current] [--persistent] [--dry-run]", "Add a device",
     cli_cmd_attach_device},
    {"detach-device", LIFE, "GUEST FILE [--live] [--config] [--current] [--persistent] [--timeout SECONDS] [--dry-run]",
     "Remove a device", cli_cmd_detach_device},
    {"detach-device-alias", LIFE, "GUEST ALIAS [--live] [--config] [--current] [--persistent] [--timeout SECONDS] [--dry-run]",
     "Remove the device with an alias", cli_cmd_detach_device_alias},
    {"update-device", LIFE, "GUEST FILE [--live] [--config] [--current] [--persistent] [--force] [--dry-run]", "Change a device",
     cli_cmd_update_device},
    {"change-media", LIFE, "GUEST DRIVE [SOURCE] [--eject | --insert | --update] [--live] [--config] [--current] [--force]",
     "Change what is in a cdrom or floppy drive", cli_cmd_change_media},
    {"domif-setlink", LIFE, "GUEST INTERFACE up|down [--live] [--config] [--current] [--persistent]",
     "Plug a network cable in, or pull it", cli_cmd_domif_setlink},
    {"domif-getlink", LIFE, "GUEST INTERFACE [--live] [--config] [--current]", "Tell whether a network cable is plugged in",
     cli_cmd_domif_getlink},
    {"setvcpus", LIFE, "GUEST COUNT [--live] [--config] [--current] [--persistent] [--maximum] [--timeout SECONDS]",
     "Change how many vCPUs a guest has", cli_cmd_setvcpus},
    {"vcpucount", LIFE, "GUEST [--live] [--config] [--current] [--maximum | --active]", "Tell how many vCPUs a guest has",
     cli_cmd_vcpucount},
    {"update", LIFE, "GUEST FILE [--dry-run] [--force] [--timeout SECONDS] [--json]", "Make a guest as a new definition says",
     cli_cmd_update},
    {"devices", LIFE, "GUEST [--json]", "List a guest's devices: where recorded, where QEMU has them", cli_cmd_devices},
    {"verify", LIFE, "GUEST [--json]", "Compare a running guest with its record", cli_cmd_verify},
    {"doctor", HOST, "[GUEST] [--json]", "Tell what is wrong, and what can still be plugged in", cli_cmd_doctor},
    {"machines", HOST, "[--qemu BIN] [--json]", "List QEMU's machine types, and what aliases stand for", cli_cmd_machines},
    {0},
};

static void print_help(void) {
  const char *group = "";
  int width = 0;
  for (const CliVerb *verb = cli_verbs; verb->name != NULL; verb++)
    width = MAX(width, (int)strlen(verb->name));
  cli_print("Usage: berth [--state DIR] [--qemu BIN] VERB …\n\nEvery device of a QEMU guest gets an address once, and keeps it.\n");
  for (const CliVerb *verb = cli_verbs; verb->name != NULL; verb++) {
    if (!g_str_equal(group, verb->group))
      cli_print("\n%s\n", verb->group);
    group = verb->group;
    cli_print("  %-*s %s\n", width, verb->name, verb->help);
  }
  cli_print("\n'berth VERB --help' shows a verb's options. Exit status: 0 done, 1 failed, 2 usage, 3 not found,\n"
            "4 bad input, 5 conflict, busy or drift.\n");
}

static gboolean unknown_verb(const char *word, GError **error) {
  g_autoptr(GPtrArray) names = g_ptr_array_new();
  for (const CliVerb *verb = cli_verbs; verb->name != NULL; verb++)
    g_ptr_array_add(names, (gpointer)verb->name);
  g_ptr_array_add(names, NULL);
  const char *nearest = cli_nearest(word, (const char *const *)names->pdata);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "'%.40s': there is no such verb; %s%s%s", word,
              nearest != NULL ? "did you mean '" : "'berth --help' lists them", nearest != NULL ? nearest : "",
              nearest != NULL ? "'?" : "");
  return FALSE;
}

/* Options in front of the verb. */
typedef struct {
  char *state, *qemu, *qemu_user;
  gboolean version, help;
} Front;

static gboolean parse_front(Cli *cli, GStrv *words, Front *front, GError **error) {
  const GOptionEntry entries[] = {
      {"state", 0, 0, G_OPTION_ARG_FILENAME, &front->state, NULL, NULL},
      {"qemu", 0, 0, G_OPTION_ARG_FILENAME, &front->qemu, NULL, NULL},
      {"qemu-user", 0, 0, G_OPTION_ARG_STRING, &front->qemu_user, NULL, NULL},
      {"version", 0, 0, G_OPTION_ARG_NONE, &front->version, NULL, NULL},
      {"help", 'h', 0, G_OPTION_ARG_NONE, &front->help, NULL, NULL},
      {0},
  };
  g_autoptr(GOptionContext) context = g_option_context_new(NULL);
  g_option_context_set_help_enabled(context, FALSE);
  g_option_context_set_strict_posix(context, TRUE);
  g_option_context_add_main_entries(context, entries, NULL);
  g_autoptr(GError) failure = NULL;
  if (!g_option_context_parse_strv(context, words, &failure))
    return cli_bad_option(*words, entries, NULL, NULL, failure, error);
  cli->state = g_steal_pointer(&front->state);
  cli->qemu = g_steal_pointer(&front->qemu);
  if (cli->state != NULL && *cli->state == '\0') {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "--state: names no folder");
    return FALSE;
  }
  if (cli->state != NULL)
    berth_env_set_state(cli->env, cli->state);
  if (cli->qemu != NULL)
    berth_env_set_qemu(cli->env, cli->qemu);
  if (front->qemu_user != NULL)
    berth_env_set_qemu_user(cli->env, front->qemu_user);
  g_clear_pointer(&front->qemu_user, g_free);
  return TRUE;
}

static gboolean dispatch(Cli *cli, GStrv *words, GError **error) {
  Front front = {0};
  if (!parse_front(cli, words, &front, error))
    return FALSE;
  GStrv rest = *words + 1;
  if (front.version) {
    cli_print("berth %s\n", BERTH_VERSION);
    return TRUE;
  }
  if (front.help || rest[0] == NULL || (g_str_equal(rest[0], "help") && rest[1] == NULL)) {
    print_help();
    return TRUE;
  }
  gboolean help = g_str_equal(rest[0], "help");
  char *with_help[] = {rest[1], (char *)"--help", NULL};
  const char *name = help ? rest[1] : rest[0];
  for (const CliVerb *verb = cli_verbs; verb->name != NULL; verb++)
    if (g_str_equal(verb->name, name))
      return verb->run(cli, help ? with_help : rest, error);
  return unknown_verb(name, error);
}

/* One line, whatever a document or QEMU put into the message. */
static void print_error(const GError *error) {
  g_autoptr(GString) line = g_string_new(NULL);
  g_autofree char *valid = g_utf8_make_valid(error->message, -1);
  for (const char *c = valid; *c != '\0'; c = g_utf8_next_char(c)) {
    gunichar letter = g_utf8_get_char(c);
    g_string_append_unichar(line, g_unichar_iscntrl(letter) ? ' ' : letter);
  }
  fprintf(stderr, "berth: %s\n", line->str);
}

/* All that was to be written has been: what libraries do at the end of a process would take a command as long as half its start.
 * The leak checker is such a library. */
static int leave(int status) {
#ifndef __SANITIZE_ADDRESS__
  _exit(status);
#endif
  return status;
}

int main(int argc, char **argv) {
  setlocale(LC_CTYPE, "");
  /* A file that may not grow any more is an error like a full disk, not an end. */
  signal(SIGXFSZ, SIG_IGN);
  g_autoptr(BerthEnv) env = berth_env_new();
  g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
  if (self != NULL)
    berth_env_set_self(env, self);
  berth_env_set_anew(env, TRUE);
  Cli cli = {.env = env};
  g_auto(GStrv) words = g_strdupv(argv);
  g_autoptr(GError) error = NULL;
  gboolean done = (dispatch(&cli, &words, &error) || cli.helped) && cli_flush(&error);
  if (!done) {
    fflush(stdout);
    print_error(error);
  }
  g_free(cli.state);
  g_free(cli.qemu);
  return leave(done ? 0 : berth_error_exit_status(error));
}
